/**
 * The server's side: from requests to sessions.
 *
 * ```
 *  POST open ──> origin, verify, protocols ──> Session ──> NativeChannel ──> handler
 *  POST send ──────────────────────────────────^  │
 *  GET poll, long-poll, xhr-stream … <────────────┘
 * ```
 *
 * @module
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import { NativeChannel } from "../../adapters/native/native_channel.ts";
import { answerHttp } from "../../adapters/node/http_bridge.ts";
import type { NodeRequest } from "../../adapters/node/node_types.ts";
import type { WebSocketConnection } from "../../api/connection.ts";
import type { UpgradeRequest } from "../../api/mod.ts";
import { ConnectionCore } from "../../api/connection_core.ts";
import { checkHandler, type Handler, logError, runHandler } from "../../api/handler.ts";
import type { FallbackMode, OpenAnswer } from "../wire/modes.ts";
import { parseSeq, WIRE_VERSION } from "../wire/records.ts";
import { parseTarget, type Target } from "../wire/target.ts";
import { answer, CLOSE, corsFields, newId, PLAIN, preflight, withFields } from "./answers.ts";
import { CUT_SHORT, readText } from "./body.ts";
import { formatFor, isCallback } from "./format.ts";
import { decideOpening, parseOpenMessage, refuseOrigin, toUpgradeRequest } from "./opening.ts";
import { type FallbackOptions, type FallbackSetup, resolveFallback } from "./options.ts";
import { Session } from "./session.ts";

/** The most bytes of what a client says when it opens a session. */
const MAX_OPEN_BYTES = 16 * 1024;

/** What `http.Server` hands to "request" listeners for the answer: `http.ServerResponse`. */
export interface FallbackResponse {
  /** Whether all of the response was handed over. */
  readonly writableFinished: boolean;
  /** Cuts the connection. */
  destroy(): unknown;
}

/** Who asks. */
export interface FallbackInfo {
  /** The client's address, for `socket.remoteAddress`. Default: unknown. */
  remoteAddress?: string | undefined;
}

/** Sessions of clients that cannot open a WebSocket, all with one handler. */
export interface Fallback {
  /** The open connections. */
  readonly connections: ReadonlySet<WebSocketConnection>;
  /** How many sessions are kept, those included of which only the last messages are to be fetched. */
  readonly sessionCount: number;
  /**
   * Tells whether a request is for it: by its query alone, whatever the path.
   *
   * @param request A `Request`, or an `IncomingMessage` of `node:http`.
   */
  handles(request: { readonly url?: string | undefined }): boolean;
  /**
   * Answers a request: in `fetch` of `serve()`, in `Deno.serve` and in `Bun.serve`.
   *
   * @param request The request.
   * @param info The client's address. Default: unknown.
   * @returns The response; 404 for a request that it does not handle.
   */
  fetch(request: Request, info?: FallbackInfo): Promise<Response>;
  /** Answers a request of `node:http` or `node:https`: a "request" listener. */
  readonly onRequest: (request: NodeRequest, response: FallbackResponse) => void;
  /**
   * Opens no more sessions, closes all connections with 1001 and waits for them.
   *
   * @param reason At most 123 bytes of UTF-8. Default: `""`.
   */
  close(reason?: string): Promise<void>;
  /** The same. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Lets pages and devices that cannot open a WebSocket talk to a WebSocket's handler by plain HTTP:
 * polling, long polling, streamed responses, hidden frames, EventSource.
 *
 * The client is `connectFallback()` or `FallbackWebSocket` of `./fallback/client`. Requests may have
 * any path; what makes them the fallback's is a query parameter.
 *
 * Sessions live in this process: where there are several, all requests of a client must reach the
 * same one.
 *
 * @param handler What to do with each connection: the same as for WebSockets.
 * @param options Policies, limits and deadlines.
 * @returns What answers the requests.
 * @throws {TypeError} If the handler or an option is wrong.
 * @throws {RangeError} If a number is out of range.
 *
 * @example
 * ```ts
 * import type { Handler } from "@fullduplex/ws";
 * import { createFallback } from "@fullduplex/ws/fallback";
 * import { connectFallback } from "@fullduplex/ws/fallback/client";
 * import { serve } from "@fullduplex/ws/serve";
 *
 * const echo: Handler = { message: (socket, data) => socket.send(data) };
 * const fallback = createFallback(echo);
 * await using server = await serve(echo, {
 *   port: 0,
 *   fetch: (request) =>
 *     fallback.handles(request) ? fallback.fetch(request) : new Response("a page"),
 * });
 * await using socket = await connectFallback(server.url, { modes: ["long-poll"] });
 * await socket.send("hello");
 * for await (const message of socket) {
 *   console.log(message); // "hello"
 *   break;
 * }
 * ```
 */
export function createFallback(handler: Handler, options: FallbackOptions = {}): Fallback {
  checkHandler(handler);
  if (typeof handler !== "function" && handler.frame !== undefined) {
    throw new TypeError('Cannot use handler: "frame" needs frames, and here there are none');
  }
  return new FallbackServer(handler, resolveFallback(options));
}

class FallbackServer implements Fallback {
  readonly connections: Set<WebSocketConnection> = new Set();
  readonly #handler: Handler;
  readonly #setup: FallbackSetup;
  readonly #sessions = new Map<string, Session>();
  /** Sessions that are being decided on. */
  #opening = 0;
  #closing: Promise<void> | undefined;

