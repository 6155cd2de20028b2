/**
 * When to give a compression context back that nobody has used for a while.
 * @module
 */

import { unref } from "./heartbeat.ts";

/** Calls back once nothing was noted for a whole interval. */
export class IdleContext {
  readonly #idleMs: number;
  readonly #onIdle: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Whether something was noted since it looked last. */
  #used = false;

  /**
   * @param idleMs How long nothing must happen, in milliseconds; 0 for never calling back.
   * @param onIdle Called then; and again only after something was noted again.
   */
  constructor(idleMs: number, onIdle: () => void) {
    this.#idleMs = idleMs;
    this.#onIdle = onIdle;
  }

  /** Notes a use. One timer serves any number of them. */
  use(): void {
    this.#used = true;
    if (this.#timer === undefined && this.#idleMs > 0) this.#look();
  }

  /** Lets go of the timer. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  readonly #look = (): void => {
    if (!this.#used) {
      this.#timer = undefined;
      return this.#onIdle();
    }
    this.#used = false;
    this.#timer = setTimeout(this.#look, this.#idleMs);
    unref(this.#timer); // giving memory back keeps no process alive
  };
}
