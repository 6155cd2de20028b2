import { describe, test } from "node:test";
import { assert, assertEquals, assertNotStrictEquals, assertStrictEquals } from "@std/assert";
import { POOLED_BUFFER_BYTES } from "../../src/frames/buffer_pool.ts";
import { BY_REFERENCE_BYTES, FrameWriter } from "../../src/frames/writer.ts";
import { assertBytes, hex, join } from "../support/bytes.ts";
import { Random } from "../support/random.ts";
import { decodeFrames, encodeFrame, maskByFormula } from "../support/wire.ts";

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

describe("the examples of RFC 6455, section 5.7", () => {
  const hello = new TextEncoder().encode("Hello");

  test("FrameWriter writes a single-frame unmasked text message", () => {
    const writer = new FrameWriter(false);
    assertEquals(writer.writeText(TEXT, "Hello"), 5);
    writer.writeFrame(TEXT, hello);
    const once = hex("81 05 48 65 6c 6c 6f");
    assertBytes(taken(writer), join([once, once]));
  });

  test("FrameWriter writes a masked text message as the RFC does, but for the key", () => {
    const writer = new FrameWriter(true);
    writer.writeText(TEXT, "Hello");
    writer.writeFrame(TEXT, hello);
    const wire = taken(writer);
    assertEquals(wire.length, 22);
    for (const frame of [wire.subarray(0, 11), wire.subarray(11)]) {
      assertBytes(frame.subarray(0, 2), hex("81 85"));
      assertBytes(maskByFormula(frame.slice(6), frame.slice(2, 6)), hello);
    }
  });

  test("FrameWriter writes a fragmented unmasked text message", () => {
    const writer = new FrameWriter(false);
    writer.writeText(0x01, "Hel");
    writer.writeText(0x80, "lo");
    assertBytes(taken(writer), hex("01 03 48 65 6c 80 02 6c 6f"));
  });

  test("FrameWriter writes an unmasked ping", () => {
    const writer = new FrameWriter(false);
    writer.writeFrame(0x89, hello);
    assertBytes(taken(writer), hex("89 05 48 65 6c 6c 6f"));
  });

  test("FrameWriter writes 256 bytes and 64 KiB in unmasked binary messages", () => {
    const writer = new FrameWriter(false);
    const random = new Random(1);
    const payloads = [random.bytes(256), random.bytes(65536)];
    for (const payload of payloads) writer.writeFrame(BINARY, payload);
    const headers = [hex("82 7e 01 00"), hex("82 7f 00 00 00 00 00 01 00 00")];
    assertBytes(taken(writer), join([headers[0], payloads[0], headers[1], payloads[1]]));
  });
});

describe("payloads", () => {
  test("writeFrame writes payloads of every size, masked or not, kept or copied", () => {
    const random = new Random(2);
    for (const masking of [false, true]) {
      const writer = new FrameWriter(masking);
      for (const size of SIZES) {
        for (const keep of [false, true, undefined]) {
          const payload = random.bytes(size);
          const before = new Uint8Array(payload);
          writer.writeFrame(BINARY, payload, keep);
          const wire = taken(writer);
          const [frame, ...more] = decodeFrames(wire);
          assertEquals(more, []);
          assertBytes(frame.payload, before, `size ${size}`);
          assertBytes(wire, encodeFrame({ opcode: 2, payload: before, key: frame.key }));
          assertEquals(frame.key !== undefined, masking);
          assertBytes(payload, before, "the caller's payload");
        }
      }
    }
  });

  test("writeFrame writes the first header byte as it is given", () => {
    const writer = new FrameWriter(false);
    for (let first = 0; first < 256; first++) writer.writeFrame(first, new Uint8Array(0));
    const wire = taken(writer);
    for (let first = 0; first < 256; first++) {
      assertBytes(wire.subarray(first * 2, first * 2 + 2), Uint8Array.of(first, 0));
    }
  });

  test("writeFrame reads exactly the view it is given", () => {
    const memory = new Random(3).bytes(60_000);
    const before = new Uint8Array(memory);
    for (const masking of [false, true]) {
      for (const keep of [false, true]) {
        for (const [from, to] of [[3, 10], [5, 5], [1, 40_001]]) {
          const writer = new FrameWriter(masking);
          writer.writeFrame(BINARY, memory.subarray(from, to), keep);
          assertBytes(decodeFrames(taken(writer))[0].payload, before.subarray(from, to));
          assertBytes(memory, before, "the memory around");
        }
      }
    }
  });

  test("writeFrame has copied a payload when it returns, unless the caller keeps it", () => {
    // Node's Buffer is such a class: its slice() is a view.
    class SharingBytes extends Uint8Array {
      override slice(start?: number, end?: number): Uint8Array<ArrayBuffer> {
        return this.subarray(start, end) as Uint8Array<ArrayBuffer>;
      }
    }
    for (const masking of [false, true]) {
      for (const size of SIZES) {
        for (const payload of [new Uint8Array(size).fill(1), new SharingBytes(size).fill(1)]) {
          const writer = new FrameWriter(masking);
          writer.writeFrame(BINARY, payload);
          payload.fill(2);
          const sent = decodeFrames(taken(writer))[0].payload;
          assertBytes(sent, new Uint8Array(size).fill(1), `size ${size}`);
        }
      }
    }
  });

  test("writeFrame passes a large unmasked payload on by reference when the caller keeps it", () => {
    for (const size of [BY_REFERENCE_BYTES, 200_000]) {
      const payload = new Uint8Array(size);
      const writer = new FrameWriter(false);
      writer.writeFrame(BINARY, payload, true);
      const parts = writer.take();
      assertEquals(parts.length, 2);
      assertStrictEquals(parts[1].buffer, payload.buffer);
      writer.release();
    }
  });

  test("writeFrame never hands out the caller's memory when it masks or must copy", () => {
    for (const size of SIZES) {
      for (const [masking, keep] of [[true, true], [true, false], [false, false]]) {
        const payload = new Uint8Array(size);
        const writer = new FrameWriter(masking);
        writer.writeFrame(BINARY, payload, keep);
        for (const part of writer.take()) assertNotStrictEquals(part.buffer, payload.buffer);
        writer.release();
      }
    }
  });

  test("every masked frame has a key of its own", () => {
    const writer = new FrameWriter(true);
    for (let i = 0; i < 500; i++) {
      writer.writeFrame(BINARY, new Uint8Array(i));
      writer.writeText(TEXT, "text");
    }
    writer.writeFrame(BINARY, new Uint8Array(BY_REFERENCE_BYTES));
    writer.writeFrame(BINARY, new Uint8Array(BY_REFERENCE_BYTES), true);
    writer.writeText(TEXT, "x".repeat(100_000));
    const keys = decodeFrames(taken(writer)).map((frame) => String(frame.key));
    assertEquals(keys.length, 1003);
    assert(new Set(keys).size >= 1002, "keys repeat"); // one repeat has a chance of 0.01 %
  });
});

