/**
 * L4: the protocol engine, synchronous and without I/O.
 *
 * `deflation.ts` and `observed_frames.ts`, which not every connection needs, are imported by their own
 * names: a bundler that splits puts them where they are used.
 *
 * @module
 */
export {
  type ClosePayload,
  MAX_REASON_BYTES,
  readClosePayload,
  writeClosePayload,
} from "./close_payload.ts";
export type { Deflation } from "./deflation.ts";
export {
  Engine,
  type EngineOptions,
  type EngineSink,
  type EngineState,
  type Role,
} from "./engine.ts";
export type { FrameObserver, ObservedFrames } from "./observed_frames.ts";
export { notOpen } from "./outgoing.ts";
export { SharedMessage } from "./shared_message.ts";
