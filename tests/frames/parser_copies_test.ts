import { test } from "node:test";
import { assertEquals, assertNotStrictEquals, assertStrictEquals } from "@std/assert";
import { FrameParser, useCopies } from "../../src/frames/parser.ts";
import { assertBytes, hex } from "../support/bytes.ts";
import { FrameLog } from "../support/frame_log.ts";
import { Random } from "../support/random.ts";
import { encodeFrame } from "../support/wire.ts";

const KEY = hex("37 fa 21 3d");

test("useCopies makes whole payloads up to that size arrays of their own, and others views", () => {
  const before = useCopies(9);
  try {
    for (const key of [KEY, undefined]) {
      for (let size = 1; size <= 12; size++) {
        const payload = new Random(size).bytes(size);
        const wire = encodeFrame({ opcode: 2, payload, key });
        const chunk = wire.slice();
        const log = new FrameLog();
        new FrameParser(log, { masked: key !== undefined }).push(chunk, 0);
        const [slice] = log.frames[0].slices;
        assertBytes(slice, payload);
        if (size <= 9) {
          assertNotStrictEquals(slice.buffer, chunk.buffer);
          assertEquals(slice.buffer.byteLength, size);
          assertBytes(chunk, wire); // nothing was unmasked in place
        } else {
          assertStrictEquals(slice.buffer, chunk.buffer);
        }
      }
    }
    useCopies();
    const chunk = encodeFrame({ opcode: 1, payload: "a", key: KEY });
    const log = new FrameLog();
    new FrameParser(log, { masked: true }).push(chunk, 0);
    assertStrictEquals(log.frames[0].slices[0].buffer, chunk.buffer);
  } finally {
    useCopies(before);
  }
});

test("FrameParser finds the same frames in one chunk as in two, wherever it is cut, with copies", () => {
  const before = useCopies(3);
  try {
    const frames = [1, 2, 3, 4, 125, 126, 127, 300].map((size) => ({
      opcode: 2,
      payload: new Random(size).bytes(size),
      key: KEY,
    }));
    const wire = frames.map(encodeFrame);
    const all = new Uint8Array(wire.flatMap((frame) => [...frame]));
    for (let cut = 0; cut <= all.length; cut++) {
      const log = new FrameLog();
      const parser = new FrameParser(log, { masked: true });
      if (cut > 0) parser.push(all.slice(0, cut), 0);
      if (cut < all.length) parser.push(all.slice(cut), 0);
      assertEquals(log.frames.length, frames.length, `cut at ${cut}`);
      for (const [i, { slices }] of log.frames.entries()) {
        const joined = new Uint8Array(slices.flatMap((slice) => [...slice]));
        assertBytes(joined, frames[i].payload);
      }
    }
  } finally {
    useCopies(before);
  }
});
