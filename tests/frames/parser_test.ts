import { describe, test } from "node:test";
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { FrameParser } from "../../src/frames/parser.ts";
import { assertBytes, hex, join, toHex } from "../support/bytes.ts";
import { assertGuardsIntact, byteByByte, everyChunking, guarded } from "../support/chunks.ts";
import { FrameLog, parse } from "../support/frame_log.ts";
import { Random } from "../support/random.ts";
import { encodeFrame, encodeLength, maskByFormula } from "../support/wire.ts";

const SERVER = { masked: true };
const CLIENT = { masked: false };
const KEY = hex("37 fa 21 3d");
const ZERO_KEY = hex("00 00 00 00");

/** Parses in every chunking and expects these frames, nothing wrong and nothing left over. */
function assertParses(wire: Uint8Array, masked: boolean, expected: [number, string][]): void {
  for (const { name, chunks } of everyChunking(wire)) {
    const { frames, fault, atBoundary } = parse(chunks, { masked });
    assertEquals(fault, null, name);
    assertEquals(atBoundary, true, name);
    const found = frames.map(({ first, payload }) => [first, toHex(payload, 1000)]);
    assertEquals(found, expected.map(([first, payload]) => [first, toHex(hex(payload), 1000)]));
    for (const { length, payload, done } of frames) {
      assertEquals(payload.length, length, name);
      assertEquals(done, true, name);
    }
    for (const chunk of chunks) assertGuardsIntact(chunk);
  }
}

/** Parses in every chunking and expects this fault, found as soon as `known` bytes are fed. */
function assertRefused(
  wire: Uint8Array,
  options: { masked: boolean; allowedRsv?: number },
  code: string,
  known: number,
  closeCode = 1002,
): void {
  for (const { name, chunks } of everyChunking(wire)) {
    const { fault } = parse(chunks, options);
    assertEquals(fault?.code, code, `${toHex(wire)} ${name}`);
    assertEquals(fault?.closeCode, closeCode, `${toHex(wire)} ${name}`);
  }
  assertEquals(parse(byteByByte(wire).chunks, options).fed, known, toHex(wire));
  assertEquals(parse([wire.slice(0, known)], options).fault?.code, code, toHex(wire));
  assertEquals(parse([wire.slice(0, known - 1)], options).fault, null, toHex(wire));
}

describe("the examples of RFC 6455, section 5.7", () => {
  test("FrameParser reads a single-frame unmasked text message", () => {
    assertParses(hex("81 05 48 65 6c 6c 6f"), false, [[0x81, "48 65 6c 6c 6f"]]);
  });

  test("FrameParser reads a single-frame masked text message", () => {
    const wire = hex("81 85 37 fa 21 3d 7f 9f 4d 51 58");
    assertParses(wire, true, [[0x81, "48 65 6c 6c 6f"]]);
  });

  test("FrameParser reads a fragmented unmasked text message", () => {
    const wire = hex("01 03 48 65 6c  80 02 6c 6f");
    assertParses(wire, false, [[0x01, "48 65 6c"], [0x80, "6c 6f"]]);
  });

  test("FrameParser reads an unmasked ping and a masked pong", () => {
    assertParses(hex("89 05 48 65 6c 6c 6f"), false, [[0x89, "48 65 6c 6c 6f"]]);
    const pong = hex("8a 85 37 fa 21 3d 7f 9f 4d 51 58");
    assertParses(pong, true, [[0x8a, "48 65 6c 6c 6f"]]);
  });

  test("FrameParser reads 256 bytes in an unmasked binary message", () => {
    const payload = new Random(1).bytes(256);
    const wire = join([hex("82 7e 01 00"), payload]);
    assertParses(wire, false, [[0x82, toHex(payload, 256)]]);
  });

  test("FrameParser reads 64 KiB in an unmasked binary message", () => {
    const payload = new Random(2).bytes(65536);
    const wire = join([hex("82 7f 00 00 00 00 00 01 00 00"), payload]);
    for (const chunks of [[wire], byteByByte(wire).chunks]) {
      const { frames, fault } = parse(chunks, CLIENT);
      assertEquals(fault, null);
      assertEquals(frames.length, 1);
      assertEquals(frames[0].length, 65536);
      assertBytes(frames[0].payload, payload);
    }
  });
});

