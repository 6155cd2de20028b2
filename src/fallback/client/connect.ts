/**
 * Opening connections, by a WebSocket or by what stands in for one.
 * @module
 */

import { openPlatform } from "../../adapters/browser/connect.ts";
import { NativeChannel } from "../../adapters/native/native_channel.ts";
import { unwatchAbort, watchAbort } from "../../api/abort_watch.ts";
import { handshakeAborted } from "../../api/aborted.ts";
import { startClient } from "../../api/client_opening.ts";
import type { WebSocketConnection } from "../../api/connection.ts";
import { ConnectionCore } from "../../api/connection_core.ts";
import { ConnectionTap } from "../../api/connection_tap.ts";
import { checkSubprotocols, parseUrl } from "../../api/websocket/arguments.ts";
import type {
  Prepare,
  WebSocketConstructor,
  WebSocketInstance,
} from "../../api/websocket/types.ts";
import { createWebSocketClass } from "../../api/websocket/websocket.ts";
import { HandshakeError } from "../../errors.ts";
import { FALLBACK_MODES, type FallbackMode, type OpenAnswer } from "../wire/modes.ts";
import { MAX_LINE_BYTES, WIRE_VERSION } from "../wire/records.ts";
import { type ClientSetup, type FallbackClientOptions, resolveClient } from "./options.ts";
import { readStart, Requests } from "./requests.ts";
import { ClientSession } from "./session.ts";

/** The most bytes of what a server answers when a session opens, and of a refusal. */
const MAX_ANSWER_BYTES = 64 * 1024;

/**
 * Opens a connection: with the platform's WebSocket if that is among the modes and opens in time, and
 * else by plain HTTP with a server's `createFallback()`, in the first mode that works.
 *
 * A mode that brings nothing, as behind a proxy that gathers what is streamed, is left for the next one
 * without a loss: order, and that each message comes once, are kept.
 *
 * @param url The URL of the WebSocket (ws, wss, http or https), or one relative to the page.
 * @param options Modes, subprotocols, limits, deadlines, the handler.
 * @returns The connection, open.
 * @throws {HandshakeError} If the server refuses, or there is no connection in time.
 * @throws {TypeError} If an option is wrong.
 * @throws {RangeError} If a number is out of range.
 * @throws {DOMException} `SyntaxError`, if the URL or a subprotocol is wrong; `NotSupportedError`, if
 * the platform has none of the modes.
 *
 * @example
 * ```ts
 * import { createFallback } from "@fullduplex/ws/fallback";
 * import { connectFallback } from "@fullduplex/ws/fallback/client";
 * import { serve } from "@fullduplex/ws/serve";
 *
 * const fallback = createFallback({ message: (socket, data) => socket.send(data) });
 * await using server = await serve({}, {
 *   port: 0,
 *   verify: () => new Response("a proxy blocks WebSockets", { status: 502 }),
 *   fetch: (request) => fallback.fetch(request),
 * });
 * await using socket = await connectFallback(server.url, {
 *   onMode: (mode) => console.log(mode), // "xhr-stream", or "event-source" where there is one
 * });
 * await socket.send("hello");
 * for await (const message of socket) {
 *   console.log(message); // "hello"
 *   break;
 * }
 * ```
 */
export async function connectFallback(
  url: string | URL,
  options: FallbackClientOptions = {},
): Promise<WebSocketConnection> {
  const setup = resolveClient(options);
  checkSubprotocols(setup.protocols);
  const core = await open(parseUrl(String(url)).href, setup);
  return startClient(core, setup);
}

/** The third argument of {@linkcode FallbackWebSocket}. */
export type FallbackSocketOptions = Omit<
  FallbackClientOptions,
  "protocols" | "handler" | "onError"
>;

const prepare: Prepare<Omit<FallbackSocketOptions, "signal">> = (url, options) => {
  const setup = resolveClient(options);
  return () => open(url, setup);
};

/**
 * The same as a class with the face of the standard's `WebSocket`; for `ReconnectingWebSocket`, too.
 *
 * @example
 * ```ts
 * import { ReconnectingWebSocket } from "@fullduplex/ws/client";
 * import { createFallback } from "@fullduplex/ws/fallback";
 * import { FallbackWebSocket } from "@fullduplex/ws/fallback/client";
 * import { serve } from "@fullduplex/ws/serve";
 *
 * const fallback = createFallback({ message: (socket, data) => socket.send(data) });
 * await using server = await serve({}, { port: 0, fetch: (request) => fallback.fetch(request) });
 * const socket = new ReconnectingWebSocket(server.url, [], {
 *   WebSocket: FallbackWebSocket,
 *   socketOptions: { modes: ["long-poll"] },
 * });
 * socket.send("hello");
 * await new Promise((resolve) => socket.onmessage = ({ data }) => resolve(console.log(data)));
 * socket.close();
 * ```
 *
 * @see WHATWG WebSockets, section 3
 */
export const FallbackWebSocket: WebSocketConstructor<FallbackSocketOptions> =
  /* @__PURE__ */ createWebSocketClass(prepare);

