/**
 * L1: bytes to frames and back, as RFC 6455 sections 5 and 7.4 define them.
 * @module
 */
export { useBuffers } from "./buffer_pool.ts";
export * from "./close_code.ts";
export * from "./fault.ts";
export { headerSize } from "./header.ts";
export { useWideMasking } from "./mask.ts";
export { allocateBytes, type Allocator, useAllocator } from "./memory.ts";
export * from "./opcode.ts";
export { FrameParser, type FrameParserOptions, type FrameSink, useCopies } from "./parser.ts";
export {
  decodeUtf8,
  decodeValidUtf8,
  encodeUtf8,
  encodeUtf8Into,
  type TextWriter,
  useTextWriter,
  Utf8Validator,
} from "./utf8.ts";
export { BY_REFERENCE_BYTES, encodeFrame, FrameWriter } from "./writer.ts";