describe("lengths", () => {
  test("FrameParser reads every length form at its edges, masked or not", () => {
    const random = new Random(3);
    for (const length of [0, 1, 2, 125, 126, 127, 128, 255, 256, 65535, 65536, 65537]) {
      const payload = random.bytes(length);
      for (const key of [undefined, random.bytes(4), ZERO_KEY]) {
        const wire = join([
          encodeFrame({ opcode: 2, payload, key }),
          encodeFrame({ opcode: 9, payload: "next", key }),
        ]);
        // Every split of a large frame would be slow: cut in and right behind the headers.
        const cuts = [0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 13, 14, 15, 16, wire.length - 8];
        for (const cut of cuts.filter((at) => at <= wire.length)) {
          const chunks = [guarded(wire.subarray(0, cut)), guarded(wire.subarray(cut), cut & 7)];
          const result = parse(chunks, { masked: key !== undefined });
          assertEquals(result.fault, null);
          assertEquals(result.frames.length, 2);
          assertEquals(result.frames[0].length, length);
          assertBytes(result.frames[0].payload, payload, `length ${length}, cut ${cut}`);
          assertEquals(new TextDecoder().decode(result.frames[1].payload), "next");
          assertEquals(result.atBoundary, true);
        }
      }
    }
  });

  test("FrameParser refuses a length that is not in its shortest form", () => {
    for (const length of [0, 1, 125]) {
      const payload = new Uint8Array(length);
      for (const lengthBits of [16, 64] as const) {
        const size = lengthBits === 16 ? 4 : 10;
        const bare = encodeFrame({ opcode: 2, payload, lengthBits });
        assertRefused(bare, CLIENT, "WS_LENGTH_NOT_MINIMAL", size);
        const masked = encodeFrame({ opcode: 2, payload, lengthBits, key: KEY });
        assertRefused(masked, SERVER, "WS_LENGTH_NOT_MINIMAL", size + 4);
      }
    }
    for (const length of [126, 127, 65535]) {
      const header = join([hex("82"), encodeLength(length, false, 64)]);
      assertRefused(header, CLIENT, "WS_LENGTH_NOT_MINIMAL", 10);
    }
  });

  test("FrameParser refuses a 64-bit length with its top bit set", () => {
    for (const length of ["80 00 00 00 00 00 00 00", "ff ff ff ff ff ff ff ff"]) {
      assertRefused(hex(`82 7f ${length}`), CLIENT, "WS_LENGTH_INVALID", 10);
      assertRefused(hex(`82 ff ${length} 37 fa 21 3d`), SERVER, "WS_LENGTH_INVALID", 14);
    }
    assertRefused(hex("82 7f 80 00 00 00 00 00 00 05"), CLIENT, "WS_LENGTH_INVALID", 10);
  });

  test("FrameParser refuses 2^53 bytes and more as too large", () => {
    for (const length of [2n ** 53n, 2n ** 53n + 1n, 2n ** 62n, 2n ** 63n - 1n]) {
      const header = join([hex("82"), encodeLength(length, false, 64)]);
      assertRefused(header, CLIENT, "WS_MESSAGE_TOO_LARGE", 10, 1009);
    }
  });

  test("FrameParser announces up to 2^53 - 1 bytes exactly, before any payload", () => {
    for (const length of [2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 7, 2 ** 53 - 1]) {
      const header = join([hex("82"), encodeLength(length, false, 64)]);
      for (const { chunks } of everyChunking(header)) {
        const { frames, fault, atBoundary } = parse(chunks, CLIENT);
        assertEquals(fault, null);
        assertEquals(frames.map((frame) => frame.length), [length]);
        assertEquals(atBoundary, false);
      }
    }
  });
});

