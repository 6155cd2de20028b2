/**
 * The incremental frame parser: chunks of any size in, checked headers and payload slices out.
 *
 * ```
 *  chunk ──> header? ──complete──> check ──> sink.onFrame ──> payload slices ──> sink.onPayload
 *               └──incomplete──> spill (at most 14 bytes), go on with the next chunk
 * ```
 *
 * Payload bytes are never gathered here: each slice is unmasked where it lies and handed on.
 *
 * @module
 */

import { type FrameFault, protocolFault } from "./fault.ts";
import { checkHeader, headerSize, MAX_HEADER_BYTES, readUint32 } from "./header.ts";
import { CloseCode } from "./close_code.ts";
import { applyMask, unmaskedCopy } from "./mask.ts";
import { BINARY, FIN, TEXT } from "./opcode.ts";

/** The first byte of a message that is one frame, not compressed. */
const WHOLE_TEXT = FIN | TEXT;
const WHOLE_BINARY = FIN | BINARY;

let copiedBytes = 0;

/**
 * Says up to which size payloads are better copied than viewed here. V8 makes a view in less time
 * than it fills a new array; JavaScriptCore needs twice as long for a view as for a small array, and
 * more where the chunk was never viewed before. That is for adapters to say.
 *
 * @param bytes The size. Default: 0, every payload is a view.
 * @returns What held before.
 */
export function useCopies(bytes = 0): number {
  const before = copiedBytes;
  copiedBytes = bytes;
  return before;
}

/** Where a parser hands what it finds, synchronously and in order. */
export interface FrameSink {
  /**
   * Takes a checked header, before any of its payload.
   *
   * @param first The first header byte: FIN, RSV1-3, opcode.
   * @param length Payload bytes of the frame.
   * @returns A fault to refuse the frame with, or `null`.
   */
  onFrame(first: number, length: number): FrameFault | null;
  /**
   * Takes a slice of the frame's payload, unmasked; an empty frame has one empty slice.
   *
   * @param slice A view into the chunk, or an empty array.
   * @param last Whether the frame ends with this slice.
   * @returns A fault to stop with, or `null`.
   */
  onPayload(slice: Uint8Array, last: boolean): FrameFault | null;
  /**
   * Takes a frame that came whole in one chunk: the same as `onFrame` and then `onPayload`, in one
   * call. It is a data frame with FIN, no RSV bit and at least one byte of payload.
   *
   * @param first The first header byte.
   * @param payload All of it, unmasked: a view into the chunk, or a copy.
   * @returns A fault to stop with, or `null`.
   */
  onWholeFrame(first: number, payload: Uint8Array): FrameFault | null;
}

/** Options of a {@linkcode FrameParser}. */
export interface FrameParserOptions {
  /** Whether the peer must mask its frames: `true` on a server. */
  masked: boolean;
  /** RSV bits that extensions gave a meaning, as a mask of the first header byte. Default: 0. */
  allowedRsv?: number;
}

/** Parses frames out of a byte stream, keeping nothing but an incomplete header. */
export class FrameParser {
  readonly #sink: FrameSink;
  readonly #masked: boolean;
  readonly #allowedRsv: number;
  /** The bytes of a header that its chunk did not complete; made when first needed. */
  #spill: Uint8Array | undefined;
  #spilled = 0;
  /** Payload bytes of the current frame that are still to come. */
  #remaining = 0;
  /** Payload bytes of the current frame so far: the masking key's running offset. */
  #offset = 0;
  #key = 0;
  #stopped = false;

  constructor(sink: FrameSink, options: FrameParserOptions) {
    this.#sink = sink;
    this.#masked = options.masked;
    this.#allowedRsv = options.allowedRsv ?? 0;
  }

  /** Whether the bytes so far end between two frames. */
  get atBoundary(): boolean {
    return this.#remaining === 0 && this.#spilled === 0;
  }

  /** Makes {@linkcode FrameParser.push} return after the slice it is handing out. */
  stop(): void {
    this.#stopped = true;
  }

