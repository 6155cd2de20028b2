/**
 * The seam for handshakes and framings that are not RFC 6455's: what a server and a client ask of
 * the objects that the `legacy` option injects, and what those need of the floors below.
 *
 * @module
 */

import type { Role } from "../connection/mod.ts";
import type {
  AcceptedUpgrade,
  ClientHandshake,
  ClientVerdict,
  HeaderField,
  HeaderReader,
  OpeningReader,
  ResponseHead,
  UpgradeRequest,
} from "../handshake/mod.ts";
import type { Channel } from "./channel.ts";
import type { ResolvedOptions } from "./options.ts";
import type { Transport } from "./transport.ts";

export { MessageAssembly } from "../connection/assembly.ts";
export { notOpen, type Role, type SharedMessage } from "../connection/mod.ts";
export {
  decodeUtf8,
  decodeValidUtf8,
  encodeUtf8,
  encodeUtf8Into,
  isWireCloseCode,
  Utf8Validator,
} from "../frames/mod.ts";
export {
  type AcceptedUpgrade,
  checkUpgrade,
  type ClientHandshake,
  type ClientVerdict,
  decideUpgrade,
  equalsIgnoreCase,
  hasToken,
  type HeaderField,
  type HeaderReader,
  isHeaderValue,
  type Opening,
  type OpeningReader,
  parseOfferedProtocols,
  readOpening,
  refuse,
  type RefusedUpgrade,
  type ResponseHead,
  type UpgradeDecision,
  type UpgradeRequest,
} from "../handshake/mod.ts";

/** Makes the channel of a connection whose handshake is done. */
export type ChannelMaker = (
  transport: Transport,
  role: Role,
  options: ResolvedOptions,
  early: Uint8Array,
) => Channel;

/** A 101 response, and what belongs to the handshake after its head. */
export interface DialectResponse {
  /** The reason phrase. */
  readonly statusText: string;
  /** The header fields, in the order in which to send them. */
  readonly headers: readonly HeaderField[];
  /** What follows the head; may be empty. */
  readonly answer: Uint8Array;
}

/** A handshake and a framing that are not RFC 6455's, on a server. One object for all requests. */
export interface ServerDialect {
  /** Reads a request of its kind; the options' policies then decide on what it read. */
  readonly read: OpeningReader;
  /** How many bytes of the handshake come after the request's head. */
  readonly bodyBytes: number;
  /** Makes the response to a request that was accepted; `body` has `bodyBytes` bytes. */
  respond(request: UpgradeRequest, decision: AcceptedUpgrade, body: Uint8Array): DialectResponse;
  /** Makes the connection's channel. */
  readonly connect: ChannelMaker;
}

/** Versions that a server accepts beside RFC 6455; made by `legacy()` of `./legacy`. */
export interface LegacyServer {
  /**
   * Chooses the dialect of a request.
   *
   * @param fields The request's header fields.
   * @returns The dialect; `undefined` for RFC 6455's framing and the reader below.
   * @internal
   */
  choose(fields: HeaderReader): ServerDialect | undefined;
  /**
   * Reads the requests that have RFC 6455's framing.
   *
   * @internal
   */
  readonly read: OpeningReader;
}

/** A handshake that is not RFC 6455's, on a client. One object for one connection. */
export interface ClientDialect {
  /** The handshake with the header fields that are sent. */
  readonly handshake: ClientHandshake;
  /** What is sent after the request's head. */
  readonly body: Uint8Array;
  /** How many bytes of the handshake come after the response's head. */
  readonly answerBytes: number;
  /** Checks the response; without it, RFC 6455's rules do. */
  verify?(head: ResponseHead, answer: Uint8Array): ClientVerdict<never>;
  /** Makes the connection's channel; without it, the engine frames. */
  readonly connect?: ChannelMaker;
}

/** A version that a client speaks instead of RFC 6455; made by `legacyClient()` of `./legacy`. */
export interface LegacyClient {
  /**
   * Makes a handshake of this version out of RFC 6455's.
   *
   * @throws {TypeError} If an option cannot be had with it.
   * @internal
   */
  begin(handshake: ClientHandshake): ClientDialect;
}
