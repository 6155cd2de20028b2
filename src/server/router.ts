/**
 * The router: WebSocket routes on any number of servers and adapters at once.
 *
 * ```
 *  http.Server "upgrade" ──> mounts ──┐
 *  Deno.serve, Bun.serve ── handle() ─┼──> find a route ──> admit ──> Visit ──> adapter ──> handler
 *  server.on("upgrade", onUpgrade) ───┘        404, 400     429, 503
 * ```
 *
 * @module
 */

import type { BunServer } from "../adapters/bun/bun_types.ts";
import { upgradeWebSocket as upgradeBun } from "../adapters/bun/upgrade.ts";
import type { DenoServeInfo } from "../adapters/deno/deno_types.ts";
import { upgradeWebSocket as upgradeDeno } from "../adapters/deno/upgrade.ts";
import type { NodeDuplex, NodeRequest, NodeSocket } from "../adapters/node/node_types.ts";
import { RawFields } from "../adapters/node/opening_request.ts";
import { openUpgrade, type UpgradeListener } from "../adapters/node/upgrade.ts";
import type { Upgrader } from "../adapters/serve_options.ts";
import type { WebSocketConnection } from "../api/connection.ts";
import { runHandler } from "../api/handler.ts";
import { isUpgradeRequest } from "../api/mod.ts";
import type { PreparedMessage } from "../api/prepared_message.ts";
import type { Bytes } from "../api/sendable.ts";
import { broadcast, type BroadcastOptions, type Delivery } from "./broadcast.ts";
import { Dispatcher, refusal, type RouterOptions } from "./dispatcher.ts";
import { mount, type MountableServer, type Mounted, unmount } from "./mounts.ts";
import type { PathParams } from "./path_params.ts";
import type { DirectRequest } from "./proxy.ts";
import { checkReason } from "./reason.ts";
import type { Route, RouteFunction, RouteOptions } from "./route.ts";
import type { Visit } from "./visit.ts";

export type { RouterOptions };

/** Bun's server, as far as the router needs it. */
export interface BunRouterServer extends BunServer {
  /** Tells who sent a request. */
  requestIP?(request: Request): { readonly address: string } | null;
}

/**
 * Serves WebSocket routes, on any number of servers and adapters at once.
 *
 * The first route whose path pattern matches and that speaks one of the client's subprotocols takes
 * the request. No such path is 404, no such subprotocol 400; a route without `protocols` takes any.
 *
 * @example
 * ```ts
 * import http from "node:http";
 * import { Router } from "@fullduplex/ws/server";
 *
 * const router = new Router();
 * router.route("/rooms/:id", {
 *   data: (_request, { params, cookies }) => ({ room: params.id, name: cookies.get("name") }),
 *   handler: {
 *     open: (socket) => void socket.send(`welcome to ${socket.data.room}`),
 *     message: (socket, data) => void socket.send(data),
 *   },
 * });
 * const server = http.createServer((_request, response) => void response.end("plain HTTP"));
 * router.mount(server);
 * server.listen(0, "127.0.0.1", () => server.close());
 * ```
 */
export class Router implements AsyncDisposable, Upgrader {
  /** All connections, open or closing. */
  readonly connections: ReadonlySet<WebSocketConnection> = new Set();
  /** A listener for the "upgrade" event of `http.Server`; {@linkcode mount} is kinder to others. */
  readonly onUpgrade: UpgradeListener;

  readonly #dispatcher: Dispatcher;
  readonly #servers: Set<MountableServer> = new Set();
  readonly #mounted: Mounted;
  /** Handshakes under way. */
  readonly #opening: Set<Promise<unknown>> = new Set();
  #stopping: Promise<void> | undefined;

