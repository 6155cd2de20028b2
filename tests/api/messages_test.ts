import { test } from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { WebSocketError } from "../../src/errors.ts";
import type { StreamedMessage } from "../../src/api/message_reader.ts";
import { hex, join } from "../support/bytes.ts";
import { acceptPeer, closeFrame, masked, OP, sleep, soon, text, until } from "./ends.ts";

const { CONT, TEXT, BINARY } = OP;

async function readAll(message: StreamedMessage): Promise<(string | Uint8Array)[]> {
  const pieces: (string | Uint8Array)[] = [];
  for await (const piece of message.body as AsyncIterable<string | Uint8Array>) pieces.push(piece);
  return pieces;
}

test("messages() gives a message before its end has come, piece by piece", async () => {
  const { socket, peer } = await acceptPeer({ maxMessageBytes: 3, maxFragments: 1 });
  const messages = socket.messages();
  peer.write(masked({ opcode: BINARY, fin: false, payload: hex("0102") }));
  const message = (await messages.next()).value!;
  assertEquals(message.type, "binary");
  const reader = (message.body as ReadableStream<Uint8Array>).getReader();
  assertEquals((await reader.read()).value, hex("0102"));
  peer.write(masked({ opcode: CONT, fin: false, payload: hex("03") }));
  assertEquals((await reader.read()).value, hex("03"));
  peer.write(masked({ opcode: CONT, payload: hex("0405") }));
  assertEquals((await reader.read()).value, hex("0405"));
  assertEquals((await reader.read()).done, true);
  socket.terminate();
});

test("messages() never splits a character", async () => {
  const { socket, peer } = await acceptPeer();
  const bytes = new TextEncoder().encode("\ufeffa😀é€b");
  peer.write(masked({ opcode: TEXT, fin: false }));
  for (const byte of bytes) {
    peer.write(masked({ opcode: CONT, fin: false, payload: Uint8Array.of(byte) }));
  }
  peer.write(masked({ opcode: CONT }));
  const message = (await socket.messages().next()).value!;
  const pieces = await readAll(message);
  assertEquals(pieces, ["\ufeff", "a", "😀", "é", "€", "b"]);
  socket.terminate();
});

test("messages() skips what was not read of a message", async () => {
  const { socket, peer } = await acceptPeer();
  for (let i = 0; i < 5; i++) {
    peer.write(
      masked(
        { opcode: BINARY, fin: false, payload: new Uint8Array(100_000) },
        { opcode: CONT, fin: false, payload: new Uint8Array(100_000) },
        { opcode: CONT, payload: new Uint8Array(100_000) },
        text(`after ${i}`),
      ),
    );
  }
  peer.write(masked(closeFrame()));
  const got: string[] = [];
  for await (const message of socket.messages()) {
    if (message.type === "text") got.push(...(await readAll(message) as string[]));
  }
  assertEquals(got, [0, 1, 2, 3, 4].map((i) => `after ${i}`));
  peer.end();
  assertEquals((await socket.closed).wasClean, true);
});

test("messages() leaves a body alone that someone else is reading", async () => {
  const { socket, peer } = await acceptPeer();
  const messages = socket.messages();
  peer.write(masked(text("one"), text("two")));
  const first = (await messages.next()).value!;
  const reader = (first.body as ReadableStream<string>).getReader();
  const second = (await messages.next()).value!;
  assertEquals((await reader.read()).value, "one");
  assertEquals(await readAll(second), ["two"]);
  socket.terminate();
});

test("an unread body stops the reading of the transport, and goes on when it is read", async () => {
  const { socket, peer } = await acceptPeer();
  const messages = socket.messages();
  const fragment = masked({ opcode: CONT, fin: false, payload: new Uint8Array(10_000) });
  peer.write(masked({ opcode: BINARY, fin: false }));
  for (let i = 0; i < 100; i++) peer.write(fragment);
  peer.write(masked({ opcode: CONT }));
  const message = (await messages.next()).value!;
  await sleep(50);
  assert(peer.taken < 150_000, `${peer.taken} bytes were read`);
  assertEquals(join(await readAll(message) as Uint8Array[]).length, 1_000_000);
  socket.terminate();
});

