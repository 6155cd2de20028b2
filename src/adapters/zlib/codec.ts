/**
 * The codec on `node:zlib`.
 * @module
 */

import type {
  CodecDeflater,
  CodecInflater,
  DeflateCodec,
  DeflaterSettings,
} from "../../extensions/mod.ts";
import { webCodec } from "../../api/web_codec.ts";
import { isSupported } from "./context.ts";
import { SYNC_DEFLATE_BYTES, ZlibDeflater } from "./deflater.ts";
import { ZlibInflater } from "./inflater.ts";

/** Deflates and inflates with `node:zlib`. */
class ZlibCodec implements DeflateCodec {
  /** zlib takes 8 for 9 where it takes it at all, and the peer's window would be too small. */
  readonly minWindowBits = 9;
  readonly takeover = true;

  isSlow(bytes: number): boolean {
    return bytes > SYNC_DEFLATE_BYTES;
  }

  createDeflater(settings: DeflaterSettings): CodecDeflater {
    return new ZlibDeflater(settings);
  }

  createInflater(windowBits: number, takeover: boolean): CodecInflater {
    return new ZlibInflater(windowBits, takeover);
  }
}

/** The codec, or the web codec where this runtime's zlib cannot be driven as it must be. */
export const zlibCodec: DeflateCodec = isSupported() ? new ZlibCodec() : webCodec;