  /**
   * Makes a router without routes.
   *
   * @param options Limits, proxies, and defaults for all routes.
   * @throws {TypeError} If an option is wrong.
   * @throws {RangeError} If a number is out of range.
   */
  constructor(options: RouterOptions = {}) {
    this.#dispatcher = new Dispatcher(options, (visit, socket) => this.#onOpen(visit, socket));
    this.onUpgrade = (request, socket, head) => void this.upgrade(request, socket, head);
    this.#mounted = {
      takes: (request) => this.#dispatcher.takes(urlOf(request.url)?.pathname),
      onUpgrade: this.onUpgrade,
      forget: (server) => void this.unmount(server),
    };
  }

  /**
   * Adds a route, after those that are there.
   *
   * @param path A path pattern in URLPattern's syntax, such as `/rooms/:id`.
   * @param options The handler, and options for this route.
   * @throws {TypeError} If the pattern, the handler or an option is wrong.
   * @throws {RangeError} If a number is out of range.
   *
   * @example
   * ```ts
   * import { Router } from "@fullduplex/ws/server";
   *
   * const router = new Router();
   * router.route("/files/:name(\\w+)", { protocols: ["files.v1"], handler: (socket, { params }) =>
   *   socket.send(`here comes ${params.name}`) });
   * ```
   */
  // deno-lint-ignore no-explicit-any -- see WebSocketConnection
  route<const Path extends string, Data = any>(
    path: Path,
    options: RouteOptions<Path, Data>,
  ): Route<Data>;
  /**
   * Adds a route with nothing but a handler.
   *
   * @param path A path pattern.
   * @param handler What to do with a connection.
   */
  // deno-lint-ignore no-explicit-any -- see WebSocketConnection
  route<const Path extends string, Data = any>(
    path: Path,
    handler: RouteFunction<Data, PathParams<Path>>,
  ): Route<Data>;
  route(path: string, given: RouteOptions | RouteFunction): Route {
    return this.#dispatcher.add(path, typeof given === "function" ? { handler: given } : given);
  }

  /**
   * Takes the upgrade requests of an `http.Server` or `https.Server` whose path matches a route,
   * beside whatever else the server does. Others are left to the other "upgrade" listeners, and
   * answered with 404 where there are none. Express, Fastify, Koa and Hono on Node are such servers.
   *
   * @param server The server; it is forgotten when it closes.
   * @throws {TypeError} If it is no such server.
   */
  mount(server: MountableServer): void {
    mount(server, this.#mounted);
    this.#servers.add(server);
  }

  /**
   * Takes no more upgrade requests of a server; connections stay.
   *
   * @returns Whether it was mounted.
   */
  unmount(server: MountableServer): boolean {
    this.#servers.delete(server);
    return unmount(server, this.#mounted);
  }

  /**
   * Answers one upgrade request of a `node:http` server, for applications that listen themselves.
   *
   * @param request The request, as the "upgrade" event gives it.
   * @param socket The socket, as the "upgrade" event gives it.
   * @param head The first bytes after the request, as the "upgrade" event gives them.
   * @returns The connection, or `undefined` when the request was refused; it never rejects.
   */
  upgrade(
    request: NodeRequest,
    socket: NodeDuplex,
    head: Uint8Array,
  ): Promise<WebSocketConnection | undefined> {
    const duplex = socket as NodeSocket;
    const fields = new RawFields(request.rawHeaders);
    const decision = this.#decide({
      remoteAddress: duplex.remoteAddress,
      secure: duplex.encrypted === true,
      header: (name) => fields.get(name),
    }, urlOf(request.url));
    const opening = decision instanceof Response
      ? this.#refuse(request, duplex, head, decision)
      : new Promise<WebSocketConnection | undefined>((resolve) => {
        void this.#open(request, duplex, head, decision, resolve);
      });
    this.#track(opening);
    return opening;
  }

  /**
   * Answers an upgrade request of `Bun.serve`; see `upgradeWebSocket` of `./bun` for what its sockets
   * cannot do.
   *
   * @param request The request.
   * @param server The server, started with `websocket` of `./bun`.
   * @returns The response that refuses, or `undefined` when the request was upgraded; return it.
   */
  handle(request: Request, server: BunRouterServer): Promise<Response | undefined>;
  /**
   * Answers an upgrade request of `Deno.serve`; see `upgradeWebSocket` of `./deno` for what its
   * sockets cannot do.
   *
   * @param request The request.
   * @param info What `Deno.serve` gives beside it. Without it no address is known.
   * @returns The response, to be returned as it is.
   */
  handle(request: Request, info?: DenoServeInfo): Promise<Response>;
  handle(
    request: Request,
    runtime?: BunRouterServer | DenoServeInfo,
  ): Promise<Response | undefined> {
    const opening = this.#handle(request, runtime);
    this.#track(opening);
    return opening;
  }

  /**
   * Sends a message to all connections; see `broadcast()`.
   *
   * @throws {TypeError} If the message or an option is wrong.
   */
  broadcast(data: string | Bytes | PreparedMessage, options?: BroadcastOptions): Delivery {
    return broadcast(this.connections, data, options);
  }

  /**
   * Closes all connections that there are; new ones may come.
   *
   * @param closeCode The close code. Default: 1001, "going away".
   * @param reason The close reason, at most 123 bytes of UTF-8. Default: `""`.
   * @returns A promise for the end of all of them.
   * @throws {RangeError} If the code must not be sent, or the reason is too long.
   */
  async closeAll(closeCode = 1001, reason = ""): Promise<void> {
    await Promise.all(Array.from(this.connections, (socket) => socket.close(closeCode, reason)));
  }

  /**
   * Shuts down: is unmounted everywhere, answers handshakes with 503, closes every connection with
   * 1001 and waits for the closing handshakes, each up to `closeTimeoutMs`.
   *
   * @param reason The close reason, at most 123 bytes of UTF-8. Default: `""`.
   * @returns A promise for the end of all of it, the same for every call.
   * @throws {TypeError} If the reason is no string.
   * @throws {RangeError} If the reason is too long.
   */
  shutdown(reason = ""): Promise<void> {
    checkReason(reason);
    return this.#stopping ??= this.#shutDown(reason);
  }

  async #shutDown(reason: string): Promise<void> {
    for (const server of [...this.#servers]) this.unmount(server);
    const closed = this.closeAll(1001, reason);
    await Promise.allSettled(this.#opening);
    await Promise.all([closed, this.closeAll(1001, reason)]);
  }

  /** The same as `shutdown()`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }

  #onOpen(visit: Visit, socket: WebSocketConnection): void {
    const lists = [this.connections, visit.entry.route.connections] as Set<WebSocketConnection>[];
    for (const list of lists) list.add(socket);
    void socket.closed.then(() => {
      for (const list of lists) list.delete(socket);
    });
  }

  #track(opening: Promise<unknown>): void {
    this.#opening.add(opening);
    const forget = () => void this.#opening.delete(opening);
    opening.then(forget, forget);
  }

  // --------------------------------------------------------------------- adapters

  #decide(request: DirectRequest, target: URL | undefined): Visit | Response {
    return this.#stopping === undefined
      ? this.#dispatcher.decide(request, target)
      : refusal(503, "the server stops");
  }

  async #open(
    request: NodeRequest,
    socket: NodeSocket,
    head: Uint8Array,
    visit: Visit,
    resolve: (connection: WebSocketConnection | undefined) => void,
  ): Promise<void> {
    const { setup } = visit;
    try {
      const opening = await openUpgrade(request, socket, head, setup);
      if (!(opening instanceof Error)) {
        visit.open(opening.socket);
        resolve(opening.socket);
        // Whoever awaits that knows of the connection before the handler does, and may cut it.
        return queueMicrotask(() => {
          if (opening.readyState === 1) runHandler(opening, visit.handler, setup.onError);
        });
      }
    } catch (error) {
      setup.onError(error);
    }
    visit.leave();
    resolve(undefined);
  }

  async #refuse(
    request: NodeRequest,
    socket: NodeSocket,
    head: Uint8Array,
    response: Response,
  ): Promise<undefined> {
    const { refusing } = this.#dispatcher;
    const policy = { ...refusing.policy, verify: () => response, showsRequest: true };
    try {
      await openUpgrade(request, socket, head, { ...refusing, policy });
    } catch (error) {
      refusing.onError(error);
    }
  }

  async #handle(
    request: Request,
    runtime: BunRouterServer | DenoServeInfo | undefined,
  ): Promise<Response | undefined> {
    if (!isUpgradeRequest(request)) {
      const headers = { Upgrade: "websocket", Connection: "Upgrade" };
      return refusal(426, "the request does not ask for a WebSocket", headers);
    }
    const bun = runtime !== undefined && "upgrade" in runtime ? runtime : undefined;
    const info = bun === undefined ? runtime as DenoServeInfo | undefined : undefined;
    const visit = this.#decide({
      remoteAddress: bun?.requestIP?.(request)?.address ?? info?.remoteAddr.hostname,
      secure: request.url.startsWith("https:"),
      header: (name) => request.headers.get(name),
    }, URL.canParse(request.url) ? new URL(request.url) : undefined);
    if (visit instanceof Response) return visit;
    try {
      const response = bun === undefined
        ? await upgradeDeno(request, visit.handler, visit.options, info)
        : await upgradeBun(request, bun, visit.handler, visit.options);
      if (response !== undefined && response.status !== 101) visit.leave();
      else if (bun !== undefined && !visit.isHere) visit.leave();
      else visit.leaveUnlessOpenIn(this.#dispatcher.refusing.options.handshakeTimeoutMs);
      return response;
    } catch (error) {
      visit.leave();
      throw error;
    }
  }
}

/** The URL of a request target; only its path and query mean anything. */
function urlOf(target = ""): URL | undefined {
  const url = target.startsWith("/") ? `http://localhost${target}` : target;
  return URL.canParse(url) ? new URL(url) : undefined;
}
