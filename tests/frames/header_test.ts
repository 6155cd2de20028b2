import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import {
  checkHeader,
  headerSize,
  headerSizeFor,
  MAX_HEADER_BYTES,
  readUint32,
  writeHeader,
} from "../../src/frames/header.ts";
import { assertBytes } from "../support/bytes.ts";
import { assertGuardsIntact, guarded } from "../support/chunks.ts";
import { Random } from "../support/random.ts";
import { encodeLength } from "../support/wire.ts";

/** The rules of RFC 6455 that a header's first two bytes breach, one by one. */
function breaches(first: number, second: number, masked: boolean, allowedRsv: number): string[] {
  const opcode = first % 16;
  const isControl = opcode >= 8;
  const startsMessage = opcode === 1 || opcode === 2 || (opcode >= 3 && opcode <= 7);
  const found: string[] = [];
  for (const [bit, code] of [[64, "WS_RSV1"], [32, "WS_RSV2"], [16, "WS_RSV3"]] as const) {
    const allowed = startsMessage && (allowedRsv & bit) !== 0;
    if ((first & bit) !== 0 && !allowed) found.push(`${code}_UNEXPECTED`);
  }
  if (![0, 1, 2, 8, 9, 10].includes(opcode)) found.push("WS_OPCODE_RESERVED");
  if (isControl && first < 128) found.push("WS_CONTROL_FRAGMENTED");
  if (isControl && second % 128 > 125) found.push("WS_CONTROL_TOO_LONG");
  if (masked && second < 128) found.push("WS_MASK_MISSING");
  if (!masked && second >= 128) found.push("WS_MASK_UNEXPECTED");
  return found;
}

test("checkHeader finds a breach in each of the 65,536 first two bytes that has one", () => {
  for (const masked of [true, false]) {
    for (const allowedRsv of [0, 0x40, 0x20, 0x10, 0x60, 0x70]) {
      for (let first = 0; first < 256; first++) {
        for (let second = 0; second < 256; second++) {
          const expected = breaches(first, second, masked, allowedRsv);
          const fault = checkHeader(first, second, masked, allowedRsv);
          const right = fault === null
            ? expected.length === 0
            : expected.includes(fault.code) && fault.closeCode === 1002;
          if (!right) {
            throw new Error(
              `first ${first}, second ${second}, masked ${masked}, allowed ${allowedRsv}: ` +
                `got ${fault?.code}, expected ${expected.join(" or ") || "nothing"}`,
            );
          }
        }
      }
    }
  }
});

test("checkHeader's messages say what was wrong", () => {
  assertEquals(checkHeader(0x83, 0x80, true, 0), {
    code: "WS_OPCODE_RESERVED",
    closeCode: 1002,
    message: "Cannot decode frame: opcode 0x3 is reserved",
  });
  const others = [[0xc1, 0x80], [0xa1, 0x80], [0x91, 0x80], [0x08, 0x80], [0x88, 0xfe], [
    0x81,
    0x00,
  ]];
  for (const [first, second] of others) {
    const fault = checkHeader(first, second, true, 0);
    assert(/^Cannot decode frame: \S/.test(fault!.message), fault!.message);
  }
});

test("headerSize follows from the length form and the MASK bit", () => {
  for (let second = 0; second < 256; second++) {
    const short = second % 128;
    const bits = short === 127 ? 64 : short === 126 ? 16 : 7;
    const size = 1 + encodeLength(short, false, bits).length + (second >= 128 ? 4 : 0);
    assertEquals(headerSize(second), size);
  }
  assertEquals(headerSize(0xff), MAX_HEADER_BYTES);
});

const LENGTHS = [
  0,
  1,
  125,
  126,
  127,
  255,
  256,
  65535,
  65536,
  65537,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 32 + 5,
  2 ** 53 - 1,
];

test("writeHeader writes every length in its shortest form, and nothing beyond the header", () => {
  for (const length of LENGTHS) {
    const bits = length <= 125 ? 7 : length <= 65535 ? 16 : 64;
    for (const at of [0, 3]) {
      const target = guarded(new Uint8Array(20).fill(0xee));
      const end = writeHeader(target, at, 0x82, length, undefined);
      assertBytes(target.subarray(at + 1, end), encodeLength(length, false, bits));
      assertEquals(target[at], 0x82);
      assertEquals(end - at, headerSizeFor(length, false));
      assert(target.every((byte, i) => (i >= at && i < end) || byte === 0xee));
      assertGuardsIntact(target);
    }
  }
});

test("writeHeader writes a masking key most significant byte first, whatever its sign", () => {
  const keys: [number, number[]][] = [
    [0x01020304, [1, 2, 3, 4]],
    [0xfedcba98, [0xfe, 0xdc, 0xba, 0x98]],
    [0xfedcba98 | 0, [0xfe, 0xdc, 0xba, 0x98]],
    [-1, [255, 255, 255, 255]],
    [0, [0, 0, 0, 0]],
  ];
  for (const length of LENGTHS) {
    const bits = length <= 125 ? 7 : length <= 65535 ? 16 : 64;
    for (const [key, bytes] of keys) {
      const target = new Uint8Array(MAX_HEADER_BYTES);
      const end = writeHeader(target, 0, 0x01, length, key);
      assertBytes(target.subarray(1, end - 4), encodeLength(length, true, bits));
      assertBytes(target.subarray(end - 4, end), Uint8Array.from(bytes));
      assertEquals(end, headerSizeFor(length, true));
    }
  }
});

test("readUint32 reads an unsigned number, most significant byte first", () => {
  const random = new Random(1);
  for (let i = 0; i < 1000; i++) {
    const bytes = random.bytes(8);
    const at = random.int(0, 4);
    assertEquals(readUint32(bytes, at), new DataView(bytes.buffer).getUint32(at));
  }
});
