import { constants, deflateRawSync, inflateRawSync } from "node:zlib";
import { test } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { ZlibContext } from "../../src/adapters/zlib/context.ts";
import { zlibCodec } from "../../src/adapters/zlib/mod.ts";
import { webCodec } from "../../src/api/web_codec.ts";
import { concatBytes } from "../../src/bytes.ts";
import {
  type CodecDeflater,
  type CodecInflater,
  type DeflateCodec,
  type DeflaterSettings,
  InflateError,
} from "../../src/extensions/mod.ts";
import { assertBytes, hex } from "../support/bytes.ts";
import { Random } from "../support/random.ts";

const CODECS: Record<string, DeflateCodec> = { zlib: zlibCodec, web: webCodec };
/** Another one finds other things; failures name it. */
const SEED = 20;
const HELLO = new TextEncoder().encode("Hello");
const EMPTY_BLOCK = Uint8Array.of(0);
const TAIL = Uint8Array.of(0, 0, 0xff, 0xff);

function deflater(codec: DeflateCodec, settings: Partial<DeflaterSettings> = {}): CodecDeflater {
  const { minWindowBits } = codec;
  const windowBits = Math.max(minWindowBits, settings.windowBits ?? 15);
  return codec.createDeflater({
    level: 6,
    memLevel: undefined,
    takeover: false,
    ...settings,
    windowBits,
  });
}

/** Inflates a whole message and keeps it. */
async function inflate(
  inflater: CodecInflater,
  message: Uint8Array,
  limit = 1 << 30,
): Promise<Uint8Array> {
  return new Uint8Array(await inflater.inflate(message, limit, true));
}

/** Inflates a message as it comes. */
function inflateParts(inflater: CodecInflater, parts: Uint8Array[]): Uint8Array {
  const pieces: Uint8Array[] = [];
  parts.forEach((part, i) => {
    inflater.push(part, i === parts.length - 1);
    for (let piece = inflater.pull(); piece !== null; piece = inflater.pull()) {
      assert(piece.length > 0 && piece.length <= 1 << 17, `a piece of ${piece.length} bytes`);
      pieces.push(piece);
    }
  });
  return concatBytes(pieces);
}

async function assertInflateError(
  run: () => Uint8Array | Promise<Uint8Array>,
  kind: "corrupt" | "too large",
): Promise<void> {
  let error: unknown;
  try {
    await run();
  } catch (caught) {
    error = caught;
  }
  assert(error instanceof InflateError, `expected an InflateError, got ${error}`);
  assertEquals((error as InflateError).kind, kind);
}

/** Bytes that compress somewhat: words out of a random list. */
function words(random: Random, size: number): Uint8Array {
  const list = Array.from({ length: 50 }, () => random.bytes(random.int(1, 12)));
  const parts: Uint8Array[] = [];
  for (let total = 0; total < size;) {
    const word = list[random.int(0, list.length - 1)];
    parts.push(word);
    total += word.length;
  }
  return concatBytes(parts).subarray(0, size);
}

function split(random: Random, bytes: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = [];
  let at = 0;
  while (at < bytes.length) {
    const end = Math.min(bytes.length, at + random.int(0, Math.max(1, bytes.length >> 2)));
    parts.push(bytes.subarray(at, end));
    at = end;
  }
  if (parts.length === 0 || random.int(0, 1) === 0) parts.push(new Uint8Array(0));
  return parts;
}

/** Bytes that inflate to so many zeros, without the tail. */
function zeros(size: number): Uint8Array {
  return deflateRawSync(new Uint8Array(size), { finishFlush: constants.Z_SYNC_FLUSH })
    .subarray(0, -4);
}

