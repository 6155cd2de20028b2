/**
 * A client's setup where everything is loaded: checked options, and a handshake that offers all.
 * @module
 */

import type { DeflateCodec } from "../extensions/mod.ts";
import { checkClient, type ClientOptions, type ClientSetup } from "./client_options.ts";
import { offerCompression } from "./deflate_extensions.ts";
import { webCodec } from "./web_codec.ts";

/**
 * Checks a URL and the options of a client.
 *
 * @param url Where to connect.
 * @param options What the caller gave.
 * @param more Names that the caller allows beside {@linkcode ClientOptions}.
 * @param codec What compresses, unless the caller says otherwise; the web's own where none is given.
 * @throws {TypeError} If the URL or an option is wrong.
 * @throws {RangeError} If a number is out of range.
 */
export function setupClient(
  url: string | URL,
  options: ClientOptions,
  more: readonly string[] = [],
  codec: DeflateCodec = webCodec,
): ClientSetup {
  const setup = checkClient(url, options, more, codec);
  const { handshake, compression } = setup;
  if (compression === undefined) return setup;
  return { ...setup, handshake: offerCompression(handshake, compression) };
}
