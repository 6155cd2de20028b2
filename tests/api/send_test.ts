import { test } from "node:test";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { WebSocketError } from "../../src/errors.ts";
import type { Sendable } from "../../src/api/sender.ts";
import { assertBytes, hex, join } from "../support/bytes.ts";
import type { MemoryPeer } from "../support/memory_peer.ts";
import {
  acceptPeer,
  closeFrame,
  connectPeer,
  joined,
  masked,
  OP,
  sleep,
  soon,
  take,
  until,
} from "./ends.ts";

const { CONT, TEXT, BINARY, CLOSE, PING, PONG } = OP;
const encoder = new TextEncoder();

/** Reads frames as "opcode payload", with … before those that are not final. */
async function lines(peer: MemoryPeer, count: number): Promise<string[]> {
  const got: string[] = [];
  for (let i = 0; i < count; i++) {
    const frame = await peer.readFrame();
    if (frame === null) throw new Error(`the stream ended after ${got.join()}`);
    const { fin, opcode, payload } = frame;
    got.push(`${fin ? "" : "…"}${opcode} ${new TextDecoder().decode(payload)}`);
  }
  return got;
}

/** A stream whose pieces the test hands in. */
function source<T>(): {
  stream: ReadableStream<T>;
  push(piece: T): void;
  end(): void;
  fail(error: unknown): void;
  cancelled: unknown[];
} {
  let controller!: ReadableStreamDefaultController<T>;
  const cancelled: unknown[] = [];
  const stream = new ReadableStream<T>({
    start: (c) => void (controller = c),
    cancel: (reason) => void cancelled.push(reason),
  });
  return {
    stream,
    cancelled,
    push: (piece) => controller.enqueue(piece),
    end: () => controller.close(),
    fail: (error) => controller.error(error),
  };
}

/** A stream of these pieces. */
function pieces<T>(...values: T[]): ReadableStream<T> {
  return new ReadableStream({
    start(controller) {
      for (const value of values) controller.enqueue(value);
      controller.close();
    },
  });
}

test("with fragmentBytes whole messages go out as fragments, and arrive whole", async () => {
  const { socket, peer } = await acceptPeer({ fragmentBytes: 64 });
  const letters = "x".repeat(64);
  socket.send(letters + "y");
  socket.send(letters);
  assertEquals(await lines(peer, 3), [`…1 ${letters}`, "0 y", `1 ${letters}`]);
  socket.terminate();
  const { server, client } = await joined(
    { fragmentBytes: 64, compression: true },
    { fragmentBytes: 100, compression: true },
  );
  const long = Array.from({ length: 500 }, (_, i) => i).join();
  for (const [from, to] of [[server, client], [client, server]]) {
    from.send(long);
    from.send(encoder.encode(long), { compress: false });
    assertEquals(await take(to, 2), [long, encoder.encode(long)]);
  }
  client.terminate();
});

test("send() takes strings, every kind of BufferSource, Blobs and streams", async () => {
  const { server, client } = await joined();
  const buffer = Uint8Array.of(9, 1, 2, 3, 4, 9).buffer;
  const shared = new SharedArrayBuffer(2);
  new Uint8Array(shared).set([1, 2]);
  const all = (): [Sendable, string | Uint8Array][] => [
    ["", ""],
    ["häß😀", "häß😀"],
    ["\ud800 lone", "\ufffd lone"],
    [new Uint8Array(0), new Uint8Array(0)],
    [new Uint8Array(buffer, 1, 4), hex("01020304")],
    [new DataView(buffer, 2, 2), hex("0203")],
    [new Int16Array(buffer.slice(0, 2)), hex("0901")],
    [new Float64Array(1), new Uint8Array(8)],
    [buffer, hex("090102030409")],
    [shared, hex("0102")],
    [new Blob(["ab", hex("00ff") as Uint8Array<ArrayBuffer>]), hex("616200ff")],
    [pieces(hex("01"), hex("02")), hex("0102")],
    [pieces("te", "xt"), "text"],
    [pieces<string>(), new Uint8Array(0)],
  ];
  for (const [from, to] of [[server, client], [client, server]]) {
    const data = all();
    const got = take(to, data.length);
    for (const [value] of data) from.send(value);
    assertEquals(await soon(got, "the messages"), data.map(([, value]) => value));
  }
  client.terminate();
});

