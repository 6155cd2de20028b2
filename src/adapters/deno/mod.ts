/**
 * The adapter for `Deno.serve`, over Deno's own WebSocket.
 *
 * `@fullduplex/ws/serve` runs on Deno too, with this library's engine and all that it can do; this
 * adapter is for servers that are built around `Deno.serve`.
 *
 * @module
 */

export type { ConnectionCapabilities } from "../../api/channel.ts";
export type { WebSocketConnection } from "../../api/connection.ts";
export type { Handler, HandlerCallbacks } from "../../api/handler.ts";
export type { ServerOptions } from "../../api/server_opening.ts";
export type { DenoServeInfo } from "./deno_types.ts";
export { upgradeWebSocket } from "./upgrade.ts";