test("messages that nobody asks for stop the reading of the transport", async () => {
  const { socket, peer } = await acceptPeer();
  const messages = socket.messages();
  for (let i = 0; i < 300; i++) {
    peer.write(masked({ opcode: TEXT, fin: false, payload: `${i} ` }));
    peer.write(masked({ opcode: CONT, fin: false, payload: "x".repeat(500) }));
    peer.write(masked({ opcode: CONT, payload: "." }));
  }
  await sleep(60);
  assert(peer.taken < 5000, `${peer.taken} bytes were read`);
  for (let i = 0; i < 300; i++) {
    const pieces = await readAll((await messages.next()).value!);
    assertEquals(pieces.join(""), `${i} ${"x".repeat(500)}.`);
  }
  assert(peer.taken > 150_000);
  socket.terminate();
});

test("a body errors when the connection is lost in its midst, and the loop throws", async () => {
  const { socket, peer } = await acceptPeer();
  const messages = socket.messages();
  peer.write(masked({ opcode: TEXT, fin: false, payload: "half" }));
  const message = (await messages.next()).value!;
  const reader = (message.body as ReadableStream<string>).getReader();
  assertEquals((await reader.read()).value, "half");
  peer.end();
  const error = await assertRejects(() => reader.read(), WebSocketError);
  assertEquals(error.code, "WS_CONNECTION_LOST");
  reader.releaseLock();
  await assertRejects(() => messages.next(), WebSocketError);
  assertEquals(await messages.next(), { value: undefined, done: true });
});

test("a body errors when the peer closes or breaks a rule in its midst", async () => {
  for (const bad of [closeFrame(), { opcode: CONT, payload: hex("ff") }]) {
    const { socket, peer } = await acceptPeer();
    peer.write(masked({ opcode: TEXT, fin: false, payload: "half" }, bad));
    const message = (await socket.messages().next()).value!;
    await assertRejects(() => soon(readAll(message), "the body"), Error);
    peer.end();
    await socket.closed;
  }
});

test("messages() goes on with what the queue held, all of it and in order", async () => {
  for (const highWaterMark of [0, 300, 1 << 20]) {
    const { socket, peer } = await acceptPeer({ highWaterMark });
    const numbers = Array.from({ length: 50 }, (_, i) => String(i));
    peer.write(masked(...numbers.slice(0, 30).map(text)));
    peer.write(masked(...numbers.slice(30).map(text), closeFrame()));
    await sleep(20);
    const got: string[] = [];
    for await (const message of socket.messages()) got.push((await readAll(message)).join(""));
    assertEquals(got, numbers, `highWaterMark ${highWaterMark}`);
    peer.end();
    await socket.closed;
  }
});

test("messages() gives whole what began before it was called", async () => {
  const { socket, peer } = await acceptPeer();
  peer.write(masked({ opcode: TEXT, fin: false, payload: "a" }));
  await until(() => peer.taken > 100, "the fragment was read");
  await sleep(10);
  const messages = socket.messages();
  peer.write(masked({ opcode: CONT, payload: "b" }, { opcode: TEXT }));
  assertEquals(await readAll((await messages.next()).value!), ["ab"]);
  assertEquals(await readAll((await messages.next()).value!), []);
  socket.terminate();
});

test("messages() called when all is over gives what came, then ends", async () => {
  const { socket, peer } = await acceptPeer();
  peer.write(masked(text("left"), closeFrame()));
  peer.end();
  await socket.closed;
  const got: string[] = [];
  for await (const message of socket.messages()) got.push((await readAll(message)).join(""));
  assertEquals(got, ["left"]);
});

test("a waiting messages() ends when this side closes", async () => {
  const { socket, peer } = await acceptPeer({ closeTimeoutMs: 50 });
  const next = socket.messages().next();
  socket.close();
  peer.end();
  assertEquals(await soon(next, "next()"), { value: undefined, done: true });
});