test("send() refuses what cannot be sent, and says what can", async () => {
  const { socket } = await acceptPeer();
  for (const bad of [undefined, null, 7, true, {}, [1, 2], () => {}, Symbol("x")]) {
    assertThrows(() => socket.send(bad as string), TypeError, "a ReadableStream");
  }
  assertThrows(() => socket.send("x", { typ: "text" } as object), TypeError, '"typ"');
  assertThrows(() => socket.send("x", { type: "utf8" as "text" }), TypeError, '"text" or "binary"');
  assertThrows(() => socket.send("x", null as unknown as object), TypeError, "an object");
  const { stream } = source<string>();
  stream.getReader();
  assertThrows(() => socket.send(stream), TypeError, "locked");
  assertThrows(() => socket.trySend({} as string), TypeError, "BufferSource");
  socket.terminate();
});

test("the type option decides, and text is checked to be UTF-8", async () => {
  const { socket, peer } = await acceptPeer();
  socket.send("text", { type: "binary" });
  socket.send(encoder.encode("bytes"), { type: "text" });
  socket.send(new Blob(["blob"]), { type: "text" });
  socket.send(pieces(hex("f09f"), hex("9880")), { type: "text" });
  socket.send(pieces("str"), { type: "binary" });
  assertEquals(await lines(peer, 3), ["2 text", "1 bytes", "1 blob"]);
  const first = await peer.readFrame();
  const second = await peer.readFrame();
  const third = await peer.readFrame();
  assertEquals([first!.opcode, second!.opcode, third!.opcode, third!.fin], [1, 0, 0, true]);
  assertEquals(join([first!.payload, second!.payload]), hex("f09f9880"));
  assertEquals(await lines(peer, 2), ["…2 str", "0 "]);

  assertThrows(() => socket.send(hex("ff"), { type: "text" }), TypeError, "not valid UTF-8");
  const shared = new SharedArrayBuffer(1);
  assertEquals(await socket.send(shared, { type: "text" }), undefined);
  assertEquals(await lines(peer, 1), ["1 \0"]);
  await assertRejects(
    () => socket.send(new Blob([Uint8Array.of(255)]), { type: "text" }),
    TypeError,
  );
  assertEquals(socket.readyState, 1); // nothing of them went
  socket.terminate();
});

test("order holds behind a slow Blob or stream, and control frames go between its fragments", async () => {
  const { socket, peer } = await acceptPeer();
  const slow = source<string>();
  socket.send("first");
  socket.send(slow.stream);
  socket.send("second");
  socket.send(new Blob(["third"]));
  socket.send(hex("34"));
  assertEquals(socket.trySend("never"), false);
  slow.push("a");
  assertEquals(await lines(peer, 2), ["1 first", "…1 a"]);
  const ping = socket.ping("p");
  peer.write(masked({ opcode: PING, payload: "q" }));
  assertEquals((await lines(peer, 2)).sort(), [`${PONG} q`, `${PING} p`]);
  peer.write(masked({ opcode: PONG, payload: "p" }));
  await ping;
  slow.push("b");
  slow.end();
  assertEquals(await lines(peer, 5), ["…0 b", "0 ", "1 second", "2 third", "2 4"]);
  socket.terminate();
});

test("a stream's text keeps surrogate pairs that its pieces split, and mends half ones", async () => {
  const { socket, client } = await joined().then(({ server, client }) => ({
    socket: server,
    client,
  }));
  const got = take(client, 4);
  socket.send(pieces("a\ud83d", "\ude00b"));
  socket.send(pieces("a\ud83d", "", "\ude00"));
  socket.send(pieces("a\ud83d"));
  socket.send(pieces<unknown>("a\ud83d", encoder.encode("b"), "c") as ReadableStream<string>);
  assertEquals(await got, ["a😀b", "a😀", "a\ufffd", "a\ufffdbc"]);
  client.terminate();
});

test("a stream that mixes half characters of bytes with text fails with 1011", async () => {
  const { socket, peer } = await acceptPeer();
  const mixed = pieces<unknown>("a", hex("e282"), "b") as ReadableStream<string>;
  await assertRejects(() => socket.send(mixed), TypeError, "not valid UTF-8");
  assertEquals(await lines(peer, 1), ["…1 a"]);
  const rest = [await peer.readFrame(), await peer.readFrame()];
  assertEquals(rest[1]?.payload.slice(0, 2), hex("03f3"));
  peer.end();
  assertEquals((await socket.closed).error?.code, "WS_SEND_FAILED");
});

