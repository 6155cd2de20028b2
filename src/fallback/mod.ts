/**
 * The ways from before WebSocket, the server's side: for clients that cannot open one.
 *
 * @module
 */

export { createFallback, type Fallback, type FallbackInfo } from "./server/fallback.ts";
export type { FallbackResponse } from "./server/fallback.ts";
export type { FallbackOptions } from "./server/options.ts";
export { FALLBACK_MODES, type FallbackMode } from "./wire/modes.ts";
