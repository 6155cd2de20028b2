/**
 * When to tell of a drain that no transport tells of: a handler was told that too much waits, and
 * then all of it left in one write.
 *
 * @module
 */

/** Tells that there is room again, once for each time that there was none. */
export class DrainWatch {
  readonly #tell: () => void;
  /** Whether more than the high-water mark was seen to wait. */
  #high = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param tell Told that all has left. */
  constructor(tell: () => void) {
    this.#tell = tell;
  }

  /** Notes that more waits than the high-water mark: whoever sends may wait for the drain. */
  rise(): void {
    this.#high = true;
  }

  /**
   * Notes that all has left. It is told a turn of the loop later, for this may run inside the very
   * send that filled it: a handler that sends again when it is told would call itself without end.
   */
  empty(): void {
    if (!this.#high || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.stop();
      this.#tell();
    }, 0);
  }

  /** Forgets what was noted: it has been told otherwise, or the connection is over. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#high = false;
  }
}
