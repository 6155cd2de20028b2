import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { MessageAssembly } from "../../src/connection/assembly.ts";
import { useAllocator } from "../../src/frames/mod.ts";
import { assertBytes, join } from "../support/bytes.ts";
import { fuzz } from "../support/random.ts";

test("an assembly returns what was pushed, in order, and starts anew", () => {
  const assembly = new MessageAssembly();
  for (let round = 0; round < 3; round++) {
    assembly.announce(5);
    assembly.push(Uint8Array.of(1, 2));
    assert(assembly.length === 2);
    assembly.push(Uint8Array.of(3, 4, 5));
    assertEquals(assembly.take(), Uint8Array.of(1, 2, 3, 4, 5));
    assertEquals(assembly.length, 0);
  }
  assertEquals(assembly.take(), new Uint8Array(0));
});

test("an assembly gives its memory away: a later message does not change an earlier one", () => {
  const assembly = new MessageAssembly();
  assembly.announce(3);
  assembly.push(Uint8Array.of(1, 2, 3));
  const first = assembly.take();
  assembly.announce(3);
  assembly.push(Uint8Array.of(9, 9, 9));
  assertEquals(first, Uint8Array.of(1, 2, 3));
});

test("an assembly allocates a message of at most 64 KiB once", () => {
  const assembly = new MessageAssembly();
  assembly.announce(65536);
  assembly.push(new Uint8Array(1));
  for (let i = 1; i < 65536; i++) assembly.push(new Uint8Array(1));
  const message = assembly.take();
  assertEquals([message.length, message.buffer.byteLength], [65536, 65536]);
});

test("an assembly takes no more memory than 64 KiB and a multiple of what has come", () => {
  for (const claimed of [100, 65536, 2 ** 24, 2 ** 40, Number.MAX_SAFE_INTEGER]) {
    for (const received of [1, 1000, 65536, 65537, 200_000]) {
      const spy = capacityAfter(claimed, received);
      assert(spy <= 65536 + received * 16, `${spy} bytes for ${received} of ${claimed}`);
    }
  }
});

test("an assembly copies each byte a bounded number of times, whatever the fragments", () => {
  for (const fragment of [1, 10, 1000]) {
    const total = 300_000;
    const { copied } = spyOn(() => {
      const assembly = new MessageAssembly();
      for (let at = 0; at < total; at += fragment) {
        assembly.announce(fragment);
        assembly.push(new Uint8Array(fragment));
      }
      assembly.take();
    });
    assert(copied <= 5 * total, `${copied} bytes copied for ${total} in pieces of ${fragment}`);
  }
});

test("an assembly copies each byte of a huge frame a bounded number of times", () => {
  const total = 8 << 20;
  const chunk = new Uint8Array(65536);
  const { copied } = spyOn(() => {
    const assembly = new MessageAssembly();
    assembly.announce(total);
    for (let at = 0; at < total; at += chunk.length) assembly.push(chunk);
    assertEquals(assembly.take().length, total);
  });
  assert(copied <= total, `${copied} bytes copied for ${total}`);
});

test("an assembly makes one buffer for a frame whose chunks are large", () => {
  for (const total of [65536, 65537, 1 << 20, 4 << 20, 16 << 20]) {
    const sizes: number[] = [];
    withAllocator((length) => {
      sizes.push(length);
      return new Uint8Array(length);
    }, () => {
      const assembly = new MessageAssembly();
      assembly.announce(total);
      for (let at = 0; at < total; at += 65536) {
        assembly.push(new Uint8Array(Math.min(65536, total - at)));
      }
      assertEquals(assembly.take().buffer.byteLength, total);
    });
    assertEquals(sizes, [total]);
  }
});

test("an assembly keeps no slice of a buffer that is many times its size", () => {
  for (
    const [size, of, kept] of [[16384, 65536, true], [16383, 16383, false], [20000, 90000, false]]
  ) {
    const assembly = new MessageAssembly();
    assembly.announce(1 << 24);
    const slice = new Uint8Array(of as number).subarray(0, size as number).fill(1);
    assembly.push(slice);
    slice.fill(2);
    assertEquals(assembly.take()[0], kept ? 2 : 1, `${size} of ${of} bytes`);
  }
});

test("an assembly keeps no slice that is lent, whatever its size", () => {
  for (const size of [1, 16384, 65536, 200_000]) {
    const assembly = new MessageAssembly();
    const memory = new Uint8Array(262_144);
    assembly.announce(1 << 23);
    for (let at = 1; at <= 4; at++) {
      assembly.push(memory.subarray(0, size).fill(at), true);
      memory.fill(0xee);
    }
    const expected = join([1, 2, 3, 4].map((at) => new Uint8Array(size).fill(at)));
    assertBytes(assembly.take(), expected);
  }
});