for (const [name, codec] of Object.entries(CODECS)) {
  // RFC 7692 §7.2.3
  const examples: Record<string, string> = {
    "one block": "f2 48 cd c9 c9 07 00",
    "a stored block": "00 05 00 fa ff 48 65 6c 6c 6f 00",
    "a final block": "f3 48 cd c9 c9 07 00 00",
    "two blocks": "f2 48 05 00 00 00 ff ff ca c9 c9 07 00",
    "a final block without what the RFC puts behind it": "f3 48 cd c9 c9 07 00",
    "a final block, and another": "f3 48 05 00 cb c9 c9 07 00 00",
  };
  for (const [what, bytes] of Object.entries(examples)) {
    if (name === "web" && what.includes("without")) continue;
    for (const takeover of [false, true]) {
      test(`${name}: ${what} inflates to Hello ${takeover ? "with" : "without"} takeover`, async () => {
        const inflater = codec.createInflater(15, takeover);
        for (let i = 0; i < 3; i++) {
          assertBytes(await inflate(inflater, hex(bytes)), HELLO, "whole");
          const parts = Array.from(hex(bytes), (byte) => Uint8Array.of(byte));
          assertBytes(inflateParts(inflater, parts), HELLO, "byte by byte");
        }
        inflater.release();
      });
    }
  }

  test(`${name}: a message that refers to the one before inflates with takeover`, async () => {
    const inflater = codec.createInflater(15, true);
    assertBytes(await inflate(inflater, hex("f2 48 cd c9 c9 07 00")), HELLO, "first");
    assertBytes(await inflate(inflater, hex("f2 00 11 00 00")), HELLO, "second");
    assertBytes(inflateParts(inflater, [hex("f2 00 11"), hex("00 00")]), HELLO, "third");
    inflater.release();
  });

  test(`${name}: and without takeover it is corrupt`, async () => {
    const inflater = codec.createInflater(15, false);
    assertBytes(await inflate(inflater, hex("f2 48 cd c9 c9 07 00")), HELLO, "first");
    await assertInflateError(() => inflate(inflater, hex("f2 00 11 00 00")), "corrupt");
  });

  test(`${name}: an empty message is one 00, and both ways of one are read`, async () => {
    const inflater = codec.createInflater(15, false);
    const empty = new Uint8Array(await deflater(codec).deflate(new Uint8Array(0), true));
    assertEquals(empty, Uint8Array.of(0));
    for (const message of [empty, new Uint8Array(0)]) {
      assertEquals((await inflate(inflater, message)).length, 0);
      assertEquals(inflateParts(inflater, [message]).length, 0);
      assertEquals(inflateParts(inflater, [new Uint8Array(0), message]).length, 0);
    }
  });

  for (const takeover of [false, true]) {
    if (takeover && !codec.takeover) continue;
    test(`${name}: messages of all sizes come back ${takeover ? "with" : "without"} takeover`, async () => {
      const random = new Random(SEED);
      const out = deflater(codec, { takeover, windowBits: 11 });
      const inflater = codec.createInflater(11, takeover);
      const sizes = [0, 1, 2, 125, 1024, 65535, 65536, 65537, 200_000, 1 << 20, 3_000_000];
      for (const size of [...sizes, 10, 0, 70_000]) {
        for (const message of [words(random, size), random.bytes(Math.min(size, 300_000))]) {
          const packed = new Uint8Array(await out.deflate(message, true));
          const copy = new Uint8Array(packed);
          assertBytes(await inflate(inflater, packed), message, `${size}, seed ${SEED}`);
          assertBytes(packed, copy, "the input is left alone");
        }
      }
      out.release();
      inflater.release();
    });

    test(`${name}: random parts of random messages come back ${takeover ? "with" : "without"} takeover`, async () => {
      const random = new Random(SEED);
      const out = deflater(codec, { takeover, windowBits: 10 });
      const inflater = codec.createInflater(10, takeover);
      for (let round = 0; round < 60; round++) {
        const message = words(random, random.int(0, round % 10 === 0 ? 300_000 : 3000));
        const parts: Uint8Array[] = [];
        const sent = split(random, message);
        for (let i = 0; i < sent.length; i++) {
          const last = i === sent.length - 1;
          if (sent[i].length === 0 && !last) continue;
          parts.push(new Uint8Array(await out.deflate(sent[i], last)));
        }
        const packed = concatBytes(parts);
        const got = random.int(0, 1) === 0
          ? await inflate(inflater, packed)
          : inflateParts(inflater, split(random, packed));
        assertBytes(got, message, `round ${round}, seed ${SEED}`);
      }
      out.release();
      inflater.release();
    });
  }

  test(`${name}: what zlib deflates at every level and window inflates`, async () => {
    const random = new Random(SEED);
    for (let level = 0; level <= 9; level++) {
      const inflater = codec.createInflater(15, false);
      for (const size of [100, 5000, 100_000]) {
        const message = words(random, size);
        const packed = deflateRawSync(message, {
          level,
          windowBits: 9 + level % 7,
          finishFlush: constants.Z_SYNC_FLUSH,
        }).subarray(0, -4);
        assertBytes(await inflate(inflater, packed), message, `level ${level}, seed ${SEED}`);
        const parts = split(random, packed);
        assertBytes(inflateParts(inflater, parts), message, `level ${level}, seed ${SEED}`);
      }
    }
  });

  test(`${name}: what it deflates inflates elsewhere`, async () => {
    const random = new Random(SEED);
    for (const size of [1, 1000, 30_000, 100_000]) {
      const message = words(random, size);
      const packed = await deflater(codec).deflate(message, true);
      const back = inflateRawSync(concatBytes([packed, TAIL]), {
        finishFlush: constants.Z_SYNC_FLUSH,
      });
      assertBytes(new Uint8Array(back), message, `seed ${SEED}`);
    }
  });

  test(`${name}: corrupt data is an InflateError, cut or turned anywhere, and nothing worse`, async () => {
    const random = new Random(SEED);
    const message = words(random, 2000);
    const packed = new Uint8Array(await deflater(codec).deflate(message, true));
    let errors = 0;
    for (let round = 0; round < 300; round++) {
      const bad = packed.slice(0, random.int(1, packed.length));
      if (round % 2 === 0) bad[random.int(0, bad.length - 1)] ^= 1 << random.int(0, 7);
      const inflater = codec.createInflater(15, false);
      for (const run of [() => inflate(inflater, bad), () => inflateParts(inflater, [bad])]) {
        try {
          assert((await run()).length < 1 << 20);
        } catch (error) {
          assert(error instanceof InflateError, `${error} seed ${SEED}`);
          errors++;
        }
      }
    }
    assert(errors > 400, `only ${errors} of 600 were found, seed ${SEED}`);
    const inflater = codec.createInflater(15, false);
    assertBytes(await inflate(inflater, packed), message, "the codec is not the worse for it");
  });

  test(`${name}: large messages with a final block, cut short, or with garbage, are told apart`, async () => {
    const message = words(new Random(SEED), 400_000);
    const final = new Uint8Array(deflateRawSync(message));
    const open = new Uint8Array(
      deflateRawSync(message, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4),
    );
    for (const takeover of codec === zlibCodec ? [false, true] : [false]) {
      const inflater = codec.createInflater(15, takeover);
      for (const packed of [open, concatBytes([final, EMPTY_BLOCK]), concatBytes([final, open])]) {
        assert(packed.length > 65536);
        const times = packed.length > final.length + 1 ? 2 : 1;
        const whole = concatBytes(Array(times).fill(message));
        assertBytes(await inflate(inflater, packed), whole, "large");
        assertBytes(await inflate(inflater, hex("f2 48 cd c9 c9 07 00")), HELLO, "next");
        await assertInflateError(
          () => inflate(codec.createInflater(15, takeover), packed, whole.length - 1),
          "too large",
        );
      }
      if (takeover) continue; // the next message finds it
      await assertInflateError(() => inflate(inflater, open.subarray(0, -1000)), "corrupt");
      await assertInflateError(
        () => inflate(inflater, concatBytes([final, hex("de ad be ef")])),
        "corrupt",
      );
      assertBytes(await inflate(inflater, open), message, "after that");
    }
  });

  test(`${name}: garbage behind a final block is corrupt`, async () => {
    const inflater = codec.createInflater(15, false);
    const bad = hex("f3 48 cd c9 c9 07 00 de ad be ef");
    await assertInflateError(() => inflate(inflater, bad), "corrupt");
    await assertInflateError(() => inflateParts(inflater, [bad]), "corrupt");
  });

  test(`${name}: the limit counts what it inflates to, to the byte`, async () => {
    for (const size of [1, 1000, 65535, 65536, 65537, 1 << 20, 3 << 20]) {
      const inflater = codec.createInflater(15, false);
      const packed = zeros(size);
      assertEquals((await inflate(inflater, packed, size)).length, size);
      await assertInflateError(() => inflate(inflater, packed, size - 1), "too large");
      assertEquals((await inflate(inflater, packed, size)).length, size);
    }
  });

  test(`${name}: a bomb in parts comes out piece by piece`, () => {
    const inflater = codec.createInflater(15, false);
    inflater.push(zeros(64 << 20), true);
    let pieces = 0;
    for (; pieces < 20; pieces++) assert(inflater.pull()!.length <= 1 << 17);
    inflater.release(); // the rest of it is never made
    assertEquals(pieces, 20);
  });
}

