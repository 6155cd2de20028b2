/**
 * L4: the protocol engine, synchronous and without I/O.
 * @module
 */
export {
  type ClosePayload,
  MAX_REASON_BYTES,
  readClosePayload,
  writeClosePayload,
} from "./close_payload.ts";
export {
  Engine,
  type EngineOptions,
  type EngineSink,
  type EngineState,
  type Role,
} from "./engine.ts";
export type { FrameObserver } from "./observed_frames.ts";
export { notOpen } from "./outgoing.ts";
export { SharedMessage } from "./shared_message.ts";
