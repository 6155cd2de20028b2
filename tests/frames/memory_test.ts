import { test } from "node:test";
import { assertEquals, assertStrictEquals } from "@std/assert";
import { allocateBytes, useAllocator } from "../../src/frames/memory.ts";

test("allocateBytes makes plain arrays that own their memory", () => {
  for (const length of [0, 1, 4095, 4096, 65536, 1 << 20]) {
    const bytes = allocateBytes(length);
    assertEquals([bytes.length, bytes.byteOffset, bytes.buffer.byteLength], [length, 0, length]);
    assertStrictEquals(Object.getPrototypeOf(bytes), Uint8Array.prototype);
  }
});

test("useAllocator changes who makes memory, and back", () => {
  const before = useAllocator((length) => new Uint8Array(length).fill(7));
  try {
    assertEquals(allocateBytes(3), Uint8Array.of(7, 7, 7));
    useAllocator();
    assertEquals(allocateBytes(3), new Uint8Array(3));
  } finally {
    useAllocator(before);
  }
});
