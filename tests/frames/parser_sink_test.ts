import { describe, test } from "node:test";
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { FrameParser } from "../../src/frames/parser.ts";
import { assertBytes, hex, join } from "../support/bytes.ts";
import { assertGuardsIntact, everyChunking, guarded } from "../support/chunks.ts";
import { FrameLog } from "../support/frame_log.ts";
import { Random } from "../support/random.ts";
import { encodeFrame, encodeLength } from "../support/wire.ts";

const SERVER = { masked: true };
const KEY = hex("37 fa 21 3d");

describe("slices", () => {
  test("FrameParser hands out slices as their bytes arrive and holds nothing back", () => {
    const payload = new Random(5).bytes(1 << 20);
    const wire = encodeFrame({ opcode: 2, payload, key: KEY });
    const log = new FrameLog();
    const parser = new FrameParser(log, SERVER);
    let fed = 0;
    for (let at = 0, piece = 1; at < wire.length; piece = piece * 3 % 70001) {
      const chunk = guarded(wire.subarray(at, at + piece), piece & 7);
      assertEquals(parser.push(chunk, 0), chunk.length);
      at += chunk.length;
      const inPayload = Math.max(0, at - 14) - fed;
      fed += inPayload;
      const slice = log.frames[0]?.slices.at(-1);
      if (inPayload > 0) {
        // In place: the slice is the end of the very chunk that was fed.
        assertStrictEquals(slice!.buffer, chunk.buffer);
        assertEquals(slice!.byteOffset + slice!.length, chunk.byteOffset + chunk.length);
        assertEquals(slice!.length, inPayload);
        assertBytes(slice!, payload.subarray(fed - inPayload, fed));
      }
      assertGuardsIntact(chunk);
      assertEquals(parser.atBoundary, at === wire.length);
    }
    assertEquals(log.frames.length, 1);
    assertEquals(log.frames[0].done, true);
    assertBytes(join(log.frames[0].slices), payload);
  });

  test("FrameParser hands out one slice for each chunk that holds payload", () => {
    const wire = encodeFrame({ opcode: 2, payload: "0123456789", key: KEY });
    const log = new FrameLog();
    const parser = new FrameParser(log, SERVER);
    for (const [from, to] of [[0, 3], [3, 6], [6, 9], [9, 9], [9, 16]]) {
      parser.push(wire.slice(from, to), 0);
    }
    const texts = log.frames[0].slices.map((slice) => new TextDecoder().decode(slice));
    assertEquals(texts, ["012", "3456789"]);
  });

  test("FrameParser hands out one empty slice for an empty frame, as soon as its header is there", () => {
    for (const key of [undefined, KEY]) {
      const wire = encodeFrame({ opcode: 1, key });
      for (const { name, chunks } of everyChunking(wire)) {
        const log = new FrameLog();
        const parser = new FrameParser(log, { masked: key !== undefined });
        for (const chunk of chunks) parser.push(chunk, 0);
        assertEquals(log.frames.length, 1, name);
        assertEquals(log.frames[0].slices.map((slice) => slice.length), [0], name);
        assertEquals(log.frames[0].done, true, name);
      }
    }
  });

  test("FrameParser announces a frame when its header is complete, and not before", () => {
    const header = join([hex("82"), encodeLength(70000, true, 64), KEY]);
    const log = new FrameLog();
    const parser = new FrameParser(log, SERVER);
    assertEquals(parser.atBoundary, true);
    for (const byte of header) {
      assertEquals(log.frames.length, 0);
      assertEquals(parser.push(Uint8Array.of(byte), 0), 1);
      assertEquals(parser.atBoundary, false);
    }
    assertEquals(log.frames.map((frame) => frame.length), [70000]);
    assertEquals(log.frames[0].slices, []);
  });

  test("FrameParser does not keep the chunk in which a header began", () => {
    const wire = encodeFrame({ opcode: 1, payload: "kept?", key: KEY });
    const log = new FrameLog();
    const parser = new FrameParser(log, SERVER);
    const chunk = wire.slice(0, 5);
    parser.push(chunk, 0);
    chunk.fill(0); // the transport reuses its read buffer
    parser.push(wire.slice(5), 0);
    assertEquals(new TextDecoder().decode(join(log.frames[0].slices)), "kept?");
  });

  test("FrameParser hands out plain Uint8Arrays when the chunk is of a subclass", () => {
    class Chunk extends Uint8Array {}
    for (const key of [undefined, KEY]) {
      const wire = join([
        encodeFrame({ opcode: 1, payload: "Hello", key }),
        encodeFrame({ opcode: 9, key }),
        encodeFrame({ opcode: 2, payload: new Uint8Array(500), key }),
      ]);
      for (const cut of [wire.length, 1, 3, 9, 40]) {
        const log = new FrameLog();
        const parser = new FrameParser(log, { masked: key !== undefined });
        parser.push(Chunk.from(wire.subarray(0, cut)), 0);
        parser.push(Chunk.from(wire.subarray(cut)), 0);
        const slices = log.frames.flatMap((frame) => frame.slices);
        assert(slices.length >= 3);
        for (const slice of slices) {
          assertStrictEquals(Object.getPrototypeOf(slice), Uint8Array.prototype);
        }
      }
    }
  });
});

