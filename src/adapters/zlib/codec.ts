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

/**
 * Deflates and inflates with `node:zlib`, or as the web codec does where there is no zlib that can be
 * driven as it must be. That is tried out when somebody first asks, not when this is loaded.
 */
class ZlibCodec implements DeflateCodec {
  /** zlib takes 8 for 9 where it takes it at all, and the peer's window would be too small. */
  get minWindowBits(): number {
    return isSupported() ? 9 : webCodec.minWindowBits;
  }

  get takeover(): boolean {
    return isSupported() || webCodec.takeover;
  }

  isSlow(bytes: number): boolean {
    return isSupported() ? bytes > SYNC_DEFLATE_BYTES : webCodec.isSlow(bytes);
  }

  createDeflater(settings: DeflaterSettings): CodecDeflater {
    return isSupported() ? new ZlibDeflater(settings) : webCodec.createDeflater(settings);
  }

  createInflater(windowBits: number, takeover: boolean): CodecInflater {
    return isSupported()
      ? new ZlibInflater(windowBits, takeover)
      : webCodec.createInflater(windowBits, takeover);
  }
}

/** The codec on `node:zlib`; it does as the web codec does where this runtime's zlib cannot. */
export const zlibCodec: DeflateCodec = new ZlibCodec();
