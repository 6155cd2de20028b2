/** `connect()` of ./browser over the WebSocket that the runtime itself has. */
import { test } from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect } from "../../src/adapters/browser/mod.ts";
import { HandshakeError, type WebSocketError } from "../../src/api/mod.ts";
import { serve, type WebSocketConnection } from "../../src/adapters/serve.ts";
import { BrowserSocket } from "../../src/adapters/browser/browser_socket.ts";
import type { NativeEvents } from "../../src/adapters/native/native_socket.ts";
import { listenRaw } from "./support/raw.ts";
import { RUNTIME } from "./support/runtime.ts";
import { sleep, until, within } from "./support/waiting.ts";

const skip = globalThis.WebSocket === undefined && "this runtime has no WebSocket of its own";

const echo = {
  message: (socket: WebSocketConnection, data: string | Uint8Array) => {
    socket.send(data);
  },
};

test("messages go there and back, of either kind and in order", { skip }, async () => {
  await using server = await serve(echo, { port: 0, protocols: ["chat"] });
  await using socket = await connect(server.url.replace("ws:", "http:"), { protocols: ["chat"] });
  assertEquals([socket.protocol, socket.url, socket.readyState], ["chat", `${server.url}/`, 1]);
  const sent = ["", "text é", new Uint8Array([1, 2, 3]), new Uint8Array(100_000).fill(7), "last"];
  for (const message of sent) await socket.send(message);
  const seen: unknown[] = [];
  for await (const message of socket) {
    seen.push(message);
    if (seen.length === sent.length) break;
  }
  assertEquals(seen, sent);
});

test("what the server sends first is not missed", { skip }, async () => {
  await using server = await serve({
    open: (socket) => {
      for (let n = 0; n < 100; n++) socket.send(`${n}`);
      socket.close(4000, "enough");
    },
  }, { port: 0 });
  const socket = await connect(server.url);
  await sleep(20);
  const seen: unknown[] = [];
  for await (const message of socket) seen.push(message);
  assertEquals(seen, Array.from({ length: 100 }, (_, n) => `${n}`));
  assertEquals(await socket.closed, { closeCode: 4000, reason: "enough", wasClean: true });
});

test("a handler can have it", { skip }, async () => {
  let closed: unknown;
  await using server = await serve({ close: (_socket, info) => void (closed = info) }, { port: 0 });
  await connect(server.url, { handler: (socket) => socket.send("one message, then the end") });
  await until(() => closed !== undefined, "end");
  assertEquals(closed, { closeCode: 1000, reason: "", wasClean: true });
});

test("send() waits until large bytes have left, and bufferedAmount sinks", { skip }, async () => {
  let bytes = 0;
  await using server = await serve({
    message: (_socket, data) => void (bytes += data.length),
  }, { port: 0 });
  await using socket = await connect(server.url);
  const piece = new Uint8Array(1 << 20);
  for (let n = 0; n < 8; n++) await within(socket.send(piece), "room to send");
  await until(() => bytes === 8 << 20, "all bytes", 20_000);
  await until(() => socket.bufferedAmount === 0, "empty line");
});

test("the rest of a large message is waited for, however little it is", async () => {
  let sent = 0;
  const fake = Object.assign(new EventTarget(), {
    bufferedAmount: 0,
    send(data: Uint8Array) {
      sent += data.length;
      fake.bufferedAmount = 100; // the platform has written the others at once
    },
  });
  const socket = new BrowserSocket(fake as unknown as WebSocket, 1000);
  const flushes: boolean[] = [];
  socket.attach({ onFlush: (all: boolean) => void flushes.push(all) } as NativeEvents);
  socket.sendBytes(new Uint8Array(10)); // small ones are nobody's to wait for
  await sleep(20);
  assertEquals([sent, flushes], [10, []]);
  socket.sendBytes(new Uint8Array(5000));
  await sleep(20);
  assertEquals(flushes, []);
  fake.bufferedAmount = 0;
  await until(() => flushes.length > 0, "flush");
  assertEquals(flushes, [true]);
  socket.release();
});

