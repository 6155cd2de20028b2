/**
 * Waiting with a deadline, so that what hangs fails by name.
 * @module
 */

import { PATIENCE } from "../../support/patience.ts";

/** Milliseconds to wait for what has no reason to take any time. */
const USUAL_MS = 20_000;

/** Waits for a promise; fails when it takes longer than `ms` milliseconds, times the patience. */
export function within<T>(promise: Promise<T>, what: string, ms = USUAL_MS): Promise<T> {
  if (ms === Infinity) return promise;
  return new Promise((resolve, reject) => {
    const failed = () => reject(new Error(`no ${what} within ${ms * PATIENCE} ms`));
    const timer = setTimeout(failed, ms * PATIENCE);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** Waits some milliseconds. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Waits until something is true; fails when that takes longer than `ms`, times the patience. */
export async function until(
  condition: () => boolean,
  what: string,
  ms = USUAL_MS,
): Promise<void> {
  const deadline = performance.now() + ms * PATIENCE;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`no ${what} within ${ms * PATIENCE} ms`);
    await sleep(5);
  }
}

/** Things in the order in which they arrived, to be taken one by one. */
export class Inbox<T> {
  readonly #items: T[] = [];
  readonly #takers: ((item: T) => void)[] = [];

  /** How many wait. */
  get size(): number {
    return this.#items.length;
  }

  /** Puts a thing in. */
  push(item: T): void {
    const taker = this.#takers.shift();
    if (taker === undefined) this.#items.push(item);
    else taker(item);
  }

  /** Takes the next thing out, waiting for it. */
  next(what = "next item", ms?: number): Promise<T> {
    if (this.#items.length > 0) return Promise.resolve(this.#items.shift()!);
    return within(new Promise((resolve) => this.#takers.push(resolve)), what, ms);
  }
}
