/**
 * fullduplex: WebSocket for every JavaScript runtime.
 *
 * This entry holds what is portable: the types that application code names, the errors and the
 * close codes. Connections come from the other entries: `./serve` and `./client`, the adapters
 * `./deno`, `./bun`, `./node` and `./browser`, and `./stream` for any pair of byte streams; what
 * servers need around them is in `./server`.
 *
 * @example
 * ```ts
 * import type { WebSocketConnection } from "@fullduplex/ws";
 *
 * export async function echo(socket: WebSocketConnection): Promise<void> {
 *   for await (const message of socket) await socket.send(message);
 * }
 * ```
 *
 * @module
 */

export * from "./src/api/mod.ts";
