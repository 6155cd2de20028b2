/**
 * The negotiation of permessage-deflate, from the server's and from the client's side.
 *
 * @see RFC 7692, section 7.1
 * @module
 */

import type { ClientExtension, ExtensionOffer, ServerExtension } from "../handshake/mod.ts";
import type { DeflateCodec } from "./codec.ts";
import {
  type DeflateParams,
  PERMESSAGE_DEFLATE,
  readParams,
  writeParams,
} from "./deflate_params.ts";
import { PermessageDeflate } from "./permessage_deflate.ts";

/** What one side wants: "own" is what it sends, "peer" what it receives. */
export interface DeflatePolicy {
  /** Messages from this many bytes on are compressed. */
  readonly thresholdBytes: number;
  /** zlib's level. */
  readonly level: number;
  /** zlib's memLevel, or `undefined` to choose by the message. */
  readonly memLevel: number | undefined;
  /** After how many milliseconds an idle sending context is given back; 0 for never. */
  readonly idleMs: number;
  /** Whether messages sent may refer to earlier ones. */
  readonly ownTakeover: boolean;
  /** Whether messages received may. */
  readonly peerTakeover: boolean;
  /** The most bits of the window for what is sent. */
  readonly ownWindowBits: number;
  /** The most bits of the window for what is received. */
  readonly peerWindowBits: number;
}

/** What both sides agreed on, as one of them sees it. */
export interface DeflateAgreement {
  /** Whether messages sent may refer to earlier ones. */
  readonly ownTakeover: boolean;
  /** Whether messages received may. */
  readonly peerTakeover: boolean;
  /** The most bits of the window for what is sent. */
  readonly ownWindowBits: number;
  /** The most bits of the window for what is received. */
  readonly peerWindowBits: number;
  /** Whether this side can keep its part; if not, it sends all messages uncompressed. */
  readonly canDeflate: boolean;
}

/** The bits of a window that nobody limits. */
const MAX_BITS = 15;

/**
 * Makes the server's side.
 *
 * @param policy What the server wants.
 * @param codec What deflates and inflates.
 */
export function serverDeflate(
  policy: DeflatePolicy,
  codec: DeflateCodec,
): ServerExtension<PermessageDeflate> {
  return {
    name: PERMESSAGE_DEFLATE,
    accept(offers) {
      for (const offer of offers) {
        const params = readParams(offer.params, true);
        const agreement = params && agreeAsServer(params, policy, codec);
        if (params === null || agreement === null) continue;
        return {
          response: element(serverResponse(params, agreement)),
          extension: new PermessageDeflate(agreement, policy, codec),
        };
      }
      return null;
    },
  };
}

/** Agrees to an offer, or declines it: a window that the codec cannot keep to is not promised. */
function agreeAsServer(
  offer: DeflateParams,
  policy: DeflatePolicy,
  codec: DeflateCodec,
): DeflateAgreement | null {
  const ownWindowBits = Math.min(policy.ownWindowBits, offer.serverBits ?? MAX_BITS);
  if (ownWindowBits < codec.minWindowBits) return null;
  return {
    ownTakeover: policy.ownTakeover && !offer.serverNoTakeover,
    peerTakeover: policy.peerTakeover && !offer.clientNoTakeover,
    ownWindowBits,
    // RFC 7692 §7.1.2.2: without the client's parameter the server MUST NOT limit its window.
    peerWindowBits: offer.clientBits === undefined
      ? MAX_BITS
      : Math.min(policy.peerWindowBits, offer.clientBits ?? MAX_BITS),
    canDeflate: true,
  };
}

function serverResponse(offer: DeflateParams, agreement: DeflateAgreement): DeflateParams {
  const { ownTakeover, peerTakeover, ownWindowBits, peerWindowBits } = agreement;
  return {
    serverNoTakeover: !ownTakeover,
    clientNoTakeover: !peerTakeover,
    serverBits: offer.serverBits !== undefined || ownWindowBits < MAX_BITS
      ? ownWindowBits
      : undefined,
    clientBits: peerWindowBits < MAX_BITS ? peerWindowBits : undefined,
  };
}

/**
 * Makes the client's side.
 *
 * @param policy What the client wants.
 * @param codec What deflates and inflates.
 */
export function clientDeflate(
  policy: DeflatePolicy,
  codec: DeflateCodec,
): ClientExtension<PermessageDeflate> {
  const { canBeLimited, offers } = clientOffers(policy, codec);
  return {
    name: PERMESSAGE_DEFLATE,
    offers: () => offers,
    accept(response) {
      const params = readParams(response.params, false);
      // RFC 7692 §7.1.2.2: not in a response if it was not in the offer.
      if (params === null || (params.clientBits !== undefined && !canBeLimited)) return null;
      return {
        extension: new PermessageDeflate(agreeAsClient(params, policy, codec), policy, codec),
      };
    },
  };
}

/**
 * What a client offers: what it wants, and then, for servers that cannot have that, what it can
 * live with, which is anything.
 */
function clientOffers(
  policy: DeflatePolicy,
  codec: DeflateCodec,
): { canBeLimited: boolean; offers: ExtensionOffer[] } {
  const { ownTakeover, peerTakeover, ownWindowBits, peerWindowBits } = policy;
  // A codec that has one window only must not be asked for another.
  const canBeLimited = codec.minWindowBits < MAX_BITS;
  const any: DeflateParams = {
    serverNoTakeover: false,
    clientNoTakeover: !ownTakeover,
    serverBits: undefined,
    clientBits: canBeLimited ? null : undefined,
  };
  const wanted: DeflateParams = {
    ...any,
    serverNoTakeover: !peerTakeover,
    serverBits: peerWindowBits < MAX_BITS ? peerWindowBits : undefined,
    clientBits: canBeLimited && ownWindowBits < MAX_BITS ? ownWindowBits : any.clientBits,
  };
  const limits = wanted.serverBits !== undefined || wanted.clientBits !== any.clientBits;
  return { canBeLimited, offers: (limits ? [wanted, any] : [wanted]).map(element) };
}

/** Does as a response says, whichever of the offers it took. */
function agreeAsClient(
  response: DeflateParams,
  policy: DeflatePolicy,
  codec: DeflateCodec,
): DeflateAgreement {
  const ownWindowBits = Math.min(policy.ownWindowBits, response.clientBits ?? MAX_BITS);
  return {
    ownTakeover: policy.ownTakeover && !response.clientNoTakeover,
    peerTakeover: !response.serverNoTakeover,
    ownWindowBits,
    peerWindowBits: response.serverBits ?? MAX_BITS,
    canDeflate: ownWindowBits >= codec.minWindowBits,
  };
}

function element(params: DeflateParams): ExtensionOffer {
  return { name: PERMESSAGE_DEFLATE, params: writeParams(params) };
}
