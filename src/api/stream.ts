/**
 * WebSocket over any pair of Web Streams: the portable road, which needs nothing of a runtime.
 *
 * @example
 * ```ts
 * import { acceptWebSocket, connectWebSocket } from "@fullduplex/ws/stream";
 *
 * // Two ends of a byte stream, joined in memory.
 * const up = new TransformStream<Uint8Array, Uint8Array>();
 * const down = new TransformStream<Uint8Array, Uint8Array>();
 * const accepted = acceptWebSocket({ readable: up.readable, writable: down.writable });
 * const client = await connectWebSocket(
 *   { readable: down.readable, writable: up.writable },
 *   "ws://example.com/chat",
 * );
 * const server = await accepted;
 * client.send("hello");
 * for await (const message of server) {
 *   console.log(message); // "hello"
 *   break;
 * }
 * await client.close();
 * ```
 *
 * @module
 */

import { openClient, startClient } from "./client_opening.ts";
import type { ClientOptions } from "./client_options.ts";
import { setupClient } from "./client_setup.ts";
import type { WebSocketConnection } from "./connection.ts";
import { startSoon } from "./connection_core.ts";
import { tapClient } from "./engine_tap.ts";
import { openFromBytes, type ServerOptions, setupServer } from "./server_opening.ts";
import { type ByteStreamPair, StreamTransport } from "./stream_transport.ts";

export type { ByteStreamPair, ClientOptions, ServerOptions, WebSocketConnection };

/** Options of {@linkcode acceptWebSocket}. */
export interface AcceptOptions extends ServerOptions {
  /** Whether the bytes came over TLS: decides between ws: and wss: in `url`. Default: `false`. */
  secure?: boolean;
}

/**
 * Reads an opening handshake from a pair of byte streams, answers it, and returns the connection.
 *
 * A request that is not acceptable is answered with the HTTP response that says why.
 *
 * @param pair The streams, before anything was read from them.
 * @param options Limits, policies and deadlines.
 * @returns The connection, open.
 * @throws {HandshakeError} If the request was refused, malformed, late or lost.
 * @throws {TypeError} If an option does not exist or has the wrong type.
 * @throws {RangeError} If a number is out of range.
 * @see RFC 6455, section 4.2
 */
export async function acceptWebSocket(
  pair: ByteStreamPair,
  options: AcceptOptions = {},
): Promise<WebSocketConnection> {
  const setup = setupServer(options, ["secure"]);
  const opening = await openFromBytes(new StreamTransport(pair), options.secure === true, setup);
  if (opening instanceof Error) throw opening;
  return startSoon(opening);
}

/**
 * Sends an opening handshake over a pair of byte streams and returns the connection.
 *
 * @param pair The streams to the server; for wss:, they are encrypted already.
 * @param url The URL to ask for; it decides on the Host field and the path.
 * @param options Header fields, subprotocols, limits and deadlines.
 * @returns The connection, open.
 * @throws {HandshakeError} If the server refused, broke a rule, was late or lost.
 * @throws {TypeError} If the URL or an option is wrong.
 * @throws {RangeError} If a number is out of range.
 * @see RFC 6455, section 4.1
 */
export async function connectWebSocket(
  pair: ByteStreamPair,
  url: string | URL,
  options: ClientOptions = {},
): Promise<WebSocketConnection> {
  const setup = setupClient(url, options);
  const tap = tapClient(setup.options.observers, setup.handshake.url);
  const core = await openClient(new StreamTransport(pair), setup, undefined, tap);
  return startClient(core, setup);
}
