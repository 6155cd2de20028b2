import { assert, assertEquals, assertMatch } from "@std/assert";
import type net from "node:net";
import { test } from "node:test";
import { WebSocketServer } from "ws";
import {
  type ByteStreamPair,
  type DialTarget,
  WebSocket,
  type WebSocketCloseEvent,
  type WebSocketOptions,
  WebSocketStream,
} from "../../src/adapters/client.ts";
import { type Handler, serve } from "../../src/adapters/serve.ts";
import { acceptWebSocket } from "../../src/api/stream.ts";
import { acceptance, clientText, head, listenRaw } from "./support/raw.ts";
import { CERT, KEY, runProgram } from "./support/runtime.ts";
import { Inbox, sleep, within } from "./support/waiting.ts";

const echo: Handler = { message: (socket, data) => void socket.send(data) };

/** Opens a socket; gives its messages and its end. */
async function open(url: string, options: WebSocketOptions = {}) {
  const socket = new WebSocket(url, [], options);
  const inbox = new Inbox<unknown>();
  const closed = new Promise<WebSocketCloseEvent>((resolve) => socket.onclose = resolve);
  socket.onmessage = ({ data }) => inbox.push(data);
  await within(
    new Promise<void>((resolve, reject) => {
      socket.onopen = () => resolve();
      socket.onerror = ({ error }) => reject(error);
    }),
    "open event",
  );
  return { socket, inbox, closed: () => within(closed, "close event") };
}

test("text, bytes and Blobs come back from this library's server, over TCP and TLS", async () => {
  for (const tls of [undefined, { cert: CERT, key: KEY }]) {
    await using server = await serve(echo, { port: 0, ...(tls && { tls }) });
    const { socket, inbox, closed } = await open(server.url, tls && { tls: { ca: CERT } });
    assertEquals(socket.url, `${server.url}/`);
    socket.send("héllo");
    assertEquals(await inbox.next(), "héllo");
    socket.binaryType = "arraybuffer";
    socket.send(new Blob([new Uint8Array(200_000).fill(3)]));
    socket.send("after");
    const bytes = new Uint8Array(await inbox.next() as ArrayBuffer);
    assertEquals([bytes.length, ...new Set(bytes), await inbox.next()], [
      200_000,
      3,
      "after",
    ]);
    socket.close(3210, "done");
    const { code, reason, wasClean } = await closed();
    assertEquals([code, reason, wasClean], [3210, "done", true]);
  }
});

test("options of connect() reach the network: headers, and a certificate that must be trusted", async () => {
  await using server = await serve({
    open: (socket) => void socket.send(socket.request!.headers.get("x-token") ?? "none"),
  }, { port: 0, tls: { cert: CERT, key: KEY } });
  const { inbox, socket, closed } = await open(server.url, {
    headers: { "X-Token": "secret" },
    tls: { ca: CERT },
  });
  assertEquals(await inbox.next(), "secret");
  socket.close();
  await closed();
  const error = await open(server.url).then(() => undefined, (error) => error);
  assertEquals(error.code, "WS_CONNECT_FAILED");
});

test("permessage-deflate is offered unless compression is false", async () => {
  await using server = await serve(echo, { port: 0, compression: true });
  const first = await open(server.url);
  assertMatch(first.socket.extensions, /^permessage-deflate/);
  first.socket.send("x".repeat(10_000));
  assertEquals(await first.inbox.next(), "x".repeat(10_000));
  first.socket.close();
  await first.closed();
  const second = await open(server.url, { compression: false });
  assertEquals(second.socket.extensions, "");
  second.socket.close();
  await second.closed();
});

test("a server that closes is seen with its code; serve() says 1001", async () => {
  const server = await serve(echo, { port: 0 });
  const { socket, closed } = await open(server.url);
  await server.close("maintenance");
  const { code, reason, wasClean } = await closed();
  assertEquals([code, reason, wasClean, socket.readyState], [1001, "maintenance", true, 3]);
});

test("it works with the server of ws, compressed, in both directions", async () => {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1", perMessageDeflate: true });
  await new Promise((resolve) => server.once("listening", resolve));
  // deno-lint-ignore no-explicit-any
  server.on("connection", (peer: any) => {
    peer.on("message", (data: Uint8Array, isBinary: boolean) => {
      if (!isBinary && String(data) === "close me") peer.close(4002, "as you wish");
      else peer.send(data, { binary: isBinary });
    });
  });
  const url = `http://127.0.0.1:${server.address().port}/path`;
  const { socket, inbox, closed } = await open(url);
  assertMatch(socket.extensions, /^permessage-deflate/);
  assertMatch(socket.url, /^ws:.*\/path$/);
  socket.binaryType = "arraybuffer";
  const bytes = crypto.getRandomValues(new Uint8Array(60_000));
  socket.send("text ".repeat(5000));
  socket.send(bytes);
  assertEquals(await inbox.next(), "text ".repeat(5000));
  assertEquals(new Uint8Array(await inbox.next() as ArrayBuffer), bytes);
  socket.send("close me");
  const { code, reason, wasClean } = await closed();
  assertEquals([code, reason, wasClean], [4002, "as you wish", true]);
  await new Promise((resolve) => server.close(resolve));
});

