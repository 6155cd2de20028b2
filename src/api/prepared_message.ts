/**
 * Messages prepared for many connections.
 * @module
 */

import { bytesOf, isBufferSource } from "../bytes.ts";
import { SharedMessage } from "../connection/mod.ts";
import { BINARY, TEXT } from "../frames/mod.ts";
import { checkOptionNames, describe } from "./options.ts";
import { type Bytes, checkMessageOptions, checkText } from "./sendable.ts";

/** Options of {@linkcode prepareMessage}. */
export interface PrepareOptions {
  /** The message's type. Default: `"text"` for strings, `"binary"` for bytes. */
  type?: "text" | "binary";
  /**
   * Whether to compress the message, where a connection agreed on compression. Default: from its
   * `thresholdBytes` on.
   */
  compress?: boolean;
}

const PREPARE_OPTION_NAMES = ["type", "compress"];

/** Internal: what the receivers of a prepared message share; for the sender alone. */
export let sharedOf: (message: PreparedMessage) => SharedMessage;

/**
 * A message for many connections, made by {@linkcode prepareMessage}: `send()` and `trySend()` take
 * it in the place of data.
 */
export class PreparedMessage {
  static {
    sharedOf = (message) => message.#shared;
  }

  readonly #shared: SharedMessage;
  /** What `compress` said. */
  readonly compress: boolean | undefined;

  /** Internal: {@linkcode prepareMessage} makes it. */
  constructor(shared: SharedMessage, compress: boolean | undefined) {
    this.#shared = shared;
    this.compress = compress;
  }

  /** The message's type. */
  get type(): "text" | "binary" {
    return this.#shared.opcode === TEXT ? "text" : "binary";
  }

  /** The message's size, in bytes, uncompressed. */
  get byteLength(): number {
    return this.#shared.payload.length;
  }
}

/**
 * Prepares a message that is to be sent to many connections: it is encoded and framed once, and
 * compressed once for each way in which they compress.
 *
 * Where every connection needs bytes of its own (a client masks, and with context takeover each
 * has its own past), it costs what any other message costs.
 *
 * @param data A string, or bytes, which are copied.
 * @param options The type, and whether to compress.
 * @throws {TypeError} If `data` or an option is of another kind, or bytes sent as text are not UTF-8.
 *
 * @example
 * ```ts
 * import { prepareMessage, type WebSocketConnection } from "@fullduplex/ws";
 *
 * export function broadcast(sockets: Iterable<WebSocketConnection>, text: string): void {
 *   const message = prepareMessage(text);
 *   for (const socket of sockets) socket.trySend(message);
 * }
 * ```
 */
export function prepareMessage(
  data: string | Bytes,
  options: PrepareOptions = {},
): PreparedMessage {
  checkOptionNames(options, PREPARE_OPTION_NAMES);
  checkMessageOptions(options);
  const { type, compress } = options;
  if (typeof data === "string") {
    return new PreparedMessage(
      new SharedMessage(type === "binary" ? BINARY : TEXT, data),
      compress,
    );
  }
  if (!isBufferSource(data)) {
    throw new TypeError(
      `Cannot prepare message: expected a string or a BufferSource, got ${describe(data)}`,
    );
  }
  const own = new Uint8Array(bytesOf(data));
  if (type === "text") checkText(own);
  return new PreparedMessage(new SharedMessage(type === "text" ? TEXT : BINARY, own), compress);
}
