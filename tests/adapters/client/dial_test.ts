import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { test } from "node:test";
import net from "node:net";
import { Duplex } from "node:stream";
import {
  type ByteStreamPair,
  connect,
  type ConnectOptions,
  type Dial,
  type DialTarget,
  HandshakeError,
} from "../../../src/adapters/client.ts";
import { type Handler, serve } from "../../../src/adapters/serve.ts";
import { acceptWebSocket } from "../../../src/api/stream.ts";
import { CERT, KEY } from "../support/runtime.ts";
import { until, within } from "../support/waiting.ts";
import { failing } from "./support/failing.ts";

const echo: Handler = { message: (socket, data) => void socket.send(data) };
const TLS = { cert: CERT, key: KEY };

function tcp(port: number): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: "127.0.0.1", port, allowHalfOpen: true });
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.removeListener("error", reject);
      resolve(socket);
    });
  });
}

/** A stream of Node's kind that is no socket. */
function duplexOver(socket: net.Socket): Duplex {
  const duplex = new Duplex({
    allowHalfOpen: true,
    read: () => void socket.resume(),
    write: (chunk, _encoding, done) => void socket.write(chunk, () => done()),
    final: (done) => {
      socket.end();
      done();
    },
    destroy: (error, done) => {
      socket.destroy();
      done(error);
    },
  });
  socket.on("data", (chunk) => {
    if (!duplex.push(chunk)) socket.pause();
  });
  socket.on("end", () => duplex.push(null));
  socket.on("error", () => {});
  socket.on("close", () => duplex.destroy());
  return duplex;
}

/** A pair of Web Streams over a socket. */
function pairOver(socket: net.Socket): ByteStreamPair {
  socket.on("error", () => {});
  let over = false;
  return {
    readable: new ReadableStream<Uint8Array>({
      start(controller) {
        socket.on("data", (chunk: Uint8Array) => controller.enqueue(new Uint8Array(chunk)));
        socket.on("end", () => over || controller.close());
      },
      cancel: () => {
        over = true;
        socket.destroy();
      },
    }),
    writable: new WritableStream<Uint8Array>({
      write: (chunk) => new Promise((resolve) => void socket.write(chunk, () => resolve())),
      close: () => void socket.end(),
      abort: () => void socket.destroy(),
    }),
  };
}

async function exchange(url: string, options: ConnectOptions): Promise<void> {
  const socket = await within(connect(url, options), "connection");
  assertEquals(socket.remoteAddress, undefined);
  await socket.send("hello");
  socket.send(new Uint8Array(1_000_000));
  const got: unknown[] = [];
  for await (const message of socket) {
    got.push(typeof message === "string" ? message : message.length);
    if (got.length === 2) break;
  }
  assertEquals(got, ["hello", 1_000_000]);
  assertEquals((await within(socket.close(), "close")).wasClean, true);
}

for (const secure of [false, true]) {
  const scheme = secure ? "wss" : "ws";

  test(`${scheme} goes over a socket that dial makes, and dial is told where to`, async () => {
    await using server = await serve(echo, { port: 0, ...(secure ? { tls: TLS } : {}) });
    const targets: DialTarget[] = [];
    const dial: Dial = (target, signal) => {
      assertEquals(signal.aborted, false);
      targets.push(target);
      return tcp(server.port);
    };
    await exchange(`${scheme}://u:p@localhost/x?y`, { dial, tls: { ca: CERT } });
    await exchange(`${scheme}://[::1]:99/`, { dial, tls: { ca: CERT } });
    const [first, second] = targets;
    assert(first.timeoutMs > 0 && first.timeoutMs <= 10_000);
    assertEquals(targets.map((target) => ({ ...target, timeoutMs: 1 })), [
      {
        hostname: "localhost",
        port: secure ? 443 : 80,
        secure,
        url: `${scheme}://localhost/x?y`,
        timeoutMs: 1,
      },
      { hostname: "::1", port: 99, secure, url: `${scheme}://[::1]:99/`, timeoutMs: 1 },
    ]);
    assertEquals(second.port, 99);
  });

  test(`${scheme} goes over a Duplex that is no socket`, async () => {
    await using server = await serve(echo, { port: 0, ...(secure ? { tls: TLS } : {}) });
    await exchange(`${scheme}://localhost/`, {
      dial: async () => duplexOver(await tcp(server.port)),
      tls: { ca: CERT },
    });
  });

  test(`${scheme} over a stream that dial makes ends when the stream does`, async () => {
    await using server = await serve(echo, { port: 0, ...(secure ? { tls: TLS } : {}) });
    let below: net.Socket | undefined;
    const socket = await connect(`${scheme}://localhost/`, {
      dial: async () => duplexOver(below = await tcp(server.port)),
      tls: { ca: CERT },
    });
    below!.destroy();
    assertEquals((await within(socket.closed, "close")).closeCode, 1006);
  });
}

