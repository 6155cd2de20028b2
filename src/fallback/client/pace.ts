/**
 * How long the client waits between its requests.
 * @module
 */

/** The first and the longest pause after a failed request, in milliseconds. */
const FIRST_RETRY_MS = 50;
const LONGEST_RETRY_MS = 3000;

/** The first pause between two requests of `"poll"`, in milliseconds. */
const FIRST_POLL_MS = 25;

/**
 * The pause before a next try, in milliseconds: not the same for all clients of a server that restarts.
 *
 * @param failures How many tries have failed.
 */
export function retryMs(failures: number): number {
  const most = Math.min(FIRST_RETRY_MS * 2 ** failures, LONGEST_RETRY_MS);
  return most / 2 + Math.random() * most / 2;
}

/** Waits, until `signal` is aborted at the latest. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
    if (signal.aborted) done();
  });
}

/** The pauses of `"poll"`: short when something has come or was sent, then longer and longer. */
export class PollPace {
  readonly #longestMs: number;
  #nextMs = FIRST_POLL_MS;
  #wake: (() => void) | undefined;

  /** @param longestMs The longest pause, in milliseconds. */
  constructor(longestMs: number) {
    this.#longestMs = longestMs;
  }

  /**
   * Waits until it is time for the next request.
   *
   * @param busy Whether the last one has brought something.
   */
  async wait(busy: boolean): Promise<void> {
    if (busy) {
      this.#nextMs = FIRST_POLL_MS;
      return;
    }
    const ms = Math.min(this.#nextMs, this.#longestMs);
    this.#nextMs *= 2;
    if (this.#nextMs > this.#longestMs) this.#nextMs = this.#longestMs;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }

  /** Ends a pause, and makes the next ones short: something is likely to come. */
  wake(): void {
    this.#nextMs = FIRST_POLL_MS;
    this.#wake?.();
  }
}