test("an assembly that is given up after a few chunks starts anew with none of them", () => {
  const assembly = new MessageAssembly();
  assembly.announce(1 << 24);
  assembly.push(new Uint8Array(65536).fill(1));
  assembly.clear();
  assembly.announce(2);
  assembly.push(Uint8Array.of(3, 4));
  assertEquals(assembly.take(), Uint8Array.of(3, 4));
});

const STALE = 0xee;

test("an assembly clears the rest of a buffer that it hands out longer than the message", () => {
  withAllocator((length) => new Uint8Array(length).fill(STALE), () => {
    const assembly = new MessageAssembly();
    for (const size of [65_536, 45_000]) {
      assembly.announce(size);
      assembly.push(new Uint8Array(size));
    }
    const message = assembly.take();
    assertEquals(message.length, 110_536);
    assert(message.buffer.byteLength > message.length, "there is no rest here any more");
    assert(!new Uint8Array(message.buffer).includes(STALE), "a stale byte is within reach");
  });
});

test("an assembly shows nothing of what its memory held before", () => {
  withAllocator((length) => new Uint8Array(length).fill(STALE), () => {
    fuzz(10, (random) => {
      const assembly = new MessageAssembly();
      const pieces: Uint8Array[] = [];
      for (let i = random.int(1, 4); i > 0; i--) {
        const piece = random.bytes(random.pick([0, 1, 900, 30_000, 200_000]));
        pieces.push(piece.map((byte) => byte === STALE ? 0 : byte));
        assembly.announce(piece.length);
        for (let at = 0; at < piece.length;) {
          const size = random.pick([random.int(1, 9000), 20_000, 65_536]);
          assembly.push(pieces.at(-1)!.slice(at, at + size));
          at += size;
        }
      }
      const message = assembly.take();
      assertBytes(message, join(pieces));
      assert(!new Uint8Array(message.buffer).includes(STALE), "a stale byte is within reach");
    });
  });
});

test("an assembly returns the same bytes for random fragments", () => {
  fuzz(50, (random) => {
    const assembly = new MessageAssembly();
    const pieces: Uint8Array[] = [];
    for (let i = random.int(1, 40); i > 0; i--) {
      const piece = random.bytes(random.pick([0, 1, 7, 500, 20_000]));
      assembly.announce(piece.length);
      pieces.push(piece);
      for (let at = 0; at < piece.length;) {
        const size = random.int(1, 9000);
        assembly.push(piece.subarray(at, at + size));
        at += size;
      }
    }
    const expected = join(pieces);
    assertEquals(assembly.length, expected.length);
    assertBytes(assembly.take(), expected);
  });
});

/** The largest buffer that was made while `received` bytes of a claim came in. */
function capacityAfter(claimed: number, received: number): number {
  return spyOn(() => {
    const assembly = new MessageAssembly();
    assembly.announce(claimed);
    const piece = new Uint8Array(1000);
    for (let at = 0; at < received; at += 1000) {
      assembly.push(piece.subarray(0, Math.min(1000, received - at)));
    }
  }).largest;
}

/** Counts the bytes that set() copies and notes the largest array that is made by length. */
function spyOn(body: () => void): { copied: number; largest: number } {
  const original = globalThis.Uint8Array;
  const { set } = original.prototype;
  const seen = { copied: 0, largest: 0 };
  original.prototype.set = function (this: Uint8Array, source: ArrayLike<number>, at?: number) {
    seen.copied += source.length;
    set.call(this, source, at);
  };
  globalThis.Uint8Array = new Proxy(original, {
    construct(target, args) {
      if (typeof args[0] === "number") seen.largest = Math.max(seen.largest, args[0]);
      return Reflect.construct(target, args, target);
    },
  });
  try {
    body();
  } finally {
    globalThis.Uint8Array = original;
    // deno-lint-ignore no-explicit-any -- back to where it was inherited from
    delete (original.prototype as any).set;
  }
  return seen;
}

/** Runs something while all memory comes from `allocate`. */
function withAllocator(allocate: (length: number) => Uint8Array, body: () => void): void {
  const before = useAllocator(allocate);
  try {
    body();
  } finally {
    useAllocator(before);
  }
}

test("slices are kept up to exactly 1 MiB before there is a buffer, and no further", () => {
  const slice = 65536;
  for (const [count, held] of [[16, true], [17, false]] as const) {
    const assembly = new MessageAssembly();
    assembly.announce(64 << 20);
    const slices = Array.from({ length: count }, () => new Uint8Array(slice));
    for (const one of slices) assembly.push(one);
    slices[0][0] = 7; // seen in the message only if the slice itself is what is kept
    const message = assembly.take();
    assertEquals([message.length, message[0]], [count * slice, held ? 7 : 0]);
  }
});
