/**
 * When to write what was sent outside a receive call.
 * @module
 */

import type { FrameWriter } from "../frames/mod.ts";

/** Idle microtask turns to wait before writing. */
const IDLE_TURNS = 3;

/**
 * Flushes a writer when nothing was added to it for a few turns of the microtask queue, so that
 * sends with an `await` between them still share one write.
 */
export class IdleFlush {
  readonly #output: FrameWriter;
  readonly #flush: () => void;
  #waiting = false;
  #idleTurns = 0;
  #seenBytes = 0;

  /**
   * @param output What is waited for.
   * @param flush Writes it.
   */
  constructor(output: FrameWriter, flush: () => void) {
    this.#output = output;
    this.#flush = flush;
  }

  /** Starts to wait, unless it does already. */
  schedule(): void {
    if (this.#waiting) return;
    this.#waiting = true;
    this.#idleTurns = 0;
    this.#seenBytes = this.#output.pendingBytes;
    queueMicrotask(this.#turn);
  }

  /** One turn; anything added since the last one starts the count anew. */
  readonly #turn = (): void => {
    const bytes = this.#output.pendingBytes;
    if (bytes !== this.#seenBytes) {
      this.#seenBytes = bytes;
      this.#idleTurns = 0;
    } else if (++this.#idleTurns >= IDLE_TURNS) {
      this.#waiting = false;
      return this.#flush();
    }
    queueMicrotask(this.#turn);
  };
}
