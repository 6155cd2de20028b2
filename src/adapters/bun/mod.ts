/**
 * The adapter for `Bun.serve`, over Bun's own WebSocket.
 *
 * `@fullduplex/ws/serve` runs on Bun too, with this library's engine and all that it can do; this
 * adapter is for servers that are built around `Bun.serve`.
 *
 * @module
 */

export type { ConnectionCapabilities } from "../../api/channel.ts";
export type { WebSocketConnection } from "../../api/connection.ts";
export type { Handler, HandlerCallbacks } from "../../api/handler.ts";
export type { ServerOptions } from "../../api/server_opening.ts";
export type {
  BunConnectionData,
  BunServer,
  BunServerWebSocket,
  BunWebSocketPlugin,
} from "./bun_types.ts";
export {
  type BunWebSocketOptions,
  createWebSocket,
  upgradeWebSocket,
  websocket,
} from "./upgrade.ts";
