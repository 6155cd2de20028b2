import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import {
  decodeUtf8,
  decodeValidUtf8,
  encodeUtf8,
  encodeUtf8Into,
  useTextWriter,
  Utf8Validator,
} from "../../src/frames/utf8.ts";
import { assertBytes, hex, toHex } from "../support/bytes.ts";
import { guarded, randomChunks } from "../support/chunks.ts";
import { fuzz, Random } from "../support/random.ts";

type Range = readonly [low: number, high: number];

/** The Unicode standard's table 3-7: the byte sequences that are well-formed, as ranges. */
const WELL_FORMED: readonly (readonly Range[])[] = [
  [[0x00, 0x7f]],
  [[0xc2, 0xdf], [0x80, 0xbf]],
  [[0xe0, 0xe0], [0xa0, 0xbf], [0x80, 0xbf]],
  [[0xe1, 0xec], [0x80, 0xbf], [0x80, 0xbf]],
  [[0xed, 0xed], [0x80, 0x9f], [0x80, 0xbf]],
  [[0xee, 0xef], [0x80, 0xbf], [0x80, 0xbf]],
  [[0xf0, 0xf0], [0x90, 0xbf], [0x80, 0xbf], [0x80, 0xbf]],
  [[0xf1, 0xf3], [0x80, 0xbf], [0x80, 0xbf], [0x80, 0xbf]],
  [[0xf4, 0xf4], [0x80, 0x8f], [0x80, 0xbf], [0x80, 0xbf]],
];

const within = (byte: number, [low, high]: Range): boolean => byte >= low && byte <= high;

/**
 * Walks the table: the index of the first byte after which no text is possible (or -1), and
 * whether the bytes end between two characters.
 */
function byTable(bytes: Uint8Array): { bad: number; complete: boolean } {
  let rows = WELL_FORMED;
  let place = 0;
  for (let i = 0; i < bytes.length; i++) {
    rows = rows.filter((row) => within(bytes[i], row[place]));
    if (rows.length === 0) return { bad: i, complete: false };
    place++;
    if (rows[0].length === place) {
      rows = WELL_FORMED;
      place = 0;
    }
  }
  return { bad: -1, complete: place === 0 };
}

/** Feeds bytes one at a time: the index of the byte that was refused, or -1. */
function refusedAt(bytes: Uint8Array): { bad: number; complete: boolean } {
  const validator = new Utf8Validator();
  for (let i = 0; i < bytes.length; i++) {
    if (!validator.push(guarded(bytes.subarray(i, i + 1)))) return { bad: i, complete: false };
  }
  return { bad: -1, complete: validator.complete };
}

const fatal = new TextDecoder("utf-8", { fatal: true });
const lossy = new TextDecoder("utf-8", { ignoreBOM: true });

