/**
 * The adapter for `node:http` and `node:https`, with this library's engine straight on the socket.
 * It runs on Node, and on the `node:` modules of Deno and Bun.
 *
 * @module
 */

export type { Handler, HandlerCallbacks } from "../../api/handler.ts";
export type { ServerOptions } from "../../api/server_opening.ts";
export type { WebSocketConnection } from "../../api/connection.ts";
export type { NodeDuplex, NodeRequest } from "./node_types.ts";
export { onUpgrade, type UpgradeListener, upgradeWebSocket } from "./upgrade.ts";
