/**
 * Drivers: the protocol without input, output and clock.
 */
import { test } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { createServer, type Socket } from "node:net";
import { Duplex } from "node:stream";
import {
  clientDriver,
  type DriverEvents,
  plainDriver,
  sendRawFrame,
  serverDriver,
} from "../../src/api/driver/mod.ts";
import type { WebSocketDriver } from "../../src/api/driver/mod.ts";
import { decodeFrames } from "../support/wire.ts";
import { concatBytes } from "../../src/bytes.ts";
import { acceptPeer, joined, masked, OP, plain, soon, text, until } from "./ends.ts";

const { TEXT, CONT, PING, CLOSE } = OP;
const URL_ = "ws://example.com/chat";

/** Writes down what a driver tells. */
function scribe(log: string[], name: string, more: DriverEvents = {}): DriverEvents {
  const note = (event: string) => void log.push(`${name} ${event}`);
  return {
    open: () => note("open"),
    message: (data) => note(`message ${data}`),
    ping: (payload) => note(`ping ${new TextDecoder().decode(payload)}`),
    pong: (payload) => note(`pong ${new TextDecoder().decode(payload)}`),
    error: (error) => note(`error ${error.code}`),
    end: () => note("end"),
    close: ({ closeCode, reason, wasClean }) => note(`close ${closeCode} ${reason} ${wasClean}`),
    ...more,
  };
}

/** Two drivers, each the other's transport, in chunks of a size. */
function pair(
  log: string[],
  options: object = {},
  size = Infinity,
  more: DriverEvents = {},
): { server: WebSocketDriver; client: WebSocketDriver } {
  const cut = (bytes: Uint8Array, to: () => WebSocketDriver) => {
    for (let at = 0; at < bytes.length; at += size) to().feed(bytes.slice(at, at + size));
  };
  const server: WebSocketDriver = serverDriver(
    scribe(log, "server", { write: (bytes) => cut(bytes, () => client), ...more }),
    options,
  );
  const client: WebSocketDriver = clientDriver(
    URL_,
    scribe(log, "client", { write: (bytes) => cut(bytes, () => server) }),
    options,
  );
  server.start();
  client.start();
  return { server, client };
}

test("two drivers open, talk, ping and close, however the bytes are cut", async () => {
  for (const size of [1, 7, Infinity]) {
    const log: string[] = [];
    const { server, client } = pair(log, { protocols: ["chat"] }, size);
    await until(() => client.state === "open" && server.state === "open", "open");
    assertEquals([server.protocol, client.protocol, client.version], ["chat", "chat", "13"]);
    assertEquals(server.request?.url, "http://example.com/chat");
    assertEquals(client.responseHeaders?.get("upgrade"), "websocket");
    log.length = 0;
    assert(client.text("grüß"));
    assert(server.binary(new Uint8Array([1, 2])));
    let answered = 0;
    client.ping("p", () => answered++);
    assert(server.close(4000, "bye"));
    assert(!server.text("late"));
    assertEquals(answered, 1);
    assertEquals(log, [
      ...["server message grüß", "client message 1,2", "server ping p", "client pong p"],
      ...["server end", "server close 4000 bye true", "client end", "client close 4000 bye true"],
    ]);
    assertEquals([server.state, client.state], ["closed", "closed"]);
  }
});

test("messages are compressed in order, also by a codec that takes its time", async () => {
  const log: string[] = [];
  const { server, client } = pair(log, { compression: { thresholdBytes: 1 } });
  await until(() => client.state === "open" && server.state === "open", "open");
  assert(client.extensions.startsWith("permessage-deflate"), client.extensions);
  log.length = 0;
  client.text("aaaa ".repeat(3));
  client.text("b", false);
  client.close(1000, "c");
  await until(() => client.state === "closed", "end");
  assertEquals(log.slice(0, 2), ["server message aaaa aaaa aaaa ", "server message b"]);
  assert(log.includes("client close 1000 c true"));
});

