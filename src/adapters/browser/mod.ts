/**
 * The client for browsers, over their own WebSocket: bundlers take it for `fullduplex/client`, and
 * it can be named itself. It works wherever there is a standard WebSocket.
 *
 * @module
 */

export { HandshakeError, WebSocketError } from "../../errors.ts";
export type { WebSocketConnection } from "../../api/connection.ts";
export * from "../../api/reconnecting/mod.ts";
export { type BrowserConnectOptions, connect } from "./connect.ts";
export { type PlatformWebSocketConstructor, WebSocket, WebSocketStream } from "./platform.ts";
