/**
 * permessage-deflate as an extension of the opening handshake, ready for an engine.
 * @module
 */

import { Deflation } from "../connection/deflation.ts";
import { clientDeflate, serverDeflate } from "../extensions/mod.ts";
import { type ClientHandshake, type ServerExtension, withExtensions } from "../handshake/mod.ts";
import type { Compression } from "./compression.ts";

/** The extensions of a server that compresses, or none. */
export function serverExtensions(
  compression: Compression | undefined,
): ServerExtension<Deflation>[] {
  if (compression === undefined) return [];
  const { name, accept } = serverDeflate(compression.policy, compression.codec);
  return [{
    name,
    accept(offers) {
      const accepted = accept(offers);
      if (accepted === null) return null;
      return { response: accepted.response, extension: new Deflation(accepted.extension) };
    },
  }];
}

/** Has a client's handshake offer to compress. */
export function offerCompression(
  handshake: ClientHandshake,
  { policy, codec }: Compression,
): ClientHandshake {
  const { name, offers, accept } = clientDeflate(policy, codec);
  return withExtensions(handshake, [{
    name,
    offers,
    accept(response) {
      const accepted = accept(response);
      return accepted && { extension: new Deflation(accepted.extension) };
    },
  }]);
}
