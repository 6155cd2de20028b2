/**
 * The client: opens WebSocket connections from Node, Deno and Bun, with this library's engine.
 * @module
 */

import { type ClientOptions, startClient } from "../api/client_opening.ts";
import type { WebSocketConnection } from "../api/connection.ts";
import { type ConnectOptions, dialAndOpen, setupConnect } from "./node/client_connection.ts";
import type { ClientTlsOptions } from "./node/dial.ts";

export type { ClientOptions, ClientTlsOptions, ConnectOptions, WebSocketConnection };
export { HandshakeError, WebSocketError } from "../errors.ts";
export * from "../api/reconnecting/mod.ts";
export type { WebSocketCloseEvent, WebSocketErrorEvent } from "../api/websocket/events.ts";
export type {
  WebSocketBinaryType,
  WebSocketConstructor,
  WebSocketEvents,
  WebSocketHandler,
  WebSocketInstance,
  WebSocketListener,
} from "../api/websocket/types.ts";
export type {
  WebSocketCloseInfo,
  WebSocketOpenInfo,
  WebSocketStreamConstructor,
  WebSocketStreamInstance,
  WebSocketStreamOptions,
} from "../api/websocket_stream.ts";
export {
  WebSocket,
  type WebSocketOptions,
  WebSocketStream,
  type WebSocketStreamNetworkOptions,
} from "./websocket.ts";

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
 * @throws {DOMException} `NotSupportedError`, where there are no TCP sockets, as in a browser.
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
  const setup = setupConnect(url, options);
  return startClient(await dialAndOpen(setup), setup);
}
