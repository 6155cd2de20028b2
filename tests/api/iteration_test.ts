import { test } from "node:test";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { WebSocketError } from "../../src/errors.ts";
import { MessageQueue } from "../../src/api/message_queue.ts";
import {
  acceptPeer,
  closeFrame,
  connectPeer,
  joined,
  masked,
  OP,
  plain,
  sleep,
  soon,
  take,
  text,
  until,
} from "./ends.ts";

const LETTERS = [..."abcdefghij"];

test("a loop takes all messages in order and ends on a clean close", async () => {
  const { socket, peer } = await acceptPeer();
  peer.write(masked(...LETTERS.map(text), { opcode: OP.BINARY, payload: "b" }, closeFrame(1001)));
  const got = [];
  for await (const message of socket) got.push(message);
  assertEquals(got, [...LETTERS, Uint8Array.of(98)]);
  peer.end();
  assertEquals(await socket.closed, { closeCode: 1001, reason: "", wasClean: true });
});

test("a loop that is broken off can be gone on with", async () => {
  const { socket, peer } = await acceptPeer();
  peer.write(masked(...LETTERS.map(text)));
  assertEquals(await take(socket, 3), ["a", "b", "c"]);
  assertEquals(socket.readyState, 1);
  assertEquals(await take(socket, 7), LETTERS.slice(3));
  socket.terminate();
});

test("a loop throws a WebSocketError once when the connection is lost, after what came before", async () => {
  for (const how of ["end", "destroy"] as const) {
    const { socket, peer } = await acceptPeer();
    peer.write(masked(text("last")));
    assertEquals(await take(socket, 1), ["last"]);
    peer[how]();
    const error = await assertRejects(() => take(socket, 1), WebSocketError);
    assertEquals([error.code, error.closeCode], ["WS_CONNECTION_LOST", 1006]);
    assertEquals(await take(socket, 1), []);
    const info = await socket.closed;
    assertEquals([info.closeCode, info.wasClean, info.error], [1006, false, error]);
  }
});

test("a loop gives the messages that came before the connection was lost, then throws", async () => {
  const { socket, peer } = await acceptPeer();
  peer.write(masked(text("one"), text("two")));
  peer.end();
  await socket.closed;
  const got: unknown[] = [];
  await assertRejects(async () => {
    for await (const message of socket) got.push(message);
  }, WebSocketError);
  assertEquals(got, ["one", "two"]);
});

test("a loop throws the error of the peer's fault, and the peer is told", async () => {
  const { socket, peer } = await acceptPeer();
  const loop = take(socket, 9);
  peer.write(masked(text("x"), { opcode: 3 }));
  const error = await assertRejects(() => loop, WebSocketError);
  assertEquals([error.code, error.closeCode], ["WS_OPCODE_RESERVED", 1002]);
  assertEquals((await peer.readFrame())?.opcode, OP.CLOSE);
  peer.end();
  assertEquals((await socket.closed).error, error);
});

test("a loop ends quietly when this side closed or cut the connection", async () => {
  for (const leave of ["close", "terminate"] as const) {
    const { socket, peer } = await acceptPeer({ closeTimeoutMs: 50 });
    const loop = take(socket, 9);
    socket[leave]();
    assertEquals(await soon(loop, "the loop"), []);
    peer.end();
    await socket.closed;
  }
});

test("two loops at once share the messages", async () => {
  const { socket, peer } = await acceptPeer();
  const loops = [take(socket, 5), take(socket, 5)];
  peer.write(masked(...LETTERS.map(text)));
  const got = await Promise.all(loops);
  assertEquals(got.flat().sort(), LETTERS);
  socket.terminate();
});

test("an unread queue stops the reading of the transport at the high-water mark, and goes on", async () => {
  const { socket, peer } = await acceptPeer({ highWaterMark: 10_000 });
  const message = masked(text("x".repeat(900)));
  for (let i = 0; i < 200; i++) peer.write(message);
  await sleep(100);
  const stopped = peer.taken;
  assert(stopped < 20_000, `${stopped} bytes were read`);
  await sleep(50);
  assertEquals(peer.taken, stopped);
  assertEquals((await take(socket, 200)).length, 200);
  socket.terminate();
});