/** A {@linkcode FallbackWebSocket}. */
export type FallbackWebSocket = WebSocketInstance;

/** Opens a connection, not started yet. */
async function open(url: string, setup: ClientSetup): Promise<ConnectionCore> {
  const { observers } = setup.options;
  const tap = observers && new ConnectionTap(observers, "client");
  if (tap !== undefined) tap.connection.url = url;
  try {
    return await openFirst(url, setup, tap);
  } catch (error) {
    if (error instanceof HandshakeError) tap?.refused(error);
    throw error;
  }
}

async function openFirst(
  url: string,
  setup: ClientSetup,
  tap: ConnectionTap | undefined,
): Promise<ConnectionCore> {
  const { modes, options, protocols, webSocketTimeoutMs } = setup;
  const others = modes.filter((mode) => mode !== "websocket") as FallbackMode[];
  if (others.length < modes.length) {
    // Short, where there is something else to be tried.
    const handshakeTimeoutMs = others.length > 0
      ? Math.min(webSocketTimeoutMs, options.handshakeTimeoutMs)
      : options.handshakeTimeoutMs;
    try {
      const core = await openPlatform(url, protocols, { ...options, handshakeTimeoutMs }, tap);
      setup.onMode("websocket");
      return core;
    } catch (error) {
      if (others.length === 0 || options.signal?.aborted || !(error instanceof HandshakeError)) {
        throw error;
      }
    }
  }
  return await openSession(url, setup, others, tap);
}

async function openSession(
  url: string,
  setup: ClientSetup,
  modes: readonly FallbackMode[],
  tap: ConnectionTap | undefined,
): Promise<ConnectionCore> {
  const { options } = setup;
  const requests = new Requests(url.replace(/^ws/, "http"), setup);
  const { answer, headers } = await ask(requests, setup);
  const common = modes.filter((mode) => answer.modes.includes(mode));
  if (common.length === 0) throw invalid("the server offers none of the modes");
  if (answer.protocol !== "" && !setup.protocols.includes(answer.protocol)) {
    throw invalid("the server chose a subprotocol that was not offered");
  }
  const session = new ClientSession(requests, setup, answer, common);
  const info = { protocol: answer.protocol, extensions: "", url, responseHeaders: headers };
  const core = new ConnectionCore(new NativeChannel(session, options), info, options, tap);
  session.start();
  return core;
}

/** Asks for a session. */
async function ask(
  requests: Requests,
  { options, protocols }: ClientSetup,
): Promise<{ answer: OpenAnswer; headers: Headers }> {
  const { handshakeTimeoutMs, signal } = options;
  if (signal?.aborted) throw handshakeAborted(signal);
  const controller = new AbortController();
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    controller.abort();
  }, handshakeTimeoutMs);
  const onAbort = () => controller.abort();
  if (signal !== undefined) watchAbort(signal, onAbort);
  try {
    const url = requests.url({ action: "open" });
    const body = JSON.stringify({ version: WIRE_VERSION, protocols });
    const response = await requests.fetch(url, controller.signal, body);
    const text = await readStart(response, MAX_ANSWER_BYTES);
    if (response.status !== 200) throw refused(response, text);
    const answer = parseAnswer(text);
    if (answer === null) throw invalid("the answer is none of a fallback");
    return { answer, headers: response.headers };
  } catch (cause) {
    if (cause instanceof HandshakeError) throw cause;
    if (signal?.aborted) throw handshakeAborted(signal);
    throw new HandshakeError(
      late
        ? `Cannot connect: no answer within ${handshakeTimeoutMs} ms`
        : "Cannot connect: the server cannot be reached, or the platform hides its answer",
      { code: late ? "WS_HANDSHAKE_TIMEOUT" : "WS_CONNECT_FAILED", cause },
    );
  } finally {
    clearTimeout(timer);
    if (signal !== undefined) unwatchAbort(signal, onAbort);
  }
}

function parseAnswer(text: string): OpenAnswer | null {
  let value: Record<string, unknown> | null;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== "object" || value === null || value.version !== WIRE_VERSION) return null;
  const { session, protocol, modes, pollTimeoutMs, sessionTimeoutMs, maxRequestBytes } = value;
  const sound = typeof session === "string" && /^[0-9a-f]{32}$/.test(session) &&
    typeof protocol === "string" && Array.isArray(modes) &&
    modes.every((mode) => FALLBACK_MODES.includes(mode)) && isCount(pollTimeoutMs, 1) &&
    isCount(sessionTimeoutMs, 1) && isCount(maxRequestBytes, MAX_LINE_BYTES);
  return sound ? value as unknown as OpenAnswer : null;
}

function isCount(value: unknown, least: number): boolean {
  return Number.isSafeInteger(value) && (value as number) >= least;
}

function refused({ status, headers }: Response, body: string): HandshakeError {
  return new HandshakeError(`Cannot connect: the server answered ${status}`, {
    code: "WS_HANDSHAKE_REFUSED",
    status,
    headers,
    body,
  });
}

function invalid(why: string): HandshakeError {
  return new HandshakeError(`Cannot connect: ${why}`, { code: "WS_HANDSHAKE_INVALID" });
}
