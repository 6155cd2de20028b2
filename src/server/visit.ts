/**
 * One handshake on a route: from its admission to the end of its connection.
 * @module
 */

import type { WebSocketConnection } from "../api/connection.ts";
import type { Handler } from "../api/handler.ts";
import type { UpgradeRequest, Verify } from "../api/mod.ts";
import type { ServerOptions, ServerSetup } from "../api/server_opening.ts";
import type { Context, Route, RouteFunction, RouteOptions } from "./route.ts";

/** A route with what the router made of its options, once. */
export interface RouteEntry extends Pick<RouteOptions, "data" | "verify" | "headers" | "handler"> {
  readonly route: Route;
  /** The options of the server that the route is, the functions above left out. */
  readonly options: ServerOptions;
  /** All of them, checked. */
  readonly setup: ServerSetup;
  /** The handler's callbacks, with a word to the visit when the connection opens. */
  readonly callbacks: Handler | undefined;
  /** Whether origins are compared with the URL that a proxy tells of. */
  readonly sameOrigin: boolean;
}

/** By the request that user callbacks and connections show. */
const visits = new WeakMap<UpgradeRequest, Visit>();

/** A handshake under way, and its connection. */
export class Visit {
  readonly entry: RouteEntry;
  readonly context: Context;
  readonly #onOpen: (visit: Visit, socket: WebSocketConnection) => void;
  readonly #onLeft: () => void;
  #data: { value: unknown } | undefined;
  #state: "coming" | "here" | "gone" = "coming";
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param onOpen Is told of the connection.
   * @param onLeft Is told once that there is none, or none any more.
   */
  constructor(
    entry: RouteEntry,
    context: Context,
    onOpen: (visit: Visit, socket: WebSocketConnection) => void,
    onLeft: () => void,
  ) {
    this.entry = entry;
    this.context = context;
    this.#onOpen = onOpen;
    this.#onLeft = onLeft;
  }

  /** The `verify` of this handshake: the route's, and then its `data`. */
  readonly #verify: Verify = async (request) => {
    visits.set(request, this);
    const { verify, data } = this.entry;
    const answer: unknown = await verify?.(request, this.context as never);
    if (answer !== undefined) return answer as Response;
    if (data === undefined) return;
    const value: unknown = await data(request, this.context as never);
    if (isResponse(value)) return value;
    this.#data = { value };
  };

  /** The options of this handshake. */
  get options(): ServerOptions {
    const { options, headers, sameOrigin } = this.entry;
    return {
      ...options,
      verify: this.#verify,
      headers: typeof headers === "function"
        ? (request) => headers(request, this.context as never)
        : headers,
      // The Host field is the proxy's, and the client's is known.
      origins: sameOrigin ? (origin) => isSameOrigin(origin, this.context.url) : options.origins,
    };
  }

  /** The same, checked: what the route has, and the functions of this handshake. */
  get setup(): ServerSetup {
    const { setup } = this.entry;
    const { headers, origins } = this.options;
    const policy = { ...setup.policy, verify: this.#verify, showsRequest: true };
    if (typeof headers === "function") policy.headers = headers;
    if (typeof origins === "function") policy.checkOrigin = origins;
    return { ...setup, policy };
  }

  /** The handler of this connection. */
  get handler(): Handler {
    const { callbacks, handler } = this.entry;
    if (callbacks !== undefined) return callbacks;
    return (socket) => {
      this.open(socket);
      return (handler as RouteFunction)(socket, this.context);
    };
  }

  /** Takes the connection. */
  open(socket: WebSocketConnection): void {
    if (this.#state !== "coming") return;
    clearTimeout(this.#timer);
    this.#state = "here";
    if (this.#data !== undefined) socket.data = this.#data.value;
    void socket.closed.then(() => this.leave());
    this.#onOpen(this, socket);
  }

  /** There is no connection, or none any more. */
  leave(): void {
    if (this.#state === "gone") return;
    this.#state = "gone";
    clearTimeout(this.#timer);
    this.#onLeft();
  }

  /** There is none unless it opens in time: a runtime may say nothing of a client that left. */
  leaveUnlessOpenIn(ms: number): void {
    if (this.#state === "coming") this.#timer = setTimeout(() => this.leave(), ms);
  }

  /** Whether the connection has opened. */
  get isHere(): boolean {
    return this.#state === "here";
  }
}

/** Finds the visit that a connection belongs to. */
export function visitOf(socket: WebSocketConnection): Visit {
  return visits.get(socket.request!)!;
}

/**
 * Looks at the shape and not at the class: some frameworks put another `Response` in the place of
 * the global one, and a refusal must never be taken for data.
 */
function isResponse(value: unknown): value is Response {
  if (typeof value !== "object" || value === null) return false;
  const { status, headers, bodyUsed } = value as Partial<Response>;
  return typeof status === "number" && typeof headers?.has === "function" &&
    typeof bodyUsed === "boolean";
}

function isSameOrigin(origin: string | null, url: URL): boolean {
  if (origin === null) return true;
  if (!URL.canParse(origin)) return false;
  const { protocol, host } = new URL(origin);
  // A page from https: may reach a server that its proxy speaks http: to, as without proxies.
  return host === url.host && (protocol === "https:" || protocol === url.protocol);
}
