/**
 * Compression of a client: what offers it, and the codec. Loaded where it is to be offered.
 * @module
 */

import { type CompressionOptions, resolveCompression } from "../../api/compression.ts";
import { offerCompression } from "../../api/deflate_extensions.ts";
import type { ClientHandshake } from "../../handshake/mod.ts";
import { zlibCodec } from "../zlib/codec.ts";

/**
 * Has a handshake offer to compress.
 *
 * @param handshake The handshake.
 * @param option The `compression` option, which is checked once more: only now it can be asked what
 * this runtime's zlib can do.
 * @throws {TypeError} If it cannot do what the option asks for.
 * @throws {RangeError} If a window is one that it cannot keep to.
 */
export function offerDeflate(
  handshake: ClientHandshake,
  option: true | CompressionOptions,
): ClientHandshake {
  const compression = resolveCompression(option, zlibCodec);
  return compression === undefined ? handshake : offerCompression(handshake, compression);
}
