/**
 * The options of the server's side: defaults and checks.
 * @module
 */

import type { OriginPolicy, ServerOptions } from "../../api/mod.ts";
import { compileOrigins } from "../../api/origin_check.ts";
import { checkOptionNames, describe } from "../../api/options.ts";
import { type ServerSetup, setupServer } from "../../api/server_opening.ts";
import { FALLBACK_MODES, type FallbackMode } from "../wire/modes.ts";
import { checkModes, checkNumber } from "../wire/check.ts";
import { MAX_LINE_BYTES } from "../wire/records.ts";

/**
 * Options of `createFallback()`: those of a WebSocket server that can be kept, and its own. Counts
 * are of bytes, times of milliseconds.
 */
export interface FallbackOptions extends
  Pick<
    ServerOptions,
    | ("protocols" | "verify" | "headers" | "onError" | "signal" | "observer")
    | ("maxMessageBytes" | "highWaterMark" | "maxBufferedBytes")
    | ("handshakeTimeoutMs" | "closeTimeoutMs")
  > {
  /**
   * Which origins may open a session, as `origins` of a WebSocket server; those get CORS fields, too.
   * The default is narrower than there, for these are requests that any page can make.
   * Default: `"same-origin"`.
   */
  origins?: OriginPolicy;
  /** Whether pages of other origins may send cookies. Default: `false`. */
  credentials?: boolean;
  /** The ways from the server to the client that are offered. Default: all. */
  modes?: readonly FallbackMode[];
  /**
   * How long a response of `"long-poll"` waits for a message, and how often the client of a stream
   * shows that it is there, in milliseconds. Default: 20,000.
   */
  pollTimeoutMs?: number;
  /**
   * How long a client may ask nothing before it is given up, in milliseconds; longer than
   * `pollTimeoutMs`. Browsers let a page that is hidden do something once a minute. Default: 75,000.
   */
  sessionTimeoutMs?: number;
  /** The most sessions at a time; one more gets 503. Default: 10,000. */
  maxSessions?: number;
  /** The most bytes of a request's body; a longer message takes several. Default: 1 MiB. */
  maxRequestBytes?: number;
  /**
   * From how many bytes on a response is ended, so that the client asks for another: what clients and
   * proxies keep of one is bounded. Default: 1 MiB.
   */
  maxResponseBytes?: number;
}

/** {@linkcode FallbackOptions}, checked. */
export interface FallbackSetup extends ServerSetup {
  readonly checkOrigin: ReturnType<typeof compileOrigins>;
  readonly credentials: boolean;
  readonly modes: readonly FallbackMode[];
  readonly pollTimeoutMs: number;
  readonly sessionTimeoutMs: number;
  readonly maxSessions: number;
  readonly maxRequestBytes: number;
  readonly maxResponseBytes: number;
}

/** The options of a WebSocket server that hold here, too. */
const SHARED: readonly (keyof FallbackOptions)[] = [
  ...["protocols", "verify", "headers", "onError", "signal", "observer"] as const,
  ...["maxMessageBytes", "highWaterMark", "maxBufferedBytes"] as const,
  ...["handshakeTimeoutMs", "closeTimeoutMs"] as const,
];

type NumberOption =
  | "pollTimeoutMs"
  | "sessionTimeoutMs"
  | "maxSessions"
  | "maxRequestBytes"
  | "maxResponseBytes";

/** Default, least and most of every number. */
const NUMBERS: { readonly [Name in NumberOption]: readonly [number, number, number] } = {
  pollTimeoutMs: [20_000, 1, 2 ** 31 - 1],
  sessionTimeoutMs: [75_000, 1, 2 ** 31 - 1],
  maxSessions: [10_000, 1, Number.MAX_SAFE_INTEGER],
  maxRequestBytes: [1024 * 1024, MAX_LINE_BYTES, Number.MAX_SAFE_INTEGER],
  maxResponseBytes: [1024 * 1024, 1, Number.MAX_SAFE_INTEGER],
};

const NAMES: readonly string[] = [
  ...SHARED,
  ...["origins", "credentials", "modes"],
  ...Object.keys(NUMBERS),
];

/**
 * Checks options and fills in the defaults.
 *
 * @throws {TypeError} If an option does not exist or has the wrong type.
 * @throws {RangeError} If a number is out of range.
 */
export function resolveFallback(options: FallbackOptions): FallbackSetup {
  checkOptionNames(options, NAMES);
  const { origins = "same-origin", credentials = false, modes = FALLBACK_MODES } = options;
  if (typeof credentials !== "boolean") {
    throw new TypeError(
      `Cannot use option "credentials": expected a boolean, got ${describe(credentials)}`,
    );
  }
  const numbers = {} as Record<NumberOption, number>;
  for (const name of Object.keys(NUMBERS) as NumberOption[]) {
    numbers[name] = checkNumber(name, options[name], ...NUMBERS[name]);
  }
  if (numbers.sessionTimeoutMs <= numbers.pollTimeoutMs) {
    throw new RangeError(
      `Cannot use option "sessionTimeoutMs": ${numbers.sessionTimeoutMs} is not longer than ` +
        `pollTimeoutMs, ${numbers.pollTimeoutMs}`,
    );
  }
  const shared: Record<string, unknown> = {};
  for (const name of SHARED) if (options[name] !== undefined) shared[name] = options[name];
  return {
    ...setupServer({ ...shared, pingIntervalMs: 0 }),
    ...numbers,
    checkOrigin: compileOrigins(origins),
    credentials,
    modes: checkModes(modes, FALLBACK_MODES),
  };
}
