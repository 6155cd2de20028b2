/**
 * Gathers the payload of one message that does not come whole in one chunk.
 * @module
 */

import { EMPTY_BYTES } from "../bytes.ts";

/**
 * Whatever length a header claims, no more is set aside for it than this, or than a multiple of
 * what has come: a peer must send memory to take memory.
 */
const TRUST_BYTES = 65536;

/** That multiple. The buffer grows by it, so a large frame is copied less than a tenth over. */
const TRUST_FACTOR = 16;

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

  /**
   * Copies a slice to the end.
   *
   * @returns `false` when the runtime has no memory for so large a message.
   */
  push(slice: Uint8Array): boolean {
    const needed = this.#length + slice.length;
    if (needed > this.#buffer.length && !this.#grow(needed)) return false;
    this.#buffer.set(slice, this.#length);
    this.#length = needed;
    return true;
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

  #grow(needed: number): boolean {
    const trusted = Math.min(this.#announced, Math.max(TRUST_BYTES, needed * TRUST_FACTOR));
    // Fragments announce themselves one at a time: doubling keeps their copies linear in all.
    const doubled = this.#length === 0 ? 0 : Math.min(this.#buffer.length * 2, 2 * needed);
    let grown: Uint8Array;
    try {
      grown = new Uint8Array(Math.max(needed, trusted, doubled));
    } catch {
      return false;
    }
    grown.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = grown;
    return true;
  }
}
