/**
 * What one side has sent and the other has not acknowledged yet.
 * @module
 */

import type { EncodedPart } from "./records.ts";

/** What one line costs beside its own characters, in bytes. */
const LINE_COST = 64;

/** From this many acknowledged lines on, the array is cut. */
const COMPACT_AT = 1024;

/** Numbered lines, kept until the other side has them. */
export class Outbox {
  readonly #maxBytes: number;
  #lines: string[] = [];
  #sizes: number[] = [];
  /** Where the oldest that is kept stands in the arrays. */
  #head = 0;
  /** The number of the last that was acknowledged. */
  #acked = 0;
  #keptBytes = 0;
  #bufferedAmount = 0;

  /** @param maxBytes How much may be kept, what it costs to keep it included. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes of messages that are not acknowledged, and of the frames that a WebSocket had for them. */
  get bufferedAmount(): number {
    return this.#bufferedAmount;
  }

  /** Whether all has been acknowledged. */
  get empty(): boolean {
    return this.#head === this.#lines.length;
  }

  /** The number of the last line; 0 for none. */
  get last(): number {
    return this.#acked + this.#lines.length - this.#head;
  }

  /** The number of the last line that was acknowledged. */
  get acked(): number {
    return this.#acked;
  }

  /** Whether too much is kept already: it may be exceeded by one message. */
  get full(): boolean {
    return this.#keptBytes > this.#maxBytes;
  }

  /** Adds a message's parts. */
  push(parts: readonly EncodedPart[]): void {
    for (const { body, size } of parts) {
      const line = `${this.last + 1} ${body}`;
      const framed = size + (size < 126 ? 6 : size < 65536 ? 8 : 14);
      this.#lines.push(line);
      this.#sizes.push(framed);
      this.#bufferedAmount += framed;
      this.#keptBytes += line.length + LINE_COST;
    }
  }

  /** The line with a number that is kept. */
  line(seq: number): string {
    return this.#lines[this.#head + seq - this.#acked - 1];
  }

  /**
   * Lets go of what the other side has.
   *
   * @param ack The number of the last line that it has; one that it told before changes nothing.
   * @returns `false` when it cannot have that, for it was never sent.
   */
  ack(ack: number): boolean {
    if (ack > this.last) return false;
    while (this.#acked < ack) {
      this.#bufferedAmount -= this.#sizes[this.#head];
      this.#keptBytes -= this.#lines[this.#head].length + LINE_COST;
      this.#lines[this.#head++] = "";
      this.#acked++;
    }
    if (this.#head === this.#lines.length || this.#head >= COMPACT_AT) {
      this.#lines = this.#lines.slice(this.#head);
      this.#sizes = this.#sizes.slice(this.#head);
      this.#head = 0;
    }
    return true;
  }

  /** Lets go of everything, though it was not acknowledged: nobody will ask for it any more. */
  clear(): void {
    this.ack(this.last);
  }
}
