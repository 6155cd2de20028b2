import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { BY_REFERENCE_BYTES, FrameWriter } from "../../src/frames/writer.ts";
import { assertBytes, join } from "../support/bytes.ts";
import { byteByByte, randomChunks } from "../support/chunks.ts";
import { parse } from "../support/frame_log.ts";
import { fuzz, type Random } from "../support/random.ts";
import { decodeFrames } from "../support/wire.ts";

interface Sent {
  first: number;
  payload: Uint8Array;
}

/** Writes one random frame and tells what it should be. */
function writeRandom(writer: FrameWriter, random: Random): Sent {
  const opcode = random.pick([0, 1, 2, 8, 9, 10]);
  const control = opcode >= 8;
  const first = (control || random.oneIn(2) ? 0x80 : 0) | opcode;
  if (!control && random.oneIn(3)) {
    const text = random.text(random.pick([0, 3, 42, 60, 126, 1000, random.oneIn(9) ? 30_000 : 2]));
    const payload = new TextEncoder().encode(text);
    assertEquals(writer.writeText(first, text), payload.length);
    return { first, payload };
  }
  const sizes = control ? [0, 1, 2, 125] : [0, 1, 30, 125, 126, 127, 4000];
  if (!control && random.oneIn(9)) sizes.push(BY_REFERENCE_BYTES - 1, BY_REFERENCE_BYTES, 70_000);
  const payload = random.bytes(random.pick(sizes));
  const expected = new Uint8Array(payload);
  const keep = random.oneIn(2);
  writer.writeFrame(first, payload, keep);
  if (!keep) payload.fill(0xdd);
  return { first, payload: expected };
}

test("FrameParser reads what FrameWriter wrote, in any chunking", () => {
  fuzz(300, (random) => {
    const masked = random.oneIn(2);
    const writer = new FrameWriter(masked);
    const sent: Sent[] = [];
    const wire: Uint8Array[] = [];
    for (let i = random.int(1, 30); i > 0; i--) {
      sent.push(writeRandom(writer, random));
      if (random.oneIn(10)) {
        wire.push(join(writer.take()));
        writer.release();
      }
    }
    wire.push(join(writer.take()));
    writer.release();
    const bytes = join(wire);
    const chunkings = [randomChunks(bytes, random)];
    if (bytes.length < 3000) chunkings.push(byteByByte(bytes));
    for (const { name, chunks } of chunkings) {
      const { frames, fault, atBoundary } = parse(chunks, { masked });
      assertEquals(fault, null, name);
      assertEquals(atBoundary, true, name);
      assertEquals(frames.length, sent.length, name);
      for (const [i, frame] of frames.entries()) {
        assertEquals(frame.first, sent[i].first);
        assertBytes(frame.payload, sent[i].payload, `frame ${i}`);
      }
    }
  });
});

test("writers that share the pool never touch each other's parts", () => {
  fuzz(100, (random) => {
    const ends = Array.from({ length: 4 }, () => ({
      writer: new FrameWriter(random.oneIn(2)),
      sent: [] as Sent[],
      lent: undefined as { parts: Uint8Array[]; copy: Uint8Array; sent: Sent[] } | undefined,
    }));
    for (let turn = 0; turn < 150; turn++) {
      const end = random.pick(ends);
      switch (random.int(0, 5)) {
        case 0:
          if (end.lent !== undefined) break;
          end.lent = { parts: [...end.writer.take()], copy: new Uint8Array(0), sent: end.sent };
          end.lent.copy = join(end.lent.parts);
          end.sent = [];
          break;
        case 1: {
          if (end.lent === undefined) break;
          // The transport was slow; meanwhile others wrote. Nothing may have changed.
          assertBytes(join(end.lent.parts), end.lent.copy, "lent parts");
          const frames = decodeFrames(end.lent.copy);
          assertEquals(frames.length, end.lent.sent.length);
          for (const [i, { payload }] of frames.entries()) {
            assertBytes(payload, end.lent.sent[i].payload, `frame ${i}`);
          }
          end.writer.release();
          end.lent = undefined;
          break;
        }
        case 2:
          if (!random.oneIn(8)) break;
          end.writer.discard();
          end.sent = [];
          assertEquals(end.writer.pendingBytes, 0);
          // Its lent parts are the transport's still, and stay as they are.
          if (end.lent !== undefined) {
            assertBytes(join(end.lent.parts), end.lent.copy, "lent parts after discard");
          }
          break;
        default:
          end.sent.push(writeRandom(end.writer, random));
          assert(end.writer.pendingBytes > 0);
      }
    }
  });
});
