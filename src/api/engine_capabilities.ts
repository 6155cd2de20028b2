/**
 * What a connection can do with this library's engine.
 * @module
 */

import type { ConnectionCapabilities } from "./channel.ts";

/** What this library's engine can do: everything. */
export const ENGINE_CAPABILITIES: ConnectionCapabilities = Object.freeze({
  engine: "fullduplex",
  binary: true,
  ping: true,
  pingEvents: true,
  receiveBackPressure: true,
  receiveStreaming: true,
  sendStreaming: true,
  closeCodes: true,
  allCloseCodes: true,
  terminate: true,
  protocolErrors: true,
  earlyMessageLimit: true,
  compression: true,
  frameEvents: true,
  closeAnswers: true,
  frameDelivery: true,
});

/** The same with permessage-deflate: what a compressed frame carries cannot be told from its like. */
export const DEFLATED_CAPABILITIES: ConnectionCapabilities = Object.freeze({
  ...ENGINE_CAPABILITIES,
  frameDelivery: false,
});