test("one large chunk is not delivered beyond the high-water mark", async () => {
  const { socket, peer } = await acceptPeer({ highWaterMark: 1000 });
  peer.write(masked(...Array.from({ length: 500 }, (_, i) => text(String(i)))));
  const got: unknown[] = [];
  for await (const message of socket) {
    got.push(message);
    if (got.length % 50 === 0) await sleep(1);
    if (got.length === 500) break;
  }
  assertEquals(got, Array.from({ length: 500 }, (_, i) => String(i)));
  socket.terminate();
});

test("a close behind unread messages is seen once they were taken", async () => {
  const { socket, peer } = await acceptPeer({ highWaterMark: 0 });
  peer.write(masked(...LETTERS.map(text), closeFrame()));
  peer.end();
  await sleep(30);
  assertEquals(socket.readyState, 1);
  assertEquals(await soon(take(socket, 99), "the loop"), LETTERS);
  assertEquals((await soon(socket.closed, "closed")).wasClean, true);
});

test("a connection lost behind unread messages is noticed once they were taken", async () => {
  const { socket, peer } = await acceptPeer({ highWaterMark: 0 });
  peer.write(masked(...LETTERS.map(text)));
  peer.end();
  assertEquals(await soon(take(socket, 10), "the messages"), LETTERS);
  await assertRejects(() => soon(take(socket, 1), "the loss"), WebSocketError);
});

test("a queue with a high-water mark above 2 GiB resumes after a pause", async () => {
  let paused = false;
  const flow = { pause: () => void (paused = true), resume: () => void (paused = false) };
  const queue = new MessageQueue(flow, 3 * 2 ** 30);
  queue.onMessage({ length: 4 * 2 ** 30 } as string); // stands in for a message of that size
  assertEquals(paused, true);
  await queue.next();
  assertEquals(paused, false);
});

test("a queue keeps order over many messages taken a few at a time", async () => {
  const queue = new MessageQueue({ pause() {}, resume() {} }, Infinity);
  let given = 0;
  let taken = 0;
  for (let round = 0; round < 300; round++) {
    for (let i = 0; i < 20; i++) queue.onMessage(String(given++));
    for (let i = 0; i < 15; i++) assertEquals((await queue.next()).value, String(taken++));
  }
  assertEquals(queue.take().length, given - taken);
});

test("pause() holds the peer back although a loop takes messages, and resume() lets it go on", async () => {
  const { socket, peer } = await acceptPeer({ highWaterMark: 200 });
  peer.write(masked(...LETTERS.map((letter) => text(letter.repeat(100)))));
  await until(() => peer.taken > 1000, "the chunk was read");
  await sleep(5);
  socket.pause();
  for (let i = 0; i < 20; i++) peer.write(masked(text("later")));
  const before = peer.taken;
  const first = await take(socket, 2);
  assertEquals(first, ["a".repeat(100), "b".repeat(100)]);
  await sleep(30);
  assertEquals(peer.taken, before);
  socket.resume();
  assertEquals((await soon(take(socket, 28), "the rest")).length, 28);
  socket.terminate();
});

test("resume() does not undo the back-pressure of an unread queue", async () => {
  const { socket, peer } = await acceptPeer({ highWaterMark: 1000 });
  for (let i = 0; i < 100; i++) peer.write(masked(text("x".repeat(900))));
  await sleep(30);
  socket.pause();
  socket.resume();
  socket.resume();
  await sleep(30);
  assert(peer.taken < 5000, `${peer.taken} bytes were read`);
  socket.terminate();
});

