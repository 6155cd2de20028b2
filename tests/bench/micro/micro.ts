/**
 * The parts of the engine by themselves: masking, UTF-8, parser, writer, and all of them together.
 *
 * `deno task bench --parts micro`, on each of the runtimes.
 *
 * @module
 */

import { bench, do_not_optimize, group, run, summary } from "mitata";
import { Engine, type EngineSink } from "../../../src/connection/mod.ts";
import { applyMask } from "../../../src/frames/mask.ts";
import {
  BINARY,
  decodeUtf8,
  FIN,
  FrameParser,
  type FrameSink,
  FrameWriter,
  TEXT,
  Utf8Validator,
} from "../../../src/frames/mod.ts";
import { encodeUtf8Into } from "../../../src/frames/utf8.ts";
import { clientFrame } from "../load/frames.ts";

const SIZES = [16, 125, 512, 4096, 65536];
const KEY = 0x37fa213d;

function ascii(size: number): Uint8Array {
  return new Uint8Array(size).map((_, i) => 97 + (i % 26));
}

/** Half of it characters of two and three bytes. */
function mixed(size: number): Uint8Array {
  return new TextEncoder().encode("ab é€ ".repeat(Math.ceil(size / 9))).slice(0, size - size % 9);
}

/** The loop that masking is compared with. */
function maskByByte(bytes: Uint8Array, key: Uint8Array): void {
  for (let i = 0; i < bytes.length; i++) bytes[i] ^= key[i & 3];
}

group("masking", () => {
  const key = new Uint8Array([0x37, 0xfa, 0x21, 0x3d]);
  for (const size of SIZES) {
    const bytes = new Uint8Array(size);
    const shifted = new Uint8Array(size + 1);
    bench(`mask ${size} B`, () => applyMask(bytes, 0, size, KEY, 0));
    bench(`mask ${size} B, not aligned`, () => applyMask(shifted, 1, size + 1, KEY, 0));
    summary(() => bench(`mask ${size} B, byte by byte`, () => maskByByte(bytes, key)));
  }
});

group("UTF-8", () => {
  for (const size of [16, 512, 65536]) {
    const kinds: [string, Uint8Array][] = [["ASCII", ascii(size)], ["mixed", mixed(size)]];
    for (const [name, bytes] of kinds) {
      const text = new TextDecoder().decode(bytes);
      const target = new Uint8Array(text.length * 3);
      const validator = new Utf8Validator();
      bench(`decode ${size} B ${name}`, () => do_not_optimize(decodeUtf8(bytes)));
      bench(`encode ${size} B ${name}`, () => do_not_optimize(encodeUtf8Into(text, target)));
      bench(`validate ${size} B ${name}`, () => do_not_optimize(validator.push(bytes)));
    }
  }
});

/** A chunk of frames, as one read of a socket brings them. */
function chunkOf(size: number, opcode: number): { chunk: Uint8Array; count: number } {
  const frame = clientFrame(FIN | opcode, ascii(size));
  const count = Math.max(1, Math.floor(32768 / frame.length));
  return { chunk: new Uint8Array(Array(count).fill([...frame]).flat()), count };
}

group("parser: a chunk of frames, unmasked in place", () => {
  const sink: FrameSink = {
    onFrame: () => null,
    onPayload: () => null,
    onWholeFrame: () => null,
  };
  for (const size of SIZES) {
    const { chunk, count } = chunkOf(size, BINARY);
    const parser = new FrameParser(sink, { masked: true });
    // Each run unmasks what the last one masked: the headers stay as they are.
    bench(`parse ${count} frames of ${size} B`, () => do_not_optimize(parser.push(chunk, 0)));
  }
  const { chunk } = chunkOf(512, BINARY);
  const single = Array.from(chunk, (byte) => new Uint8Array([byte]));
  const parser = new FrameParser(sink, { masked: true });
  bench(`parse ${chunk.length} chunks of 1 B`, () => {
    for (const [i, byte] of single.entries()) {
      byte[0] = chunk[i];
      parser.push(byte, 0);
    }
  });
});

group("writer: sixteen frames, taken and released", () => {
  for (const masking of [false, true]) {
    for (const size of SIZES) {
      const writer = new FrameWriter(masking);
      const payload = ascii(size);
      bench(`write ${size} B${masking ? ", masked" : ""}`, () => {
        for (let i = 0; i < 16; i++) writer.writeFrame(FIN | BINARY, payload, true);
        do_not_optimize(writer.take());
        writer.release();
      });
    }
    const writer = new FrameWriter(masking);
    const text = new TextDecoder().decode(ascii(512));
    bench(`write text of 512 B${masking ? ", masked" : ""}`, () => {
      for (let i = 0; i < 16; i++) writer.writeText(FIN | TEXT, text);
      do_not_optimize(writer.take());
      writer.release();
    });
  }
});

group("engine: a chunk of messages, echoed", () => {
  for (const opcode of [BINARY, TEXT]) {
    for (const size of [16, 125, 512, 4096]) {
      const { chunk, count } = chunkOf(size, opcode);
      const fed = new Uint8Array(chunk.length);
      const sink: EngineSink = {
        onMessage: (data) =>
          typeof data === "string" ? engine.sendText(data) : engine.sendBytes(data, "binary", true),
        onMessageStart: () => {},
        onMessageSlice: () => {},
        onMessageEnd: () => {},
        onPing: () => true,
        onPong: () => {},
        onPeerClose: () => {},
        onFailure: (error) => {
          throw error;
        },
      };
      const engine = new Engine(sink, {
        role: "server",
        maxMessageBytes: 16 * 1024 * 1024,
        maxFragments: 16_384,
      });
      bench(`echo ${count} of ${size} B ${opcode === TEXT ? "text" : "binary"}`, () => {
        fed.set(chunk);
        engine.receive(fed);
        do_not_optimize(engine.output.take());
        engine.output.release();
      });
    }
  }
});

await run();
