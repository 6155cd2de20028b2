/**
 * A policy and codecs for tests of permessage-deflate.
 * @module
 */

import type { DeflateCodec, DeflatePolicy } from "../../src/extensions/mod.ts";

/** What servers and clients want by default. */
export function policy(changes: Partial<DeflatePolicy> = {}): DeflatePolicy {
  return {
    thresholdBytes: 1024,
    level: 6,
    memLevel: undefined,
    idleMs: 0,
    ownTakeover: false,
    peerTakeover: false,
    ownWindowBits: 15,
    peerWindowBits: 15,
    ...changes,
  };
}

/** A codec that is never asked to do anything. */
export function idleCodec(minWindowBits: number): DeflateCodec {
  const never = () => {
    throw new Error("this codec must not be used");
  };
  return {
    minWindowBits,
    takeover: true,
    isSlow: () => false,
    createDeflater: never,
    createInflater: never,
  };
}
