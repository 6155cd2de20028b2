/**
 * A server of its own for a router, with this library's engine, on Node, Deno and Bun.
 * @module
 */

import { answerHttp, type FetchHandler, sendText } from "../adapters/node/http_bridge.ts";
import { HttpListener } from "../adapters/node/http_listener.ts";
import { checkServerTls, type ServerTlsOptions } from "../adapters/node/server_tls.ts";
import type { WebSocketConnection } from "../api/connection.ts";
import { logError } from "../api/handler.ts";
import { checkOptionNames, describe } from "../api/options.ts";
import { checkReason } from "./reason.ts";
import type { Router } from "./router.ts";

/** Options of {@linkcode serveRouter}. */
export interface ServeRouterOptions {
  /** The port; 0 for any that is free. Default: 8080. */
  port?: number;
  /** The address to listen on. Default: `"127.0.0.1"`, this machine only. */
  hostname?: string;
  /** Serves wss: and https: instead of ws: and http:. Default: no TLS. */
  tls?: ServerTlsOptions;
  /** Answers plain HTTP requests on the same port. Default: 426, which asks for a WebSocket. */
  fetch?: FetchHandler;
  /** The most bytes of a request's head. Default: 16 KiB. */
  maxHeaderBytes?: number;
  /** How long a request's head, and before it a TLS handshake, may take, in ms. Default: 10,000. */
  headTimeoutMs?: number;
  /** Takes what `fetch` throws and the system's errors. Default: they are printed. */
  onError?: (error: unknown) => void;
}

/** Numbers, with the least and the most of each. */
const NUMBERS = [
  ["port", 0, 65_535],
  ["maxHeaderBytes", 256, 1024 * 1024],
  ["headTimeoutMs", 1, 2 ** 31 - 1],
] as const;

/** The most fields of a request, as in a handshake. */
const MAX_HEADER_FIELDS = 100;

/** A running server. */
export interface RouterServer extends AsyncDisposable {
  /** The address it listens on. */
  readonly hostname: string;
  /** The port it listens on. */
  readonly port: number;
  /** Where it is reached: `ws://` or `wss://`, host and port. */
  readonly url: string;
  /** The connections that came here, open or closing. */
  readonly connections: ReadonlySet<WebSocketConnection>;
  /**
   * Accepts nothing more, cuts idle connections and handshakes that are not finished, closes the
   * connections that came here with 1001 and waits for their closing handshakes, each up to its
   * `closeTimeoutMs`; then cuts what is left.
   *
   * @param reason The close reason, at most 123 bytes of UTF-8. Default: `""`.
   * @throws {TypeError} If the reason is no string.
   * @throws {RangeError} If the reason is too long.
   */
  close(reason?: string): Promise<void>;
}

/**
 * Starts a server for a router, with this library's engine on every runtime: what `serve()` is for a
 * single handler. The router may be mounted elsewhere as well, and live on when the server closes.
 *
 * @param router The router.
 * @param options Where to listen, TLS, plain HTTP and limits on heads.
 * @returns The server, listening.
 * @throws {TypeError} If an option is wrong.
 * @throws {RangeError} If a number is out of range.
 * @throws {Error} If it cannot listen, with the system's error as `cause`.
 *
 * @example
 * ```ts
 * import { Router, serveRouter } from "@fullduplex/ws/server";
 *
 * const router = new Router();
 * router.route("/time", (socket) => socket.send(new Date().toISOString()));
 * await using server = await serveRouter(router, { port: 0, fetch: () => new Response("hi") });
 * console.log(`${server.url}/time`); // ws://127.0.0.1:…/time
 * ```
 */
export async function serveRouter(
  router: Router,
  options: ServeRouterOptions = {},
): Promise<RouterServer> {
  checkOptions(router, options);
  const { port = 8080, hostname = "127.0.0.1", tls, fetch, onError = logError } = options;
  const connections = new Set<WebSocketConnection>();
  /** Handshakes under way. */
  const opening = new Set<Promise<unknown>>();
  let closing: Promise<void> | undefined;

  const listener = new HttpListener({
    tls,
    maxHeaderBytes: options.maxHeaderBytes ?? 16 * 1024,
    headTimeoutMs: options.headTimeoutMs ?? 10_000,
  }, {
    onRequest(incoming, outgoing) {
      if (incoming.rawHeaders.length > 2 * MAX_HEADER_FIELDS) {
        sendText(outgoing, 431, "Cannot answer: the head has too many fields\n");
      } else if (fetch === undefined) {
        sendText(outgoing, 426, "This server speaks WebSocket only\n");
      } else answerHttp(fetch, incoming, outgoing, tls !== undefined, onError);
    },
    onUpgrade(incoming, socket, head) {
      const upgraded = router.upgrade(incoming, socket, head).then((connection) => {
        listener.release(socket);
        opening.delete(upgraded);
        if (connection === undefined) return;
        connections.add(connection);
        void connection.closed.then(() => connections.delete(connection));
      });
      opening.add(upgraded);
    },
  });

  const close = async (reason: string): Promise<void> => {
    const closeAll = () =>
      Promise.all(Array.from(connections, (socket) => socket.close(1001, reason)));
    const stopped = listener.stop();
    const closed = closeAll();
    await Promise.all([...opening]); // each has its deadline
    await Promise.all([closed, closeAll()]);
    listener.cut();
    await stopped;
  };
  const actualPort = await listener.listen({ port, hostname }, onError);
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  return {
    hostname,
    port: actualPort,
    url: `${tls === undefined ? "ws" : "wss"}://${host}:${actualPort}`,
    connections,
    close(reason = "") {
      checkReason(reason);
      return closing ??= close(reason);
    },
    [Symbol.asyncDispose]: () => closing ??= close(""),
  };
}

function checkOptions(router: Router, options: ServeRouterOptions): void {
  if (typeof router?.upgrade !== "function") {
    throw new TypeError(`Cannot serve: expected a Router, got ${describe(router)}`);
  }
  checkOptionNames(options, [
    ...["port", "hostname", "tls", "fetch", "maxHeaderBytes", "headTimeoutMs", "onError"],
  ]);
  for (const [name, least, most] of NUMBERS) {
    const value = options[name];
    if (value === undefined) continue;
    if (!Number.isInteger(value) || value < least || value > most) {
      throw new RangeError(
        `Cannot use option "${name}": expected an integer from ${least} to ${most}, got ${value}`,
      );
    }
  }
  const { hostname, tls } = options;
  if (hostname !== undefined && (typeof hostname !== "string" || hostname === "")) {
    throw new TypeError(
      `Cannot use option "hostname": expected a host name or address, got ${describe(hostname)}`,
    );
  }
  for (const name of ["fetch", "onError"] as const) {
    if (options[name] !== undefined && typeof options[name] !== "function") {
      throw new TypeError(
        `Cannot use option "${name}": expected a function, got ${describe(options[name])}`,
      );
    }
  }
  if (tls !== undefined) checkServerTls(tls);
}
