/**
 * EventSource, the server's side: from a `Request` to a `Response` that streams events.
 *
 * @see HTML Standard, section 9.2 (Server-sent events)
 * @module
 */

import type { HeadersLike, OriginPolicy, RequestLike, UpgradeRequest } from "../api/mod.ts";
import { checkHandler, checkOnError, logError } from "../api/handler.ts";
import { checkOptionNames, describe, resolveOptions } from "../api/options.ts";
import { compileOrigins } from "../api/origin_check.ts";
import {
  type EventSourceCallbacks,
  EventSourceConnection,
  type EventSourceLimits,
} from "./event_source_connection.ts";
import { formatRetry } from "./event_stream.ts";

/**
 * What an application does with an event stream: a function, at whose end (when its promise settles)
 * the stream is closed, or an object of callbacks.
 */
// deno-lint-ignore no-explicit-any -- see WebSocketConnection
export type EventSourceHandler<Data = any> =
  | ((source: EventSourceConnection<Data>) => void | Promise<void>)
  | EventSourceCallbacks<Data>;

/** Options of {@linkcode upgradeEventSource} and its siblings. */
export interface EventSourceOptions {
  /**
   * Which other origins may read the stream (CORS): as `origins` of a WebSocket server. A page of an
   * origin that may not gets 403. Default: every request is answered, without CORS fields.
   */
  origins?: OriginPolicy;
  /** Whether pages of those origins may send cookies (`withCredentials`). Default: `false`. */
  credentials?: boolean;
  /** A last look at the request; a `Response` refuses it. Default: none. */
  verify?: (request: Request) => Response | undefined | void | Promise<Response | undefined | void>;
  /** Header fields to add to the response. Default: none. */
  headers?: HeadersLike;
  /** How long the client is to wait before it reconnects, in milliseconds. Default: 5,000. */
  retryMs?: number;
  /** How often an idle stream gets a comment, in milliseconds; 0 for never. Default: 10,000. */
  pingIntervalMs?: number;
  /** From how many bytes that wait on `send()` waits and `trySend()` refuses. Default: 256 KiB. */
  highWaterMark?: number;
  /** The most bytes that may wait; one more event then cuts the stream. Default: 64 MiB. */
  maxBufferedBytes?: number;
  /**
   * How long a client may take nothing while something waits, in milliseconds; 0 for ever.
   * Default: 60,000.
   */
  stallTimeoutMs?: number;
  /** How long `close()` waits for what was sent to be taken, in milliseconds. Default: 10,000. */
  closeTimeoutMs?: number;
  /** Closes the stream when aborted, as when the server shuts down. Default: none. */
  signal?: AbortSignal;
  /** Takes what the handler, `verify` or `origins` throws. Default: it is printed. */
  onError?: (error: unknown) => void;
}

const OPTION_NAMES = [
  "origins",
  "credentials",
  "verify",
  "headers",
  "retryMs",
  "pingIntervalMs",
  "highWaterMark",
  "maxBufferedBytes",
  "stallTimeoutMs",
  "closeTimeoutMs",
  "signal",
  "onError",
];

/** The callbacks of an event stream's handler. */
export const CALLBACK_NAMES = ["open", "drain", "close"];

export type { RequestLike };

/**
 * Tells whether a request comes from an EventSource: a GET that asks for `text/event-stream`.
 *
 * @param request A `Request`, or an `IncomingMessage` of `node:http`.
 *
 * @example
 * ```ts
 * import { isEventSource } from "@fullduplex/ws/server";
 *
 * const headers = { accept: "text/event-stream" };
 * console.log(isEventSource(new Request("http://example.com/events", { headers }))); // true
 * ```
 */
export function isEventSource(request: RequestLike): boolean {
  return request.method === "GET" && accepts(acceptOf(request), ["text/event-stream"]);
}

function acceptOf({ headers }: RequestLike): string {
  const value = typeof headers.get === "function"
    ? headers.get("accept")
    : (headers as Record<string, string | undefined>).accept;
  return typeof value === "string" ? value : "";
}

/** Tells whether an Accept field names one of these ranges and does not rule it out with q=0. */
function accepts(field: string, ranges: readonly string[]): boolean {
  return field.split(",").some((part) => {
    const [range, ...parameters] = part.split(";").map((piece) => piece.trim().toLowerCase());
    return ranges.includes(range) && !parameters.some((piece) => /^q=0(\.0*)?$/.test(piece));
  });
}

/** What was made of a request. */
export interface AcceptedEventSource {
  /** What to answer with, be it a refusal. */
  readonly response: Response;
  /** The stream; `undefined` when the request was refused. */
  readonly source: EventSourceConnection | undefined;
}

/**
 * Answers a request of an EventSource with a stream of events: in `fetch` of `serve()`, in
 * `Deno.serve` and in `Bun.serve`. For `node:http` there is `onEventSource()`.
 *
 * What asks for something else is refused: 405 for other methods, 406 for other types, 403 for
 * origins that `origins` does not allow.
 *
 * @param request The request.
 * @param handler What to do with the stream.
 * @param options Policies, limits and deadlines. Default: see there.
 * @returns The response.
 * @throws {TypeError} If the handler or an option is wrong.
 * @throws {RangeError} If a number is out of range.
 *
 * @example
 * ```ts
 * import { upgradeEventSource } from "@fullduplex/ws/server";
 * import { serve } from "@fullduplex/ws/serve";
 *
 * await using server = await serve({}, {
 *   port: 0,
 *   fetch: (request) =>
 *     upgradeEventSource(request, async (source) => {
 *       let n = Number(source.lastEventId);
 *       while (source.readyState === 1 && n < 3) await source.send("tick", { id: String(++n) });
 *     }),
 * });
 * const response = await fetch(server.url.replace("ws", "http"));
 * console.log((await response.text()).includes("id: 3\ndata: tick\n\n")); // true
 * ```
 */