  constructor(handler: Handler, setup: FallbackSetup) {
    this.#handler = handler;
    this.#setup = setup;
  }

  get sessionCount(): number {
    return this.#sessions.size;
  }

  handles({ url }: { readonly url?: string | undefined }): boolean {
    return parseTarget(url ?? "") !== undefined;
  }

  readonly onRequest = (request: NodeRequest, response: FallbackResponse): void => {
    const incoming = request as unknown as IncomingMessage;
    const { encrypted, remoteAddress } = incoming.socket as {
      encrypted?: boolean;
      remoteAddress?: string;
    };
    const fetch = (request: Request) => this.fetch(request, { remoteAddress });
    const outgoing = response as unknown as ServerResponse;
    answerHttp(fetch, incoming, outgoing, encrypted === true, this.#onError);
  };

  readonly #onError = (error: unknown): void => {
    try {
      this.#setup.onError(error);
    } catch (cause) {
      logError(cause); // a client must not end the process
    }
  };

  async fetch(request: Request, info: FallbackInfo = {}): Promise<Response> {
    const target = parseTarget(request.url);
    if (target === undefined) return answer(404, "this is no request of the fallback");
    const origin = request.headers.get("origin");
    const session = this.#sessions.get(target.session);
    const seen = toUpgradeRequest(request);
    try {
      if (!await this.#allows(origin, seen, session, target)) {
        return withFields(refuseOrigin(seen, this.#setup));
      }
    } catch (error) {
      this.#onError(error);
      return answer(500, "the server failed to decide");
    }
    const cors = corsFields(origin, this.#setup.credentials);
    const response = request.method === "OPTIONS"
      ? preflight()
      : await this.#answer(target, request, seen, session, info);
    for (const [name, value] of cors) response.headers.set(name, value);
    return response;
  }

  /** A session belongs to the origin that opened it; the policy decides on the rest. */
  #allows(
    origin: string | null,
    seen: UpgradeRequest,
    session: Session | undefined,
    { action }: Required<Target>,
  ): boolean | Promise<boolean> {
    if (session !== undefined) return origin === null || origin === session.origin;
    if (origin === null && action !== "open") return true;
    return this.#setup.checkOrigin(origin, seen);
  }

  #answer(
    target: Required<Target>,
    request: Request,
    seen: UpgradeRequest,
    session: Session | undefined,
    info: FallbackInfo,
  ): Response | Promise<Response> {
    const { action } = target;
    const method = action === "open" || action === "send" ? "POST" : "GET";
    if (request.method !== method) {
      return answer(405, `use ${method}`, [["allow", `${method}, OPTIONS`]]);
    }
    if (action === "open") return this.#open(request, seen, info);
    if (session === undefined) return answer(404, "there is no such session");
    return action === "send"
      ? this.#post(session, request)
      : this.#respond(session, action, request, target);
  }

  // ------------------------------------------------------------------------- opening

  async #open(
    request: Request,
    seen: UpgradeRequest,
    { remoteAddress }: FallbackInfo,
  ): Promise<Response> {
    const { maxSessions, options } = this.#setup;
    if (this.#closing !== undefined) return answer(503, "the server is closing");
    if (this.#sessions.size + this.#opening >= maxSessions) {
      return answer(503, "there are too many sessions", [["retry-after", "10"]]);
    }
    this.#opening++;
    try {
      const text = await readText(request, MAX_OPEN_BYTES, options.handshakeTimeoutMs);
      if (typeof text !== "string") return answer(text.status, text.why, CLOSE);
      const message = parseOpenMessage(text);
      if (message === null) return answer(400, "the message that opens a session is malformed");
      const opening = await decideOpening(seen, message, this.#setup);
      if (opening instanceof Response) return withFields(opening);
      if (this.#closing !== undefined) return answer(503, "the server is closing");
      const { decision, tap } = opening;
      const session = new Session(
        newId(),
        seen.headers.get("origin"),
        this.#setup,
        (gone) => void this.#sessions.delete(gone.id),
      );
      this.#sessions.set(session.id, session);
      const { protocol, extensions } = decision;
      const info = { protocol, extensions, request: seen, remoteAddress };
      const core = new ConnectionCore(new NativeChannel(session, options), info, options, tap);
      this.#welcome(core);
      return this.#opened(session, protocol, decision.headers);
    } finally {
      this.#opening--;
    }
  }

  #welcome(core: ConnectionCore): void {
    this.connections.add(core.socket);
    core.onGone = (socket) => void this.connections.delete(socket);
    runHandler(core, this.#handler, this.#onError);
  }

  #opened(
    session: Session,
    protocol: string,
    headers: readonly (readonly [string, string])[],
  ): Response {
    const { modes, pollTimeoutMs, sessionTimeoutMs, maxRequestBytes } = this.#setup;
    const body: OpenAnswer = {
      version: WIRE_VERSION,
      session: session.id,
      protocol,
      modes,
      pollTimeoutMs,
      sessionTimeoutMs,
      maxRequestBytes,
    };
    const response = new Response(JSON.stringify(body), {
      headers: [["content-type", "application/json"]],
    });
    for (const [name, value] of headers) response.headers.append(name, value);
    return withFields(response);
  }

  // ------------------------------------------------------------------------ messages

  async #post(session: Session, request: Request): Promise<Response> {
    const { maxRequestBytes, options } = this.#setup;
    const text = await readText(request, maxRequestBytes, options.handshakeTimeoutMs);
    if (typeof text !== "string") return answer(text.status, text.why, CLOSE);
    // Every line has its end: half of one could be taken for another one.
    if (text !== "" && !text.endsWith("\n")) return answer(CUT_SHORT.status, CUT_SHORT.why);
    const taken = await session.post(text);
    if (typeof taken !== "number") return answer(taken.status, taken.why);
    return withFields(new Response(`a${taken}\n`, { headers: [["content-type", PLAIN]] }));
  }

  #respond(
    session: Session,
    mode: FallbackMode,
    request: Request,
    target: Required<Target>,
  ): Response {
    if (!this.#setup.modes.includes(mode)) return answer(403, "this mode is not offered");
    const ack = parseSeq(target.ack);
    if (ack === null) return answer(400, "ack is malformed");
    const callback = target.callback || null;
    if (callback !== null && !isCallback(callback)) return answer(400, "callback is malformed");
    // A page without an origin of its own cannot be named as the one that may listen.
    if (mode === "htmlfile" && session.origin === "null") return answer(403, "no origin to tell");
    const format = formatFor(mode, { origin: session.origin ?? "/", callback, nonce: newId() });
    const body = session.respond({
      ack: Math.max(ack, parseSeq(request.headers.get("last-event-id") ?? "") ?? 0),
      format,
      once: mode === "long-poll",
      atOnce: mode === "poll",
    });
    if (typeof body === "object" && "status" in body) return answer(body.status, body.why);
    const headers = new Headers([["content-type", format.contentType]]);
    for (const [name, value] of format.headers) headers.set(name, value);
    return withFields(new Response(body, { headers }));
  }

  // ------------------------------------------------------------------------- the end

  close(reason = ""): Promise<void> {
    return this.#closing ??= this.#shutDown(reason);
  }

  async #shutDown(reason: string): Promise<void> {
    await Promise.all(Array.from(this.connections, (socket) => socket.close(1001, reason)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
