/**
 * The options of the client's side: defaults and checks.
 * @module
 */

import type { ClientOptions, HeadersLike } from "../../api/mod.ts";
import { checkHandler, checkOnError, logError } from "../../api/handler.ts";
import {
  checkOptionNames,
  describe,
  type ResolvedOptions,
  resolveOptions,
} from "../../api/options.ts";
import { FALLBACK_MODES, type FallbackMode } from "../wire/modes.ts";
import { checkModes, checkNumber } from "../wire/check.ts";
import { hasDocument, platform } from "./platform.ts";

/** A way to the server: a WebSocket, or one of those that stand in for it. */
export type TransportMode = "websocket" | FallbackMode;

/** Options of `connectFallback()`: those of a WebSocket client that can be kept, and its own. */
export interface FallbackClientOptions extends
  Pick<
    ClientOptions,
    | ("protocols" | "handler" | "onError" | "signal" | "observer")
    | ("maxMessageBytes" | "highWaterMark" | "maxBufferedBytes")
    | ("handshakeTimeoutMs" | "closeTimeoutMs")
  > {
  /**
   * The ways to try, the best first; what the platform or the server lacks is left out. Default:
   * `["websocket", "event-source", "xhr-stream", "long-poll", "poll"]`, without the first two where
   * `headers` are given, which they cannot send.
   */
  modes?: readonly TransportMode[];
  /** Is told of each way that is taken up, `"websocket"` included. Default: nobody. */
  onMode?: (mode: TransportMode) => void;
  /** Header fields of every request, such as Authorization; with `fetch` only. Default: none. */
  headers?: HeadersLike;
  /** Whether cookies are sent, as of `fetch()`. Default: `"same-origin"`. */
  credentials?: "omit" | "same-origin" | "include";
  /** What makes the requests. Default: the platform's `fetch`. */
  fetch?: (url: string, init?: RequestInit) => Promise<Response>;
  /** How long a WebSocket may take to open before the next way, in milliseconds. Default: 5,000. */
  webSocketTimeoutMs?: number;
  /**
   * How long a stream may take to bring its first line, in milliseconds: a proxy that gathers what
   * comes brings none. Default: 5,000.
   */
  streamTimeoutMs?: number;
  /** The longest pause between two requests of `"poll"`, in milliseconds. Default: 1,000. */
  pollIntervalMs?: number;
}

/** {@linkcode FallbackClientOptions}, checked. */
export interface ClientSetup {
  readonly options: ResolvedOptions;
  readonly protocols: readonly string[];
  readonly handler: FallbackClientOptions["handler"];
  readonly onError: (error: unknown) => void;
  readonly modes: readonly TransportMode[];
  readonly onMode: (mode: TransportMode) => void;
  readonly headers: Headers;
  readonly credentials: "omit" | "same-origin" | "include";
  readonly fetch: (url: string, init?: RequestInit) => Promise<Response>;
  readonly webSocketTimeoutMs: number;
  readonly streamTimeoutMs: number;
  readonly pollIntervalMs: number;
}

const MODES: readonly TransportMode[] = ["websocket", ...FALLBACK_MODES];

/** Those that take no header fields. */
const WITHOUT_HEADERS: readonly TransportMode[] = ["websocket", "event-source", "htmlfile"];

const NAMES = [
  ...["protocols", "handler", "onError", "signal", "observer"],
  ...["maxMessageBytes", "highWaterMark", "maxBufferedBytes"],
  ...["handshakeTimeoutMs", "closeTimeoutMs"],
  ...["modes", "onMode", "headers", "credentials", "fetch"],
  ...["webSocketTimeoutMs", "streamTimeoutMs", "pollIntervalMs"],
];

/**
 * Checks options and fills in the defaults.
 *
 * @throws {TypeError} If an option does not exist or has the wrong type.
 * @throws {RangeError} If a number is out of range.
 * @throws {DOMException} `NotSupportedError`, if the platform has none of the modes.
 */
export function resolveClient(given: FallbackClientOptions): ClientSetup {
  checkOptionNames(given, NAMES);
  const { protocols = [], handler, onError = logError, onMode = () => {} } = given;
  const { credentials = "same-origin", fetch = platform.fetch } = given;
  if (handler !== undefined) checkHandler(handler);
  checkOnError(onError);
  checkFunction("onMode", onMode);
  checkFunction("fetch", fetch);
  if (!["omit", "same-origin", "include"].includes(credentials)) {
    throw new TypeError(
      'Cannot use option "credentials": expected "omit", "same-origin" or "include", got ' +
        (typeof credentials === "string" ? JSON.stringify(credentials) : describe(credentials)),
    );
  }
  const longest = 2 ** 31 - 1;
  return {
    options: resolveOptions({ ...shared(given), pingIntervalMs: 0 }, onError),
    protocols: typeof protocols === "string" ? [protocols] : [...protocols],
    handler,
    onError,
    modes: availableModes(given),
    onMode,
    headers: new Headers(given.headers),
    credentials,
    // Called without an object, as the platform's must be.
    fetch: (url, init) => fetch(url, init),
    webSocketTimeoutMs: checkNumber(
      "webSocketTimeoutMs",
      given.webSocketTimeoutMs,
      5000,
      1,
      longest,
    ),
    streamTimeoutMs: checkNumber("streamTimeoutMs", given.streamTimeoutMs, 5000, 1, longest),
    pollIntervalMs: checkNumber("pollIntervalMs", given.pollIntervalMs, 1000, 1, longest),
  };
}

function shared(given: FallbackClientOptions): object {
  const { signal, observer, maxMessageBytes, highWaterMark, maxBufferedBytes } = given;
  const { handshakeTimeoutMs, closeTimeoutMs } = given;
  const all = { signal, observer, maxMessageBytes, highWaterMark, maxBufferedBytes };
  return { ...all, handshakeTimeoutMs, closeTimeoutMs };
}

function checkFunction(name: string, value: unknown): void {
  if (typeof value === "function") return;
  throw new TypeError(`Cannot use option "${name}": expected a function, got ${describe(value)}`);
}

function availableModes({ modes, headers }: FallbackClientOptions): readonly TransportMode[] {
  const chosen = modes === undefined
    ? MODES.filter((mode) => mode !== "htmlfile")
    : checkModes(modes, MODES);
  const refused = headers === undefined ? [] : chosen.filter((it) => WITHOUT_HEADERS.includes(it));
  if (modes !== undefined && refused.length > 0) {
    throw new TypeError(`Cannot use option "headers": "${refused[0]}" takes none`);
  }
  const there = chosen.filter((mode) => !refused.includes(mode) && isThere(mode));
  if (there.length > 0) return there;
  throw new DOMException(
    `Cannot connect: this platform has none of ${chosen.join(", ")}`,
    "NotSupportedError",
  );
}

function isThere(mode: TransportMode): boolean {
  if (mode === "websocket") return platform.WebSocket !== undefined;
  if (mode === "event-source") return platform.EventSource !== undefined;
  return mode !== "htmlfile" || hasDocument();
}
