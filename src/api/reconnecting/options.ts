/**
 * The options of a reconnecting socket: defaults and checks.
 * @module
 */

import { isBufferSource } from "../../bytes.ts";
import { wrongOption } from "../describe.ts";
import { checkOptionNames } from "../options.ts";
import type { Bytes } from "../sendable.ts";
import { type QueuedMessage, toMessage } from "./send_queue.ts";
import type { ConnectionEnd, PerAttempt, SocketConstructor, SocketLike } from "./socket_like.ts";

/** A message that is sent regularly, so that a connection which has died is noticed. */
export interface HeartbeatOptions {
  /** What to send: a message that your server answers, or a function that makes one each time. */
  message: string | Bytes | (() => string | Bytes);
  /** How often, in milliseconds. Default: 20,000. */
  intervalMs?: number;
  /** How long after it nothing at all may come, in milliseconds. Default: 10,000. */
  timeoutMs?: number;
}

/** Options of `ReconnectingWebSocket`. Times are in milliseconds. */
export interface ReconnectingOptions {
  /** The WebSocket class to connect with. Default: see the entry it is imported from. */
  WebSocket?: SocketConstructor;
  /**
   * What that class takes as its third argument, as this library's does (header fields, TLS …), or
   * a function that is asked for it before each attempt. Default: none.
   */
  socketOptions?: PerAttempt<object | undefined>;
  /** How many attempts in a row may fail before it gives up. Default: `Infinity`. */
  maxAttempts?: number;
  /** The most of the first delay; each is drawn between 0 and its most. Default: 1,000. */
  initialDelayMs?: number;
  /** What the most of the delay grows by with every failure. Default: 1.618. */
  backoffFactor?: number;
  /** The most of any delay. Default: 30,000. */
  maxDelayMs?: number;
  /** How long a connection must stay up to count as a success. Default: 5,000. */
  stableAfterMs?: number;
  /**
   * The deadline of an attempt, from asking the URL's function to the open connection; after that,
   * that of `resume`. Default: 10,000.
   */
  connectTimeoutMs?: number;
  /** The deadline of the closing handshake. Default: 10,000. */
  closeTimeoutMs?: number;
  /**
   * The most bytes that may wait for a connection, each message counting 64 more than it has; what
   * is above makes `send()` throw. Default: 1 MiB.
   */
  maxQueuedBytes?: number;
  /**
   * Called with each new connection but the first, before anything that waits is sent: the place to
   * subscribe anew, from the last message seen. May send at once or, when it returns a promise,
   * later; what arrives meanwhile is reported as `message` events. A rejection closes the connection and counts
   * as a failed attempt. Default: nothing.
   */
  resume?: (socket: SocketLike) => void | Promise<void>;
  /**
   * The codes of a clean close after which to connect again, such as 1001 (going away), 1012
   * (service restart) and 1013 (try again later), which `serve()` and others send before they stop.
   * Default: none, a clean close is the end.
   */
  reconnectCodes?: readonly number[];
  /**
   * Decides whether to connect again after an end that this side did not ask for, or a failed
   * attempt. Default: yes, except after a clean close with a code that is not in `reconnectCodes`.
   */
  shouldReconnect?: (end: ConnectionEnd) => boolean;
  /**
   * Whether to wait for the `online` event, where the platform has one, instead of trying after an
   * `offline` event. Default: `true`.
   */
  pauseWhenOffline?: boolean;
  /** Sends a message regularly, since a browser cannot ping. Default: no heartbeat. */
  heartbeat?: HeartbeatOptions;
  /** Ends everything when aborted, the connection included. Default: none. */
  signal?: AbortSignal;
}

