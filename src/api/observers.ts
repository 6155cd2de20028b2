/**
 * The list of observers behind the `observer` option, and the care that none of them does harm.
 * @module
 */

import { describe, wrongOption } from "./describe.ts";
import type { ConnectionObserver, FrequentEvent } from "./observer.ts";

/** The methods of an observer. */
const METHODS = [
  "wants",
  "handshake",
  "open",
  "refuse",
  "frame",
  "framePayload",
  "control",
  "roundTrip",
  "message",
  "closing",
  "error",
  "close",
  "http",
  "endpoint",
] as const;

/** An event: a method that is told something. */
export type ObserverEvent = Exclude<typeof METHODS[number], "wants">;

type Method = (...args: unknown[]) => unknown;

/** Observers that were checked. */
export class Observers {
  readonly #list: readonly ConnectionObserver[];
  readonly #onError: (error: unknown) => void;
  readonly #failed: WeakSet<object> = new WeakSet();

  /**
   * @param list The observers, in the order in which they are told.
   * @param onError Takes the first error of each.
   */
  constructor(list: readonly ConnectionObserver[], onError: (error: unknown) => void) {
    this.#list = list;
    this.#onError = onError;
  }

  /** Tells whether anybody wants a frequent event now. */
  wants(event: FrequentEvent): boolean {
    for (const observer of this.#list) if (this.#isWanted(observer, event)) return true;
    return false;
  }

  #isWanted(observer: ConnectionObserver, event: FrequentEvent): boolean {
    if (observer[event] === undefined) return false;
    if (observer.wants === undefined) return true;
    try {
      return observer.wants(event) === true;
    } catch (error) {
      this.#report(observer, error);
      return false;
    }
  }

  /** Tells everybody who wants to know. */
  tell(event: ObserverEvent, a?: unknown, b?: unknown, c?: unknown): void {
    for (const observer of this.#list) {
      const method = observer[event] as Method | undefined;
      if (method === undefined) continue;
      if (isFrequent(event) && !this.#isWanted(observer, event)) continue;
      try {
        const result = method.call(observer, a, b, c);
        if (result instanceof Promise) result.catch((error) => this.#report(observer, error));
      } catch (error) {
        this.#report(observer, error);
      }
    }
  }

  #report(observer: object, error: unknown): void {
    if (this.#failed.has(observer)) return;
    this.#failed.add(observer);
    try {
      this.#onError(error);
    } catch {
      // There is nobody left to tell, and a peer's frame must not end the process.
    }
  }
}

function isFrequent(event: ObserverEvent): event is FrequentEvent {
  return event === "frame" || event === "framePayload" || event === "message";
}

/**
 * Checks an `observer` option.
 *
 * @param option One observer, a list of them, or nothing.
 * @param onError Takes the first error of each.
 * @returns The observers; `undefined` when there are none.
 * @throws {TypeError} If one is no object, or a method of it no function.
 */
export function resolveObservers(
  option: ConnectionObserver | readonly ConnectionObserver[] | undefined,
  onError: (error: unknown) => void,
): Observers | undefined {
  if (option === undefined) return undefined;
  const list: readonly unknown[] = Array.isArray(option) ? [...option] : [option];
  for (const observer of list) {
    if (typeof observer !== "object" || observer === null || Array.isArray(observer)) {
      throw wrongOption("observer", "an object or a list of objects", observer);
    }
    for (const name of METHODS) {
      const method = (observer as Record<string, unknown>)[name];
      if (method !== undefined && typeof method !== "function") {
        throw new TypeError(
          `Cannot use option "observer": "${name}" must be a function, got ${describe(method)}`,
        );
      }
    }
  }
  return list.length === 0 ? undefined : new Observers(list as ConnectionObserver[], onError);
}
