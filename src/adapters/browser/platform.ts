/**
 * The platform's own classes, by the names that this library's have on other runtimes.
 * @module
 */

import type { WebSocketInstance } from "../../api/websocket/types.ts";
import type {
  WebSocketStreamConstructor,
  WebSocketStreamInstance,
} from "../../api/websocket_stream.ts";

const platform = globalThis as {
  WebSocket?: unknown;
  WebSocketStream?: unknown;
};

/** A class like the platform's `WebSocket`, which takes no options. */
export interface PlatformWebSocketConstructor {
  /**
   * Starts to open a connection.
   *
   * @param url A ws:, wss:, http: or https: URL, or one relative to the page.
   * @param protocols The subprotocols to offer. Default: none.
   */
  new (url: string | URL, protocols?: string | string[]): WebSocketInstance;
  /** The prototype of all instances. */
  readonly prototype: WebSocketInstance;
}

/** The platform's own `WebSocket`; `undefined` at run time where there is none (Node before 22). */
export const WebSocket: PlatformWebSocketConstructor = platform
  .WebSocket as PlatformWebSocketConstructor;

/** A `WebSocket` of the WHATWG standard. */
export type WebSocket = WebSocketInstance;

/** The platform's own `WebSocketStream`; `undefined` where there is none (all but Chromium and Deno). */
export const WebSocketStream: WebSocketStreamConstructor<object> | undefined = platform
  .WebSocketStream as WebSocketStreamConstructor<object> | undefined;

/** A `WebSocketStream` of the WHATWG proposal. */
export type WebSocketStream = WebSocketStreamInstance;
