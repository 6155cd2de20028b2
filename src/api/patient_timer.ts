/**
 * Deadlines for what a peer has to do. A loop that stood still, for a long computation, a debugger's
 * breakpoint or a machine that was asleep, goes on with the timers that are due, although what came
 * meanwhile still lies unread in the system. So at a deadline there is a last look before the verdict.
 *
 * @module
 */

/** How long a last look takes, in milliseconds: some turns of the loop, which read what is there. */
export const LAST_LOOK_MS = 10;

/**
 * A timer that calls back when the time is over and all that came in time was read. Timers for the
 * same time call back in the order in which they were made.
 */
export class PatientTimer {
  #timer: ReturnType<typeof setTimeout>;

  /**
   * @param timeoutMs The time from now on, in milliseconds.
   * @param onOver Called after it, once, unless stopped.
   */
  constructor(timeoutMs: number, onOver: () => void) {
    this.#timer = setTimeout(() => {
      this.#timer = setTimeout(onOver, LAST_LOOK_MS);
    }, timeoutMs);
  }

  /** Calls back no more. */
  stop(): void {
    clearTimeout(this.#timer);
  }
}
