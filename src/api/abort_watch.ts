/**
 * Waiting for an abort: one listener on a signal, however many connections share it.
 *
 * Node.js 20 warns of a leak from the eleventh listener on (tests/api/leaks_test.ts).
 *
 * @module
 */

interface Watch {
  readonly callbacks: Set<() => void>;
  readonly listener: () => void;
}

const watches = new WeakMap<AbortSignal, Watch>();

/**
 * Calls `callback` once when the signal is aborted from now on.
 *
 * @param signal The signal; for one that is aborted already nothing happens.
 * @param callback Must not throw.
 */
export function watchAbort(signal: AbortSignal, callback: () => void): void {
  let watch = watches.get(signal);
  if (watch === undefined) {
    const callbacks = new Set<() => void>();
    const listener = () => {
      for (const call of [...callbacks]) if (callbacks.delete(call)) call();
      watches.delete(signal);
    };
    watch = { callbacks, listener };
    watches.set(signal, watch);
    signal.addEventListener("abort", listener, { once: true });
  }
  watch.callbacks.add(callback);
}

/** Lets go of a callback; the signal keeps no listener when nobody waits any more. */
export function unwatchAbort(signal: AbortSignal, callback: () => void): void {
  const watch = watches.get(signal);
  if (watch === undefined || !watch.callbacks.delete(callback)) return;
  if (watch.callbacks.size > 0) return;
  watches.delete(signal);
  signal.removeEventListener("abort", watch.listener);
}
