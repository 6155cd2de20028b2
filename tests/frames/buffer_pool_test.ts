import { test } from "node:test";
import { assertEquals, assertNotStrictEquals, assertStrictEquals } from "@std/assert";
import {
  giveBuffer,
  POOLED_BUFFER_BYTES,
  takeBuffer,
  useBuffers,
} from "../../src/frames/buffer_pool.ts";
import { drainPool } from "../support/pool.ts";

test("takeBuffer hands out plain buffers of 64 KiB that own their memory", () => {
  assertEquals(POOLED_BUFFER_BYTES, 65536);
  const before = useBuffers(); // where tests share a process an adapter may have named its own
  const buffer = takeBuffer();
  useBuffers(before);
  assertEquals(buffer.length, 65536);
  assertEquals(buffer.buffer.byteLength, 65536);
  assertStrictEquals(Object.getPrototypeOf(buffer), Uint8Array.prototype);
});

test("takeBuffer hands out a buffer again only after it was given back", () => {
  drainPool();
  const first = takeBuffer();
  const second = takeBuffer();
  assertNotStrictEquals(first, second);
  giveBuffer(first);
  assertStrictEquals(takeBuffer(), first);
  assertNotStrictEquals(takeBuffer(), first);
});

test("the pool keeps at most sixty-four free buffers", () => {
  drainPool();
  const given = new Set(Array.from({ length: 90 }, () => takeBuffer()));
  assertEquals(given.size, 90);
  for (const buffer of given) giveBuffer(buffer);
  let kept = 0;
  for (let i = 0; i < 90; i++) if (given.delete(takeBuffer())) kept++;
  assertEquals(kept, 64);
});

test("useBuffers changes who makes buffers, and forgets those of before", () => {
  giveBuffer(takeBuffer());
  class Own extends Uint8Array {}
  const before = useBuffers((bytes) => new Own(bytes));
  try {
    const own = takeBuffer();
    assertEquals([own.length, Object.getPrototypeOf(own)], [65536, Own.prototype]);
    giveBuffer(own);
    useBuffers();
    assertStrictEquals(Object.getPrototypeOf(takeBuffer()), Uint8Array.prototype);
  } finally {
    useBuffers(before);
  }
});