test("both classes run over any pair of byte streams that dial makes", async () => {
  const up = () => new TransformStream<Uint8Array, Uint8Array>();
  const dial = ({ url }: DialTarget): ByteStreamPair => {
    const [there, back] = [up(), up()];
    assertEquals(url, "ws://nowhere.example/chat");
    void acceptWebSocket({ readable: there.readable, writable: back.writable })
      .then(async (socket) => {
        for await (const message of socket) await socket.send(message);
      });
    return { readable: back.readable, writable: there.writable };
  };
  const { socket, inbox, closed } = await open("ws://nowhere.example/chat", { dial });
  socket.send("through streams");
  assertEquals(await inbox.next(), "through streams");
  socket.close(1000);
  assertEquals((await closed()).wasClean, true);

  const stream = new WebSocketStream("ws://nowhere.example/chat", { dial });
  const { readable, writable } = await within(stream.opened, "open stream");
  await writable.getWriter().write("again");
  assertEquals((await readable.getReader().read()).value, "again");
  stream.close();
  assertEquals((await within(stream.closed, "end")).closeCode, 1005);
});

test("a dial that never settles ends with close(), with the signal and with its time", async () => {
  const never = { dial: () => new Promise<never>(() => {}) };
  const codes: string[] = [];
  const follow = async (options: WebSocketOptions, use: (socket: WebSocket) => void) => {
    const socket = new WebSocket("ws://nowhere.example/", [], { ...never, ...options });
    socket.onerror = ({ error }) => codes.push(error.code);
    const end = new Promise((resolve) => socket.onclose = resolve);
    use(socket);
    await within(end, "close event");
  };
  const controller = new AbortController();
  await follow({}, (socket) => socket.close());
  await follow({ signal: controller.signal }, () => controller.abort());
  await follow({ handshakeTimeoutMs: 50 }, () => {});
  assertEquals(codes, ["WS_CLOSED_BY_APPLICATION", "WS_HANDSHAKE_ABORTED", "WS_HANDSHAKE_TIMEOUT"]);
});

// ---------------------------------------------------------------- ends and leftovers

const ENDS: [scenario: string, output: string][] = [
  ["refused", "error WS_CONNECT_FAILED, close 1006 false"],
  ["status", "error WS_HANDSHAKE_REFUSED, close 1006 false"],
  ["redirected", "error WS_HANDSHAKE_REFUSED, close 1006 false"],
  ["lying", "error WS_HANDSHAKE_INVALID, close 1006 false"],
  ["hung", "error WS_HANDSHAKE_TIMEOUT, close 1006 false"],
  ["reset", "error WS_CONNECT_FAILED, close 1006 false"],
  ["open-reset", "open, error WS_CONNECTION_LOST, close 1006 false"],
  ["open-lying", "open, error WS_OPCODE_RESERVED, close 1006 false"],
  ["open-hung", "open, error WS_PING_TIMEOUT, close 1006 false"],
  ["close-hung", "open, error WS_CLOSE_TIMEOUT, close 1006 false"],
  ["clean", "open, close 1000 true"],
  ["aborted", "open, error WS_ABORTED, close 1006 false"],
  ["closed-early", "error WS_CLOSED_BY_APPLICATION, close 1006"],
  ["stream", "hello 1000"],
  ["thrown", "a,b open,message,message"],
  ["collected", "late"],
];

for (const [scenario, expected] of ENDS) {
  test(`a program ends by itself, with what is to be told, after: ${scenario}`, async () => {
    const { code, output } = await runProgram("websocket_ends", [scenario], 30_000);
    assertEquals([output.trim(), code], [expected, 0]);
  });
}

// -------------------------------------------------------------------- back-pressure

