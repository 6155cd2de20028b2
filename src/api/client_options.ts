/**
 * The options of clients. What checks them is all that a client has before it connects, so nothing
 * that only a connection needs is imported here.
 * @module
 */

import type { DeflateCodec } from "../extensions/mod.ts";
import { type ClientHandshake, createRequest } from "../handshake/client_request.ts";
import type { HeadersLike } from "../handshake/mod.ts";
import {
  type CodecLimits,
  type Compression,
  type CompressionOptions,
  resolveCompression,
} from "./compression.ts";
import type { ClientDialect, LegacyClient } from "./dialect.ts";
import { checkHandler, checkOnError, type Handler } from "./handler_check.ts";
import { logError } from "./log_error.ts";
import { checkLegacy } from "./legacy_check.ts";
import {
  checkOptionNames,
  CONNECTION_OPTION_NAMES,
  type ConnectionOptions,
  type ResolvedOptions,
  resolveOptions,
} from "./options.ts";

/** The options of everything that opens WebSocket connections. */
export interface ClientOptions extends ConnectionOptions {
  /** The subprotocols to offer, the most preferred first. Default: none. */
  protocols?: string | readonly string[];
  /** Header fields to add, such as Origin, Cookie or Authorization. Default: none. */
  headers?: HeadersLike;
  /**
   * Offers to compress messages (permessage-deflate, RFC 7692). Default: `false`.
   */
  compression?: boolean | CompressionOptions;
  /**
   * What to do with the connection; it then belongs to the handler, and when that is a function,
   * its end closes it. Default: whoever opened it reads from it.
   */
  handler?: Handler;
  /** Takes what the handler throws. Default: it is printed with `console.error`. */
  onError?: (error: unknown) => void;
  /**
   * Speaks a version that is older than RFC 6455: what `legacyClient()` of `./legacy` returns.
   * Default: RFC 6455.
   */
  legacy?: LegacyClient;
}

/** The names of all {@linkcode ClientOptions}. */
export const CLIENT_OPTION_NAMES: readonly string[] = [
  ...CONNECTION_OPTION_NAMES,
  "protocols",
  "headers",
  "compression",
  "handler",
  "onError",
  "legacy",
];

/** A handshake to be sent, with the options of its connection. */
export interface ClientSetup {
  /** What is sent and expected. */
  readonly handshake: ClientHandshake;
  /** Limits and deadlines. */
  readonly options: ResolvedOptions;
  /** What to do with the connection. */
  readonly handler: Handler | undefined;
  /** Where its errors go. */
  readonly onError: (error: unknown) => void;
  /** How to compress; the handshake does not offer it yet. Absent where it is not to be offered. */
  readonly compression?: Compression<CodecLimits> | undefined;
  /** What takes the place of RFC 6455's rules. Default: nothing. */
  readonly dialect?: ClientDialect | undefined;
}

/**
 * Checks a URL and the options of a client.
 *
 * @param url Where to connect.
 * @param options What the caller gave.
 * @param more Names that the caller allows beside {@linkcode ClientOptions}.
 * @param codec What is known of the codec that compresses, unless the caller names one.
 * @throws {TypeError} If the URL or an option is wrong.
 * @throws {RangeError} If a number is out of range.
 */
export function checkClient<Codec extends CodecLimits>(
  url: string | URL,
  options: ClientOptions,
  more: readonly string[],
  codec: Codec,
): ClientSetup & { readonly compression: Compression<Codec | DeflateCodec> | undefined } {
  checkOptionNames(options, [...CLIENT_OPTION_NAMES, ...more]);
  const { protocols, headers, handler, onError = logError } = options;
  if (handler !== undefined) checkHandler(handler);
  checkOnError(onError);
  const { legacy } = options;
  if (legacy !== undefined) {
    checkLegacy(legacy, "begin", "legacyClient()");
    if (options.compression !== undefined && options.compression !== false) {
      throw new TypeError('Cannot use option "compression" with "legacy": the drafts have none');
    }
  }
  const compression = resolveCompression(options.compression, codec);
  const handshake = createRequest({ url, protocols, headers });
  const dialect = legacy?.begin(handshake);
  return {
    handshake: dialect?.handshake ?? handshake,
    options: resolveOptions(options, onError),
    handler,
    onError,
    compression,
    dialect,
  };
}
