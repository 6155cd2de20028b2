/**
 * The server behind `serve`: handlers, pages and files on several addresses at once.
 * @module
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import {
  answerHttp,
  fieldsOf,
  observeHttp,
  sendResponse,
  sendText,
} from "../../adapters/node/http_bridge.ts";
import { HttpListener, type ListenTarget } from "../../adapters/node/http_listener.ts";
import type { NodeSocket } from "../../adapters/node/node_types.ts";
import { openUpgrade } from "../../adapters/node/upgrade.ts";
import type { ServerTlsOptions } from "../../adapters/serve.ts";
import type { WebSocketConnection } from "../../api/connection.ts";
import type { HandshakeError } from "../../errors.ts";
import { runHandler } from "../../api/handler.ts";
import { type ServerOptions, type ServerSetup, setupServer } from "../../api/server_opening.ts";
import { peerOf } from "../../server/address.ts";
import { ConnectionLimiter, type LimitOptions, resolveLimits } from "../../server/limits.ts";
import { removeSocket, removeStaleSocket } from "./addresses.ts";
import { answerText } from "./answers.ts";
import { type BasicAuth, readUser } from "./auth.ts";
import type { Gateway } from "./cgi/gateway.ts";
import type { Entry } from "./handler_module.ts";
import { checkHosts, type HostCheck } from "./hosts.ts";
import { type Log, showError } from "./log.ts";
import { type Exchange, logRequest } from "./request_log.ts";
import { splitTarget, type Target } from "./target.ts";

/** What a site is made of. */
export interface SiteOptions {
  /** Where to listen. */
  readonly targets: readonly ListenTarget[];
  /** TLS for all but Unix sockets; none for plain HTTP. */
  readonly tls: ServerTlsOptions | undefined;
  /** The names given for the Host field. */
  readonly hosts: readonly string[];
  /** Who may come in; everybody when there is none. */
  readonly auth: BasicAuth | undefined;
  /** Options of every connection. */
  readonly defaults: ServerOptions;
  /** Finds what serves a WebSocket at a path. */
  find(path: string): Entry | "broken" | undefined;
  /** The most WebSockets, altogether and of one address. */
  readonly limits?: LimitOptions;
  /** Runs programs; none when there is none. */
  readonly gateway?: Gateway | undefined;
  /** Answers a plain GET or HEAD: pages and files. */
  answer(request: Request, target: Target): Promise<Response | undefined>;
}

/** How long a reader may take for one more chunk of a body, in milliseconds. */
const STALL_MS = 60_000;

/** The most fields that a head may have: as many as an upgrade's. */
const MAX_FIELDS = 100;

const NOTHING = "There is nothing here";

/** A listener with what belongs to it. */
interface Door {
  readonly listener: HttpListener;
  readonly secure: boolean;
  readonly checkHost: HostCheck;
  target: ListenTarget;
}

/** A server on all its addresses. */
export class Site {
  /** The connections that are open or closing. */
  readonly connections: Set<WebSocketConnection> = new Set();
  /** Resolves when the site is closed and every connection over. */
  readonly closed: Promise<void>;
  readonly #options: SiteOptions;
  readonly #log: Log;
  readonly #doors: Door[] = [];
  readonly #limits: ServerSetup;
  readonly #limiter: ConnectionLimiter;
  #closing: Promise<void> | undefined;
  #resolveClosed!: () => void;