test("the certificate is checked over a stream that dial makes", async () => {
  await using server = await serve(echo, { port: 0, tls: TLS });
  let below: net.Socket | undefined;
  const dial = async () => below = await tcp(server.port);
  for (
    const [url, tls] of [
      ["wss://localhost/", {}],
      ["wss://other.example/", { ca: CERT }],
      ["wss://127.0.0.2/", { ca: CERT }],
    ] as const
  ) {
    assertEquals((await failing(url, { dial, tls })).code, "WS_CONNECT_FAILED");
    assert(below!.destroyed, "the stream is still there");
  }
});

test("ws and wss go over a pair of byte streams; for wss, it is secure already", async () => {
  await using server = await serve(echo, { port: 0 });
  const dial = async () => pairOver(await tcp(server.port));
  await exchange("ws://a.example/", { dial });
  await exchange("wss://a.example/", { dial });
});

test("a connection goes over streams in memory", async () => {
  const up = new TransformStream<Uint8Array, Uint8Array>();
  const down = new TransformStream<Uint8Array, Uint8Array>();
  const accepted = acceptWebSocket({ readable: up.readable, writable: down.writable });
  const socket = await connect("ws://a.example/", {
    dial: () => ({ readable: down.readable, writable: up.writable }),
  });
  const server = await accepted;
  socket.send("hello");
  for await (const message of server) {
    assertEquals(message, "hello");
    break;
  }
  await socket.close();
});

test("what dial throws is the cause of the failure", async () => {
  const cause = new Error("the line is dead");
  const ways: Dial[] = [
    () => {
      throw cause;
    },
    () => Promise.reject(cause),
  ];
  for (const dial of ways) {
    const error = await failing("ws://a.example/", { dial });
    assertEquals([error.code, error.cause], ["WS_CONNECT_FAILED", cause]);
    assertMatch(error.message, /Cannot connect to a\.example:80: the line is dead/);
  }
  const own = new HandshakeError("Cannot connect: by choice", { code: "WS_PROXY_FAILED" });
  const error = await failing("ws://a.example/", { dial: () => Promise.reject(own) });
  assertEquals(error, own);
  await failing("ws://a.example/", { dial: () => Promise.reject(undefined) });
  await failing("ws://a.example/", { dial: () => Promise.reject("two\nlines") });
});

for (const how of ["in time", "for any more"]) {
  test(`a stream that is not wanted ${how} is told, and cut when it comes`, async () => {
    const sockets: net.Socket[] = [];
    const server = net.createServer((socket) => void sockets.push(socket));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as net.AddressInfo;
    const controller = new AbortController();
    const aborted: string[] = [];
    let go!: () => void;
    const gate = new Promise<void>((resolve) => go = resolve);
    const dial =
      (make: (socket: net.Socket) => net.Socket | ByteStreamPair): Dial =>
      async (_target, signal) => {
        signal.addEventListener(
          "abort",
          () => aborted.push((signal.reason as HandshakeError).code),
        );
        await gate;
        return make(await tcp(port));
      };
    const late = how === "in time";
    const options = late ? { handshakeTimeoutMs: 50 } : { signal: controller.signal };
    const code = late ? "WS_HANDSHAKE_TIMEOUT" : "WS_HANDSHAKE_ABORTED";
    try {
      for (const make of [(socket: net.Socket) => socket, pairOver]) {
        const failure = failing("ws://a.example/", { dial: dial(make), ...options });
        if (!late) controller.abort();
        assertEquals((await failure).code, code);
      }
      assertEquals(aborted, late ? [code, code] : [code]);
      go();
      const count = late ? 2 : 1; // with a signal that is aborted already, nothing is dialled
      await until(() => sockets.length === count, "late streams", 5000);
      for (const socket of sockets) socket.resume();
      await until(() => sockets.every((socket) => socket.destroyed), "end of the streams", 5000);
    } finally {
      server.close();
    }
  });
}

for (const value of [undefined, null, 5, "socket"]) {
  test(`a dial function that returns ${JSON.stringify(value)} is wrong`, async () => {
    const dial = (() => Promise.resolve(value)) as unknown as Dial;
    const error = await assertRejects(() => connect("ws://a.example/", { dial }), TypeError);
    assertMatch(error.message, /Cannot use what dial\(\) returned/);
  });
}

test("so is one that returns half a pair", async () => {
  const dial = (() => ({ readable: new ReadableStream() })) as unknown as Dial;
  await assertRejects(
    () => connect("ws://a.example/", { dial }),
    TypeError,
    "Cannot use byte stream",
  );
});

test("a dial option that is no function is refused", async () => {
  const options = { dial: {} } as unknown as ConnectOptions;
  await assertRejects(() => connect("ws://a.example/", options), TypeError, 'option "dial"');
});
