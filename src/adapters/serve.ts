/**
 * A server of its own, with this library's engine, on Node, Deno and Bun.
 * @module
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { CloseInfo } from "../api/channel.ts";
import type { WebSocketConnection } from "../api/connection.ts";
import { checkHandler, type Handler, runHandler } from "../api/handler.ts";
import type { ObservedEndpoint } from "../api/observer.ts";
import { PatientTimer } from "../api/patient_timer.ts";
import { writeClosePayload } from "../connection/mod.ts";
import { type ServerOptions, type ServerSetup, setupServer } from "../api/server_opening.ts";
import { CloseCode } from "../frames/mod.ts";
import { MAX_HEADER_FIELDS } from "../handshake/mod.ts";
import type { FetchHandler } from "./node/fetch_handler.ts";
import { answerHttp, observeHttp, sendText } from "./node/http_bridge.ts";
import { HttpListener } from "./node/http_listener.ts";
import type { NodeDuplex, NodeRequest, NodeSocket } from "./node/node_types.ts";
import type { ServerTlsOptions } from "./node/server_tls.ts";
import { openUpgrade } from "./node/upgrade.ts";
import {
  checkServeOptions,
  checkUpgraderOptions,
  isUpgrader,
  SERVE_OPTION_NAMES,
  type ServeOptions,
  type Upgrader,
  type UpgraderServeOptions,
} from "./serve_options.ts";
import { zlibCodec } from "./zlib/codec.ts";

export type {
  CloseInfo,
  FetchHandler,
  Handler,
  NodeDuplex,
  NodeRequest,
  ServeOptions,
  ServerOptions,
  ServerTlsOptions,
  Upgrader,
  UpgraderServeOptions,
  WebSocketConnection,
};

/** A running server. */
export interface Server extends AsyncDisposable {
  /** The address it listens on; `""` for a Unix socket. */
  readonly hostname: string;
  /** The port it listens on; 0 for a Unix socket. */
  readonly port: number;
  /** Where it is reached: `ws://` or `wss://`, host and port; `ws+unix:` and the path. */
  readonly url: string;
  /** The connections that are open or closing. */
  readonly connections: ReadonlySet<WebSocketConnection>;
  /** Resolves when the server is closed and every connection over. */
  readonly closed: Promise<void>;
  /**
   * Accepts nothing more, and cuts idle connections and handshakes that are not finished; WebSockets
   * live on, until they end or {@linkcode Server.close} closes them.
   */
  stopListening(): void;
  /**
   * Shuts down: accepts nothing more, cuts idle connections and handshakes that are not finished,
   * closes every WebSocket with 1001, waits for the closing handshakes (and for HTTP responses that
   * are being written) up to `closeTimeoutMs`, then cuts what is left.
   *
   * @param reason The close reason, at most 123 bytes of UTF-8. Default: `""`.
   * @returns A promise for the end of all of it, the same for every call.
   * @throws {TypeError} If the reason is no string.
   * @throws {RangeError} If the reason is too long.
   */
  close(reason?: string): Promise<void>;
}

/**
 * Starts a WebSocket server.
 *
 * @param handler What to do with each connection.
 * @param options Where to listen, TLS, plain HTTP, limits, policies and deadlines.
 * @returns The server, listening.
 * @throws {TypeError} If the handler or an option is wrong.
 * @throws {RangeError} If a number is out of range.
 * @throws {Error} If it cannot listen, with the system's error as `cause`.
 *
 * @example
 * ```ts
 * import { serve } from "@fullduplex/ws/serve";
 *
 * await using server = await serve(async (socket) => {
 *   for await (const message of socket) await socket.send(message);
 * }, { port: 0, fetch: () => new Response("a WebSocket server") });
 * console.log(server.url); // ws://127.0.0.1:…
 * ```
 */
export function serve(handler: Handler, options?: ServeOptions): Promise<Server>;
/**
 * Starts a WebSocket server for a router, which may be mounted elsewhere as well, and lives on when
 * the server closes: that ends the connections which came here.
 *
 * @param upgrader A `Router` of `./server`, or who else answers upgrade requests.
 * @param options Where to listen, TLS, plain HTTP, and limits on heads. What concerns connections
 * is set on the router and its routes.
 * @returns The server, listening.
 * @throws {TypeError} If an option is wrong, or is one of connections.
 * @throws {RangeError} If a number is out of range.
 * @throws {Error} If it cannot listen, with the system's error as `cause`.
 *
 * @example
 * ```ts
 * import { serve } from "@fullduplex/ws/serve";
 * import { Router } from "@fullduplex/ws/server";
 *
 * const router = new Router();
 * router.route("/time", (socket) => socket.send(new Date().toISOString()));
 * await using server = await serve(router, { port: 0, fetch: () => new Response("hi") });
 * console.log(`${server.url}/time`); // ws://127.0.0.1:…/time
 * ```
 */
export function serve(upgrader: Upgrader, options?: UpgraderServeOptions): Promise<Server>;
export async function serve(
  target: Handler | Upgrader,
  options: ServeOptions = {},
): Promise<Server> {
  if (isUpgrader(target)) checkUpgraderOptions(options);
  else checkHandler(target);
  const setup = setupServer(options, SERVE_OPTION_NAMES, zlibCodec);
  checkServeOptions(options);
  const server = new RunningServer(target, setup, options);
  await server.listen(options);
  return server;
}

class RunningServer implements Server {
  hostname = "";
  port = 0;
  readonly connections: Set<WebSocketConnection> = new Set();
  readonly closed: Promise<void>;

