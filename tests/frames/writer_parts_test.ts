import { describe, test } from "node:test";
import { assert, assertEquals, assertNotStrictEquals, assertStrictEquals } from "@std/assert";
import { POOLED_BUFFER_BYTES, takeBuffer } from "../../src/frames/buffer_pool.ts";
import { BY_REFERENCE_BYTES, FrameWriter } from "../../src/frames/writer.ts";
import { assertBytes, hex, join } from "../support/bytes.ts";
import { drainPool } from "../support/pool.ts";
import { Random } from "../support/random.ts";
import { decodeFrames, encodeFrame } from "../support/wire.ts";

const TEXT = 0x81;
const BINARY = 0x82;

/** Takes all that a writer holds, in one piece. */
function taken(writer: FrameWriter): Uint8Array {
  const wire = join(writer.take());
  writer.release();
  return wire;
}

/** Sizes at which the header or the way of the payload changes. */
const SIZES = [
  ...[0, 1, 2, 3, 4, 5, 124, 125, 126, 127, 128, 1000],
  ...[BY_REFERENCE_BYTES - 1, BY_REFERENCE_BYTES, BY_REFERENCE_BYTES + 1],
  ...[65535 - 14, 65535, 65536, 65537, POOLED_BUFFER_BYTES * 2 + 1, 200_000],
];

describe("gathering", () => {
  test("many small frames become one part", () => {
    for (const masking of [false, true]) {
      const writer = new FrameWriter(masking);
      for (let i = 0; i < 500; i++) {
        writer.writeFrame(BINARY, new Uint8Array(32));
        writer.writeText(TEXT, "text");
      }
      const parts = writer.take();
      assertEquals(parts.length, 1);
      assertEquals(decodeFrames(parts[0]).length, 1000);
      writer.release();
    }
  });

  test("frames that fill several buffers become as many parts, in order", () => {
    const writer = new FrameWriter(false);
    const payload = new Uint8Array(998);
    for (let i = 0; i < 200; i++) {
      payload.fill(i);
      writer.writeFrame(BINARY, payload);
    }
    const parts = writer.take();
    assertEquals(parts.length, 4); // 65 frames of 1,002 bytes fit a buffer
    for (const part of parts) assert(part.length <= POOLED_BUFFER_BYTES);
    const frames = decodeFrames(join(parts));
    assertEquals(
      frames.map((frame) => frame.payload[500]),
      Array.from({ length: 200 }, (_, i) => i),
    );
    writer.release();
  });

  test("a payload by reference keeps its place between small frames, which share a buffer", () => {
    const writer = new FrameWriter(false);
    const large = new Random(4).bytes(50_000);
    writer.writeText(TEXT, "before");
    writer.writeFrame(BINARY, large, true);
    writer.writeText(TEXT, "between");
    writer.writeFrame(BINARY, large, false);
    writer.writeText(TEXT, "after");
    const parts = writer.take();
    assertEquals(parts.length, 5);
    assertStrictEquals(parts[0].buffer, parts[2].buffer);
    assertStrictEquals(parts[0].buffer, parts[4].buffer);
    const frames = ["before", large, "between", large, "after"].map((payload) =>
      encodeFrame({ opcode: typeof payload === "string" ? 1 : 2, payload })
    );
    assertBytes(join(parts), join(frames));
    writer.release();
  });

  test("frames of every size fill a buffer to its last byte, and not beyond", () => {
    for (const masking of [false, true]) {
      for (let gap = 0; gap <= 40; gap++) {
        for (const last of ["frame", "text", "reference"]) {
          const writer = new FrameWriter(masking);
          const expected: (string | Uint8Array)[] = [];
          const add = (payload: Uint8Array) => {
            expected.push(payload);
            writer.writeFrame(BINARY, payload);
          };
          const header = masking ? 8 : 4;
          for (let i = 0; i < 4; i++) add(new Uint8Array(16_000 - header).fill(i));
          add(new Uint8Array(POOLED_BUFFER_BYTES - 4 * 16_000 - gap - header).fill(9));
          if (last === "frame") add(new Uint8Array(20).fill(7));
          if (last === "reference") add(new Uint8Array(BY_REFERENCE_BYTES).fill(7));
          if (last === "text") {
            expected.push("\u20ac\u20ac\u20ac");
            writer.writeText(TEXT, "\u20ac\u20ac\u20ac");
          }
          const wire = taken(writer);
          const encoded = decodeFrames(wire).map(({ key }, i) =>
            encodeFrame({
              opcode: typeof expected[i] === "string" ? 1 : 2,
              payload: expected[i],
              key,
            })
          );
          assertEquals(encoded.length, expected.length);
          assertBytes(wire, join(encoded), `gap ${gap}, ${last}`);
        }
      }
    }
  });

  test("pendingBytes is the size of all frames that were not taken", () => {
    for (const masking of [false, true]) {
      const writer = new FrameWriter(masking);
      const random = new Random(5);
      const key = masking ? new Uint8Array(4) : undefined;
      let expected = 0;
      assertEquals(writer.pendingBytes, 0);
      for (let i = 0; i < 60; i++) {
        if (random.oneIn(2)) {
          const payload = random.bytes(random.pick(SIZES));
          writer.writeFrame(BINARY, payload, random.oneIn(2));
          expected += encodeFrame({ opcode: 2, payload, key }).length;
        } else {
          const payload = random.text(random.pick([0, 5, 60, 125, 126, 5000, 30_000]));
          writer.writeText(TEXT, payload);
          expected += encodeFrame({ opcode: 1, payload, key }).length;
        }
        assertEquals(writer.pendingBytes, expected);
        if (random.oneIn(8)) {
          const parts = writer.take();
          assertEquals(parts.reduce((sum, part) => sum + part.length, 0), expected);
          expected = 0;
          assertEquals(writer.pendingBytes, 0);
          writer.release();
        }
      }
      writer.writeText(TEXT, "dropped");
      writer.discard();
      assertEquals(writer.pendingBytes, 0);
      assertEquals(writer.take(), []);
    }
  });

  test("take gives no parts when nothing was written, and gives nothing twice", () => {
    const writer = new FrameWriter(false);
    assertEquals(writer.take(), []);
    writer.release();
    writer.writeText(TEXT, "once");
    assertEquals(writer.take().length, 1);
    writer.release();
    assertEquals(writer.take(), []);
  });
});

