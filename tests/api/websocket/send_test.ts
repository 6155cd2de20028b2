import { assert, assertEquals } from "@std/assert";
import { test } from "node:test";
import { inflateRawSync } from "node:zlib";
import type { WebSocketErrorEvent } from "../../../src/api/websocket/events.ts";
import { zlibCodec } from "../../../src/adapters/zlib/codec.ts";
import { textBytes } from "../../../src/api/websocket/buffered_bytes.ts";
import type { RawPeer } from "../../support/raw_peer.ts";
import { closeFrame, OP, opened, plain, sleep, thrown, until, URL, WebSocket } from "./sockets.ts";

/** Sends values; returns what went out, as [opcode, payload]. */
async function sent(...values: unknown[]): Promise<[number, string | number[]][]> {
  const { socket, peer } = await opened();
  for (const value of values) socket.send(value as string);
  const frames: [number, string | number[]][] = [];
  for (let i = 0; i < values.length; i++) frames.push(await readMessage(peer));
  peer.destroy();
  return frames;
}

async function readMessage(peer: RawPeer): Promise<[number, string | number[]]> {
  const { opcode, payload } = (await peer.readFrame())!;
  return [opcode, opcode === OP.TEXT ? new TextDecoder().decode(payload) : [...payload]];
}

test("strings go as text, unpaired surrogates as U+FFFD", async () => {
  assertEquals(await sent("a", "", "é€\u{1f600}", "x\ud800y\udc00"), [
    [OP.TEXT, "a"],
    [OP.TEXT, ""],
    [OP.TEXT, "é€\u{1f600}"],
    [OP.TEXT, "x\ufffdy\ufffd"],
  ]);
});

test("bytes go as binary, of a view only what it shows", async () => {
  const { buffer } = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
  assertEquals(
    await sent(buffer, new Uint8Array(buffer, 2, 3), new DataView(buffer, 7), new ArrayBuffer(0)),
    [
      [OP.BINARY, [1, 2, 3, 4, 5, 6, 7, 8]],
      [OP.BINARY, [3, 4, 5]],
      [OP.BINARY, [8]],
      [OP.BINARY, []],
    ],
  );
  for (
    const View of [
      ...[Int8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array],
      ...[Float32Array, Float64Array, BigInt64Array, BigUint64Array],
    ]
  ) {
    assertEquals(await sent(new View(buffer)), [[OP.BINARY, [1, 2, 3, 4, 5, 6, 7, 8]]]);
  }
});

test("anything else goes as the text that it converts to", async () => {
  const object = { toString: () => "own text" };
  assertEquals(
    (await sent(undefined, null, 5, -0, true, [1, [2]], {}, object, 10n, URL)).map(([, text]) =>
      text
    ),
    ["undefined", "null", "5", "0", "true", "1,2", "[object Object]", "own text", "10", URL],
  );
});

test("no argument, or one that cannot be converted, is a TypeError and sends nothing", async () => {
  const { socket, peer } = await opened();
  const send = socket.send.bind(socket) as (...data: unknown[]) => void;
  assertEquals(thrown(() => send()), "TypeError");
  assertEquals(thrown(() => send(Symbol("x"))), "TypeError");
  const resizable = Reflect.construct(ArrayBuffer, [8, { maxByteLength: 16 }]) as ArrayBuffer;
  assertEquals(thrown(() => send(resizable)), "TypeError");
  assertEquals(thrown(() => send(new Uint8Array(resizable))), "TypeError");
  assertEquals(thrown(() => send(new Uint8Array(new SharedArrayBuffer(1)))), "TypeError");
  assertEquals(socket.bufferedAmount, 0);
  send("only this");
  assertEquals(await readMessage(peer), [OP.TEXT, "only this"]);
  peer.destroy();
});

test("send() while connecting is an InvalidStateError, after the conversion", () => {
  const socket = new WebSocket(URL);
  for (const data of ["", new ArrayBuffer(1), new Uint8Array(1), new Blob(["x"])]) {
    assertEquals(thrown(() => socket.send(data)), "InvalidStateError");
  }
  assertEquals(thrown(() => socket.send(Symbol("x") as unknown as string)), "TypeError");
  assertEquals(socket.bufferedAmount, 0);
});

