import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { applyMask, nextMaskingKey, useWideMasking } from "../../src/frames/mask.ts";
import { assertBytes, hex } from "../support/bytes.ts";
import { fuzz, Random } from "../support/random.ts";

/** The four bytes of a key, first one first. */
function keyBytes(key: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(4));
  view.setInt32(0, key | 0);
  return new Uint8Array(view.buffer);
}

/** Masks a copy of `bytes` by the RFC's formula, one byte at a time. */
function maskSlowly(
  bytes: Uint8Array,
  start: number,
  end: number,
  key: number,
  offset: number,
): Uint8Array {
  const octets = keyBytes(key);
  const masked = new Uint8Array(bytes);
  for (let i = start; i < end; i++) masked[i] ^= octets[(offset + i - start) % 4];
  return masked;
}

test("applyMask unmasks the Hello of RFC 6455, section 5.7", () => {
  const payload = hex("7f 9f 4d 51 58");
  applyMask(payload, 0, 5, 0x37fa213d, 0);
  assertEquals(new TextDecoder().decode(payload), "Hello");
});

test("applyMask does as a loop over bytes at every alignment, offset and size to 300", () => {
  const random = new Random(2);
  const source = random.bytes(340);
  for (let alignment = 0; alignment < 8; alignment++) {
    for (let offset = 0; offset < 8; offset++) {
      for (let size = 0; size <= 300; size++) {
        const key = random.uint32() | 0;
        // Whole buffers are compared, so that a change outside of the range is seen too.
        const bytes = new Uint8Array(source);
        const start = 16 + alignment;
        applyMask(bytes, start, start + size, key, offset);
        const what = `alignment ${alignment}, offset ${offset}, size ${size}`;
        assertBytes(bytes, maskSlowly(source, start, start + size, key, offset), what);
      }
    }
  }
});

test("applyMask does as a loop over bytes with words of 64 bits and of 32", () => {
  const random = new Random(7);
  const source = random.bytes(1100);
  const before = useWideMasking(true);
  try {
    for (const wide of [true, false]) {
      useWideMasking(wide);
      for (let alignment = 0; alignment < 8; alignment++) {
        for (let size = 1016; size <= 1064; size++) {
          const key = random.uint32() | 0;
          const bytes = new Uint8Array(source);
          const start = 16 + alignment;
          applyMask(bytes, start, start + size, key, alignment);
          const what = `wide ${wide}, alignment ${alignment}, size ${size}`;
          assertBytes(bytes, maskSlowly(source, start, start + size, key, alignment), what);
        }
      }
    }
  } finally {
    useWideMasking(before);
  }
});

test("applyMask respects the byte offset of a view", () => {
  const random = new Random(3);
  for (let shift = 0; shift < 8; shift++) {
    for (let start = 0; start < 8; start++) {
      const memory = random.bytes(1040);
      const key = random.uint32();
      const expected = maskSlowly(memory, shift + start, shift + start + 1000, key, shift);
      applyMask(memory.subarray(shift, shift + 1020), start, start + 1000, key, shift);
      assertBytes(memory, expected, `shift ${shift}, start ${start}`);
    }
  }
});

test("applyMask does as a loop over bytes for large payloads", () => {
  const random = new Random(4);
  for (const size of [4095, 4096, 65535, 65536, 65537, 1 << 20]) {
    const source = random.bytes(size + 16);
    const bytes = new Uint8Array(source);
    const start = random.int(0, 7);
    const key = random.uint32();
    applyMask(bytes, start, start + size, key, 3);
    assertBytes(bytes, maskSlowly(source, start, start + size, key, 3));
  }
});

test("applyMask takes an offset beyond 32 bits", () => {
  for (const base of [2 ** 31, 2 ** 32, 2 ** 40, 2 ** 53 - 4]) {
    for (let phase = 0; phase < 4; phase++) {
      const bytes = new Uint8Array(8);
      applyMask(bytes, 0, 8, 0x01020304, base + phase);
      assertBytes(bytes, maskSlowly(new Uint8Array(8), 0, 8, 0x01020304, phase));
    }
  }
});

test("applyMask in pieces gives what it gives at once", () => {
  fuzz(300, (random) => {
    const source = random.bytes(random.int(0, 3000));
    const key = random.uint32() | 0;
    const atOnce = new Uint8Array(source);
    applyMask(atOnce, 0, source.length, key, 0);
    const inPieces = new Uint8Array(source);
    for (let at = 0; at < source.length;) {
      const end = Math.min(source.length, at + random.int(0, random.pick([3, 40, 900])));
      applyMask(inPieces, at, end, key, at);
      at = end;
    }
    assertBytes(inPieces, atOnce);
  });
});

test("applyMask twice restores the payload", () => {
  const source = new Random(5).bytes(999);
  const bytes = new Uint8Array(source);
  applyMask(bytes, 1, 999, 0x80c0e0f1, 2);
  applyMask(bytes, 1, 999, 0x80c0e0f1, 2);
  assertBytes(bytes, source);
});

test("nextMaskingKey gives fresh 32-bit keys in which every byte varies", () => {
  const keys = Array.from({ length: 5000 }, () => nextMaskingKey());
  for (const key of keys) assert((key | 0) === key || key >>> 0 === key, String(key));
  // One repeat among 5,000 has a chance of 0.3 %, two of 0.0004 %.
  assert(new Set(keys).size >= keys.length - 1, "keys repeat");
  for (let i = 0; i < 4; i++) {
    const seen = new Set(keys.map((key) => keyBytes(key)[i]));
    assert(seen.size > 250, `byte ${i} has ${seen.size} values`);
  }
});

test("nextMaskingKey takes its keys from crypto.getRandomValues, and uses each once", () => {
  const real = crypto.getRandomValues;
  const own = Object.getOwnPropertyDescriptor(crypto, "getRandomValues");
  const realRandom = Math.random;
  const drawn: Int32Array[] = [];
  Object.defineProperty(crypto, "getRandomValues", {
    configurable: true,
    writable: true,
    value: (target: ArrayBufferView<ArrayBuffer>) => {
      real.call(crypto, target);
      drawn.push(new Int32Array(target.buffer.slice(target.byteOffset), 0, target.byteLength / 4));
      return target;
    },
  });
  Math.random = () => {
    throw new Error("Math.random is no source of masking keys");
  };
  try {
    // Keys drawn before the spy came are used up first; the key after them is a spied one.
    let key = nextMaskingKey();
    for (let i = 0; drawn.length === 0; i++) {
      assert(i < 1 << 20, "crypto.getRandomValues was not called");
      key = nextMaskingKey();
    }
    const used = [key];
    while (drawn.length < 3) used.push(nextMaskingKey());
    const supplied = new Map<number, number>();
    for (const value of [...drawn[0], ...drawn[1]]) {
      supplied.set(value, (supplied.get(value) ?? 0) + 1);
    }
    used.pop(); // belongs to the third draw
    assertEquals(used.length, drawn[0].length + drawn[1].length);
    for (const one of used) {
      const left = supplied.get(one | 0) ?? 0;
      assert(left > 0, "a key was made up, or used twice");
      supplied.set(one | 0, left - 1);
    }
  } finally {
    Math.random = realRandom;
    if (own !== undefined) Object.defineProperty(crypto, "getRandomValues", own);
    else delete (crypto as { getRandomValues?: unknown }).getRandomValues;
  }
  assertEquals(crypto.getRandomValues, real);
});
