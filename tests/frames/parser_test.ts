import { describe, test } from "node:test";
import { assertEquals } from "@std/assert";
import { assertBytes, hex, join, toHex } from "../support/bytes.ts";
import { assertGuardsIntact, byteByByte, everyChunking, guarded } from "../support/chunks.ts";
import { parse } from "../support/frame_log.ts";
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

describe("masking keys", () => {
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
