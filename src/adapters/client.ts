/**
 * The client: opens WebSocket connections from Node, Deno and Bun, with this library's engine.
 * @module
 */

import { type ClientOptions, openAndStart, setupClient } from "../api/client_opening.ts";
import type { WebSocketConnection } from "../api/connection.ts";
import { checkOptionNames } from "../api/options.ts";
import { CLIENT_TLS_OPTION_NAMES, type ClientTlsOptions, dial } from "./node/dial.ts";
import { SocketTransport } from "./node/socket_transport.ts";
import { zlibCodec } from "./zlib/codec.ts";

export type { ClientOptions, ClientTlsOptions, WebSocketConnection };
export { HandshakeError, WebSocketError } from "../errors.ts";

/** Options of {@linkcode connect}. */
export interface ConnectOptions extends ClientOptions {
  /** How a `wss:` connection is secured. Default: as the runtime does it. */
  tls?: ClientTlsOptions;
}

/**
 * Opens a WebSocket connection.
 *
 * @param url A URL with the scheme ws or wss (or http or https, which mean the same).
 * @param options Header fields, subprotocols, TLS, limits and deadlines.
 * @returns The connection, open.
 * @throws {HandshakeError} If there is no connection, the certificate fails, the server refuses
 * (`status`, `headers` and `body` tell), breaks a rule, or is late.
 * @throws {TypeError} If the URL or an option is wrong.
 * @throws {RangeError} If a number is out of range.
 *
 * @example
 * ```ts
 * import { connect } from "@fullduplex/ws/client";
 * import { serve } from "@fullduplex/ws/serve";
 *
 * await using server = await serve({ message: (socket, data) => socket.send(data) }, { port: 0 });
 * await using socket = await connect(server.url);
 * await socket.send("hello");
 * for await (const message of socket) {
 *   console.log(message); // "hello"
 *   break;
 * }
 * ```
 *
 * @see RFC 6455, section 4.1
 */
export async function connect(
  url: string | URL,
  options: ConnectOptions = {},
): Promise<WebSocketConnection> {
  const setup = setupClient(url, options, ["tls"], zlibCodec);
  const { tls = {} } = options;
  checkOptionNames(tls, CLIENT_TLS_OPTION_NAMES);
  const { handshakeTimeoutMs, signal } = setup.options;
  const start = performance.now();
  const socket = await dial(setup.handshake, tls, handshakeTimeoutMs, signal);
  const left = Math.max(1, Math.ceil(handshakeTimeoutMs - (performance.now() - start)));
  return await openAndStart(new SocketTransport(socket), setup, left);
}