export async function upgradeEventSource(
  request: Request,
  handler: EventSourceHandler,
  options: EventSourceOptions = {},
): Promise<Response> {
  checkHandler(handler, CALLBACK_NAMES);
  const callbacks = typeof handler === "function" ? {} : handler;
  const { response, source } = await open(request, options, callbacks);
  if (source === undefined) return response;
  if (typeof handler !== "function") source.call(() => handler.open?.(source));
  else {
    source.call(async () => {
      await handler(source);
      await source.close();
    });
  }
  return response;
}

/**
 * The same without a handler: gives the response and the stream, for applications that keep streams
 * in a list of their own.
 *
 * @param request The request.
 * @param options Policies, limits and deadlines. Default: see there.
 * @returns The response, and the stream unless the request was refused.
 * @throws {TypeError} If an option is wrong.
 * @throws {RangeError} If a number is out of range.
 */
export async function acceptEventSource(
  request: Request,
  options: EventSourceOptions = {},
): Promise<AcceptedEventSource> {
  return await open(request, options, {});
}

async function open(
  request: Request,
  options: EventSourceOptions,
  callbacks: EventSourceCallbacks,
): Promise<AcceptedEventSource> {
  const { limits, retryMs, onError } = resolve(options);
  const checkOrigin = options.origins === undefined ? undefined : compileOrigins(options.origins);
  const fields = toFields(options.headers);
  if (request.method !== "GET") return refused(405, "Cannot stream: use GET", { allow: "GET" });
  const accept = acceptOf(request);
  if (accept !== "" && !accepts(accept, ["text/event-stream", "text/*", "*/*"])) {
    return refused(406, "Cannot stream: text/event-stream is not accepted");
  }
  const origin = request.headers.get("origin");
  try {
    if (checkOrigin !== undefined) {
      fields.append("vary", "origin");
      if (await checkOrigin(origin, request as UpgradeRequest) !== true) {
        return refused(403, "Cannot stream: this origin is not allowed", { vary: "origin" });
      }
      if (origin !== null) {
        fields.set("access-control-allow-origin", origin);
        if (options.credentials === true) fields.set("access-control-allow-credentials", "true");
      }
    }
    const answer = await options.verify?.(request);
    if (answer !== undefined) return { response: answer, source: undefined };
  } catch (error) {
    onError(error);
    return refused(500, "Cannot stream: the server failed");
  }
  fields.set("content-type", "text/event-stream");
  if (!fields.has("cache-control")) fields.set("cache-control", "no-cache, no-transform");
  fields.set("x-accel-buffering", "no"); // nginx would gather events otherwise
  const first = formatRetry(retryMs);
  const source = new EventSourceConnection(request, first, limits, callbacks, onError);
  return { response: new Response(source.body, { headers: fields }), source };
}

function refused(
  status: number,
  message: string,
  headers: Record<string, string> = {},
): AcceptedEventSource {
  const response = new Response(`${message}\n`, {
    status,
    headers: { "content-type": "text/plain; charset=utf-8", ...headers },
  });
  return { response, source: undefined };
}

/**
 * Checks options before they are needed.
 *
 * @throws {TypeError} If an option does not exist or has the wrong type.
 * @throws {RangeError} If a number is out of range.
 */
export function checkEventSourceOptions(options: EventSourceOptions): void {
  resolve(options);
  if (options.origins !== undefined) compileOrigins(options.origins);
  toFields(options.headers);
}

function resolve(
  options: EventSourceOptions,
): { limits: EventSourceLimits; retryMs: number; onError: (error: unknown) => void } {
  checkOptionNames(options, OPTION_NAMES);
  const { pingIntervalMs = 10_000, highWaterMark, maxBufferedBytes, closeTimeoutMs } = options;
  const { credentials, verify, retryMs = 5000, stallTimeoutMs = 60_000, onError = logError } =
    options;
  checkOnError(onError);
  if (credentials !== undefined && typeof credentials !== "boolean") {
    throw new TypeError(
      `Cannot use option "credentials": expected a boolean, got ${describe(credentials)}`,
    );
  }
  if (verify !== undefined && typeof verify !== "function") {
    throw new TypeError(`Cannot use option "verify": expected a function, got ${describe(verify)}`);
  }
  checkMilliseconds("retryMs", retryMs);
  checkMilliseconds("stallTimeoutMs", stallTimeoutMs);
  const { signal, ...checked } = resolveOptions({
    pingIntervalMs,
    ...(highWaterMark === undefined ? {} : { highWaterMark }),
    ...(maxBufferedBytes === undefined ? {} : { maxBufferedBytes }),
    ...(closeTimeoutMs === undefined ? {} : { closeTimeoutMs }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  return { limits: { ...checked, signal, stallTimeoutMs }, retryMs, onError };
}

function checkMilliseconds(name: string, value: number): void {
  if (typeof value !== "number") {
    throw new TypeError(`Cannot use option "${name}": expected a number, got ${describe(value)}`);
  }
  if (!Number.isInteger(value) || value < 0 || value > 2 ** 31 - 1) {
    throw new RangeError(
      `Cannot use option "${name}": expected an integer from 0 to ${2 ** 31 - 1}, got ${value}`,
    );
  }
}

function toFields(headers: HeadersLike | undefined): Headers {
  const fields = new Headers(headers);
  for (const name of ["content-type", "content-length", "content-encoding", "transfer-encoding"]) {
    if (fields.has(name)) {
      throw new TypeError(`Cannot use option "headers": the stream sets ${name} itself`);
    }
  }
  return fields;
}
