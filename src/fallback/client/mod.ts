/**
 * The ways from before WebSocket, the client's side: for browsers and for every runtime's `fetch`.
 *
 * @module
 */

export { connectFallback, type FallbackSocketOptions, FallbackWebSocket } from "./connect.ts";
export type { FallbackClientOptions, TransportMode } from "./options.ts";
export { FALLBACK_MODES, type FallbackMode } from "../wire/modes.ts";
