/**
 * zlib contexts that all connections share, and the bound on work off the loop.
 * @module
 */

import { type ContextOptions, type Kind, ZlibContext } from "./context.ts";

/** How many free contexts of one kind are kept: with synchronous work alone, one is ever in use. */
const MAX_FREE = 4;

/** How many jobs run off the loop at once; libuv has four threads, and others need some. */
const MAX_JOBS = 3;

/** Free contexts of one kind and size. */
export class ContextPool {
  readonly #kind: Kind;
  readonly #options: ContextOptions;
  #free: ZlibContext[] = [];

  constructor(kind: Kind, options: ContextOptions) {
    this.#kind = kind;
    this.#options = options;
  }

  /** Takes a context that knows nothing. */
  take(): ZlibContext {
    return this.#free.pop() ?? new ZlibContext(this.#kind, this.#options);
  }

  /** Gives one back; its content is forgotten. */
  give(context: ZlibContext): void {
    if (this.#free.length >= MAX_FREE) return context.close();
    context.reset();
    this.#free.push(context);
  }
}

let running = 0;
const waiting: (() => void)[] = [];

/** Runs a job off the loop when it is its turn; first come, first served. */
export async function inTurn<T>(job: () => Promise<T>): Promise<T> {
  if (running >= MAX_JOBS) await new Promise<void>((resolve) => waiting.push(resolve));
  else running++;
  try {
    return await job();
  } finally {
    const next = waiting.shift();
    if (next !== undefined) next(); // the place is handed on
    else running--;
  }
}