test("a Blob goes as binary and keeps its place among what is sent around it", async () => {
  const typed = new Blob(["text"], { type: "text/plain" });
  assertEquals(await sent("a", typed, "b", Uint8Array.of(1), new Blob([]), "c"), [
    [OP.TEXT, "a"],
    [OP.BINARY, [...new TextEncoder().encode("text")]],
    [OP.TEXT, "b"],
    [OP.BINARY, [1]],
    [OP.BINARY, []],
    [OP.TEXT, "c"],
  ]);
});

test("a Blob that cannot be read fails the connection", async () => {
  const { socket, peer, log } = await opened();
  const blob = new Blob(["lost"]);
  blob.arrayBuffer = () => Promise.reject(new Error("file is gone"));
  socket.send(blob);
  assertEquals((await peer.readFrame())!.payload.slice(0, 2), Uint8Array.of(0x03, 0xf3));
  peer.end();
  await log.until("close");
  const { error } = log.events[1] as WebSocketErrorEvent;
  assertEquals([error.code, error.cause.message], ["WS_SEND_FAILED", "file is gone"]);
});

test("what the caller does to a buffer after send() does not show", async () => {
  const { socket, peer } = await opened();
  const large = new Uint8Array(300_000).fill(7);
  const small = Uint8Array.of(7);
  const behind = Uint8Array.of(7);
  socket.send(large);
  socket.send(small);
  socket.send(new Blob(["x"]));
  socket.send(behind);
  for (const bytes of [large, small, behind]) bytes.fill(1);
  const got: number[][] = [];
  for (let i = 0; i < 4; i++) got.push([...new Set((await peer.readFrame())!.payload)]);
  assertEquals(got, [[7], [7], ["x".charCodeAt(0)], [7]]);
  peer.destroy();
});

test("nor does it while the codec takes its time", async () => {
  const { socket, peer, log } = await opened({ compression: true }, {
    lines: ["Sec-WebSocket-Extensions: permessage-deflate"],
  });
  const bytes = new Uint8Array(5_000).fill(7);
  socket.send(bytes);
  bytes.fill(1);
  const { rsv, payload } = (await peer.readFrame())!;
  assertEquals([rsv, [...new Set(inflateRawSync(payload, { finishFlush: 2 }))]], [4, [7]]);
  peer.destroy();
  await log.until("close");
});

// ------------------------------------------------------------------- bufferedAmount

test("bufferedAmount counts bytes of UTF-8 and of data, without frames", async () => {
  const { socket, peer } = await opened();
  const steps: number[] = [socket.bufferedAmount];
  for (
    const data of [
      "abc",
      "é€\u{1f600}",
      "\ud800",
      "",
      new Uint8Array(new ArrayBuffer(10), 2, 3),
      new ArrayBuffer(200),
      "x".repeat(125),
      "y".repeat(126),
      "é".repeat(40_000),
      new Blob(["12345"]),
      "in line: é",
    ]
  ) {
    socket.send(data);
    steps.push(socket.bufferedAmount - steps.reduce((sum, step) => sum + step, 0));
  }
  assertEquals(steps, [0, 3, 9, 3, 0, 3, 200, 125, 126, 80_000, 5, 11]);
  peer.destroy();
});

test("bufferedAmount falls to 0 once all has left, and not before the task ends", async () => {
  const { socket, peer } = await opened();
  socket.send("x".repeat(300_000)); // more than is ever gathered: it goes at once
  socket.send("hello");
  for (let i = 0; i < 50; i++) await Promise.resolve();
  assertEquals(socket.bufferedAmount, 300_005);
  await peer.readFrame();
  await peer.readFrame();
  await until(() => socket.bufferedAmount === 0, "all has left");
  peer.destroy();
});

test("bufferedAmount stays while the peer does not read, and falls when it does", async () => {
  const { socket, peer } = await opened();
  for (let i = 0; i < 50; i++) socket.send("");
  await until(() => peer.received > 300, "the empty messages have left");
  peer.stall();
  for (let i = 0; i < 10; i++) socket.send(new Uint8Array(10_000));
  await sleep(20);
  assertEquals(socket.bufferedAmount, 100_000);
  for (let i = 0; i < 10; i++) socket.send(new Uint8Array(10_000));
  await sleep(20);
  assertEquals(socket.bufferedAmount, 200_000);
  peer.step(); // takes the first half, which was one write
  await until(() => socket.bufferedAmount < 200_000, "some has left");
  await sleep(20);
  assertEquals(socket.bufferedAmount, 100_000);
  peer.unstall();
  await until(() => socket.bufferedAmount === 0, "all has left");
  peer.destroy();
});

