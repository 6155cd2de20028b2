/**
 * Gathers the payload of one message that does not come whole in one chunk.
 * @module
 */

import { EMPTY_BYTES } from "../bytes.ts";

/**
 * Until this much of a message has arrived, no more than this is set aside for it, whatever
 * length its header claims: a peer must send memory to take memory.
 */
const TRUST_BYTES = 65536;

/** A growing buffer for one message after the other. */
export class MessageAssembly {
  #buffer: Uint8Array = EMPTY_BYTES;
  #length = 0;
  /** Bytes that frame headers have announced for this message so far. */
  #announced = 0;

  /** Bytes gathered so far. */
  get length(): number {
    return this.#length;
  }

  /** Notes that a frame of the message will bring `length` bytes. */
  announce(length: number): void {
    this.#announced += length;
  }

  /** Copies a slice to the end. */
  push(slice: Uint8Array): void {
    const needed = this.#length + slice.length;
    if (needed > this.#buffer.length) this.#grow(needed);
    this.#buffer.set(slice, this.#length);
    this.#length = needed;
  }

  /** Returns the message, whose memory is from then on the caller's, and starts anew. */
  take(): Uint8Array {
    const length = this.#length;
    const buffer = this.#buffer;
    this.clear();
    if (buffer.length === length) return buffer;
    // A view that wastes a little is cheaper than a copy; one that wastes much is not.
    return buffer.length - length <= length >> 2
      ? buffer.subarray(0, length)
      : buffer.slice(0, length);
  }

  /** Drops what was gathered. */
  clear(): void {
    this.#buffer = EMPTY_BYTES;
    this.#length = 0;
    this.#announced = 0;
  }

  #grow(needed: number): void {
    const trusted = needed <= TRUST_BYTES
      ? Math.min(this.#announced, TRUST_BYTES)
      : this.#announced;
    // Fragments announce themselves one at a time: doubling keeps their copies linear in all.
    const doubled = this.#length === 0 ? 0 : Math.min(this.#buffer.length * 2, 2 * needed);
    const grown = new Uint8Array(Math.max(needed, trusted, doubled));
    grown.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = grown;
  }
}
