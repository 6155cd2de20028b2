/**
 * The codec of permessage-deflate on `node:zlib`, for the web-stream road: `serve()`, `connect()`
 * and `./node` use it by themselves.
 *
 * @example
 * ```ts
 * import { type AcceptOptions } from "@fullduplex/ws/stream";
 * import { zlibCodec } from "@fullduplex/ws/zlib";
 *
 * const options: AcceptOptions = { compression: { codec: zlibCodec, contextTakeover: true } };
 * console.log(options.compression !== undefined); // true
 * ```
 *
 * @module
 */

export type {
  CodecDeflater,
  CodecInflater,
  DeflateCodec,
  DeflaterSettings,
} from "../../extensions/mod.ts";
export { zlibCodec } from "./codec.ts";