test("a request that something else has read is answered, and a wrong one refused", async () => {
  const headers = new Headers({
    ...{ host: "h", upgrade: "websocket", connection: "upgrade", "sec-websocket-version": "13" },
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
  });
  const request = { method: "GET", url: "http://h/", headers };
  let sent = "";
  const log: string[] = [];
  const write = (bytes: Uint8Array) => void (sent += new TextDecoder().decode(bytes));
  const driver = serverDriver(scribe(log, "server", { write }), { request });
  driver.feed(masked(text("early"))); // before it is started
  driver.start();
  await until(() => driver.state === "open", "open");
  assert(sent.includes("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), sent);
  assertEquals(log, ["server open", "server message early"]);
  const verify = () => Promise.resolve(new Response("no", { status: 403 }));
  const refused = serverDriver(scribe(log, "server", { write }), { request, verify });
  refused.start();
  await until(() => refused.state === "closed", "refusal");
  assert(/HTTP\/1\.1 403 [^]*\r\n\r\nno$/.test(sent), sent);
  assertEquals(log.slice(-3), [
    ...["server error WS_VERIFY_REFUSED", "server end", "server close 1006  false"],
  ]);
  const malformed = serverDriver(scribe(log, "server", { write }));
  malformed.start();
  malformed.feed(new TextEncoder().encode("nonsense\r\n\r\n"));
  assertEquals(malformed.state, "closed");
  const client = clientDriver(URL_, scribe(log, "client", { write }));
  client.start();
  client.feed(new TextEncoder().encode("HTTP/1.1 404 Not Found\r\n\r\n"));
  await until(() => client.state === "closed", "refusal");
  assert(log.includes("client error WS_HANDSHAKE_REFUSED"));
});

test("a peer that floods the handshake is given up", () => {
  const log: string[] = [];
  const verify = () => new Promise<void>(() => {});
  const write = () => {};
  const driver = serverDriver(scribe(log, "server", { write }), { verify });
  driver.start();
  const lines = ["GET / HTTP/1.1", "Host: h", "Upgrade: websocket", "Connection: Upgrade"];
  lines.push("Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "", "");
  driver.feed(new TextEncoder().encode(lines.join("\r\n")));
  for (let i = 0; i < 16; i++) driver.feed(new Uint8Array(65536));
  assertEquals(driver.state, "connecting");
  driver.feed(new Uint8Array(1));
  assertEquals(log[0], "server error WS_HANDSHAKE_TOO_LARGE");
});

test("a plain driver is open at once, keeps the rules, and tells of a cut", () => {
  const log: string[] = [];
  const wire: Uint8Array[] = [];
  const events = scribe(log, "plain", { write: (bytes) => void wire.push(bytes) });
  const server = plainDriver("server", events);
  assertEquals([server.state, server.text("x")], ["idle", false]);
  server.start();
  server.start();
  server.feed(masked(text("a"), { opcode: PING, payload: "b" }));
  server.feedEnd();
  assertEquals(log, [
    ...["plain open", "plain message a", "plain ping b", "plain error WS_CONNECTION_LOST"],
    ...["plain end", "plain close 1006  false"],
  ]);
  log.length = 0;
  const broken = plainDriver("server", events);
  broken.start();
  broken.feed(plain(text("not masked")));
  assertEquals(log.slice(1), [
    ...["plain error WS_MASK_MISSING", "plain end", "plain close 1006  false"],
  ]);
  assertEquals(decodeFrames(wire.at(-1)!)[0].payload.subarray(0, 2), new Uint8Array([3, 234]));
  const small = plainDriver("client", events, { maxFrameBytes: 2, silentClose: true });
  small.start();
  small.feed(plain(text("abc")));
  assertEquals(decodeFrames(wire.at(-1)!)[0].payload.length, 0);
});

test("raw frames go as they are given, and keep what follows in order", () => {
  const wire: Uint8Array[] = [];
  const driver = plainDriver("server", { write: (bytes) => void wire.push(bytes) });
  driver.start();
  const sent = () => decodeFrames(concatBytes(wire.splice(0)));
  driver.frame({ opcode: 11, rsv2: true, rsv3: true, fin: false, payload: "x" });
  driver.frame({ opcode: PING, payload: new Uint8Array(126), masked: true });
  const [odd, ping] = sent();
  assertEquals([odd.opcode, odd.fin, odd.rsv], [11, false, 3]);
  assertEquals([ping.payload.length, ping.key !== undefined], [126, true]);
  driver.frame({ opcode: TEXT, fin: false, payload: "a" });
  assertThrows(() => driver.text("b"), Error, "not finished");
  driver.frame({ opcode: CONT, payload: "c" });
  driver.text("d");
  assertEquals(sent().map(({ opcode, fin }) => [opcode, fin]), [[1, false], [0, true], [1, true]]);
  driver.frame({ opcode: CLOSE, payload: "?" });
  assertEquals([driver.text("e"), driver.state], [false, "closing"]);
  assertThrows(() => driver.frame({ opcode: 16 }), RangeError, "0 to 15");
  assertThrows(() => driver.frame({ opcode: 1, final: true } as never), TypeError, '"final"');
  assertThrows(() => driver.frame({ opcode: 1, payload: 1 } as never), TypeError, "BufferSource");
});

test("sendRawFrame() sends on a connection, and refuses what would tear a message apart", async () => {
  const { socket, peer } = await acceptPeer({ observer: { frame() {} } });
  sendRawFrame(socket, { opcode: TEXT, fin: false, payload: "a" });
  assertEquals((await soon(peer.readFrame(), "frame"))?.fin, false);
  assertThrows(() => socket.send("b"), Error, "not finished");
  assertThrows(() => socket.trySend("b"), Error, "not finished");
  const failed = socket.send(new Blob(["stream"]).stream());
  await failed.then(() => assert(false, "it must not continue the raw message"), () => {});
  socket.terminate();
  const other = await joined();
  void other.server.send(new ReadableStream<string>({ start() {} }));
  await until(() => other.server.bufferedAmount >= 0, "the stream");
  assertThrows(
    () => sendRawFrame(other.server, { opcode: TEXT, payload: "x" }),
    DOMException,
    "a message is being sent",
  );
  sendRawFrame(other.server, { opcode: 9 });
  sendRawFrame(other.client, { opcode: 3 });
  await soon(other.client.closed, "end");
  assertThrows(() => sendRawFrame(other.client, { opcode: 9 }), Error, "closing or closed");
});

test("a raw close frame leaves: no ping follows it, and its answer has a deadline", async () => {
  const options = { pingIntervalMs: 20, pingTimeoutMs: 5000, closeTimeoutMs: 150 };
  const { socket, peer } = await acceptPeer(options);
  sendRawFrame(socket, { opcode: CLOSE });
  assertEquals([socket.readyState, socket.trySend("late")], [2, false]);
  const { error } = await soon(socket.closed, "end");
  assertEquals(error?.code, "WS_CLOSE_TIMEOUT");
  assertEquals((await soon(peer.readFrame(), "frame"))?.opcode, CLOSE);
  const other = await joined();
  sendRawFrame(other.server, { opcode: CLOSE, payload: new Uint8Array([15, 160]) });
  for (const end of [other.server, other.client]) {
    const { closeCode, wasClean } = await soon(end.closed, "end");
    assertEquals([closeCode, wasClean], [4000, true]);
  }
});

test("what needs a clock, what does not exist and what nobody takes is refused", () => {
  for (
    const name of ["closeTimeoutMs", "pingIntervalMs", "highWaterMark", "legacy", "signal", "x"]
  ) {
    const options = { [name]: 1 };
    assertThrows(() => serverDriver({}, options), TypeError, `"${name}"`);
    assertThrows(() => clientDriver(URL_, {}, options), TypeError, `"${name}"`);
    assertThrows(() => plainDriver("client", {}, options), TypeError, `"${name}"`);
  }
  assertThrows(() => plainDriver("peer" as never), TypeError, "the role");
  assertThrows(() => serverDriver().start(), TypeError, "nobody takes its bytes");
  assertThrows(() => serverDriver().feed("x" as never), TypeError, "Uint8Array");
  assertThrows(
    () => serverDriver({ frame() {} }, { compression: true }),
    TypeError,
    '"frame" with "compression"',
  );
});

test("io and messages pipe through sockets of node:net, held back by who does not read", async () => {
  const sockets: Socket[] = [];
  const listener = createServer((socket) => {
    sockets.push(socket);
    const driver = serverDriver();
    const { readable, writable } = Duplex.toWeb(socket);
    const { io, messages } = driver;
    driver.start();
    void io.readable.pipeTo(writable as WritableStream<Uint8Array>).catch(() => {});
    void (readable as ReadableStream<Uint8Array>).pipeTo(io.writable).catch(() => {});
    void messages.readable.pipeTo(messages.writable).catch(() => {}); // an echo
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const { port } = listener.address() as { port: number };
  const { connect } = await import("../../src/adapters/client.ts");
  const socket = await connect(`ws://127.0.0.1:${port}/`);
  void socket.send("hello");
  void socket.send(new Uint8Array(200_000));
  const sizes: number[] = [];
  for await (const message of socket) {
    sizes.push(message.length);
    if (sizes.length === 2) break;
  }
  assertEquals(sizes, [5, 200_000]);
  assertEquals((await socket.close(4001, "done")).closeCode, 4001);
  for (const it of sockets) it.destroy();
  await new Promise((resolve) => listener.close(resolve));
});

test("a driver whose messages nobody reads takes no more bytes", async () => {
  const driver = plainDriver("server");
  const { io, messages } = driver;
  driver.start();
  const writer = io.writable.getWriter();
  let taken = 0;
  for (let i = 0; i < 8; i++) {
    const payload = new Uint8Array(40_000);
    void writer.write(masked({ opcode: 2, payload })).then(() => taken++);
  }
  await new Promise((resolve) => setTimeout(resolve, 50));
  assertEquals(taken, 1);
  let count = 0;
  for await (const _ of messages.readable) if (++count === 8) break;
  await until(() => taken === 8, "all to be taken");
});