test("a WebSocketStream that is not read stops a server that sends without end", async () => {
  const chunk = new Uint8Array(64 * 1024);
  let written = 0;
  const server = await listenRaw((peer) => {
    const socket = peer.socket as net.Socket;
    const frame = new Uint8Array(10 + chunk.length);
    frame.set([0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
    const pump = () => {
      while (!socket.destroyed && written < 1 << 30) {
        written += frame.length;
        if (!socket.write(frame)) return;
      }
    };
    void peer.readHead().then(async (request) => {
      peer.write(head(await acceptance(request)));
      socket.on("drain", pump);
      pump();
    }).catch(() => {});
  });
  const stream = new WebSocketStream(server.url, { compression: false, closeTimeoutMs: 200 });
  const { readable } = await within(stream.opened, "open stream");
  let before = -1;
  for (let still = 0; still < 4;) { // no byte for 400 ms
    before = written;
    await sleep(100);
    still = written === before ? still + 1 : 0;
    assert(written < 200 << 20, `${written} bytes were written to a stream that nobody reads`);
  }
  const reader = readable.getReader();
  for (let read = 0; read < 2 * before && written === before; read += chunk.length) {
    await reader.read();
  }
  assert(written > before, "it did not go on");
  await reader.cancel();
  await within(stream.closed.catch(() => {}), "end");
  await server.close();
});

test("a write to a WebSocketStream waits for a server that does not read", async () => {
  await using server = await serve({ open: (socket) => socket.pause() }, { port: 0 });
  const stream = new WebSocketStream(server.url, { compression: false, closeTimeoutMs: 200 });
  const { writable } = await within(stream.opened, "open stream");
  const writer = writable.getWriter();
  let done = 0;
  const pump = (async () => {
    for (; done < 4000; done++) await writer.write(new Uint8Array(64 * 1024));
  })().catch(() => {});
  let before = -1;
  for (let still = 0; still < 4;) {
    before = done;
    await sleep(100);
    still = done === before ? still + 1 : 0;
  }
  assert(done < 2000, `${done} writes were taken`);
  for (const socket of server.connections) socket.terminate();
  await within(pump, "end of the writes");
});

// ------------------------------------------------------------ the platform's own class

/**
 * What a socket does with a server, as lines. Left out is where one of them breaks the standard:
 * `origin` (Deno 2.9), `bufferedAmount` (Bun 1.4; Deno 2.9 with a Blob), close(1001) (Bun 1.4).
 */
async function trace(
  Class: typeof WebSocket,
  url: string,
  use: (socket: WebSocket) => void,
): Promise<string[]> {
  const lines: string[] = [];
  const socket = new Class(url, ["a", "b"]);
  const note = (what: string) =>
    lines.push(`${what} state=${socket.readyState} protocol=${socket.protocol}`);
  note("made");
  socket.onopen = (event) => {
    note(`${event.type} ${event.constructor.name} ${event.target === socket}`);
    use(socket);
    note("used");
  };
  socket.onmessage = (event) => {
    const data = typeof event.data === "string" ? event.data : event.data.constructor.name;
    note(`${event.type} ${data}`);
    if (data === "last") socket.close(3000, "bye");
  };
  const end = new Promise<void>((resolve) => {
    socket.onclose = (event) => {
      note(`close ${event.code} ${event.reason} ${event.wasClean}`);
      resolve();
    };
  });
  await within(end, "close event");
  return lines;
}

const platform = (globalThis as { WebSocket?: typeof WebSocket }).WebSocket;
const skip = platform === undefined ? "this runtime has no WebSocket of its own" : false;

test("it does what the platform's own WebSocket does", { skip }, async () => {
  await using server = await serve({
    message: (socket, data) =>
      data === "end" ? void socket.close(4000, "enough") : void socket.send(data),
  }, { port: 0, protocols: ["b"] });
  const uses: ((socket: WebSocket) => void)[] = [
    (socket) => {
      socket.binaryType = "arraybuffer";
      socket.send("é");
      socket.send(Uint8Array.of(1, 2, 3));
      socket.send("last");
    },
    (socket) => {
      socket.binaryType = "blob"; // Bun 1.4 starts with another one
      socket.send(new Blob(["blob"]));
      socket.send("last");
    },
    (socket) => socket.send("end"),
    (socket) => socket.close(),
    (socket) => socket.close(1000, "now"),
  ];
  for (const use of uses) {
    const [own, theirs] = [
      await trace(WebSocket, server.url, use),
      await trace(platform!, server.url, use),
    ];
    assertEquals(own, theirs);
  }
});

test("it refuses what the platform's own WebSocket refuses", { skip }, async () => {
  await using server = await serve(echo, { port: 0 });
  const outcome = (run: () => unknown) => {
    try {
      run();
      return "fine";
    } catch (error) {
      return (error as Error).name;
    }
  };
  const tries = (Class: typeof WebSocket): string[] => {
    const sockets: WebSocket[] = [];
    const make = (...args: unknown[]) =>
      outcome(() => sockets.push(Reflect.construct(Class, args)));
    const results = [
      make(`${server.url}/#`),
      make("ftp://127.0.0.1/"),
      make("ws://"),
      make(server.url, ""),
      make(server.url, ["a", "a"]),
      make(server.url, "a b"),
    ];
    assertEquals(make(server.url), "fine");
    const socket = sockets.at(-1)!;
    results.push(
      outcome(() => socket.send("x")),
      outcome(() => socket.close(2999)),
      outcome(() => socket.close(1000, "x".repeat(124))),
    );
    for (const made of sockets) made.close();
    return results;
  };
  assertEquals(tries(WebSocket), tries(platform!));
});

test("a raw server's masked frame is refused like any other lie", async () => {
  const server = await listenRaw((peer) => {
    void peer.readHead().then(async (request) => {
      peer.write(head(await acceptance(request)), clientText("masked"));
    }).catch(() => {});
  });
  const socket = new WebSocket(server.url, [], { closeTimeoutMs: 500 });
  const codes: string[] = [];
  socket.onerror = ({ error }) => codes.push(error.code);
  const closed = new Promise<WebSocketCloseEvent>((resolve) => socket.onclose = resolve);
  assertEquals((await within(closed, "close event")).code, 1006);
  assertEquals(codes, ["WS_MASK_UNEXPECTED"]);
  await server.close();
});
