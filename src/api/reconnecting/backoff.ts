/**
 * How long to wait before the next attempt: ever longer, and never as long as everybody else.
 * @module
 */

/**
 * Draws delays by exponential back-off with full jitter: the n-th delay is anything from nothing
 * to `initialMs * factor ** (n - 1)`, at most `maxMs`. So the clients of a server that comes back
 * are spread over the whole time.
 */
export class Backoff {
  readonly #initialMs: number;
  readonly #factor: number;
  readonly #maxMs: number;
  readonly #random: () => number;
  #boundMs: number;

  /**
   * @param initialMs The most of the first delay, in milliseconds.
   * @param factor What the most grows by, 1 or more.
   * @param maxMs The most of any delay, in milliseconds.
   * @param random Draws from 0 (included) to 1. Default: `Math.random`.
   */
  constructor(
    initialMs: number,
    factor: number,
    maxMs: number,
    random: () => number = Math.random,
  ) {
    this.#initialMs = initialMs;
    this.#factor = factor;
    this.#maxMs = maxMs;
    this.#random = random;
    this.#boundMs = Math.min(initialMs, maxMs);
  }

  /** Draws the next delay, in whole milliseconds. */
  next(): number {
    const bound = this.#boundMs;
    this.#boundMs = Math.min(bound * this.#factor, this.#maxMs);
    return Math.round(this.#random() * bound);
  }

  /** Starts over: the next delay is one of the first again. */
  reset(): void {
    this.#boundMs = Math.min(this.#initialMs, this.#maxMs);
  }
}
