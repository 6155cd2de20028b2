/**
 * What drafts 75 and 76 can do.
 * @module
 */

import type { ConnectionCapabilities } from "../api/channel.ts";

/** The two drafts that have a framing of their own. */
export type HixieVersion = "hixie-75" | "hixie-76";

function capabilitiesOf(version: HixieVersion): ConnectionCapabilities {
  return Object.freeze({
    engine: version,
    binary: false,
    ping: false,
    pingEvents: false,
    receiveBackPressure: true,
    receiveStreaming: true,
    sendStreaming: true,
    closeCodes: false,
    allCloseCodes: true,
    terminate: true,
    protocolErrors: true,
    earlyMessageLimit: true,
    compression: false,
    frameEvents: false,
    closeAnswers: false,
    frameDelivery: false,
  });
}

/** The capabilities of their connections. */
export const HIXIE_CAPABILITIES: Readonly<Record<HixieVersion, ConnectionCapabilities>> = {
  "hixie-75": capabilitiesOf("hixie-75"),
  "hixie-76": capabilitiesOf("hixie-76"),
};
