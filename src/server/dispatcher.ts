/**
 * Which route takes a request, and whether it is let in.
 * @module
 */

import { zlibCodec } from "../adapters/zlib/codec.ts";
import type { Handler } from "../api/handler.ts";
import type { ConnectionObserver } from "../api/mod.ts";
import { checkOptionNames } from "../api/options.ts";
import {
  SERVER_OPTION_NAMES,
  type ServerOptions,
  type ServerSetup,
  setupServer,
} from "../api/server_opening.ts";
import type { WebSocketConnection } from "../api/connection.ts";
import { peerOf } from "./address.ts";
import { ConnectionLimiter, type LimitOptions, resolveLimits } from "./limits.ts";
import { meterMessages } from "./meter.ts";
import {
  type ClientFinder,
  compileTrust,
  type DirectRequest,
  type ProxyHeader,
  type TrustProxy,
} from "./proxy.ts";
import { Context, decodeParams, Route, type RouteCallbacks, type RouteOptions } from "./route.ts";
import { type RouteEntry, Visit, visitOf } from "./visit.ts";

/** Options of a {@linkcode Router}; those of a server are the defaults of all of its routes. */
export interface RouterOptions extends Omit<ServerOptions, "protocols" | "verify" | "headers"> {
  /** Limits on connections and on what they send. Default: none. */
  limits?: LimitOptions;
  /**
   * Which proxies are believed when they tell the client's address, scheme and host. Default:
   * `false`, none: anybody can send such fields.
   */
  trustProxy?: TrustProxy;
  /** Which fields those proxies write. Default: `"x-forwarded"`. */
  proxyHeader?: ProxyHeader;
}

const PER_ROUTE = ["protocols", "verify", "headers"];
const NO_PROTOCOLS: readonly string[] = [];

/** Knows the routes and the limits, and decides. */
export class Dispatcher {
  /** What answers requests that no route takes. */
  readonly refusing: ServerSetup;
  readonly #defaults: ServerOptions;
  readonly #proxied: boolean;
  readonly #entries: RouteEntry[] = [];
  readonly #limiter: ConnectionLimiter;
  readonly #findClient: ClientFinder;
  readonly #onOpen: (visit: Visit, socket: WebSocketConnection) => void;

  /**
   * @param options What the router was given.
   * @param onOpen Is told of every connection.
   * @throws {TypeError} If an option is wrong.
   * @throws {RangeError} If a number is out of range.
   */
  constructor(
    options: RouterOptions,
    onOpen: (visit: Visit, socket: WebSocketConnection) => void,
  ) {
    checkOptionNames(options, [
      ...SERVER_OPTION_NAMES.filter((name) => !PER_ROUTE.includes(name)),
      ...["limits", "trustProxy", "proxyHeader"],
    ]);
    const { limits: limitOptions, trustProxy, proxyHeader, ...defaults } = options;
    const limits = resolveLimits(limitOptions);
    const meter = meterMessages(limits);
    const observer = meter === undefined ? defaults.observer : observers(meter, defaults.observer);
    this.#defaults = { ...defaults, observer };
    this.#proxied = trustProxy !== undefined && trustProxy !== false;
    this.#limiter = new ConnectionLimiter(limits);
    this.#findClient = compileTrust(trustProxy, proxyHeader);
    this.#onOpen = onOpen;
    this.refusing = setupServer({ ...this.#defaults, origins: undefined }, [], zlibCodec);
  }

  /**
   * Adds a route.
   *
   * @throws {TypeError} If the pattern, the handler or an option is wrong.
   * @throws {RangeError} If a number is out of range.
   */
  add(path: string, own: RouteOptions): Route {
    checkOptionNames(own, [...SERVER_OPTION_NAMES, "data", "handler"]);
    const route = new Route(path, own);
    const { handler, data, verify, headers, ...server } = { ...this.#defaults, ...own };
    const options: ServerOptions = {
      ...server,
      observer: observers(this.#defaults.observer, own.observer),
    };
    // What a visit brings in its own place is checked here, once.
    const setup = setupServer(
      {
        ...options,
        verify: verify as ServerOptions["verify"],
        headers: headers as ServerOptions["headers"],
      },
      [],
      zlibCodec,
    );
    const callbacks = typeof handler === "function" ? undefined : bindCallbacks(handler);
    this.#entries.push({
      route,
      options,
      setup,
      handler,
      callbacks,
      data,
      verify,
      headers,
      sameOrigin: this.#proxied && options.origins === "same-origin",
    });
    return route;
  }

  /** Tells whether there is a route for a path. */
  takes(pathname: string | undefined): boolean {
    return pathname !== undefined &&
      this.#entries.some(({ route }) => route.match(pathname) !== null);
  }

  /**
   * Finds the route for a request, and lets it in or says why not.
   *
   * @param request What is known of it.
   * @param target What it asks for: path and query count. `undefined` when that is malformed.
   */
  decide(request: DirectRequest, target: URL | undefined): Visit | Response {
    const client = this.#findClient(request);
    const peer = peerOf(client.address);
    // Before anything is looked at: what is not found costs as much as what is.
    const rejection = this.#limiter.admit(peer, performance.now());
    if (rejection !== undefined) {
      const { status, retryAfterSeconds } = rejection;
      const message = status === 429 ? "too much comes from this address" : "the server is full";
      return refusal(status, message, { "Retry-After": String(retryAfterSeconds) });
    }
    const found = this.#find(target, request);
    if (found instanceof Response) {
      this.#limiter.release(peer);
      return found;
    }
    const { entry, params } = found;
    const path = target!.pathname + target!.search;
    const context = new Context(params, client, path, request.header("cookie"));
    return new Visit(entry, context, this.#onOpen, () => this.#limiter.release(peer));
  }

  #find(
    target: URL | undefined,
    request: DirectRequest,
  ): { entry: RouteEntry; params: Context["params"] } | Response {
    const offered = offeredProtocols(request.header("sec-websocket-protocol"));
    let known = false;
    for (const entry of target === undefined ? [] : this.#entries) {
      const groups = entry.route.match(target!.pathname);
      if (groups === null) continue;
      known = true;
      if (!entry.route.speaks(offered)) continue;
      const params = decodeParams(groups);
      return params === null
        ? refusal(400, "the path is not percent-encoded UTF-8")
        : { entry, params };
    }
    return known
      ? refusal(400, "no subprotocol that is offered is spoken here")
      : refusal(404, "there is no WebSocket at this path");
  }
}

/** Callbacks that work on the handler's own `this`, and tell the visit of the connection. */
function bindCallbacks(handler: RouteCallbacks): Handler {
  const bound: Record<string, unknown> = {};
  for (const name of ["message", "drain", "ping", "pong", "error", "close"] as const) {
    bound[name] = handler[name]?.bind(handler);
  }
  bound.open = (socket: WebSocketConnection) => {
    const visit = visitOf(socket);
    visit.open(socket);
    return handler.open?.(socket, visit.context);
  };
  return bound;
}

function observers(...lists: ServerOptions["observer"][]): readonly ConnectionObserver[] {
  return [...new Set(lists.flatMap((list) => list ?? []))];
}

function offeredProtocols(value: string | null): readonly string[] {
  return value === null ? NO_PROTOCOLS : value.split(",").map((protocol) => protocol.trim());
}

/** Makes a response that refuses, in one line. */
export function refusal(
  status: number,
  message: string,
  headers: Record<string, string> = {},
): Response {
  return new Response(`Cannot upgrade: ${message}\n`, {
    status,
    headers: { "Content-Type": "text/plain; charset=utf-8", ...headers },
  });
}
