/**
 * Gathers the payload of one message that does not come whole in one chunk.
 * @module
 */

import { EMPTY_BYTES } from "../bytes.ts";
import { allocateBytes } from "../frames/mod.ts";

/**
 * Whatever length a header claims, no more is set aside for it than this, or than a multiple of
 * what has come: a peer must send memory to take memory.
 */
const TRUST_BYTES = 65536;

/** That multiple. */
const TRUST_FACTOR = 16;

/**
 * Slices from this size on are kept as they came while a buffer for the whole message would be more
 * than that: then it can be made once. What they are views of may be so many times their size.
 */
const HOLD_BYTES = 16384;
const HOLD_FACTOR = 4;

/** What is kept so at most: enough for a frame of 16 MiB. */
const MAX_HELD_BYTES = 1 << 20;

/** Stands for an empty list. Nothing is ever added to it. */
const NONE: Uint8Array[] = [];

/** A growing buffer for one message after the other. */
export class MessageAssembly {
  /** Made of undefined bytes: those from `#length` on must not be given away. */
  #buffer: Uint8Array = EMPTY_BYTES;
  /** The slices so far, while there is no buffer. */
  #held: Uint8Array[] = NONE;
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
   * Adds a slice to the end, whose memory is the assembly's from then on.
   *
   * @param lent Whether it is not, but good during the call only. Default: `false`.
   * @returns `false` when the runtime has no memory for so large a message.
   */
  push(slice: Uint8Array, lent = false): boolean {
    const needed = this.#length + slice.length;
    if (needed > this.#buffer.length) {
      if (this.#isToHold(slice, needed, lent)) {
        const kept = lent ? new Uint8Array(slice) : slice;
        if (this.#held === NONE) this.#held = [kept];
        else this.#held.push(kept);
        this.#length = needed;
        return true;
      }
      if (!this.#grow(needed)) return false;
    }
    this.#buffer.set(slice, this.#length);
    this.#length = needed;
    return true;
  }

  /** Returns the message, whose memory is from then on the caller's, and starts anew. */
  take(): Uint8Array {
    const length = this.#length;
    if (this.#held !== NONE) this.#grow(length);
    const buffer = this.#buffer;
    this.clear();
    if (buffer.length === length) return buffer;
    // A view that wastes a little is cheaper than a copy; one that wastes much is not.
    if (buffer.length - length > length >> 2) return buffer.slice(0, length);
    buffer.fill(0, length); // it may be anything, and whoever has the view has all of the buffer
    return buffer.subarray(0, length);
  }

  /** Drops what was gathered. */
  clear(): void {
    this.#buffer = EMPTY_BYTES;
    this.#held = NONE;
    this.#length = 0;
    this.#announced = 0;
  }

  /** Whether a slice is better kept than copied into a buffer that has to grow soon. */
  #isToHold(slice: Uint8Array, needed: number, lent: boolean): boolean {
    return this.#buffer.length === 0 && slice.length >= HOLD_BYTES && needed <= MAX_HELD_BYTES &&
      (lent || slice.buffer.byteLength <= slice.length * HOLD_FACTOR) &&
      Math.max(TRUST_BYTES, needed * TRUST_FACTOR) < this.#announced;
  }

  #grow(needed: number): boolean {
    const trusted = Math.min(this.#announced, Math.max(TRUST_BYTES, needed * TRUST_FACTOR));
    // Fragments announce themselves one at a time: doubling keeps their copies linear in all.
    const doubled = this.#length === 0 ? 0 : Math.min(this.#buffer.length * 2, 2 * needed);
    let grown: Uint8Array;
    try {
      grown = allocateBytes(Math.max(needed, trusted, doubled));
    } catch {
      return false;
    }
    let at = 0;
    for (const slice of this.#held) {
      grown.set(slice, at);
      at += slice.length;
    }
    if (at < this.#length) grown.set(this.#buffer.subarray(0, this.#length));
    this.#held = NONE;
    this.#buffer = grown;
    return true;
  }
}
