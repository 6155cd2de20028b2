/**
 * What timers throw. Deno's `node:test` lets it pass, where a program would end of it.
 * @module
 */

// deno-lint-ignore no-explicit-any -- the signatures differ between runtimes
type Timers = Record<"setTimeout" | "setInterval", any>;

/** Runs `body` and returns what the callbacks of timers threw meanwhile. */
export async function thrownByTimers(body: () => Promise<void>): Promise<unknown[]> {
  const errors: unknown[] = [];
  const timers = globalThis as Timers;
  const { setTimeout: once, setInterval: every } = timers;
  const watched = (make: Timers["setTimeout"]) =>
  // deno-lint-ignore no-explicit-any
  (callback: (...args: any[]) => void, ...rest: unknown[]) =>
    // deno-lint-ignore no-explicit-any
    make((...args: any[]) => {
      try {
        callback(...args);
      } catch (error) {
        errors.push(error);
      }
    }, ...rest);
  timers.setTimeout = watched(once);
  timers.setInterval = watched(every);
  try {
    await body();
  } finally {
    Object.assign(timers, { setTimeout: once, setInterval: every });
  }
  return errors;
}