test(
  "a message above maxMessageBytes ends it, with a code that can be sent",
  { skip },
  async () => {
    let closeCode = 0;
    await using server = await serve({
      open: (socket) => void socket.send("x".repeat(101)),
      close: (_socket, info) => void (closeCode = info.closeCode),
    }, { port: 0 });
    const socket = await connect(server.url, { maxMessageBytes: 100 });
    const error = await assertRejects(async () => {
      for await (const _ of socket);
    }) as WebSocketError;
    assertEquals([error.code, error.closeCode], ["WS_MESSAGE_TOO_LARGE", 1009]);
    assertEquals((await socket.closed).error, error);
    await until(() => closeCode > 0, "end");
    assertEquals(closeCode, 4009);
  },
);

test("a lost connection is an error", { skip }, async () => {
  await using server = await serve({ message: (socket) => socket.terminate() }, { port: 0 });
  const socket = await connect(server.url);
  socket.send("cut me");
  const { closeCode, wasClean, error } = await within(socket.closed, "end");
  assertEquals([closeCode, wasClean, error!.code], [1006, false, "WS_CONNECTION_LOST"]);
});

test("what the platform cannot do is refused, and capabilities tell it", { skip }, async () => {
  await using server = await serve(echo, { port: 0 });
  await using socket = await connect(server.url);
  assertEquals(socket.capabilities.engine, "browser");
  await assertRejects(() => socket.ping(), DOMException, "ping");
  let error: unknown;
  try {
    socket.close(1001);
  } catch (thrown) {
    error = thrown;
  }
  assert(error instanceof RangeError);
});

test("options that a browser cannot keep are refused", async () => {
  const refused: Record<string, unknown> = {
    headers: {},
    compression: true,
    tls: {},
    maxFragments: 1,
    fragmentBytes: 100,
    maxHeaderBytes: 1024,
    pingIntervalMs: 1000,
    pingTimeoutMs: 1000,
    mistake: 1,
  };
  for (const [name, value] of Object.entries(refused)) {
    const error = await assertRejects(
      () => connect("ws://127.0.0.1:9", { [name]: value }),
      TypeError,
      `"${name}"`,
    );
    assert(error.message.includes("allowed are protocols, maxMessageBytes"));
  }
  await assertRejects(() => connect("ws://127.0.0.1:9", null as never), TypeError);
  await assertRejects(() => connect("ftp://127.0.0.1"), DOMException);
  await assertRejects(() => connect("ws://127.0.0.1:9", { handler: 1 as never }), TypeError);
});

test("there is no connection: refused, silent, aborted", { skip }, async () => {
  const code = (error: unknown) => (error as HandshakeError).code;
  await using server = await serve({}, {
    port: 0,
    verify: () => new Response("", { status: 403 }),
  });
  const refused = await assertRejects(() => connect(server.url), HandshakeError);
  assertEquals(code(refused), "WS_CONNECT_FAILED");

  const silent = await listenRaw(() => {});
  const late = await assertRejects(() => connect(silent.url, { handshakeTimeoutMs: 50 }));
  assertEquals(code(late), "WS_HANDSHAKE_TIMEOUT");
  const signal = AbortSignal.timeout(50);
  const aborted = await assertRejects(() => connect(silent.url, { signal }));
  assertEquals(code(aborted), "WS_HANDSHAKE_ABORTED");
  const before = await assertRejects(() => connect(silent.url, { signal }));
  assertEquals(code(before), "WS_HANDSHAKE_ABORTED");
  await until(() => silent.peers.every((peer) => peer.gone), "end of the attempts");
  await silent.close();
});

test("a signal cuts an open connection", { skip }, async () => {
  await using server = await serve({}, { port: 0 });
  const controller = new AbortController();
  const socket = await connect(server.url, { signal: controller.signal });
  controller.abort();
  assertEquals((await within(socket.closed, "end")).error!.code, "WS_ABORTED");
  await until(() => server.connections.size === 0, "end on the server");
});

test("observers see the handshake's failure, messages and the end", { skip }, async () => {
  await using server = await serve(echo, { port: 0 });
  const seen: string[] = [];
  const observer = {
    open: () => void seen.push("open"),
    message: () => void seen.push("message"),
    close: () => void seen.push("close"),
    refuse: () => void seen.push("refuse"),
  };
  const socket = await connect(server.url, { observer });
  await socket.send("hello");
  for await (const _ of socket) break;
  await socket.close();
  const nobody = await listenRaw((peer) => peer.destroy());
  await assertRejects(() => connect(nobody.url, { observer }), HandshakeError);
  await nobody.close();
  assertEquals(seen, ["open", "message", "message", "close", "refuse"], RUNTIME);
});