describe("what two bytes tell", () => {
  test("FrameParser refuses each RSV bit that no extension allowed", () => {
    for (const opcode of [0x0, 0x1, 0x2, 0x8, 0x9, 0xa]) {
      for (const [rsv, code] of [[4, "WS_RSV1"], [2, "WS_RSV2"], [1, "WS_RSV3"]] as const) {
        const wire = encodeFrame({ opcode, rsv, key: KEY });
        assertRefused(wire, SERVER, `${code}_UNEXPECTED`, 2);
        // Allowing the other two bits does not help.
        const allowedRsv = 0x70 & ~(rsv << 4);
        assertRefused(wire, { masked: true, allowedRsv }, `${code}_UNEXPECTED`, 2);
      }
    }
  });

  test("FrameParser accepts an allowed RSV bit on the first frame of a message", () => {
    for (const rsv of [4, 2, 1, 7]) {
      for (const opcode of [0x1, 0x2]) {
        for (const fin of [true, false]) {
          const wire = encodeFrame({ opcode, rsv, fin, payload: "x", key: KEY });
          for (const { chunks } of everyChunking(wire)) {
            const { frames, fault } = parse(chunks, { masked: true, allowedRsv: rsv << 4 });
            assertEquals(fault, null);
            assertEquals(frames[0].first, (fin ? 0x80 : 0) | (rsv << 4) | opcode);
          }
        }
      }
    }
  });

  test("FrameParser refuses an allowed RSV bit on continuation and control frames", () => {
    for (const opcode of [0x0, 0x8, 0x9, 0xa]) {
      const wire = encodeFrame({ opcode, rsv: 4, key: KEY });
      assertRefused(wire, { masked: true, allowedRsv: 0x40 }, "WS_RSV1_UNEXPECTED", 2);
    }
  });

  test("FrameParser refuses each reserved opcode", () => {
    for (const opcode of [0x3, 0x4, 0x5, 0x6, 0x7, 0xb, 0xc, 0xd, 0xe, 0xf]) {
      assertRefused(encodeFrame({ opcode, key: KEY }), SERVER, "WS_OPCODE_RESERVED", 2);
      const fragment = encodeFrame({ opcode, fin: false, payload: "x" });
      assertRefused(fragment, CLIENT, "WS_OPCODE_RESERVED", 2);
    }
  });

  test("FrameParser refuses an unmasked frame from a client and a masked one from a server", () => {
    for (const opcode of [0x0, 0x1, 0x2, 0x8, 0x9, 0xa]) {
      const bare = encodeFrame({ opcode, payload: "Hello" });
      assertRefused(bare, SERVER, "WS_MASK_MISSING", 2);
      const masked = encodeFrame({ opcode, payload: "Hello", key: ZERO_KEY });
      assertRefused(masked, CLIENT, "WS_MASK_UNEXPECTED", 2);
    }
    const long = encodeFrame({ opcode: 2, payload: new Uint8Array(300) });
    assertRefused(long, SERVER, "WS_MASK_MISSING", 2);
  });

  test("FrameParser refuses a fragmented control frame", () => {
    for (const opcode of [0x8, 0x9, 0xa]) {
      const wire = encodeFrame({ opcode, fin: false, key: KEY });
      assertRefused(wire, SERVER, "WS_CONTROL_FRAGMENTED", 2);
    }
  });

  test("FrameParser refuses a control frame of more than 125 bytes, however it is given", () => {
    for (const opcode of [0x8, 0x9, 0xa]) {
      const payload = new Uint8Array(126);
      const wire = encodeFrame({ opcode, payload, key: KEY });
      assertRefused(wire, SERVER, "WS_CONTROL_TOO_LONG", 2);
      const wide = encodeFrame({ opcode, payload, lengthBits: 64 });
      assertRefused(wide, CLIENT, "WS_CONTROL_TOO_LONG", 2);
      // A short payload in a long form cannot be right either.
      const short = encodeFrame({ opcode, payload: "x", lengthBits: 16 });
      assertRefused(short, CLIENT, "WS_CONTROL_TOO_LONG", 2);
    }
  });

  test("FrameParser reads a control frame of exactly 125 bytes", () => {
    const payload = new Random(4).bytes(125);
    for (const opcode of [0x8, 0x9, 0xa]) {
      const wire = encodeFrame({ opcode, payload, key: KEY });
      assertParses(wire, true, [[0x80 | opcode, toHex(payload, 125)]]);
    }
  });

  test("FrameParser hands out the frames before a bad one, and nothing of it", () => {
    const wire = join([
      encodeFrame({ opcode: 1, payload: "good", key: KEY }),
      encodeFrame({ opcode: 9, key: KEY }),
      encodeFrame({ opcode: 3, payload: "bad", key: KEY }),
      encodeFrame({ opcode: 1, payload: "never", key: KEY }),
    ]);
    for (const { name, chunks } of everyChunking(wire)) {
      const { frames, fault } = parse(chunks, SERVER);
      assertEquals(fault?.code, "WS_OPCODE_RESERVED", name);
      assertEquals(frames.map(({ first, done }) => [first, done]), [[0x81, true], [0x89, true]]);
    }
  });
});

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

  test("FrameParser starts each frame with its own key, from the key's first byte", () => {
    const random = new Random(6);
    const frames = Array.from({ length: 40 }, () => ({
      payload: random.bytes(random.int(0, 9)),
      key: random.bytes(4),
    }));
    const wire = join(frames.map((frame) => encodeFrame({ opcode: 2, ...frame })));
    assertParses(wire, true, frames.map(({ payload }) => [0x82, toHex(payload)]));
  });

  test("FrameParser goes on with the key where the payload was cut", () => {
    const payload = new Random(7).bytes(700);
    const wire = join([hex("82 fe 02 bc"), KEY, maskByFormula(payload, KEY)]);
    assertParses(wire, true, [[0x82, toHex(payload, 700)]]);
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
