/**
 * The WHATWG's `WebSocket` and the proposal's `WebSocketStream` over the network.
 * @module
 */

import type { Prepare, WebSocketConstructor, WebSocketInstance } from "../api/websocket/types.ts";
import { createWebSocketClass } from "../api/websocket/websocket.ts";
import {
  createWebSocketStreamClass,
  type WebSocketStreamConstructor,
  type WebSocketStreamInstance,
} from "../api/websocket_stream.ts";
import { type ConnectOptions, setupConnect } from "./node/connect_options.ts";
import { dialAndOpen } from "./node/open_client.ts";

/** The third argument of {@linkcode WebSocket}: the options of `connect()` that have no other place. */
export type WebSocketOptions = Omit<ConnectOptions, "protocols" | "handler" | "onError">;

/** The options of {@linkcode WebSocketStream} beside `protocols` and `signal`. */
export type WebSocketStreamNetworkOptions = Omit<WebSocketOptions, "signal">;

const prepare: Prepare<WebSocketStreamNetworkOptions> = (url, options) => {
  // The standard: every opening handshake offers permessage-deflate. Older versions have none.
  const { compression = options.legacy === undefined } = options;
  const setup = setupConnect(url, { ...options, compression });
  return () => dialAndOpen(setup);
};

/**
 * The `WebSocket` class of the WHATWG standard, with options of its own as a third argument.
 *
 * Its error events carry the cause in `error`: a `HandshakeError` or a `WebSocketError`.
 *
 * @example
 * ```ts
 * import { WebSocket } from "@fullduplex/ws/client";
 * import { serve } from "@fullduplex/ws/serve";
 *
 * await using server = await serve({ message: (socket, data) => socket.send(data) }, { port: 0 });
 * const socket = new WebSocket(server.url, [], { headers: { "X-Reason": "example" } });
 * socket.onopen = () => socket.send("hello");
 * socket.onmessage = (event) => {
 *   console.log(event.data); // "hello"
 *   socket.close(1000);
 * };
 * await new Promise((resolve) => socket.onclose = resolve);
 * ```
 *
 * @see https://websockets.spec.whatwg.org/#the-websocket-interface
 */
export const WebSocket: WebSocketConstructor<WebSocketOptions> =
  /* @__PURE__ */ createWebSocketClass(prepare);

/** A `WebSocket` of the WHATWG standard. */
export type WebSocket = WebSocketInstance;

/**
 * The `WebSocketStream` class of the WHATWG proposal: messages as streams, with back-pressure in
 * both directions.
 *
 * @example
 * ```ts
 * import { WebSocketStream } from "@fullduplex/ws/client";
 * import { serve } from "@fullduplex/ws/serve";
 *
 * await using server = await serve({ message: (socket, data) => socket.send(data) }, { port: 0 });
 * const socket = new WebSocketStream(server.url);
 * const { readable, writable } = await socket.opened;
 * const writer = writable.getWriter();
 * await writer.write("hello");
 * const { value } = await readable.getReader().read();
 * console.log(value); // "hello"
 * socket.close({ closeCode: 1000, reason: "done" });
 * await socket.closed;
 * ```
 *
 * @see https://github.com/whatwg/websockets/pull/48
 */
export const WebSocketStream: WebSocketStreamConstructor<WebSocketStreamNetworkOptions> =
  /* @__PURE__ */ createWebSocketStreamClass(prepare);

/** A `WebSocketStream` of the WHATWG proposal. */
export type WebSocketStream = WebSocketStreamInstance;
