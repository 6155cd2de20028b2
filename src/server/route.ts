/**
 * Routes: what is served at a path, and what a handler gets to know of the request.
 * @module
 */

import type { WebSocketConnection } from "../api/connection.ts";
import type { HandlerCallbacks } from "../api/handler.ts";
import { checkHandler } from "../api/handler.ts";
import type { HeadersLike, UpgradeRequest } from "../api/mod.ts";
import { describe } from "../api/options.ts";
import type { ServerOptions } from "../api/server_opening.ts";
import type { PreparedMessage } from "../api/prepared_message.ts";
import type { Bytes } from "../api/sendable.ts";
import { broadcast, type BroadcastOptions, type Delivery } from "./broadcast.ts";
import { parseCookies } from "./cookies.ts";
import type { PathParams } from "./path_params.ts";
import { type PathGroups, PathPattern } from "./path_pattern.ts";
import type { Client } from "./proxy.ts";

/**
 * What is known of a request that a route took.
 *
 * @typeParam Params The parameters in its path.
 */
export interface RouteContext<Params = PathGroups> {
  /** The path's parameters, percent-decoded: they may hold anything, slashes and dots too. */
  readonly params: Params;
  /** The URL as the client sees it, `http:` or `https:`. */
  readonly url: URL;
  /** The client's address; `undefined` where it is not known. */
  readonly address: string | undefined;
  /** Whether the client speaks TLS. */
  readonly secure: boolean;
  /** The cookies that came. */
  readonly cookies: ReadonlyMap<string, string>;
}

/** Callbacks of a route: those of a handler, with the context for `open`. */
// deno-lint-ignore no-explicit-any -- see WebSocketConnection
export interface RouteCallbacks<Data = any, Params = PathGroups>
  extends Omit<HandlerCallbacks<Data>, "open"> {
  /** The connection is open. */
  open?(socket: WebSocketConnection<Data>, context: RouteContext<Params>): unknown;
}

/** A route's handler as a function: when it returns, the connection is closed. */
// deno-lint-ignore no-explicit-any -- see WebSocketConnection
export type RouteFunction<Data = any, Params = PathGroups> = (
  socket: WebSocketConnection<Data>,
  context: RouteContext<Params>,
) => void | Promise<void>;

/** What a route does with a connection. */
// deno-lint-ignore no-explicit-any -- see WebSocketConnection
export type RouteHandler<Data = any, Params = PathGroups> =
  | RouteFunction<Data, Params>
  | RouteCallbacks<Data, Params>;

/**
 * Options of a route: those of a server, for this route alone, and what the route adds.
 *
 * @typeParam Path The pattern, as a literal type.
 * @typeParam Data The type of the connections' `data`.
 */
// deno-lint-ignore no-explicit-any -- see WebSocketConnection
export interface RouteOptions<Path extends string = string, Data = any>
  extends Omit<ServerOptions, "verify" | "headers"> {
  /** A last look at the request; a `Response` refuses it. Default: none. */
  verify?(
    request: UpgradeRequest,
    context: RouteContext<PathParams<Path>>,
  ): Response | void | Promise<Response | void>;
  /**
   * Makes `socket.data` before the connection is accepted, so that it may take its time to ask who
   * this is; a `Response` refuses. Written before `handler`, its type is the handler's. Default: none.
   */
  data?(
    request: UpgradeRequest,
    context: RouteContext<PathParams<Path>>,
  ): Data | Response | Promise<Data | Response>;
  /** Header fields to add to the 101 response, or a function that makes them. Default: none. */
  headers?:
    | HeadersLike
    | ((
      request: UpgradeRequest,
      context: RouteContext<PathParams<Path>>,
    ) => HeadersLike | Promise<HeadersLike>);
  /** What to do with a connection. */
  handler: RouteHandler<NoInfer<Data>, PathParams<Path>>;
}

/** A route of a router. */
// deno-lint-ignore no-explicit-any -- see WebSocketConnection
export class Route<Data = any> {
  /** The route's connections, open or closing. */
  readonly connections: ReadonlySet<WebSocketConnection<Data>> = new Set();
  /** The path pattern, as it was given. */
  readonly path: string;

  readonly #pattern: PathPattern;
  readonly #protocols: readonly string[] | undefined;

  /** Internal: routes are made by `router.route()`. */
  constructor(path: string, options: RouteOptions<string, Data>) {
    const { handler, data, protocols } = options;
    checkHandler(handler);
    if (data !== undefined && typeof data !== "function") {
      throw new TypeError(`Cannot use option "data": expected a function, got ${describe(data)}`);
    }
    this.path = path;
    this.#pattern = new PathPattern(path);
    this.#protocols = typeof protocols === "function" ? undefined : protocols?.slice();
  }

  /**
   * Sends a message to the route's connections; see `broadcast()`.
   *
   * @throws {TypeError} If the message or an option is wrong.
   */
  broadcast(data: string | Bytes | PreparedMessage, options?: BroadcastOptions<Data>): Delivery {
    return broadcast(this.connections, data, options);
  }

  /** Matches a path, percent-encoded as it came. */
  match(pathname: string): PathGroups | null {
    return this.#pattern.exec(pathname);
  }

  /** Tells whether one of the subprotocols that a client offers is spoken here. */
  speaks(offered: readonly string[]): boolean {
    const protocols = this.#protocols;
    return protocols === undefined || protocols.some((protocol) => offered.includes(protocol));
  }
}

/** What is known of a request, read out when somebody asks. */
export class Context implements RouteContext {
  readonly params: PathGroups;
  readonly #client: Client;
  readonly #target: string;
  readonly #cookieHeader: string | null;
  #url: URL | undefined;
  #cookies: ReadonlyMap<string, string> | undefined;

  /**
   * @param target Path and query.
   */
  constructor(params: PathGroups, client: Client, target: string, cookieHeader: string | null) {
    this.params = params;
    this.#client = client;
    this.#target = target;
    this.#cookieHeader = cookieHeader;
  }

  get address(): string | undefined {
    return this.#client.address;
  }

  get secure(): boolean {
    return this.#client.secure;
  }

  get url(): URL {
    const { secure, host } = this.#client;
    return this.#url ??= new URL(`${secure ? "https" : "http"}://${host}${this.#target}`);
  }

  get cookies(): ReadonlyMap<string, string> {
    return this.#cookies ??= parseCookies(this.#cookieHeader);
  }
}

/**
 * Decodes the parameters of a path.
 *
 * @returns `null` when one is not percent-encoded UTF-8.
 */
export function decodeParams(groups: PathGroups): PathGroups | null {
  const params: Record<string, string | undefined> = Object.create(null);
  try {
    for (const name of Object.keys(groups)) {
      const value = groups[name];
      params[name] = value === undefined ? undefined : decodeURIComponent(value);
    }
  } catch {
    return null;
  }
  return params;
}
