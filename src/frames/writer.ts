/**
 * The frame writer: gathers frames into one buffer, so that many frames cost one write.
 * @module
 */

import { giveBuffer, POOLED_BUFFER_BYTES, takeBuffer } from "./buffer_pool.ts";
import { headerSizeFor, MAX_HEADER_BYTES, writeHeader } from "./header.ts";
import { applyMask, nextMaskingKey } from "./mask.ts";
import { encodeUtf8, encodeUtf8Into } from "./utf8.ts";

/** From this size on, an unmasked payload goes out by reference instead of through the buffer. */
export const BY_REFERENCE_BYTES = 16384;

/** Stands for an empty list: an idle writer holds none of its own. Nothing is ever added to it. */
const NONE: Uint8Array[] = [];

/** The list of a single part, the same one each time. */
const SINGLE: Uint8Array[] = [];

/** How many frames go out by reference before a buffer gathers them. */
const MAX_SMALL_PARTS = 8;

/** The longest string that surely fits an empty buffer: at most three bytes for each UTF-16 unit. */
const MAX_IN_PLACE_UNITS = Math.floor((POOLED_BUFFER_BYTES - MAX_HEADER_BYTES) / 3);

/** Found once: a `Buffer` of Node has so many methods that V8 looks each up anew. */
const copy = Uint8Array.prototype.set;

/**
 * Encodes one unmasked frame, for {@linkcode FrameWriter.writeEncoded}.
 *
 * @param first The first header byte: FIN, RSV1-3, opcode.
 * @param payload The payload, which is copied.
 */
export function encodeFrame(first: number, payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(headerSizeFor(payload.length, false) + payload.length);
  frame.set(payload, writeHeader(frame, 0, first, payload.length, undefined));
  return frame;
}

/**
 * Encodes frames and gathers them until they are taken.
 *
 * Buffers come from the shared pool. The parts that {@linkcode FrameWriter.take} hands out point
 * into them, so {@linkcode FrameWriter.release} must be called once all parts have been written.
 */
export class FrameWriter {
  readonly #masking: boolean;
  /** Finished parts, in order: filled stretches of pooled buffers, and payloads by reference. */
  #parts: Uint8Array[] = NONE;
  /** The pooled buffer being filled. */
  #buffer: Uint8Array | undefined;
  /** Pooled buffers that were filled before it. */
  #full: Uint8Array[] = NONE;
  /** Where the current stretch starts and ends in it. */
  #start = 0;
  #end = 0;
  #pendingBytes = 0;
  /** Buffers of the parts that were taken and not yet released: the last one, and others. */
  #lent: Uint8Array | undefined;
  #lentFull: Uint8Array[] = NONE;

  /** @param masking Whether frames are masked: `true` on a client. */
  constructor(masking: boolean) {
    this.#masking = masking;
  }

  /** Whether a pooled buffer is held for frames that were not taken yet. */
  get holdsBuffer(): boolean {
    return this.#buffer !== undefined;
  }

