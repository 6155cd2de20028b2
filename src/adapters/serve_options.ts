/**
 * Options of `serve()`, and what it takes in the place of a handler.
 * @module
 */

import type { WebSocketConnection } from "../api/connection.ts";
import { checkOptionNames, describe } from "../api/options.ts";
import { SERVER_OPTION_NAMES, type ServerOptions } from "../api/server_opening.ts";
import type { FetchHandler } from "./node/fetch_handler.ts";
import type { NodeDuplex, NodeRequest } from "./node/node_types.ts";
import { checkServerTls, type ServerTlsOptions } from "./node/server_tls.ts";

/** Who answers upgrade requests in its own way: the `Router` of `./server`, or an object like it. */
export interface Upgrader {
  /**
   * Answers one upgrade request, with a connection or with a refusal.
   *
   * @param request The request.
   * @param socket Its socket, which belongs to the upgrader from now on.
   * @param head The first bytes after the request.
   * @returns The connection, or `undefined` when the request was refused and the socket is done with.
   */
  upgrade(
    request: NodeRequest,
    socket: NodeDuplex,
    head: Uint8Array,
  ): Promise<WebSocketConnection | undefined>;
}

/** Options of `serve()`. */
export interface ServeOptions extends ServerOptions {
  /** The port; 0 for any that is free. Default: 8080. */
  port?: number;
  /** The address to listen on. Default: `"127.0.0.1"`, this machine only. */
  hostname?: string;
  /**
   * Listens on a Unix socket of this path instead of a port, without TLS. The system removes it when
   * the server closes; one that a crashed server left behind is in use until it is removed. Default: none.
   */
  path?: string;
  /** How many may wait to be accepted; Bun 1.4 takes 512 anyway. Default: the runtime's own. */
  backlog?: number;
  /** Serves wss: and https: instead of ws: and http:. Default: no TLS. */
  tls?: ServerTlsOptions;
  /** Answers plain HTTP requests on the same port. Default: 426, which asks for a WebSocket. */
  fetch?: FetchHandler;
}

/** The names of what {@linkcode ServeOptions} adds. */
export const SERVE_OPTION_NAMES: readonly string[] = [
  "port",
  "hostname",
  "path",
  "backlog",
  "tls",
  "fetch",
];

/**
 * Options of `serve()` with an {@linkcode Upgrader}. `observer` sees the server and its plain
 * requests, `handshakeTimeoutMs` is the deadline of heads, and `closeTimeoutMs` that of `close()`.
 */
export type UpgraderServeOptions = Pick<
  ServeOptions,
  | "port"
  | "hostname"
  | "path"
  | "backlog"
  | "tls"
  | "fetch"
  | "maxHeaderBytes"
  | "handshakeTimeoutMs"
  | "closeTimeoutMs"
  | "signal"
  | "observer"
  | "onError"
>;

/** Those options of connections that mean something for the server itself. */
const OF_THE_SERVER: readonly string[] = [
  "maxHeaderBytes",
  "handshakeTimeoutMs",
  "closeTimeoutMs",
  "signal",
  "observer",
  "onError",
];

/** Tells an upgrader from a handler, which has no such callback. */
export function isUpgrader(value: unknown): value is Upgrader {
  return typeof value === "object" && value !== null &&
    typeof (value as Partial<Upgrader>).upgrade === "function";
}

/**
 * Refuses what an upgrader decides for itself, and would thus have no effect.
 *
 * @throws {TypeError} If there is such an option, or one that does not exist.
 */
export function checkUpgraderOptions(options: ServeOptions): void {
  checkOptionNames(options, [...SERVE_OPTION_NAMES, ...SERVER_OPTION_NAMES]);
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue;
    if (SERVE_OPTION_NAMES.includes(name) || OF_THE_SERVER.includes(name)) continue;
    throw new TypeError(
      `Cannot use option "${name}": it belongs to connections; set it on the router's routes`,
    );
  }
}

/**
 * Checks what {@linkcode ServeOptions} adds to a server's options.
 *
 * @throws {TypeError} If an option has the wrong type.
 * @throws {RangeError} If a number is out of range.
 */
export function checkServeOptions(options: ServeOptions): void {
  const { port, hostname, path, backlog, tls, fetch } = options;
  if (port !== undefined && !(Number.isInteger(port) && port >= 0 && port <= 65535)) {
    throw new RangeError(
      `Cannot use option "port": expected an integer from 0 to 65535, got ${port}`,
    );
  }
  if (hostname !== undefined && (typeof hostname !== "string" || hostname === "")) {
    throw new TypeError(
      `Cannot use option "hostname": expected a host name or address, got ${describe(hostname)}`,
    );
  }
  if (path !== undefined) {
    if (typeof path !== "string" || path === "" || path.includes("\0")) {
      throw new TypeError(`Cannot use option "path": expected a path, got ${describe(path)}`);
    }
    const other = (["port", "hostname", "tls"] as const).find((name) =>
      options[name] !== undefined
    );
    if (other !== undefined) {
      throw new TypeError(`Cannot use option "path": a Unix socket has no "${other}"`);
    }
  }
  if (backlog !== undefined && !(Number.isInteger(backlog) && backlog > 0 && backlog < 65536)) {
    throw new RangeError(
      `Cannot use option "backlog": expected an integer from 1 to 65535, got ${backlog}`,
    );
  }
  if (fetch !== undefined && typeof fetch !== "function") {
    throw new TypeError(`Cannot use option "fetch": expected a function, got ${describe(fetch)}`);
  }
  if (tls !== undefined) checkServerTls(tls);
}
