/**
 * When to write what was sent outside a receive call.
 * @module
 */

import type { FrameWriter } from "../frames/mod.ts";
import type { Transport } from "./transport.ts";

/** Idle microtask turns to wait before writing, where the transport has no better way. */
const IDLE_TURNS = 3;

/**
 * How many connections may wait at once and hold a buffer meanwhile. What is sent to one more of
 * them, as in a broadcast, is written at once.
 */
const MAX_HOLDING = 64;

let holding = 0;

/** `then` on it is a turn of the microtask queue; Node's `queueMicrotask` costs several times that. */
const SETTLED: Promise<void> = Promise.resolve();

/**
 * Flushes a writer when nothing more is being added to it, so that sends with an `await` between
 * them still share one write.
 */
export class IdleFlush {
  readonly #output: FrameWriter;
  readonly #transport: Transport;
  readonly #flush: () => void;
  #waiting = false;
  /** Whether it is one of those that hold a buffer. */
  #holding = false;
  #idleTurns = 0;
  #seenBytes = 0;

  /**
   * @param output What is waited for.
   * @param transport Where it will go.
   * @param flush Writes it.
   */
  constructor(output: FrameWriter, transport: Transport, flush: () => void) {
    this.#output = output;
    this.#transport = transport;
    this.#flush = flush;
  }

  /** Starts to wait, unless it does already or too many do. */
  schedule(): void {
    if (!this.#holding && this.#output.holdsBuffer) {
      if (holding >= MAX_HOLDING) return this.#flush();
      this.#holding = true;
      holding++;
    }
    if (this.#waiting) return;
    this.#waiting = true;
    if (this.#transport.defer !== undefined) {
      this.#transport.defer(this.#end);
    } else {
      this.#idleTurns = 0;
      this.#seenBytes = this.#output.pendingBytes;
      SETTLED.then(this.#turn);
    }
  }

  /** One turn; anything added since the last one starts the count anew. */
  readonly #turn = (): void => {
    const bytes = this.#output.pendingBytes;
    if (bytes !== this.#seenBytes) {
      this.#seenBytes = bytes;
      this.#idleTurns = 0;
    } else if (++this.#idleTurns >= IDLE_TURNS) {
      return this.#end();
    }
    SETTLED.then(this.#turn);
  };

  readonly #end = (): void => {
    this.#waiting = false;
    if (this.#holding) {
      this.#holding = false;
      holding--;
    }
    this.#flush();
  };
}
