/**
 * L3: extensions. permessage-deflate, with the codec injected.
 * @module
 */

export {
  type CodecDeflater,
  type CodecInflater,
  type DeflateCodec,
  type DeflaterSettings,
  InflateError,
} from "./codec.ts";
export { Inflate } from "./inflate.ts";
export { PERMESSAGE_DEFLATE } from "./deflate_params.ts";
export {
  clientDeflate,
  type DeflateAgreement,
  type DeflatePolicy,
  serverDeflate,
} from "./negotiation.ts";
export { PermessageDeflate } from "./permessage_deflate.ts";
