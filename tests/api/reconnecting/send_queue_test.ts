import { Buffer } from "node:buffer";
import { describe, test } from "node:test";
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  type QueuedMessage,
  SendQueue,
  sizeOf,
  toMessage,
} from "../../../src/api/reconnecting/send_queue.ts";
import { Random } from "../../support/random.ts";

/** Takes out what waits. */
function drained(queue: SendQueue): QueuedMessage[] {
  const messages: QueuedMessage[] = [];
  queue.drain((message) => messages.push(message) > 0);
  return messages;
}

test("messages come out in the order in which they went in, each once", () => {
  const queue = new SendQueue(Infinity);
  const sent = Array.from({ length: 5000 }, (_, n) => `message ${n}`);
  for (const message of sent) assert(queue.push(message));
  const seen: QueuedMessage[] = [];
  // Refused again and again in between.
  for (let most = 1; queue.length > 0; most += 7) {
    let left = most;
    queue.drain((message) => left-- > 0 && seen.push(message) > 0);
    assertEquals(queue.length, sent.length - seen.length);
  }
  assertEquals(seen, sent);
  assertEquals(queue.bytes, 0);
});

test("the queue takes messages up to its limit, 64 bytes more for each", () => {
  const queue = new SendQueue(200);
  assert(queue.push("0123456789"));
  assert(queue.push(new Uint8Array(10)));
  assert(!queue.push(""));
  assertEquals([queue.length, queue.bytes], [2, 20]);
  assertEquals(drained(queue).length, 2);
  assert(queue.push("x".repeat(136)));
  queue.clear();
  assert(!queue.push("x".repeat(137)));
  assert(queue.push(new Blob(["x".repeat(136)])));
  assertEquals(new SendQueue(0).push(""), false);
});

test("bytes are copied, so that the caller may go on using them", () => {
  for (const bytes of [new Uint8Array([1, 2, 3]), Buffer.from([1, 2, 3])]) {
    const queue = new SendQueue(1000);
    queue.push(bytes as Uint8Array<ArrayBuffer>);
    bytes.fill(9);
    assertEquals([...drained(queue)[0] as Uint8Array], [1, 2, 3]);
  }
});

test("while the queue is drained it may be filled, cleared or drained again", () => {
  const queue = new SendQueue(1000);
  queue.push("a");
  queue.push("b");
  const seen: QueuedMessage[] = [];
  queue.drain((message) => {
    seen.push(message);
    if (message === "a") queue.push("c");
    queue.drain((again) => seen.push(`twice ${again}`) > 0);
    return true;
  });
  assertEquals(seen, ["a", "b", "c"]);
  for (const message of ["d", "e"]) queue.push(message);
  queue.drain(() => {
    queue.clear();
    return true;
  });
  assertEquals([queue.length, queue.bytes], [0, 0]);
  queue.push("f");
  assertThrows(() =>
    queue.drain(() => {
      throw new Error("no");
    })
  );
  assertEquals(drained(queue), ["f"]);
});

describe("what is given to send() becomes a message:", () => {
  test("strings, views and Blobs stay as they are", () => {
    const blob = new Blob(["x"]);
    assertEquals(toMessage("text"), "text");
    assertStrictEquals(toMessage(blob), blob);
    const view = new Uint8Array([1, 2, 3, 4]).subarray(1, 3);
    assertStrictEquals(toMessage(view), view);
    assertEquals(toMessage(new DataView(view.buffer, 1, 2)), view);
    assertEquals(toMessage(view.buffer), new Uint8Array([1, 2, 3, 4]));
  });
  test("shared memory is copied", () => {
    const shared = new Uint8Array(new SharedArrayBuffer(2)).fill(7);
    const message = toMessage(shared) as Uint8Array;
    assert(message.buffer instanceof ArrayBuffer);
    assertEquals([...message], [7, 7]);
  });
  test("anything else becomes a string, and a symbol is refused", () => {
    assertEquals([42, null, undefined, {}].map(toMessage), [
      "42",
      "null",
      "undefined",
      "[object Object]",
    ]);
    assertThrows(() => toMessage(Symbol()), TypeError);
  });
});

test("a text's size is that of its UTF-8, lone surrogates included", () => {
  const random = new Random(3);
  const encoder = new TextEncoder();
  const texts = ["", "a", "é", "€", "😀", "\ud83d", "\ude00", "\ud83d\ud83d\ude00\ude00", "\uffff"];
  for (let n = 0; n < 300; n++) {
    const units = Array.from({ length: random.int(0, 12) }, () =>
      random.pick([
        random.int(0, 0x7f),
        random.int(0x80, 0x7ff),
        random.int(0xd7f0, 0xe010),
        random.int(0x800, 0xffff),
      ]));
    texts.push(String.fromCharCode(...units));
  }
  for (const text of texts) assertEquals(sizeOf(text), encoder.encode(text).length, escape(text));
  assertEquals(sizeOf(new Uint8Array(5)), 5);
  assertEquals(sizeOf(new Blob(["€"])), 3);
});
