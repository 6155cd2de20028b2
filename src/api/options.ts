/**
 * Options that every connection has, whichever side and transport; their defaults and checks.
 * @module
 */

import { checkInteger, describe, wrongOption } from "./describe.ts";
import { logError } from "./log_error.ts";
import type { ConnectionObserver } from "./observer.ts";
import { type Observers, resolveObservers } from "./observers.ts";

export { describe };

/** Limits and deadlines of a connection. Counts are of bytes or frames, times of milliseconds. */
export interface ConnectionOptions {
  /** The most bytes of a message that is delivered whole; a larger one ends with 1009. Default: 16 MiB. */
  maxMessageBytes?: number;
  /** The most frames of a message that is delivered whole; one more ends with 1008. Default: 16,384. */
  maxFragments?: number;
  /**
   * The most payload bytes of a data frame that is received, as on the wire; a larger one ends with
   * 1009 when its header has come. It holds for `messages()`, too. Default: `Infinity`.
   */
  maxFrameBytes?: number;
  /** The most bytes of the peer's HTTP head. Default: 16 KiB. */
  maxHeaderBytes?: number;
  /** The deadline of the opening handshake, in milliseconds. Default: 10,000. */
  handshakeTimeoutMs?: number;
  /** The deadline of the closing handshake, in milliseconds; then the socket is cut. Default: 10,000. */
  closeTimeoutMs?: number;
  /** How often a ping is sent, in milliseconds; 0 for never. Default: 20,000. */
  pingIntervalMs?: number;
  /** How long the peer may show no sign of life after a ping, in milliseconds. Default: 20,000. */
  pingTimeoutMs?: number;
  /**
   * From how many bytes on `send()` waits and `trySend()` refuses, and from how many received bytes
   * that nobody took on the socket is no longer read. Default: 256 KiB.
   */
  highWaterMark?: number;
  /** The most bytes that may wait to be sent; one more message then cuts the connection. Default: 64 MiB. */
  maxBufferedBytes?: number;
  /**
   * The most payload bytes of a data frame that is sent; a longer message goes out as fragments.
   * Those of a whole message leave together, with nothing between them: for pings to pass, send a
   * stream. Drafts 75 and 76 have no fragments. Default: `Infinity`, a frame for each message.
   */
  fragmentBytes?: number;
  /**
   * Sends close frames without a code and a reason, whatever they are sent for: a peer learns
   * nothing of this side. Default: `false`.
   */
  silentClose?: boolean;
  /** Cuts the handshake or the connection when aborted. Default: none. */
  signal?: AbortSignal;
  /** Who sees what the connection does: logs, metrics, traces. Default: nobody, at no cost. */
  observer?: ConnectionObserver | readonly ConnectionObserver[];
}

/** {@linkcode ConnectionOptions} with every default filled in. */
export type ResolvedOptions =
  & Required<Omit<ConnectionOptions, "signal" | "observer" | "silentClose">>
  & Pick<ConnectionOptions, "signal">
  & {
    /** Whether close frames say nothing; absent for no. */
    readonly silentClose?: boolean;
    /** Who observes; absent for nobody. */
    readonly observers?: Observers;
  };

/** The longest time that timers of every runtime can hold. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

type NumberOption = Exclude<keyof ConnectionOptions, "signal" | "observer" | "silentClose">;

/** Default, least and most of every number; whether `Infinity` is allowed. */
const NUMBERS: { readonly [Name in NumberOption]: readonly [number, number, number, boolean] } = {
  maxMessageBytes: [16 * 1024 * 1024, 0, Number.MAX_SAFE_INTEGER, true],
  maxFragments: [16384, 1, Number.MAX_SAFE_INTEGER, true],
  maxFrameBytes: [Infinity, 0, Number.MAX_SAFE_INTEGER, true],
  maxHeaderBytes: [16 * 1024, 256, 1024 * 1024, false],
  handshakeTimeoutMs: [10_000, 1, MAX_TIMEOUT_MS, false],
  closeTimeoutMs: [10_000, 1, MAX_TIMEOUT_MS, false],
  pingIntervalMs: [20_000, 0, MAX_TIMEOUT_MS, false],
  pingTimeoutMs: [20_000, 1, MAX_TIMEOUT_MS, false],
  highWaterMark: [256 * 1024, 0, Number.MAX_SAFE_INTEGER, true],
  maxBufferedBytes: [64 * 1024 * 1024, 1024, Number.MAX_SAFE_INTEGER, true],
  fragmentBytes: [Infinity, 64, Number.MAX_SAFE_INTEGER, true],
};

/** The names of all {@linkcode ConnectionOptions}. */
export const CONNECTION_OPTION_NAMES: readonly string[] = [
  ...Object.keys(NUMBERS),
  "silentClose",
  "signal",
  "observer",
];

/**
 * Refuses options that do not exist, so that a misspelt limit never goes unnoticed.
 *
 * @param options What the caller gave.
 * @param allowed The names there are.
 * @throws {TypeError} If `options` is no object or has a key that is not allowed.
 */
export function checkOptionNames(options: unknown, allowed: readonly string[]): void {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`Cannot use options: expected an object, got ${describe(options)}`);
  }
  for (const name of Object.keys(options)) {
    if (!allowed.includes(name)) {
      throw new TypeError(
        `Cannot use option "${name}": it does not exist; allowed are ${allowed.join(", ")}`,
      );
    }
  }
}

/**
 * Checks {@linkcode ConnectionOptions} and fills in the defaults; other keys are left alone.
 *
 * @param options What the caller gave.
 * @param onError Takes what an observer throws. Default: it is printed with `console.error`.
 * @throws {TypeError} If an option has the wrong type.
 * @throws {RangeError} If a number is out of range.
 */
export function resolveOptions(
  options: ConnectionOptions,
  onError: (error: unknown) => void = logError,
): ResolvedOptions {
  const resolved: Record<string, unknown> = {};
  for (const name of Object.keys(NUMBERS) as NumberOption[]) {
    resolved[name] = resolveNumber(name, options[name]);
  }
  const signal = options.signal;
  if (signal !== undefined && !isAbortSignal(signal)) {
    throw wrongOption("signal", "an AbortSignal", signal);
  }
  resolved.signal = signal;
  const { silentClose } = options;
  if (silentClose !== undefined && typeof silentClose !== "boolean") {
    throw wrongOption("silentClose", "a boolean", silentClose);
  }
  if (silentClose) resolved.silentClose = true;
  const observers = resolveObservers(options.observer, onError);
  if (observers !== undefined) resolved.observers = observers;
  return resolved as unknown as ResolvedOptions;
}

function resolveNumber(name: NumberOption, value: number | undefined): number {
  const [standard, least, most, infinite] = NUMBERS[name];
  return value === undefined ? standard : checkInteger(name, value, least, most, infinite);
}

/** Tells whether a value is an `AbortSignal`, of whichever realm. */
export function isAbortSignal(value: unknown): value is AbortSignal {
  return typeof value === "object" && value !== null && "aborted" in value &&
    typeof (value as AbortSignal).addEventListener === "function";
}