describe("text", () => {
  const CHARACTERS = ["a", "\u00e9", "\u20ac", "\u{1f600}"];

  /** Writes text between two other frames and checks all three. */
  function assertWritten(writer: FrameWriter, text: string, masking: boolean): void {
    const expected = new TextEncoder().encode(text);
    writer.writeText(0x01, "before");
    assertEquals(writer.writeText(0xc1, text), expected.length);
    writer.writeText(0x80, "after");
    const wire = taken(writer);
    const frames = decodeFrames(wire);
    const payloads = ["before", expected, "after"];
    const firsts = [{ fin: false, opcode: 1 }, { rsv: 4, opcode: 1 }, { opcode: 0 }];
    const encoded = frames.map((frame, i) =>
      encodeFrame({ ...firsts[i], payload: payloads[i], key: frame.key })
    );
    assertBytes(wire, join(encoded), `${expected.length} bytes, ${text.length} units`);
    for (const frame of frames) assertEquals(frame.key !== undefined, masking);
  }

  test("writeText writes text of every length to 300 units, of one to four bytes a character", () => {
    for (const masking of [false, true]) {
      const writer = new FrameWriter(masking);
      for (const character of CHARACTERS) {
        for (let units = 0; units <= 300; units += character.length) {
          assertWritten(writer, character.repeat(units / character.length), masking);
        }
      }
    }
  });

  test("writeText writes text of every size around 125 and 126 bytes, however it is mixed", () => {
    for (const masking of [false, true]) {
      const writer = new FrameWriter(masking);
      for (const character of CHARACTERS) {
        const width = new TextEncoder().encode(character).length;
        for (let bytes = 120; bytes <= 132; bytes++) {
          for (let count = 0; count * width <= bytes; count++) {
            const text = "x".repeat(bytes - count * width) + character.repeat(count);
            assertWritten(writer, text, masking);
          }
        }
      }
    }
  });

  test("writeText writes text of every size around 65,535 and 65,536 bytes", () => {
    for (const masking of [false, true]) {
      const writer = new FrameWriter(masking);
      for (const character of CHARACTERS) {
        const width = new TextEncoder().encode(character).length;
        for (let bytes = 65536 - 20; bytes <= 65536 + 6; bytes++) {
          const count = Math.floor(bytes / width);
          const text = "x".repeat(bytes - count * width) + character.repeat(count);
          assertWritten(writer, text, masking);
        }
      }
    }
  });

  test("writeText writes text where it no longer surely fits one buffer", () => {
    for (const masking of [false, true]) {
      const writer = new FrameWriter(masking);
      for (const character of CHARACTERS) {
        // 21,840 units of three bytes each, and a header, fill a buffer of 65,536.
        for (let units = 21836; units <= 21844; units += character.length) {
          assertWritten(writer, character.repeat(units / character.length), masking);
        }
        assertWritten(writer, character.repeat(BY_REFERENCE_BYTES), masking);
      }
    }
  });

  test("writeText keeps a byte order mark and NUL", () => {
    const writer = new FrameWriter(false);
    writer.writeText(TEXT, "\ufeff\0");
    assertBytes(taken(writer), hex("81 04 ef bb bf 00"));
  });

  test("writeText mends unpaired surrogates, in short text and in long", () => {
    const writer = new FrameWriter(false);
    assertEquals(writer.writeText(TEXT, "\ud800"), 3);
    assertEquals(writer.writeText(TEXT, "a\udc00b"), 5);
    assertEquals(writer.writeText(TEXT, "\ud83d\ude00\ud83d"), 7);
    assertBytes(
      taken(writer),
      hex("81 03 ef bf bd  81 05 61 ef bf bd 62  81 07 f0 9f 98 80 ef bf bd"),
    );
    assertEquals(writer.writeText(TEXT, "\udfff".repeat(30_000)), 90_000);
    const [frame] = decodeFrames(taken(writer));
    assertEquals(new TextDecoder().decode(frame.payload), "\ufffd".repeat(30_000));
  });
});