  /**
   * @param options What it is made of.
   * @param log Takes a line for each request.
   */
  constructor(options: SiteOptions, log: Log) {
    this.#options = options;
    this.#log = log;
    this.#limits = setupServer(options.defaults);
    this.#limiter = new ConnectionLimiter(resolveLimits(options.limits));
    this.closed = new Promise((resolve) => this.#resolveClosed = resolve);
  }

  /** Where it listens, with the real ports, and whether with TLS. */
  get addresses(): { target: ListenTarget; secure: boolean }[] {
    return this.#doors.map(({ target, secure }) => ({ target, secure }));
  }

  /**
   * Listens on all addresses, or on none.
   *
   * @throws {Error} If it cannot listen on one of them.
   */
  async open(): Promise<void> {
    try {
      for (const target of this.#options.targets) await this.#openDoor(target);
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /**
   * Accepts nothing more, closes every connection with 1001, waits for the closing handshakes, and
   * cuts what is left.
   */
  close(reason = ""): Promise<void> {
    return this.#closing ??= this.#shutDown(reason);
  }

  async #openDoor(target: ListenTarget): Promise<void> {
    const { tls, hosts } = this.#options;
    const isUnix = "path" in target;
    if (isUnix) await removeStaleSocket(target.path);
    const secure = tls !== undefined && !isUnix;
    const { maxHeaderBytes, handshakeTimeoutMs } = this.#limits.options;
    const listener = new HttpListener({
      tls: secure ? tls : undefined,
      maxHeaderBytes,
      headTimeoutMs: handshakeTimeoutMs,
    }, {
      onRequest: (incoming, outgoing) => this.#onRequest(incoming, outgoing, door),
      onUpgrade: (incoming, socket, head) => this.#onUpgrade(incoming, socket, head, door),
      onTlsError: (error, address = "somebody") => {
        this.#log.info(`${address} could not begin TLS: ${showError(error, this.#log)}`);
      },
    });
    const checkHost = checkHosts(hosts, isUnix ? undefined : target.hostname);
    const door: Door = { listener, secure, checkHost, target };
    const port = await listener.listen(target, (error) => {
      this.#log.error(showError(error, this.#log));
    });
    if (!isUnix) door.target = { ...target, port };
    this.#doors.push(door);
  }

  async #shutDown(reason: string): Promise<void> {
    const { closeTimeoutMs } = this.#limits.options;
    const stopped = this.#doors.map(({ listener }) => listener.stop());
    const ends = Array.from(this.connections, (socket) => socket.close(1001, reason));
    const deadline = setTimeout(() => {
      for (const { listener } of this.#doors) listener.cut();
      for (const socket of this.connections) socket.terminate();
    }, closeTimeoutMs);
    await Promise.all(ends);
    await Promise.all(stopped);
    clearTimeout(deadline);
    for (const { target } of this.#doors) if ("path" in target) await removeSocket(target.path);
    this.#resolveClosed();
  }

  // -------------------------------------------------------------- both kinds of requests

  /** What is wrong with a request, whatever it asks for. */
  #refuse(incoming: IncomingMessage, target: Target | undefined, door: Door): Response | undefined {
    if (target === undefined) return answerText(400, "This path is not allowed");
    const host = target.authority ?? incoming.headers.host ?? "";
    if (!door.checkHost(host)) {
      return answerText(421, `This server does not answer for that name; see --host`);
    }
    const { auth } = this.#options;
    if (auth === undefined || auth.allows(incoming.headers.authorization ?? null)) return undefined;
    return auth.challenge();
  }

  #exchange(incoming: IncomingMessage, target: Target | undefined): Exchange {
    return {
      started: performance.now(),
      address: incoming.socket.remoteAddress ?? "unix",
      method: incoming.method ?? "",
      path: target?.path ?? incoming.url ?? "",
    };
  }

  // ---------------------------------------------------------------------------- plain HTTP

  #onRequest(incoming: IncomingMessage, outgoing: ServerResponse, door: Door): void {
    const target = splitTarget(incoming.url ?? "");
    const exchange = this.#exchange(incoming, target);
    const { observers } = this.#limits.options;
    if (observers !== undefined) observeHttp(observers, incoming, outgoing);
    let sent = 0;
    let stalled: ReturnType<typeof setTimeout> | undefined;
    const onChunk = (bytes: number) => {
      sent += bytes;
      clearTimeout(stalled);
      stalled = setTimeout(() => outgoing.destroy(), STALL_MS);
    };
    outgoing.once("close", () => {
      clearTimeout(stalled);
      logRequest(this.#log, exchange, String(outgoing.statusCode), `${sent} B`);
    });
    if (incoming.rawHeaders.length > 2 * MAX_FIELDS) {
      return sendText(outgoing, 431, "Cannot answer: the head has too many fields\n");
    }
    const refusal = this.#refuse(incoming, target, door);
    const meter = ({ status, headers, body }: Response) =>
      new Response(body && metered(body, onChunk), { status, headers });
    const { gateway } = this.#options;
    if (refusal === undefined && gateway?.handles(target!)) {
      return void gateway.answer({
        incoming,
        outgoing,
        target: target!,
        port: "port" in door.target ? door.target.port : undefined,
        secure: door.secure,
        user: this.#options.auth && readUser(incoming.headers.authorization ?? ""),
        onChunk,
        elsewhere: (next) => this.#answer(followed(incoming), next),
        send: (response) => sendResponse(meter(response), incoming.method === "HEAD", outgoing),
      });
    }
    const answer = async (request: Request): Promise<Response> =>
      meter(refusal ?? await this.#answer(request, target!));
    answerHttp(answer, incoming, outgoing, door.secure, (error) => {
      if (outgoing.destroyed) return; // the client has left
      this.#log.error(`${exchange.path} failed: ${showError(error, this.#log)}`);
    });
  }

  async #answer(request: Request, target: Target): Promise<Response> {
    if (request.method !== "GET" && request.method !== "HEAD") {
      return answerText(405, "This server is there to be read", { Allow: "GET, HEAD" });
    }
    const response = await this.#options.answer(request, target);
    if (response !== undefined) return response;
    if (this.#options.find(target.path) === undefined) return answerText(404, NOTHING);
    return answerText(426, "This path speaks WebSocket only", {
      Upgrade: "websocket",
      Connection: "Upgrade, close",
    });
  }

  // ----------------------------------------------------------------------------- WebSocket

  #onUpgrade(
    incoming: IncomingMessage,
    socket: NodeSocket,
    head: Uint8Array,
    door: Door,
  ): void {
    const target = splitTarget(incoming.url ?? "");
    const exchange = this.#exchange(incoming, target);
    const peer = peerOf(socket.remoteAddress);
    const found = this.#refuse(incoming, target, door) ?? this.#find(target!);
    const entry = found instanceof Response ? found : this.#admit(peer) ?? found;
    const setup = entry instanceof Response ? this.#refusing(entry) : entry.setup;
    const leave = () => entry instanceof Response || this.#limiter.release(peer);
    openUpgrade(incoming, socket, head, setup).then((opening) => {
      door.listener.release(socket);
      if (opening instanceof Error) leave();
      if (opening instanceof Error) {
        return logRequest(this.#log, exchange, showRefusal(opening, incoming), socket);
      }
      if (entry instanceof Response) return; // and thus refused
      const connection = opening.socket;
      void connection.closed.then(leave);
      if (this.#closing !== undefined) return opening.terminate(); // stopped a moment ago
      this.connections.add(connection);
      opening.onGone = (gone) => void this.connections.delete(gone);
      if (this.#log.has("debug")) this.#log.debug(`${exchange.address} opened ${exchange.path}`);
      connection.closed.then((info) => logRequest(this.#log, exchange, info, socket));
      runHandler(opening, entry.handler, setup.onError);
    }, setup.onError);
  }

  /** Counts a connection in, or says why not. */
  #admit(peer: string): Response | undefined {
    const rejection = this.#limiter.admit(peer, performance.now());
    if (rejection === undefined) return undefined;
    const { status, retryAfterSeconds } = rejection;
    const text = status === 429
      ? "There are too many connections of yours"
      : "All places are taken";
    return answerText(status, text, { "Retry-After": String(retryAfterSeconds) });
  }

  #find(target: Target): Entry | Response {
    const entry = this.#options.find(target.path);
    if (entry === undefined) return answerText(404, NOTHING);
    return entry === "broken" ? answerText(500, "The handler here could not be loaded") : entry;
  }

  /** A setup that refuses, after what the protocol itself refuses. */
  #refusing(response: Response): ServerSetup {
    return setupServer({ ...this.#options.defaults, origins: () => true, verify: () => response });
  }
}

/** Tells of each chunk of a body when it is taken. */
function metered(
  body: ReadableStream<Uint8Array>,
  onChunk: (bytes: number) => void,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await reader.read();
      if (done) return controller.close();
      onChunk(value.length);
      controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  }, { highWaterMark: 0 });
}

/** The request for another target, to which a program leads: only its method and fields count. */
function followed({ method, rawHeaders }: IncomingMessage): Request {
  return new Request("http://localhost/", {
    method: method === "HEAD" ? "HEAD" : "GET",
    headers: fieldsOf(rawHeaders),
  });
}

function showRefusal({ status, code }: HandshakeError, incoming: IncomingMessage): string {
  if (code === "WS_ORIGIN_REFUSED") {
    return `${status} for the origin ${incoming.headers.origin} (see --origin)`;
  }
  return status === 0 ? "cut" : String(status);
}