test("a source that fails after the first fragment ends the connection with 1011", async () => {
  const { socket, peer } = await acceptPeer();
  const failing = source<Uint8Array>();
  const sent = socket.send(failing.stream);
  const loop = take(socket, 1);
  failing.push(encoder.encode("half"));
  assertEquals(await lines(peer, 1), ["…2 half"]);
  const cause = new Error("disk");
  failing.fail(cause);
  assertEquals(await sent.catch((error) => error), cause);
  const close = await peer.readFrame();
  assertEquals([close?.opcode, ...close!.payload.slice(0, 2)], [CLOSE, 3, 243]);
  const error = await assertRejects(() => loop, WebSocketError);
  assertEquals([error.code, error.closeCode, error.cause], ["WS_SEND_FAILED", 1011, cause]);
  peer.end();
  await socket.closed;
});

test("a source that fails before its first piece leaves the connection as it was", async () => {
  const { socket, peer } = await acceptPeer();
  const failing = source<Uint8Array>();
  const sent = socket.send(failing.stream);
  socket.send("after");
  failing.fail(new Error("disk"));
  await assertRejects(() => sent, Error, "disk");
  assertEquals(await lines(peer, 1), ["1 after"]);
  assertEquals(socket.readyState, 1);
  socket.terminate();
});

test("a source that gives what is neither text nor bytes fails", async () => {
  const { socket, peer } = await acceptPeer();
  await assertRejects(
    () => socket.send(pieces<unknown>(7) as ReadableStream<string>),
    TypeError,
    "pieces of text or bytes",
  );
  peer.end();
  await socket.closed;
});

test("sources are cancelled when the connection ends: the one being sent, and those in line", async () => {
  for (const how of ["lost", "closed", "terminated"] as const) {
    const { socket, peer } = await acceptPeer({ closeTimeoutMs: 100 });
    const sources = [source<string>(), source<string>()];
    const sent = sources.map(({ stream }) => socket.send(stream));
    sources[0].push("begun");
    await peer.readFrame();
    if (how === "lost") peer.destroy();
    else if (how === "closed") peer.write(masked(closeFrame()));
    else socket.terminate();
    for (const promise of sent) await assertRejects(() => soon(promise, how), WebSocketError);
    await until(
      () => sources.every(({ cancelled }) => cancelled.length === 1),
      "both were cancelled",
    );
    peer.end();
    await socket.closed;
  }
});

test("a signal gives up waiting: what stands in line does not go, and its source is cancelled", async () => {
  const { socket, peer } = await acceptPeer();
  const slow = source<string>();
  socket.send(slow.stream);
  const controller = new AbortController();
  const reason = new Error("never mind");
  const late = source<string>();
  const dropped = [
    socket.send("dropped", { signal: controller.signal }),
    socket.send(late.stream, { signal: controller.signal }),
  ];
  socket.send("kept");
  controller.abort(reason);
  for (const promise of dropped) assertEquals(await promise.catch((error) => error), reason);
  const aborted = AbortSignal.abort(reason);
  assertEquals(await socket.send("x", { signal: aborted }).catch((error) => error), reason);
  slow.push("a");
  slow.end();
  assertEquals(await lines(peer, 3), ["…1 a", "0 ", "1 kept"]);
  assertEquals(late.cancelled, [reason]);
  socket.terminate();
});

test("the promise of 16 KiB of bytes or more resolves only when they were written", async () => {
  const { socket, peer } = await acceptPeer();
  peer.stall();
  const payload = new Uint8Array(16384).fill(1);
  let resolved = false;
  const sent = socket.send(payload).then(() => void (resolved = true));
  await sleep(30);
  assertEquals([resolved, socket.bufferedAmount > 16384], [false, true]);
  peer.unstall();
  await soon(sent, "send()");
  assertEquals(socket.bufferedAmount, 0);
  payload.fill(2);
  assertBytes((await peer.readFrame())!.payload, new Uint8Array(16384).fill(1));
  socket.terminate();
});

test("small bytes may be changed as soon as send() returned", async () => {
  const { socket, peer } = await acceptPeer();
  const payload = new Uint8Array(16383).fill(1);
  socket.send(payload);
  payload.fill(2);
  assertBytes((await peer.readFrame())!.payload, new Uint8Array(16383).fill(1));
  socket.terminate();
});