test("send() while closing and when closed sends nothing and counts for good", async () => {
  const { socket, peer, log } = await opened();
  socket.send("gone");
  socket.close();
  socket.send("é");
  socket.send(new Blob(["123"]));
  assertEquals(socket.bufferedAmount, 4 + 2 + 3);
  assertEquals((await peer.readFrame())!.opcode, OP.TEXT);
  assertEquals((await peer.readFrame())!.opcode, OP.CLOSE);
  await until(() => socket.bufferedAmount === 5, "what went before has left");
  peer.write(plain(closeFrame()));
  peer.end();
  await log.until("close");
  assertEquals(socket.bufferedAmount, 5);
  socket.send(new Uint8Array(10));
  socket.send("x");
  await sleep(10);
  assertEquals([socket.bufferedAmount, await peer.readFrame()], [16, null]);
});

test("what was answered just before a clean end has left", async () => {
  const { socket, peer, log } = await opened();
  socket.onmessage = () => socket.send("answer");
  peer.write(plain({ opcode: OP.TEXT, payload: "question" }, closeFrame()));
  peer.end();
  await log.until("close");
  assertEquals(await readMessage(peer), [OP.TEXT, "answer"]);
  assertEquals([socket.bufferedAmount, log.types], [0, ["open", "message", "close"]]);
});

test("send() after a failed opening counts as well", async () => {
  const socket = new WebSocket(URL);
  socket.close();
  socket.send("abc");
  assertEquals([socket.readyState, socket.bufferedAmount], [2, 3]);
  await new Promise((resolve) => socket.onclose = resolve);
  socket.send("de");
  assertEquals(socket.bufferedAmount, 5);
});

test("bufferedAmount does not fall when the connection is lost with bytes waiting", async () => {
  const { socket, peer, log } = await opened();
  peer.stall();
  for (let i = 0; i < 4; i++) socket.send(new Uint8Array(5_000));
  await sleep(10);
  peer.destroy();
  await log.until("close");
  assertEquals(socket.bufferedAmount, 20_000);
  socket.send("x");
  assertEquals(socket.bufferedAmount, 20_001);
});

test("more than maxBufferedBytes waiting fires error and 1006, not an exception", async () => {
  const { socket, peer, log } = await opened({ maxBufferedBytes: 10_000 });
  peer.stall();
  for (let i = 0; i < 5; i++) socket.send(new Uint8Array(4_000));
  assertEquals([socket.bufferedAmount, log.types], [20_000, ["open"]]);
  await log.until("close");
  assertEquals((log.events[1] as WebSocketErrorEvent).error.code, "WS_SEND_BUFFER_FULL");
  assertEquals([log.types, socket.bufferedAmount], [["open", "error", "close"], 20_000]);
});

test("the size of a text is found from the growth, and counted where that misleads", () => {
  for (const [text, bytes] of [["", 0], ["a", 1], ["é", 2], ["€", 3], ["\u{1f600}", 4]] as const) {
    const header = (size: number) => size < 126 ? 6 : size < 65536 ? 8 : 14;
    for (const times of [1, 50, 125, 126, 20_000, 65_535, 65_536]) {
      const [long, size] = [text.repeat(times), bytes * times];
      assertEquals(textBytes(long, size + header(size)), size);
      for (const misleading of [0, -5, 3, 1e9]) assertEquals(textBytes(long, misleading), size);
    }
  }
  assertEquals(textBytes("\ud83d\ud83d\ude00\ude00"), 3 + 4 + 3);
  assertEquals(textBytes("\ud83d"), 3);
});

test("with compression bufferedAmount still counts what was given to send()", async () => {
  const { socket, peer } = await opened({ compression: true, codec: zlibCodec }, {
    lines: ["Sec-WebSocket-Extensions: permessage-deflate"],
  });
  peer.stall();
  socket.send("é".repeat(10_000));
  socket.send("short");
  assertEquals(socket.bufferedAmount, 20_005);
  await sleep(20);
  assert(socket.bufferedAmount > 19_000, `${socket.bufferedAmount} bytes wait`);
  peer.unstall();
  const { rsv, payload } = (await peer.readFrame())!;
  assert(rsv === 4 && payload.length < 1000);
  await peer.readFrame();
  await until(() => socket.bufferedAmount === 0, "all has left");
  peer.destroy();
});