test("a deflater gives its context back, and the next message needs nothing of it", async () => {
  const out = deflater(zlibCodec, { takeover: true });
  const inflater = zlibCodec.createInflater(15, true);
  const sizes: number[] = [];
  for (let i = 0; i < 4; i++) {
    if (i === 3) out.release();
    const message = new TextEncoder().encode(`{"name":"a name","number":${i},"list":[1,2,3]}`);
    const packed = new Uint8Array(await out.deflate(message, true));
    sizes.push(packed.length);
    assertBytes(await inflate(inflater, packed), message, "message");
  }
  assert(sizes[1] < sizes[0] / 2 && sizes[2] < sizes[0] / 2, `takeover: ${sizes}`);
  assertEquals(sizes[3], sizes[0]);
});

test("no match reaches back further than the window that was agreed on", async () => {
  const random = new Random(SEED);
  for (let windowBits = 9; windowBits <= 15; windowBits++) {
    for (const takeover of [false, true]) {
      // The same 200 bytes, over and over, with more and more noise between.
      const same = random.bytes(200);
      const noise = random.bytes(40_000);
      const parts: Uint8Array[] = [];
      for (let gap = 0; gap < noise.length; gap += 1500) {
        parts.push(same, noise.subarray(0, gap));
      }
      const out = deflater(zlibCodec, { windowBits, takeover });
      const strict = new ZlibContext("inflate", { windowBits, chunkSize: 1024 });
      for (const message of [concatBytes(parts), concatBytes(parts).subarray(0, 60_000), same]) {
        const packed = new Uint8Array(await out.deflate(message, true));
        // zlib's own inflater refuses distances beyond its window and the output at hand: 64 bytes.
        const data = concatBytes([packed, TAIL]);
        const pieces: Uint8Array[] = [];
        const room = new Uint8Array(64);
        for (let at = 0;; at = data.length - strict.left) {
          const size = strict.run(data, at, room, 0);
          pieces.push(room.slice(0, size));
          if (size < room.length) break;
        }
        assertBytes(concatBytes(pieces), message, `${windowBits} bits, seed ${SEED}`);
        if (!takeover) strict.reset();
      }
      strict.close();
    }
  }
});