test("messages that came with the handshake are delivered first, in both directions", async () => {
  const server = await acceptPeer({}, masked(text("a"), text("b")).slice(0, -1));
  server.peer.write(masked(text("b")).slice(-1), masked(text("c")));
  assertEquals(await take(server.socket, 3), ["a", "b", "c"]);
  server.socket.terminate();
  const client = await connectPeer({}, plain(text("a"), text("b")).slice(0, -1));
  client.peer.write(plain(text("b")).slice(-1), plain(text("c")));
  assertEquals(await take(client.socket, 3), ["a", "b", "c"]);
  client.socket.terminate();
});

test("bytes glued to the handshake come before later ones, whatever is called first", async () => {
  const whole = masked(text("first"), text("second"), closeFrame(4000));
  for (const first of ["messages", "close", "resume", "readable"] as const) {
    const { socket, peer } = await acceptPeer({}, whole.slice(0, 5));
    peer.write(whole.slice(5));
    const got: unknown[] = [];
    if (first === "messages") {
      for await (const { body } of socket.messages()) {
        for await (const piece of body) got.push(piece);
      }
    } else if (first === "close") {
      socket.close();
    } else {
      if (first === "resume") socket.resume();
      const stream = socket.readable;
      for await (const message of stream) got.push(message);
    }
    peer.end();
    const info = await soon(socket.closed, first);
    assertEquals([info.closeCode, info.error], [4000, undefined], first);
    assertEquals(got.join(), first === "close" ? "" : "first,second", first);
  }
});

test("bad bytes glued to the handshake are answered with 1002", async () => {
  const { socket, peer } = await acceptPeer({}, plain(text("unmasked")));
  const frame = await peer.readFrame();
  assertEquals(frame?.payload.slice(0, 2), Uint8Array.of(3, 234));
  peer.end();
  assertEquals((await socket.closed).error?.code, "WS_MASK_MISSING");
});

test("readable gives the messages and ends with the connection", async () => {
  const { socket, peer } = await acceptPeer();
  peer.write(masked(...LETTERS.map(text), closeFrame()));
  const got = [];
  for await (const message of socket.readable) got.push(message);
  assertEquals(got, LETTERS);
  assertEquals(socket.readable, socket.readable);
  peer.end();
  await socket.closed;
});

test("readable errors when the connection is lost, and cancelling it closes", async () => {
  const lost = await acceptPeer();
  lost.peer.end();
  await assertRejects(() => lost.socket.readable.getReader().read(), WebSocketError);
  const { server, client } = await joined();
  await client.readable.cancel();
  assertEquals((await server.closed).closeCode, 1000);
});

test("readable holds the peer back while nobody reads", async () => {
  const { socket, peer } = await acceptPeer({ highWaterMark: 1000 });
  const reader = socket.readable.getReader();
  for (let i = 0; i < 100; i++) peer.write(masked(text("x".repeat(900))));
  await sleep(50);
  assert(peer.taken < 5000, `${peer.taken} bytes were read`);
  for (let i = 0; i < 100; i++) assertEquals((await reader.read()).done, false);
  socket.terminate();
});

test("writable sends each chunk as a message, waits, and closes at its end", async () => {
  const { server, client } = await joined();
  const writer = client.writable.getWriter();
  const got = take(server, 3);
  await writer.write("one");
  await writer.write(Uint8Array.of(2));
  await writer.write(new Blob(["3"]));
  assertEquals(await got, ["one", Uint8Array.of(2), Uint8Array.of(51)]);
  await writer.close();
  assertEquals((await client.closed).wasClean, true);
});

test("two ways to take messages at once are refused", async () => {
  const { socket, peer } = await acceptPeer();
  const waiting = take(socket, 1);
  assertThrows(() => socket.messages(), DOMException, "something else reads them");
  peer.write(masked(text("x")));
  await waiting;
  socket.messages();
  assertThrows(() => socket[Symbol.asyncIterator](), DOMException, "something else reads them");
  assertThrows(() => socket.readable, DOMException, "something else reads them");
  socket.terminate();
});