test("trySend() copies, and refuses above the high-water mark", async () => {
  const { socket, peer } = await acceptPeer({ highWaterMark: 20_000 });
  peer.stall();
  const payload = new Uint8Array(20_000).fill(1);
  assertEquals(socket.trySend("small"), true);
  assertEquals(socket.trySend(payload), true);
  payload.fill(2);
  await sleep(5);
  assertEquals(socket.trySend("more"), false);
  peer.unstall();
  await until(() => socket.bufferedAmount === 0, "all has left");
  assertEquals(socket.trySend(payload.buffer), true);
  assertEquals(await lines(peer, 1), ["1 small"]);
  assertBytes((await peer.readFrame())!.payload, new Uint8Array(20_000).fill(1));
  socket.terminate();
  assertEquals(socket.trySend("late"), false);
});

test("send() waits above the high-water mark and goes on below it", async () => {
  const { socket, peer } = await acceptPeer({ highWaterMark: 1000 });
  peer.stall();
  await soon(socket.send("x".repeat(500)), "a send below the mark");
  let resolved = false;
  const waiting = socket.send("x".repeat(600)).then(() => void (resolved = true));
  await sleep(30);
  assertEquals(resolved, false);
  assert(socket.bufferedAmount > 1100);
  peer.unstall();
  await soon(waiting, "the send above the mark");
  socket.terminate();
});

test("a stream is held back by a peer that does not read", async () => {
  const { socket, peer } = await acceptPeer({ highWaterMark: 10_000 });
  peer.stall();
  let pulled = 0;
  const endless = new ReadableStream<Uint8Array>({
    pull(controller) {
      pulled++;
      controller.enqueue(new Uint8Array(1000));
    },
  }, { highWaterMark: 0 });
  socket.send(endless);
  await sleep(50);
  assert(pulled > 5 && pulled < 30, `${pulled} pieces were taken`);
  peer.unstall();
  await until(() => pulled > 200, "the stream went on");
  socket.terminate();
});

test("more than maxBufferedBytes cuts the connection with WS_SEND_BUFFER_FULL", async () => {
  const { socket, peer } = await acceptPeer({ maxBufferedBytes: 10_000 });
  peer.stall();
  const loop = take(socket, 1);
  const sends = Array.from({ length: 20 }, () => socket.send("x".repeat(1000)));
  const error = await assertRejects(() => sends[19], WebSocketError);
  const info = await soon(socket.closed, "closed");
  assertEquals(info.error?.code, "WS_SEND_BUFFER_FULL");
  assertEquals([info.closeCode, info.wasClean], [1006, false]);
  await assertRejects(() => loop, WebSocketError, "limit 10000");
  assert(["WS_SEND_BUFFER_FULL", "WS_NOT_OPEN"].includes(error.code));
});

test("what waits in line counts towards maxBufferedBytes", async () => {
  const { socket } = await acceptPeer({ maxBufferedBytes: 10_000 });
  socket.send(source<string>().stream);
  for (let i = 0; i < 20; i++) socket.send("x".repeat(1000));
  assertEquals((await socket.closed).error?.code, "WS_SEND_BUFFER_FULL");
});

test("nothing can be sent after close(), and the promises say so", async () => {
  const { socket, peer } = await acceptPeer();
  socket.close();
  for (const data of ["x", hex("00"), new Blob(["x"]), pieces("x")]) {
    const error = await assertRejects(() => socket.send(data), WebSocketError);
    assertEquals(error.code, "WS_NOT_OPEN");
  }
  assertEquals(socket.trySend("x"), false);
  peer.write(masked(closeFrame()));
  peer.end();
  await socket.closed;
  await assertRejects(() => socket.send("x"), WebSocketError);
});

test("many messages sent in one turn share a write", async () => {
  const { socket, peer } = await acceptPeer();
  const before = peer.writes;
  for (let i = 0; i < 500; i++) socket.send(`message ${i}`);
  for (let i = 0; i < 500; i++) assertEquals((await lines(peer, 1))[0], `1 message ${i}`);
  assert(peer.writes - before <= 3, `${peer.writes - before} writes`);
  socket.terminate();
});

test("a client masks what it streams", async () => {
  const { socket, peer } = await connectPeer();
  socket.send(pieces("a", "b"));
  const frames = [await peer.readFrame(), await peer.readFrame(), await peer.readFrame()];
  assertEquals(frames.map((frame) => frame!.key !== undefined), [true, true, true]);
  assertEquals(frames.map((frame) => frame!.opcode), [TEXT, CONT, CONT]);
  assertEquals(new Set(frames.map((frame) => String(frame!.key))).size, 3);
  socket.send(new Uint8Array(100_000).fill(7));
  const large = (await peer.readFrame())!;
  assertEquals([large.opcode, large.key !== undefined], [BINARY, true]);
  assertBytes(large.payload, new Uint8Array(100_000).fill(7));
  socket.terminate();
});