test("a peer that reaches back further than it may is refused", async () => {
  const random = new Random(SEED);
  const same = random.bytes(200);
  const out = deflater(zlibCodec, { takeover: true, windowBits: 15 });
  const inflater = zlibCodec.createInflater(9, true);
  for (const message of [same, random.bytes(5000)]) {
    assertBytes(await inflate(inflater, await out.deflate(message, true)), message, "in reach");
  }
  const packed = new Uint8Array(await out.deflate(same, true));
  assert(packed.length < 100);
  assertThrows(() => inflater.inflate(packed, 1 << 20, true), InflateError);
});

test("a deflater that is released while it works ends its message, and then lets go", async () => {
  const out = deflater(zlibCodec, { takeover: true });
  const message = words(new Random(SEED), 500_000);
  const working = out.deflate(message, true);
  out.release();
  const inflater = zlibCodec.createInflater(15, true);
  assertBytes(await inflate(inflater, await working), message, "message");
  const again = new Uint8Array(await out.deflate(message, true));
  assertBytes(await inflate(inflater, again), message, "the next one");
});

test("many large messages at once all come back", async () => {
  const random = new Random(SEED);
  const messages = Array.from({ length: 12 }, () => words(random, 400_000));
  await Promise.all(messages.map(async (message, i) => {
    const out = deflater(zlibCodec, { takeover: i % 2 === 0 });
    const inflater = zlibCodec.createInflater(15, i % 2 === 0);
    for (let round = 0; round < 3; round++) {
      const packed = await out.deflate(message, true);
      assertBytes(await inflate(inflater, packed), message, `message ${i}, seed ${SEED}`);
    }
    out.release();
    inflater.release();
  }));
});
