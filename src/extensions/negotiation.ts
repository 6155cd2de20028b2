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
  const offer = clientOffer(policy, codec);
  return {
    name: PERMESSAGE_DEFLATE,
    offers: () => [element(offer)],
    accept(response) {
      const params = readParams(response.params, false);
      const agreement = params && agreeAsClient(params, offer, policy, codec);
      return agreement && { extension: new PermessageDeflate(agreement, policy, codec) };
    },
  };
}

function clientOffer(policy: DeflatePolicy, codec: DeflateCodec): DeflateParams {
  const { ownTakeover, peerTakeover, ownWindowBits, peerWindowBits } = policy;
  return {
    serverNoTakeover: !peerTakeover,
    clientNoTakeover: !ownTakeover,
    serverBits: peerWindowBits < MAX_BITS ? peerWindowBits : undefined,
    // Without it the server cannot ask for a window that the codec could not keep to.
    clientBits: codec.minWindowBits === MAX_BITS
      ? undefined
      : ownWindowBits < MAX_BITS
      ? ownWindowBits
      : null,
  };
}

/** Takes a response, or finds it against the rules; the handshake then fails. */
function agreeAsClient(
  response: DeflateParams,
  offer: DeflateParams,
  policy: DeflatePolicy,
  codec: DeflateCodec,
): DeflateAgreement | null {
  const { serverBits = MAX_BITS, clientBits } = response;
  // RFC 7692 §7.1.2.1: the server accepts "with the same or smaller value"; a server that leaves
  // the parameter out costs memory, but breaks nothing.
  if (response.serverBits !== undefined && serverBits > (offer.serverBits ?? MAX_BITS)) return null;
  // §7.1.2.2: not "if the corresponding extension negotiation offer" does not include it.
  if (typeof clientBits === "number") {
    if (offer.clientBits === undefined || clientBits > (offer.clientBits ?? MAX_BITS)) return null;
  }
  const ownWindowBits = Math.min(policy.ownWindowBits, clientBits ?? MAX_BITS);
  return {
    ownTakeover: policy.ownTakeover && !response.clientNoTakeover,
    // A server may keep its context although asked not to; that costs memory, but breaks nothing.
    peerTakeover: !response.serverNoTakeover,
    ownWindowBits,
    peerWindowBits: serverBits,
    canDeflate: ownWindowBits >= codec.minWindowBits,
  };
}

function element(params: DeflateParams): ExtensionOffer {
  return { name: PERMESSAGE_DEFLATE, params: writeParams(params) };
}