  readonly #target: Handler | Upgrader;
  readonly #setup: ServerSetup;
  readonly #fetch: FetchHandler | undefined;
  readonly #secure: boolean;
  readonly #listener: HttpListener;
  #path: string | undefined;
  #closing: Promise<void> | undefined;
  #resolveClosed!: () => void;

  constructor(target: Handler | Upgrader, setup: ServerSetup, options: ServeOptions) {
    this.#target = target;
    this.#setup = setup;
    this.#fetch = options.fetch;
    this.#secure = options.tls !== undefined;
    this.closed = new Promise((resolve) => this.#resolveClosed = resolve);
    this.#listener = new HttpListener({
      tls: options.tls,
      maxHeaderBytes: setup.options.maxHeaderBytes,
      headTimeoutMs: setup.options.handshakeTimeoutMs,
    }, {
      onRequest: (incoming, outgoing) => this.#onRequest(incoming, outgoing),
      onUpgrade: (request, socket, head) => this.#onUpgrade(request, socket, head),
      onOpening: (request, socket, head) => this.#onUpgrade(request, socket, head),
    });
  }

  get url(): string {
    if (this.#path !== undefined) return `ws+unix:${this.#path}`;
    const host = this.hostname.includes(":") ? `[${this.hostname}]` : this.hostname;
    return `${this.#secure ? "wss" : "ws"}://${host}:${this.port}`;
  }

  async listen(options: ServeOptions): Promise<void> {
    const { onError, options: { signal } } = this.#setup;
    const { path, port = 8080, hostname = "127.0.0.1", backlog } = options;
    const target = path === undefined ? { port, hostname, backlog } : { path, backlog };
    this.port = await this.#listener.listen(target, (error) => {
      this.#tell("failed", error);
      onError(error);
    });
    if (path === undefined) this.hostname = hostname;
    this.#path = path;
    this.#tell("listening");
    signal?.addEventListener("abort", this.#onAbort, { once: true });
    if (signal?.aborted) this.#onAbort();
  }

  #tell(state: ObservedEndpoint["state"], error?: unknown): void {
    const { observers } = this.#setup.options;
    if (observers === undefined) return;
    const endpoint: ObservedEndpoint = { state, url: this.url };
    observers.tell("endpoint", error === undefined ? endpoint : { ...endpoint, error });
  }

  readonly #onAbort = (): void => void this.close();

  readonly #forgetConnection = (connection: WebSocketConnection): void => {
    this.connections.delete(connection);
  };

  #onRequest(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const { observers } = this.#setup.options;
    if (observers !== undefined) observeHttp(observers, incoming, outgoing);
    if (incoming.rawHeaders.length > 2 * MAX_HEADER_FIELDS) {
      // The same limit as for an upgrade, which a runtime that drops surplus fields may not see.
      sendText(outgoing, 431, "Cannot answer: the head has too many fields\n");
    } else if (this.#fetch === undefined) {
      sendText(outgoing, 426, "This server speaks WebSocket only\n");
    } else {
      answerHttp(this.#fetch, incoming, outgoing, this.#secure, this.#setup.onError);
    }
  }

  #onUpgrade(request: NodeRequest, socket: NodeSocket, head: Uint8Array): void {
    const target = this.#target;
    if (isUpgrader(target)) return void this.#handOver(target, request, socket, head);
    openUpgrade(request, socket, head, this.#setup).then((opening) => {
      this.#listener.release(socket);
      if (opening instanceof Error) return;
      if (this.#closing !== undefined) return opening.terminate(); // stopped a moment ago
      const connection = opening.socket;
      this.connections.add(connection);
      opening.onGone = this.#forgetConnection;
      runHandler(opening, target, this.#setup.onError);
    }, this.#setup.onError);
  }

  async #handOver(
    upgrader: Upgrader,
    request: NodeRequest,
    socket: NodeSocket,
    head: Uint8Array,
  ): Promise<void> {
    try {
      const connection = await upgrader.upgrade(request, socket, head);
      if (connection === undefined) return this.#listener.release(socket);
      if (this.#closing !== undefined) return connection.terminate(); // stopped a moment ago
      this.#listener.release(socket);
      this.connections.add(connection);
      void connection.closed.then(() => this.connections.delete(connection));
    } catch (error) {
      socket.destroy();
      this.#setup.onError(error);
    }
  }

  // ------------------------------------------------------------- shutting down

  stopListening(): void {
    void this.#listener.stop();
  }

  close(reason = ""): Promise<void> {
    writeClosePayload(CloseCode.GOING_AWAY, reason); // throws on misuse, before anything has changed
    return this.#closing ??= this.#shutDown(reason);
  }

  async #shutDown(reason: string): Promise<void> {
    this.#setup.options.signal?.removeEventListener("abort", this.#onAbort);
    this.#tell("closing");
    const { closeTimeoutMs } = this.#setup.options;
    const stopped = this.#listener.stop();
    const ends = Array.from(
      this.connections,
      (socket) => socket.close(CloseCode.GOING_AWAY, reason),
    );
    // Every connection has a deadline of its own for the closing handshake, which began just before
    // this one. It begins later where something was still being sent.
    const deadline = new PatientTimer(closeTimeoutMs, () => {
      this.#listener.cut();
      for (const socket of this.connections) socket.terminate();
    });
    await Promise.all(ends);
    await stopped;
    deadline.stop();
    this.#resolveClosed();
    this.#tell("closed");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