function isValidByPlatform(bytes: Uint8Array): boolean {
  try {
    fatal.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

const shared = new Utf8Validator();
function isValid(bytes: Uint8Array): boolean {
  shared.reset();
  return shared.push(bytes) && shared.complete;
}

test("Utf8Validator agrees with TextDecoder on every sequence of one and of two bytes", () => {
  for (let a = 0; a < 256; a++) {
    const one = Uint8Array.of(a);
    assertEquals(isValid(one), isValidByPlatform(one), toHex(one));
    const two = Uint8Array.of(a, 0);
    for (two[1] = 0;; two[1]++) {
      if (isValid(two) !== isValidByPlatform(two)) throw new Error(toHex(two));
      if (two[1] === 255) break;
    }
  }
});

test("Utf8Validator agrees with TextDecoder on every sequence of three bytes from 0x80 on", () => {
  // A fatal decoder that throws eight million times is slow, so 256 sequences are decoded at
  // once, each with an ASCII byte behind it: a piece is valid if it has no U+FFFD of its own.
  const three = new Uint8Array(3);
  const batch = new Uint8Array(256 * 4);
  for (let a = 0x80; a < 256; a++) {
    for (let b = 0; b < 256; b++) {
      const end = b === 0x0a ? 0x0b : 0x0a;
      for (let c = 0; c < 256; c++) batch.set([a, b, c === end ? 0x20 : c, end], c * 4);
      const pieces = lossy.decode(batch).split(String.fromCharCode(end));
      if (pieces.length !== 257) throw new Error(`${pieces.length} pieces`);
      for (let c = 0; c < 256; c++) {
        three[0] = a;
        three[1] = b;
        three[2] = c;
        const isReplacement = a === 0xef && b === 0xbf && c === 0xbd;
        const expected = c === end || isReplacement
          ? isValidByPlatform(three)
          : !pieces[c].includes("\ufffd");
        if (isValid(three) !== expected) throw new Error(`${toHex(three)} should be ${expected}`);
      }
    }
  }
});

test("Utf8Validator agrees with TextDecoder and the table where ranges of four bytes meet", () => {
  const leads = [0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf7, 0xf8, 0xff];
  const seconds = [0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff];
  const others = [0x00, 0x7f, 0x80, 0xbf, 0xc0, 0xff];
  for (const a of leads) {
    for (const b of seconds) {
      for (const c of others) {
        for (const d of others) {
          const four = Uint8Array.of(a, b, c, d);
          assertEquals(isValid(four), isValidByPlatform(four), toHex(four));
          assertEquals(refusedAt(four), byTable(four), toHex(four));
        }
      }
    }
  }
});

test("Utf8Validator refuses the first byte that cannot stand where it stands", () => {
  const prefix = hex("41 c3 a9 e2 82 ac f0 9f 98 80"); // one character of each size
  const cases: [bytes: string, bad: number, what: string][] = [
    ["80", 0, "a stray continuation byte"],
    ["bf", 0, "a stray continuation byte"],
    ["c0 80", 0, "NUL in two bytes"],
    ["c1 bf", 0, "DEL in two bytes"],
    ["e0 80 80", 1, "NUL in three bytes"],
    ["e0 9f bf", 1, "U+07FF in three bytes"],
    ["f0 80 80 80", 1, "NUL in four bytes"],
    ["f0 8f bf bf", 1, "U+FFFF in four bytes"],
    ["ed a0 80", 1, "the first surrogate"],
    ["ed bf bf", 1, "the last surrogate"],
    ["f4 90 80 80", 1, "U+110000"],
    ["f5 80 80 80", 0, "beyond U+13FFFF"],
    ["f8 88 80 80 80", 0, "a five-byte form"],
    ["fe", 0, "no UTF-8 byte"],
    ["ff", 0, "no UTF-8 byte"],
    ["c3 41", 1, "a character cut after one byte of two"],
    ["e2 82 41", 2, "a character cut after two bytes of three"],
    ["e2 41 82", 1, "a character cut after one byte of three"],
    ["f0 9f 98 41", 3, "a character cut after three bytes of four"],
    ["f0 9f c3 a9", 2, "a character in another"],
    ["e2 82 ac ac", 3, "a continuation byte too many"],
    ["e0 a0 a0 e0 9f", 4, "a range left over from the character before"],
    ["ed 9f bf ed a0", 4, "a range left over from the character before"],
  ];
  for (const [text, bad, what] of cases) {
    for (const before of [new Uint8Array(0), prefix]) {
      const bytes = Uint8Array.of(...before, ...hex(text));
      const index = before.length + bad;
      assertEquals(refusedAt(bytes), { bad: index, complete: false }, `${what}: ${text}`);
      assertEquals(byTable(bytes).bad, index, `the table disagrees: ${text}`);
      // As one piece, and as one that ends right before or right after the bad byte.
      assertEquals(new Utf8Validator().push(bytes), false, text);
      assertEquals(new Utf8Validator().push(bytes.subarray(0, index)), true, text);
      assertEquals(new Utf8Validator().push(bytes.subarray(0, index + 1)), false, text);
    }
  }
});

test("Utf8Validator accepts the first and the last character of each size", () => {
  const points = [0, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xfeff, 0xfffd, 0xfffe, 0xffff];
  for (const point of [...points, 0x10000, 0x3ffff, 0x40000, 0xfffff, 0x100000, 0x10ffff]) {
    const bytes = new TextEncoder().encode(String.fromCodePoint(point));
    assertEquals(refusedAt(bytes), { bad: -1, complete: true }, point.toString(16));
    assertEquals(isValid(bytes), true, point.toString(16));
  }
});

test("Utf8Validator is not complete while a character lacks bytes", () => {
  for (const text of ["\u00e9", "\u20ac", "\u{1f600}"]) {
    const bytes = new TextEncoder().encode(text);
    for (let cut = 1; cut < bytes.length; cut++) {
      const validator = new Utf8Validator();
      assertEquals(validator.complete, true);
      assertEquals(validator.push(bytes.subarray(0, cut)), true);
      assertEquals(validator.complete, false);
      assertEquals(validator.push(new Uint8Array(0)), true);
      assertEquals(validator.complete, false);
      assertEquals(validator.push(bytes.subarray(cut)), true);
      assertEquals(validator.complete, true);
    }
  }
});

test("Utf8Validator begins anew after reset, whatever came before", () => {
  for (const before of ["c3", "e0", "e0 a0", "ed", "f0", "f4", "f1 80 80", "ff", "e2 41"]) {
    const validator = new Utf8Validator();
    validator.push(hex(before));
    validator.reset();
    assertEquals(validator.complete, true, before);
    assertEquals(validator.push(hex("80")), false, before);
    validator.reset();
    // Also the narrowed ranges must be gone.
    assertEquals(validator.push(hex("c2 80 df bf")), true, before);
    assertEquals(validator.complete, true, before);
  }
});

test("Utf8Validator accepts random text cut at random places", () => {
  fuzz(300, (random) => {
    const bytes = new TextEncoder().encode(random.text(random.int(0, 400)));
    const validator = new Utf8Validator();
    for (const chunk of randomChunks(bytes, random).chunks) assert(validator.push(chunk));
    assert(validator.complete);
  });
});

test("Utf8Validator finds a changed byte just where the table does, however the text is cut", () => {
  fuzz(500, (random) => {
    const bytes = new TextEncoder().encode(random.text(random.int(1, 200)));
    for (let i = random.int(1, 3); i > 0; i--) {
      bytes[random.int(0, bytes.length - 1)] = random.int(0, 255);
    }
    const expected = byTable(bytes);
    assertEquals(refusedAt(bytes), expected);
    const validator = new Utf8Validator();
    let at = 0;
    for (const chunk of randomChunks(bytes, random).chunks) {
      const next = at + chunk.length;
      const isBad = expected.bad >= at && expected.bad < next;
      assertEquals(validator.push(chunk), !isBad, `bytes ${at} to ${next}`);
      if (isBad) return;
      at = next;
    }
    assertEquals(validator.complete, expected.complete);
  });
});

test("Utf8Validator finds a bad byte at every place of a long ASCII text, at every alignment", () => {
  // What is around the text must not matter, neither bad bytes nor good ones.
  for (const around of [0xff, 0x61]) {
    for (let shift = 0; shift < 8; shift++) {
      for (const size of [63, 64, 65, 79, 80, 200]) {
        const memory = new Uint8Array(size + 600).fill(around);
        const text = memory.subarray(256 + shift, 256 + shift + size).fill(0x61);
        assertEquals(isValid(text), true);
        for (let i = 0; i < size; i++) {
          const what = `shift ${shift}, size ${size}, byte ${i}`;
          for (const bad of [0xff, 0x80]) {
            text[i] = bad;
            assertEquals(new Utf8Validator().push(text), false, what);
          }
          text[i] = 0xc3; // followed by ASCII, or by nothing
          assertEquals(isValid(text), false, what);
          if (i + 1 < size) {
            text[i + 1] = 0xa9;
            assertEquals(isValid(text), true, what);
            text[i + 1] = 0x61;
          }
          text[i] = 0x61;
        }
      }
    }
  }
});

test("decodeUtf8 returns the text, or null when the bytes are not valid UTF-8", () => {
  assertEquals(decodeUtf8(new Uint8Array(0)), "");
  assertEquals(decodeUtf8(hex("48 c3 a9 e2 82 ac f0 9f 98 80")), "H\u00e9\u20ac\u{1f600}");
  assertEquals(decodeUtf8(guarded(hex("c3 a9"), 3)), "\u00e9");
  for (const bad of ["80", "c3", "e2 82", "f0 9f 98", "c0 80", "ed a0 80", "f4 90 80 80", "ff"]) {
    assertEquals(decodeUtf8(hex(bad)), null, bad);
    assertEquals(decodeUtf8(hex(`61 ${bad}`)), null, bad);
    // A failure leaves nothing behind.
    assertEquals(decodeUtf8(hex("a9")), null, bad);
    assertEquals(decodeUtf8(hex("41")), "A", bad);
  }
});

test("decodeUtf8 and decodeValidUtf8 keep a byte order mark, which is a character like others", () => {
  assertEquals(decodeUtf8(hex("ef bb bf 41")), "\ufeffA");
  assertEquals(decodeUtf8(hex("ef bb bf")), "\ufeff");
  assertEquals(decodeUtf8(hex("ef bb bf ef bb bf")), "\ufeff\ufeff");
  assertEquals(decodeValidUtf8(hex("ef bb bf 41")), "\ufeffA");
  assertEquals(decodeValidUtf8(hex("ef bb bf c3 a9")), "\ufeff\u00e9");
});

test("encodeUtf8 and the decoders give random text back", () => {
  fuzz(100, (random) => {
    const text = random.text(random.int(0, 300));
    const bytes = encodeUtf8(text);
    assertBytes(bytes, new TextEncoder().encode(text));
    assertEquals(decodeUtf8(bytes), text);
    assertEquals(decodeValidUtf8(bytes), text);
  });
});

test("encodeUtf8 and encodeUtf8Into mend unpaired surrogates", () => {
  for (const text of ["\ud800", "a\udc00b", "\udc00\ud800", "\ud800\ud800\udc00"]) {
    const expected = new TextEncoder().encode(text);
    assert(toHex(expected).includes("efbfbd"));
    assertBytes(encodeUtf8(text), expected);
    const target = new Random(1).bytes(text.length * 3);
    const written = encodeUtf8Into(text, target);
    assertBytes(target.subarray(0, written), expected);
  }
});

test("decodeUtf8 takes text that has a replacement character of its own, and no other", () => {
  const own = new TextEncoder().encode("\ufffd between \ufffd");
  assertEquals(decodeUtf8(own), "\ufffd between \ufffd");
  for (const bytes of [[0xef, 0xbf, 0xbd, 0xff], [0xff, 0xef, 0xbf, 0xbd], [0xef, 0xbf]]) {
    assertEquals(decodeUtf8(Uint8Array.from(bytes)), null);
  }
});

test("useTextWriter changes who encodes into a buffer, and back", () => {
  const calls: unknown[] = [];
  const before = useTextWriter((text, target, at) => {
    calls.push([text, at]);
    target[at] = 1;
    return 1;
  });
  try {
    const target = new Uint8Array(8);
    assertEquals(encodeUtf8Into("abc", target, 2), 1);
    assertEquals(calls, [["abc", 2]]);
    useTextWriter();
    assertEquals(encodeUtf8Into("a\ud800é", target, 2), 6);
    assertEquals(target, Uint8Array.of(0, 0, 0x61, 0xef, 0xbf, 0xbd, 0xc3, 0xa9));
    assertEquals(calls.length, 1);
  } finally {
    useTextWriter(before);
  }
});