describe("the sink", () => {
  const REFUSED = { code: "WS_MESSAGE_TOO_LARGE", closeCode: 1009, message: "no" } as const;
  const wire = join([
    encodeFrame({ opcode: 1, payload: "one", key: KEY }),
    encodeFrame({ opcode: 1, key: KEY }),
    encodeFrame({ opcode: 1, payload: "three", key: KEY }),
  ]);

  test("FrameParser returns a fault of onFrame at once and hands out none of that frame", () => {
    for (const nth of [1, 2, 3]) {
      for (const { name, chunks } of everyChunking(wire)) {
        const log = new FrameLog();
        const parser = new FrameParser(log, SERVER);
        log.after = (event) => event === "frame" && log.frames.length === nth ? REFUSED : null;
        const results = [];
        for (const chunk of chunks) {
          results.push(parser.push(chunk, 0));
          if (typeof results.at(-1) !== "number") break;
        }
        assertStrictEquals(results.at(-1), REFUSED, name);
        assertEquals(log.frames.length, nth, name);
        assertEquals(log.frames.at(-1)!.slices, [], name);
      }
    }
  });

  test("FrameParser returns a fault of onPayload at once and hands out nothing after it", () => {
    for (const nth of [1, 2, 3]) {
      for (const { name, chunks } of everyChunking(wire)) {
        const log = new FrameLog();
        const parser = new FrameParser(log, SERVER);
        log.after = (event) => event === "payload" && log.frames.length === nth ? REFUSED : null;
        const results = [];
        for (const chunk of chunks) {
          results.push(parser.push(chunk, 0));
          if (typeof results.at(-1) !== "number") break;
        }
        assertStrictEquals(results.at(-1), REFUSED, name);
        assertEquals(log.frames.length, nth, name);
        assertEquals(log.frames.at(-1)!.slices.length, 1, name);
      }
    }
  });

  test("push returns after the slice in which stop was called, and goes on from there", () => {
    const chunk = guarded(wire);
    const log = new FrameLog();
    const parser = new FrameParser(log, SERVER);
    log.after = (event) => {
      if (event === "payload") parser.stop();
      return null;
    };
    const ends = [];
    for (let at: unknown = 0; typeof at === "number" && at < chunk.length;) {
      at = parser.push(chunk, at);
      ends.push(at);
      assert(ends.length <= 3, "no progress");
      assertEquals(log.frames.length, ends.length);
    }
    assertEquals(ends, [6 + 3, 6 + 3 + 6, 6 + 3 + 6 + 6 + 5]);
    const texts = log.frames.map((frame) => new TextDecoder().decode(join(frame.slices)));
    assertEquals(texts, ["one", "", "three"]);
    assertEquals(parser.atBoundary, true);
  });

  test("stop in the middle of a frame leaves the rest of the frame to the next push", () => {
    const log = new FrameLog();
    const parser = new FrameParser(log, SERVER);
    log.after = (event) => {
      if (event === "payload" && log.frames.length === 1) parser.stop();
      return null;
    };
    assertEquals(parser.push(wire.slice(0, 8), 0), 8); // the header and two bytes of "one"
    assertEquals(parser.atBoundary, false);
    const rest = wire.slice(8);
    assertEquals(parser.push(rest, 0), 1);
    assertEquals(log.frames.map((frame) => frame.done), [true]);
    assertEquals(parser.push(rest, 1), rest.length);
    assertEquals(log.frames.map((frame) => frame.done), [true, true, true]);
  });

  test("a stop holds for one push only", () => {
    const log = new FrameLog();
    const parser = new FrameParser(log, SERVER);
    parser.stop();
    const chunk = wire.slice();
    assertEquals(parser.push(chunk, 0), chunk.length);
    assertEquals(log.frames.length, 3);
  });

  test("push reads from the index given and leaves the bytes before it alone", () => {
    const chunk = join([hex("de ad be ef"), wire]);
    const log = new FrameLog();
    const parser = new FrameParser(log, SERVER);
    assertEquals(parser.push(chunk, 4), chunk.length);
    assertEquals(log.frames.length, 3);
    assertBytes(chunk.subarray(0, 4), hex("de ad be ef"));
    assertEquals(parser.push(chunk, chunk.length), chunk.length);
    assertEquals(log.frames.length, 3);
  });

  test("push of an empty chunk changes nothing, wherever the stream stands", () => {
    for (let at = 0; at <= wire.length; at++) {
      const log = new FrameLog();
      const parser = new FrameParser(log, SERVER);
      parser.push(wire.slice(0, at), 0);
      const before = [parser.atBoundary, log.frames.length, log.frames.at(-1)?.slices.length];
      assertEquals(parser.push(new Uint8Array(0), 0), 0);
      const after = [parser.atBoundary, log.frames.length, log.frames.at(-1)?.slices.length];
      assertEquals(after, before);
      assertEquals(parser.push(wire.slice(at), 0), wire.length - at);
      assertEquals(log.frames.map((frame) => frame.done), [true, true, true]);
    }
  });
});
