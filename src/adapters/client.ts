/**
 * The client: opens WebSocket connections from Node, Deno and Bun, with this library's engine.
 * @module
 */

import type { ClientOptions } from "../api/client_options.ts";
import type { WebSocketConnection } from "../api/connection.ts";
import type { ClientTlsOptions } from "./node/client_tls.ts";
import { type ConnectOptions, setupConnect } from "./node/connect_options.ts";
import type { CookieStore } from "./node/cookies.ts";
import type { Dial, DialedSocket, DialTarget } from "./node/dial_target.ts";
import { dialAndStart } from "./node/open_client.ts";
import type { ProxyOptions } from "./node/proxy.ts";

export type {
  ClientOptions,
  ClientTlsOptions,
  ConnectOptions,
  CookieStore,
  Dial,
  DialedSocket,
  DialTarget,
  ProxyOptions,
  WebSocketConnection,
};
export type { ByteStreamPair } from "../api/stream_transport.ts";
export { HandshakeError, WebSocketError } from "../errors.ts";
export {
  type AnyListener,
  type AttemptInfo,
  ConnectingEvent,
  type ConnectionEnd,
  GiveUpEvent,
  type HeartbeatOptions,
  type ListenerOptions,
  type PerAttempt,
  ReconnectingEvent,
  type ReconnectingEventMap,
  ReconnectingEventTarget,
  type ReconnectingListener,
  type ReconnectingOptions,
  type SocketConstructor,
  type SocketLike,
} from "../api/reconnecting/mod.ts";
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
export { ReconnectingWebSocket } from "./reconnecting.ts";
export {
  WebSocket,
  type WebSocketOptions,
  WebSocketStream,
  type WebSocketStreamNetworkOptions,
} from "./websocket.ts";

/**
 * Opens a WebSocket connection.
 *
 * @param url A URL with the scheme ws or wss (or http or https, which mean the same), or, for a unix
 * socket, ws+unix or wss+unix: `ws+unix:/path/to.sock:/request/path?query`.
 * @param options Header fields, subprotocols, TLS, the way there, limits and deadlines.
 * @returns The connection, open.
 * @throws {HandshakeError} If there is no connection, the certificate fails, the server or the proxy
 * refuses (`status`, `headers` and `body` tell), breaks a rule, or is late.
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
  return await dialAndStart(setupConnect(url, options));
}
