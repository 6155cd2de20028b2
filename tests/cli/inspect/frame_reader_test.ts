import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { FrameReader } from "../../../src/cli/inspect/frame_reader.ts";
import { join } from "../../support/bytes.ts";
import { encodeFrame } from "../../support/wire.ts";

const KEY = Uint8Array.of(1, 2, 0xfe, 0xff);

/** Reads chunks and writes one line for each frame. */
function read(chunks: Uint8Array[]): { lines: string[]; atBoundary: boolean } {
  const lines: string[] = [];
  let payload: Uint8Array[] = [];
  let start = "";
  const reader = new FrameReader({
    onHeader({ fin, rsv1, rsv2, rsv3, opcode, masked, length }) {
      start = `${opcode} ${[fin, rsv1, rsv2, rsv3, masked].map(Number).join("")} ${length}`;
      payload = [];
    },
    onPayload: (slice) => void payload.push(slice),
    onEnd() {
      const bytes = join(payload);
      let sum = 0;
      for (const byte of bytes) sum = (Math.imul(sum, 31) + byte) | 0;
      lines.push(`${start} ${bytes.length} ${sum}`);
    },
  });
  for (const chunk of chunks) reader.push(chunk);
  return { lines, atBoundary: reader.atBoundary };
}

const payload = (size: number) => Uint8Array.from({ length: size }, (_, i) => i * 7);
const BYTES = join([
  encodeFrame({ opcode: 1, payload: "hello", key: KEY }),
  encodeFrame({ opcode: 2, fin: false, payload: payload(126) }),
  encodeFrame({ opcode: 9 }),
  encodeFrame({ opcode: 0, rsv: 7, payload: payload(300), key: KEY }),
  encodeFrame({ opcode: 15, payload: "reserved", lengthBits: 64 }), // broken in two ways
  encodeFrame({ opcode: 8, payload: Uint8Array.of(3, 0xe8), key: KEY }),
]);

test("frames of every kind, broken ones too, are found whole", () => {
  const { lines, atBoundary } = read([BYTES]);
  assertEquals(lines.map((line) => line.split(" ").slice(0, 4).join(" ")), [
    "1 10001 5 5",
    "2 00000 126 126",
    "9 10000 0 0",
    "0 11111 300 300",
    "15 10000 8 8",
    "8 10001 2 2",
  ]);
  assertEquals(atBoundary, true);
});

test("how the bytes are cut changes nothing, and they stay as they are", () => {
  const whole = read([BYTES]).lines;
  const before = BYTES.slice();
  for (let i = 0; i <= BYTES.length; i++) {
    assertEquals(read([BYTES.subarray(0, i), BYTES.subarray(i)]).lines, whole);
  }
  assertEquals(read(Array.from(BYTES, (byte) => Uint8Array.of(byte))).lines, whole);
  assertEquals(BYTES, before);
});

test("the middle of a frame is no boundary", () => {
  const frame = encodeFrame({ opcode: 1, payload: "hello", key: KEY });
  for (let i = 1; i < frame.length; i++) {
    assertEquals(read([frame.subarray(0, i)]).atBoundary, false, `after ${i} bytes`);
  }
});

test("a payload is unmasked with the key's right byte wherever it is cut", () => {
  const frame = encodeFrame({ opcode: 2, payload: payload(23), key: KEY });
  const slices: Uint8Array[] = [];
  const reader = new FrameReader({
    onHeader() {},
    onPayload: (slice) => void slices.push(slice),
    onEnd() {},
  });
  for (let at = 0; at < frame.length; at += 5) reader.push(frame.subarray(at, at + 5));
  assertEquals(join(slices), payload(23));
});
