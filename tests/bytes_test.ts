import { test } from "node:test";
import { assertEquals, assertStrictEquals } from "@std/assert";
import { bytesOf, concatBytes, EMPTY_BYTES, isBufferSource, toHex } from "../src/bytes.ts";
import { assertBytes, hex } from "./support/bytes.ts";

test("EMPTY_BYTES holds no bytes", () => {
  assertEquals(EMPTY_BYTES.length, 0);
});

test("bytesOf returns a Uint8Array as it is", () => {
  const bytes = Uint8Array.of(1, 2, 3).subarray(1);
  assertStrictEquals(bytesOf(bytes), bytes);
});

test("bytesOf views exactly the bytes of other views, over the same memory", () => {
  const memory = new Uint8Array(24).map((_, i) => i);
  const sources = [
    new DataView(memory.buffer, 3, 5),
    new Int8Array(memory.buffer, 3, 5),
    new Uint8ClampedArray(memory.buffer, 3, 5),
  ];
  for (const source of sources) {
    const bytes = bytesOf(source);
    assertBytes(bytes, hex("03 04 05 06 07"));
    assertStrictEquals(bytes.buffer, memory.buffer);
    assertStrictEquals(Object.getPrototypeOf(bytes), Uint8Array.prototype);
  }
  assertBytes(bytesOf(new Uint16Array(memory.buffer, 4, 2)), hex("04 05 06 07"));
  assertBytes(bytesOf(new Float64Array(memory.buffer, 8, 1)), hex("08 09 0a 0b 0c 0d 0e 0f"));
});

test("bytesOf views all of an ArrayBuffer and of a SharedArrayBuffer, without copying", () => {
  for (const buffer of [new ArrayBuffer(4), new SharedArrayBuffer(4)]) {
    const bytes = bytesOf(buffer);
    assertEquals(bytes.length, 4);
    assertStrictEquals(bytes.buffer, buffer);
  }
});

test("isBufferSource accepts buffers and every view of one", () => {
  const buffer = new ArrayBuffer(8);
  const sources = [
    buffer,
    new SharedArrayBuffer(8),
    new Uint8Array(buffer),
    new DataView(buffer),
    new BigInt64Array(buffer),
    new Float32Array(0),
  ];
  for (const source of sources) assertEquals(isBufferSource(source), true);
});

test("isBufferSource refuses everything else", () => {
  const others = [
    undefined,
    null,
    0,
    "bytes",
    [1, 2, 3],
    {},
    { buffer: new ArrayBuffer(1), byteOffset: 0, byteLength: 1 },
    new Blob([]),
    ArrayBuffer,
  ];
  for (const other of others) assertEquals(isBufferSource(other), false);
});

test("concatBytes joins chunks in order into memory of its own", () => {
  const first = Uint8Array.of(9, 1, 2).subarray(1);
  const joined = concatBytes([first, new Uint8Array(0), Uint8Array.of(3)]);
  assertBytes(joined, hex("01 02 03"));
  first[0] = 7;
  assertEquals(joined[0], 1);
  assertEquals(concatBytes([]).length, 0);
  const alone = concatBytes([first]);
  first[0] = 8;
  assertEquals(alone[0], 7);
});

test("toHex writes two digits for each byte", () => {
  assertEquals(toHex(new Uint8Array([0, 15, 16, 255])), "000f10ff");
  assertEquals(toHex(EMPTY_BYTES), "");
});
