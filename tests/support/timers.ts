/**
 * What timers throw, which Deno's `node:test` lets pass, where a program would end of it; and which
 * timers are left behind.
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

/** Runs `body` and returns the delays of timers that it made and neither cleared nor let fire. */
export async function timersLeftBy(body: () => Promise<void>): Promise<number[]> {
  const timers = new Map<unknown, number>();
  const { setTimeout: set, clearTimeout: clear, setInterval: every, clearInterval: stop } =
    globalThis;
  // deno-lint-ignore no-explicit-any -- the signatures differ between runtimes
  const patch = globalThis as any;
  // deno-lint-ignore no-explicit-any
  patch.setTimeout = (callback: (...args: any[]) => void, ms: number, ...args: unknown[]) => {
    const timer = set(
      (...given) => {
        timers.delete(timer);
        callback(...given);
      },
      ms,
      ...args,
    );
    timers.set(timer, ms);
    return timer;
  };
  // deno-lint-ignore no-explicit-any
  patch.setInterval = (callback: (...args: any[]) => void, ms: number, ...args: unknown[]) => {
    const timer = every(callback, ms, ...args);
    timers.set(timer, ms);
    return timer;
  };
  patch.clearTimeout = (timer: never) => {
    timers.delete(timer);
    clear(timer);
  };
  patch.clearInterval = (timer: never) => {
    timers.delete(timer);
    stop(timer);
  };
  try {
    await body();
    await new Promise<void>((resolve) => set(resolve, 20));
  } finally {
    Object.assign(patch, {
      setTimeout: set,
      clearTimeout: clear,
      setInterval: every,
      clearInterval: stop,
    });
  }
  return [...timers.values()];
}
