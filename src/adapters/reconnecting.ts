/**
 * `ReconnectingWebSocket` with a WebSocket class that fits the runtime.
 * @module
 */

import {
  type PerAttempt,
  type ReconnectingOptions,
  ReconnectingWebSocket as PortableReconnectingWebSocket,
} from "../api/reconnecting/mod.ts";
import { findBuiltin } from "./node/builtin.ts";
import { WebSocket } from "./websocket.ts";

/**
 * A WebSocket that connects again when its connection is lost, with the face of the standard one.
 *
 * Its connections are this library's {@linkcode WebSocket}, or the platform's own where there are no
 * TCP sockets, as in a browser.
 *
 * - `readyState` is 0 whenever there is no connection but one is wanted: it may go from 1 back to 0.
 * - `send()` may be called at any time. What cannot be sent yet waits, up to `maxQueuedBytes`, and
 *   goes out in order. What was handed to a connection that is then lost may or may not have
 *   arrived: only your protocol can tell (number the messages, and ask in `resume`).
 * - `close` comes once, at the very end: after `close()`, after a clean close by the server, or
 *   when it gives up. A lost connection is a `reconnecting` event.
 *
 * @example
 * ```ts
 * import { ReconnectingWebSocket } from "@fullduplex/ws/client";
 * import { serve } from "@fullduplex/ws/serve";
 *
 * await using server = await serve({ message: (socket, data) => socket.send(data) }, { port: 0 });
 * const socket = new ReconnectingWebSocket(server.url, [], {
 *   socketOptions: { headers: { authorization: "Bearer secret" } }, // not in a browser
 * });
 * socket.send("hello"); // waits for the connection
 * socket.addEventListener("reconnecting", ({ attempt, delayMs, cause }) => {
 *   console.log(`lost (${cause.closeCode}); attempt ${attempt} follows in ${delayMs} ms`);
 * });
 * await new Promise((resolve) => socket.onmessage = ({ data }) => resolve(console.log(data)));
 * socket.close();
 * ```
 */
export class ReconnectingWebSocket extends PortableReconnectingWebSocket {
  /**
   * Begins to connect.
   *
   * @param url Where to connect, or a function that is asked before each attempt, with a new token
   * for instance; its rejection is a failed attempt.
   * @param protocols The subprotocols to offer, or a function likewise. Default: none.
   * @param options Delays, deadlines, limits and hooks.
   * @throws {DOMException} `SyntaxError`, if the URL is wrong.
   * @throws {TypeError} If an option is wrong, or the platform has no WebSocket.
   * @throws {RangeError} If a number is out of range.
   */
  constructor(
    url: PerAttempt<string | URL>,
    protocols?: PerAttempt<string | readonly string[] | undefined>,
    options: ReconnectingOptions = {},
  ) {
    const own = options?.WebSocket === undefined && findBuiltin("net") !== undefined;
    super(url, protocols, own ? { ...checkObject(options), WebSocket } : options);
  }
}

/** What is no object must not become one by being spread. */
function checkObject(options: ReconnectingOptions): ReconnectingOptions {
  if (typeof options === "object" && options !== null) return options;
  throw new TypeError(`Cannot use options: expected an object, got ${typeof options}`);
}