/** A heartbeat with every default filled in. */
export interface ResolvedHeartbeat {
  readonly makeMessage: () => QueuedMessage;
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

/** {@linkcode ReconnectingOptions} with every default filled in. */
export interface ResolvedReconnecting extends Readonly<Record<NumberOption, number>> {
  readonly WebSocket: SocketConstructor;
  readonly socketOptions: PerAttempt<object | undefined>;
  readonly resume: ((socket: SocketLike) => unknown) | undefined;
  readonly shouldReconnect: (end: ConnectionEnd) => unknown;
  readonly pauseWhenOffline: boolean;
  readonly heartbeat: ResolvedHeartbeat | undefined;
  readonly signal: AbortSignal | undefined;
}

/** The longest time that timers of every runtime can hold. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

type NumberOption =
  | "maxAttempts"
  | "initialDelayMs"
  | "backoffFactor"
  | "maxDelayMs"
  | "stableAfterMs"
  | "connectTimeoutMs"
  | "closeTimeoutMs"
  | "maxQueuedBytes";

/** Default, least and most of every number. */
const NUMBERS: { readonly [Name in NumberOption]: readonly [number, number, number] } = {
  maxAttempts: [Infinity, 1, Infinity],
  initialDelayMs: [1000, 0, MAX_TIMEOUT_MS],
  backoffFactor: [1.618, 1, 100],
  maxDelayMs: [30_000, 0, MAX_TIMEOUT_MS],
  stableAfterMs: [5000, 0, MAX_TIMEOUT_MS],
  connectTimeoutMs: [10_000, 1, MAX_TIMEOUT_MS],
  closeTimeoutMs: [10_000, 1, MAX_TIMEOUT_MS],
  maxQueuedBytes: [1024 * 1024, 0, Infinity],
};

const NAMES: readonly string[] = [
  ...Object.keys(NUMBERS),
  ...["WebSocket", "socketOptions", "resume", "reconnectCodes", "shouldReconnect"],
  ...["pauseWhenOffline", "heartbeat", "signal"],
];

/**
 * Checks {@linkcode ReconnectingOptions} and fills in the defaults.
 *
 * @throws {TypeError} If an option does not exist or has the wrong type, or there is no WebSocket.
 * @throws {RangeError} If a number is out of range.
 */
export function resolveReconnecting(options: ReconnectingOptions): ResolvedReconnecting {
  checkOptionNames(options, NAMES);
  const numbers = {} as Record<NumberOption, number>;
  for (const name of Object.keys(NUMBERS) as NumberOption[]) {
    numbers[name] = checkNumber(name, options[name], ...NUMBERS[name]);
  }
  const { resume, pauseWhenOffline = true, signal } = options;
  const codes = checkCodes(options.reconnectCodes);
  const { shouldReconnect = ({ wasClean, closeCode }) => !wasClean || codes.includes(closeCode) } =
    options;
  if (resume !== undefined) checkType("resume", resume, "function");
  checkType("shouldReconnect", shouldReconnect, "function");
  checkType("pauseWhenOffline", pauseWhenOffline, "boolean");
  if (signal !== undefined && typeof signal?.addEventListener !== "function") {
    throw wrongOption("signal", "an AbortSignal", signal);
  }
  const WebSocket = options.WebSocket ?? globalThis.WebSocket;
  if (typeof WebSocket !== "function") {
    throw new TypeError(
      'Cannot connect: this platform has no WebSocket of its own; give one as option "WebSocket"',
    );
  }
  const { socketOptions } = options;
  if (socketOptions !== undefined && WebSocket === globalThis.WebSocket) {
    throw new TypeError(
      'Cannot use option "socketOptions": the platform\'s own WebSocket takes none',
    );
  }
  return {
    ...numbers,
    WebSocket,
    socketOptions,
    resume,
    shouldReconnect,
    pauseWhenOffline,
    heartbeat: resolveHeartbeat(options.heartbeat),
    signal,
  };
}

function checkCodes(codes: readonly number[] = []): readonly number[] {
  if (Array.isArray(codes) && codes.every((code) => Number.isInteger(code))) return [...codes];
  throw wrongOption("reconnectCodes", "a list of close codes", codes);
}

function resolveHeartbeat(options: HeartbeatOptions | undefined): ResolvedHeartbeat | undefined {
  if (options === undefined) return undefined;
  checkOptionNames(options, ["message", "intervalMs", "timeoutMs"]);
  const { message } = options;
  if (typeof message !== "string" && typeof message !== "function" && !isBufferSource(message)) {
    throw wrongOption("heartbeat.message", "a string, bytes or a function", message);
  }
  return {
    makeMessage: () => toMessage(typeof message === "function" ? message() : message),
    intervalMs: checkNumber("heartbeat.intervalMs", options.intervalMs, 20_000, 1, MAX_TIMEOUT_MS),
    timeoutMs: checkNumber("heartbeat.timeoutMs", options.timeoutMs, 10_000, 1, MAX_TIMEOUT_MS),
  };
}

function checkType(name: string, value: unknown, type: string): void {
  const actual: string = typeof value;
  if (actual === type) return;
  throw wrongOption(name, `a ${type}`, value);
}

function checkNumber(
  name: string,
  value: number | undefined,
  standard: number,
  least: number,
  most: number,
): number {
  if (value === undefined) return standard;
  checkType(name, value, "number");
  const whole = name === "backoffFactor" || value === Infinity || Number.isInteger(value);
  if (whole && value >= least && value <= most) return value;
  throw new RangeError(
    `Cannot use option "${name}": expected ${
      name === "backoffFactor" ? "a number" : "an integer"
    } ` +
      `from ${least} to ${most}, got ${value}`,
  );
}