describe("the buffer pool", () => {
  /** Whether the pool hands out this memory now; what it hands out meanwhile is dropped. */
  function isFree(memory: ArrayBufferLike): boolean {
    for (let i = 0; i < 64; i++) if (takeBuffer().buffer === memory) return true;
    return false;
  }

  test("a writer holds no buffer until it is written to, and none after release", () => {
    drainPool();
    const writer = new FrameWriter(false);
    writer.writeText(TEXT, "x");
    const [part] = writer.take();
    writer.release();
    // Were the buffer not given back, or still used, the next one would be another.
    const other = new FrameWriter(false);
    other.writeText(TEXT, "y");
    const [otherPart] = other.take();
    assertStrictEquals(otherPart.buffer, part.buffer);
    writer.writeText(TEXT, "z");
    assertNotStrictEquals(writer.take()[0].buffer, part.buffer);
  });

  test("a buffer is not free between take and release", () => {
    drainPool();
    const writer = new FrameWriter(false);
    writer.writeText(TEXT, "x");
    const [part] = writer.take();
    writer.writeText(TEXT, "y"); // may be written before the release
    assertEquals(isFree(part.buffer), false);
    assertBytes(part, hex("81 01 78"));
    writer.release();
    assertEquals(isFree(part.buffer), true);
    const [next] = writer.take();
    assertNotStrictEquals(next.buffer, part.buffer);
    assertBytes(next, hex("81 01 79"));
  });

  test("release gives every buffer back, and gives it once", () => {
    drainPool();
    const writer = new FrameWriter(false);
    for (let i = 0; i < 200; i++) writer.writeFrame(BINARY, new Uint8Array(1000));
    const memories = new Set(writer.take().map((part) => part.buffer));
    assertEquals(memories.size, 4);
    writer.release();
    writer.release();
    writer.discard();
    const found = Array.from({ length: 64 }, () => takeBuffer().buffer)
      .filter((memory) => memories.has(memory as ArrayBuffer));
    assertEquals(found.length, 4);
    assertEquals(new Set(found).size, 4);
  });

  test("release does not give back a payload that went by reference", () => {
    drainPool();
    const payload = new Uint8Array(POOLED_BUFFER_BYTES);
    const writer = new FrameWriter(false);
    writer.writeFrame(BINARY, payload, true);
    writer.take();
    writer.release();
    assertEquals(isFree(payload.buffer), false);
  });

  test("discard gives back what was not taken, and never what a transport may still hold", () => {
    drainPool();
    const writer = new FrameWriter(false);
    writer.writeText(TEXT, "lent");
    const [lent] = writer.take();
    writer.writeText(TEXT, "dropped");
    writer.discard();
    // One buffer comes back, and it is not the lent one.
    const known = takeBuffer();
    assertBytes(known.subarray(2, 9), new TextEncoder().encode("dropped"));
    assertEquals(isFree(lent.buffer), false);
    writer.release();
    assertEquals(isFree(lent.buffer), false);
    assertBytes(lent, hex("81 04 6c 65 6e 74"));
  });

  test("a writer can be used again after discard", () => {
    const writer = new FrameWriter(false);
    writer.writeText(TEXT, "dropped");
    writer.writeFrame(BINARY, new Uint8Array(BY_REFERENCE_BYTES), true);
    writer.discard();
    writer.writeText(TEXT, "sent");
    assertBytes(taken(writer), hex("81 04 73 65 6e 74"));
  });
});