  /**
   * Feeds bytes; the parser may change them in place (unmasking) and slices of them go to the sink.
   *
   * @param chunk The bytes.
   * @param from Index of the first byte to read.
   * @returns How far it read: `chunk.length`, or less after {@linkcode FrameParser.stop}; or what
   * is wrong, after which the parser must not be fed again.
   */
  push(chunk: Uint8Array, from: number): number | FrameFault {
    const end = chunk.length;
    const base = chunk.byteOffset;
    // Once for all messages of the chunk: V8 answers it by a call into its C++, which takes as long as
    // unmasking 32 bytes. Where small payloads are copied that costs most, and may not be needed.
    const buffer = copiedBytes > 0 ? undefined : chunk.buffer;
    let at = from;
    this.#stopped = false;
    while (at < end) {
      if (this.#remaining === 0) {
        if (this.#spilled === 0) {
          const after = this.#readWhole(chunk, at, end, base, buffer);
          if (typeof after !== "number") return after;
          if (after !== at) {
            if (this.#stopped) return after;
            at = after;
            continue;
          }
        }
        const next = this.#spilled === 0
          ? this.#readHeader(chunk, at, end)
          : this.#finishHeader(chunk, at, end);
        if (typeof next !== "number") return next;
        at = next;
        if (this.#spilled !== 0) return at; // the chunk ended inside a header
        if (this.#remaining === 0) {
          // A new one each time: it may become a user's message, to keep or to transfer.
          const fault = this.#sink.onPayload(new Uint8Array(0), true);
          if (fault !== null) return fault;
          if (this.#stopped) return at;
          continue;
        }
        if (at === end) return at;
      }
      const size = Math.min(this.#remaining, end - at);
      if (this.#masked) applyMask(chunk, at, at + size, this.#key, this.#offset);
      this.#offset += size;
      this.#remaining -= size;
      // Not subarray(): on Node a chunk is a Buffer, and users are promised a plain Uint8Array.
      const slice = new Uint8Array(buffer ?? chunk.buffer, base + at, size);
      at += size;
      const fault = this.#sink.onPayload(slice, this.#remaining === 0);
      if (fault !== null) return fault;
      if (this.#stopped) return at;
    }
    return at;
  }

  /**
   * Reads the frame at `at` if it is of the usual kind: a whole message, all of which lies in the
   * chunk, with a length of up to 16 bits. All others, those that break a rule among them, are left
   * to {@linkcode FrameParser.#readHeader}.
   *
   * @returns The index after the frame, or `at` when it is not of that kind; or what is wrong.
   */
  #readWhole(
    chunk: Uint8Array,
    at: number,
    end: number,
    base: number,
    buffer: ArrayBufferLike | undefined,
  ): number | FrameFault {
    const first = chunk[at];
    if (first !== WHOLE_TEXT && first !== WHOLE_BINARY) return at;
    const masked = this.#masked;
    let start = at + (masked ? 6 : 2);
    if (start >= end) return at;
    let length = chunk[at + 1] - (masked ? 0x80 : 0); // below 0 or above 127: the mask bit is wrong
    if (length === 126) {
      start += 2;
      if (start >= end) return at;
      length = (chunk[at + 2] << 8) | chunk[at + 3];
      if (length < 126) return at;
    } else if (length <= 0 || length > 126) return at;
    const after = start + length;
    if (after > end) return at;
    const key = masked ? readUint32(chunk, start - 4) | 0 : 0;
    if (length <= copiedBytes) {
      return this.#sink.onWholeFrame(first, unmaskedCopy(chunk, start, length, key)) ?? after;
    }
    if (masked) applyMask(chunk, start, after, key, 0);
    const payload = new Uint8Array(buffer ?? chunk.buffer, base + start, length);
    return this.#sink.onWholeFrame(first, payload) ?? after;
  }

  /** Reads the header at `at`, or spills what there is of it. */
  #readHeader(chunk: Uint8Array, at: number, end: number): number | FrameFault {
    if (end - at >= 2) {
      const fault = checkHeader(chunk[at], chunk[at + 1], this.#masked, this.#allowedRsv);
      if (fault !== null) return fault;
      const size = headerSize(chunk[at + 1]);
      if (end - at >= size) return this.#begin(chunk, at) ?? at + size;
    }
    this.#spill ??= new Uint8Array(MAX_HEADER_BYTES);
    this.#spill.set(chunk.subarray(at, end));
    this.#spilled = end - at;
    return end;
  }

  /** Completes a spilled header, byte by byte; its first two are checked as soon as both are there. */
  #finishHeader(chunk: Uint8Array, at: number, end: number): number | FrameFault {
    const spill = this.#spill!;
    let size = this.#spilled < 2 ? 2 : headerSize(spill[1]);
    while (this.#spilled < size) {
      if (at === end) return at;
      spill[this.#spilled++] = chunk[at++];
      if (this.#spilled === 2) {
        const fault = checkHeader(spill[0], spill[1], this.#masked, this.#allowedRsv);
        if (fault !== null) return fault;
        size = headerSize(spill[1]);
      }
    }
    this.#spilled = 0;
    return this.#begin(spill, 0) ?? at;
  }

  /** Takes a complete header: reads its length and key, and announces the frame. */
  #begin(source: Uint8Array, at: number): FrameFault | null {
    const first = source[at];
    let length = source[at + 1] & 0x7f;
    at += 2;
    if (length === 126) {
      length = (source[at] << 8) | source[at + 1];
      at += 2;
      // RFC 6455 §5.2: "the minimal number of bytes MUST be used to encode the length"
      if (length < 126) return notMinimal(length);
    } else if (length === 127) {
      const high = readUint32(source, at);
      length = high * 0x100000000 + readUint32(source, at + 4);
      at += 8;
      if (high > 0x7fffffff) {
        return protocolFault("WS_LENGTH_INVALID", "the top bit of a 64-bit length is set");
      }
      if (length < 65536) return notMinimal(length);
      if (high > 0x1fffff) {
        return {
          code: "WS_MESSAGE_TOO_LARGE",
          closeCode: CloseCode.MESSAGE_TOO_BIG,
          message: "Cannot receive message: it is larger than this runtime can hold",
        };
      }
    }
    if (this.#masked) this.#key = readUint32(source, at) | 0;
    this.#offset = 0;
    const fault = this.#sink.onFrame(first, length);
    if (fault !== null) return fault;
    this.#remaining = length;
    return null;
  }
}

function notMinimal(length: number): FrameFault {
  return protocolFault(
    "WS_LENGTH_NOT_MINIMAL",
    `a payload length of ${length} is not in its shortest form`,
  );
}