  /** Bytes of frames that were not taken yet. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /**
   * Adds a frame.
   *
   * @param first The first header byte: FIN, RSV1-3, opcode.
   * @param payload The payload; never changed.
   * @param keep Whether the caller keeps `payload` unchanged until the frame has been written, so
   * that a large one may be passed on by reference. Default: `false`, it is copied.
   */
  writeFrame(first: number, payload: Uint8Array, keep = false): void {
    const length = payload.length;
    const key = this.#masking ? nextMaskingKey() : undefined;
    const size = headerSizeFor(length, this.#masking) + length;
    this.#pendingBytes += size;
    if (length >= BY_REFERENCE_BYTES) {
      const target = this.#reserve(MAX_HEADER_BYTES);
      this.#end = writeHeader(target, this.#end, first, length, key);
      if (key === undefined) {
        this.#cut();
        // Not slice(): on a Buffer that is a view, not a copy.
        this.#addPart(keep ? payload : new Uint8Array(payload));
      } else this.#addMasked(payload, key);
      return;
    }
    const target = this.#reserve(size);
    const at = writeHeader(target, this.#end, first, length, key);
    copy.call(target, payload, at);
    this.#end = at + length;
    if (key !== undefined) applyMask(target, at, this.#end, key, 0);
  }

  /**
   * Adds a frame that is encoded already, unmasked, and that nobody ever changes. While little else
   * waits it goes out by reference, whatever its size, and no buffer is taken.
   *
   * @param frame The whole frame, from {@linkcode encodeFrame}.
   */
  writeEncoded(frame: Uint8Array): void {
    this.#pendingBytes += frame.length;
    const few = this.#buffer === undefined && this.#parts.length < MAX_SMALL_PARTS;
    if (few || frame.length >= BY_REFERENCE_BYTES) {
      this.#cut();
      this.#addPart(frame);
      return;
    }
    const target = this.#reserve(frame.length);
    target.set(frame, this.#end);
    this.#end += frame.length;
  }

  /**
   * Adds a frame whose payload is a string, encoded as UTF-8 straight into the buffer.
   *
   * @param first The first header byte.
   * @param text The payload; unpaired surrogates become U+FFFD.
   * @returns The payload's bytes.
   */
  writeText(first: number, text: string): number {
    const units = text.length;
    if (units > MAX_IN_PLACE_UNITS) {
      const payload = encodeUtf8(text);
      this.writeFrame(first, payload, true); // nobody else holds it
      return payload.length;
    }
    const target = this.#reserve(MAX_HEADER_BYTES + units * 3);
    const start = this.#end;
    // The text goes where it belongs if it is all ASCII, and is moved up if its length then
    // needs a longer header.
    const guess = start + headerSizeFor(units, this.#masking);
    const length = encodeUtf8Into(text, target, guess);
    const at = start + headerSizeFor(length, this.#masking);
    if (at !== guess) target.copyWithin(at, guess, guess + length);
    const key = this.#masking ? nextMaskingKey() : undefined;
    writeHeader(target, start, first, length, key);
    this.#end = at + length;
    if (key !== undefined) applyMask(target, at, this.#end, key, 0);
    this.#pendingBytes += this.#end - start;
    return length;
  }

  /**
   * Takes all frames so far, as parts to be written in order.
   *
   * May be called again only after {@linkcode FrameWriter.release}.
   *
   * @returns The parts; the list itself is good until the next call, on whatever writer.
   */
  take(): readonly Uint8Array[] {
    let parts = this.#parts;
    if (parts !== NONE) this.#cut();
    else if (this.#buffer !== undefined && this.#end > this.#start) {
      // The usual case: all of it lies in one buffer.
      SINGLE[0] = this.#buffer.subarray(this.#start, this.#end);
      parts = SINGLE;
    }
    this.#parts = NONE;
    this.#lent = this.#buffer;
    this.#lentFull = this.#full;
    this.#buffer = undefined;
    this.#full = NONE;
    this.#start = this.#end = 0;
    this.#pendingBytes = 0;
    return parts;
  }

  /** Gives back the buffers of the parts that were taken: their memory is free again. */
  release(): void {
    if (this.#lent !== undefined) giveBuffer(this.#lent);
    for (const buffer of this.#lentFull) giveBuffer(buffer);
    this.#lent = undefined;
    this.#lentFull = NONE;
  }

  /** Drops all frames that were not taken; buffers that a transport may still hold are let go. */
  discard(): void {
    this.take(); // which forgets those that were taken before
    this.release();
  }

  /**
   * Adds a large payload masked, through as many buffers as it takes: so each stretch is masked while
   * it is still in the processor's cache, and goes into memory that is there already.
   */
  #addMasked(payload: Uint8Array, key: number): void {
    for (let at = 0; at < payload.length;) {
      const target = this.#reserve(1);
      const start = this.#end;
      const part = payload.subarray(at, at + POOLED_BUFFER_BYTES - start);
      target.set(part, start);
      this.#end = start + part.length;
      applyMask(target, start, this.#end, key, at);
      at += part.length;
    }
  }

  /** Makes room for `size` bytes at `#end` and returns the buffer. */
  #reserve(size: number): Uint8Array {
    if (this.#buffer !== undefined && this.#end + size <= POOLED_BUFFER_BYTES) return this.#buffer;
    this.#cut();
    if (this.#buffer !== undefined) {
      if (this.#full === NONE) this.#full = [this.#buffer];
      else this.#full.push(this.#buffer);
    }
    this.#buffer = takeBuffer();
    this.#start = this.#end = 0;
    return this.#buffer;
  }

  #addPart(part: Uint8Array): void {
    if (this.#parts === NONE) this.#parts = [part];
    else this.#parts.push(part);
  }

  /** Ends the current stretch and makes it a part. */
  #cut(): void {
    if (this.#buffer === undefined || this.#end === this.#start) return;
    this.#addPart(this.#buffer.subarray(this.#start, this.#end));
    this.#start = this.#end;
  }
}
