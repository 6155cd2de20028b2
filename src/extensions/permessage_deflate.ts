/**
 * permessage-deflate on one connection: which messages are compressed, and with what.
 *
 * @see RFC 7692, section 7.2
 * @module
 */

import { EMPTY_BYTES } from "../bytes.ts";
import type { CodecDeflater, CodecInflater, DeflateCodec } from "./codec.ts";
import type { DeflateAgreement, DeflatePolicy } from "./negotiation.ts";

/** The transform of one connection. Until the first compressed message it holds nothing. */
export class PermessageDeflate {
  /** What both sides agreed on. */
  readonly agreement: DeflateAgreement;
  readonly #policy: DeflatePolicy;
  readonly #codec: DeflateCodec;
  #deflater: CodecDeflater | undefined;
  #inflater: CodecInflater | undefined;

  /**
   * @param agreement What both sides agreed on.
   * @param policy How this side compresses.
   * @param codec What does it.
   */
  constructor(agreement: DeflateAgreement, policy: DeflatePolicy, codec: DeflateCodec) {
    this.agreement = agreement;
    this.#policy = policy;
    this.#codec = codec;
  }

  /**
   * Tells whether a message is to be compressed.
   *
   * @param bytes Its size; `Infinity` when nobody knows yet.
   * @param compress What the caller said; `undefined` leaves it to the threshold.
   */
  wants(bytes: number, compress: boolean | undefined): boolean {
    return this.agreement.canDeflate && (compress ?? bytes >= this.#policy.thresholdBytes);
  }

  /** Tells whether deflating so many bytes takes a promise. */
  isSlow(bytes: number): boolean {
    return this.#codec.isSlow(bytes);
  }

  /** After how many milliseconds an idle sending context is to be given back; 0 for never. */
  get idleMs(): number {
    return this.#policy.idleMs;
  }

  /** Whether messages sent refer to earlier ones, so that none may be deflated and then not sent. */
  get bound(): boolean {
    return this.agreement.ownTakeover;
  }

  /**
   * Deflates a message or a part of one; see {@linkcode CodecDeflater.deflate}.
   *
   * @param part The bytes.
   * @param last Whether the message ends with them.
   */
  deflate(part: Uint8Array, last: boolean): Uint8Array | Promise<Uint8Array> {
    this.#deflater ??= this.#createDeflater();
    if (part.length === 0 && !last) return EMPTY_BYTES;
    return this.#deflater.deflate(part, last);
  }

  #createDeflater(): CodecDeflater {
    const { ownTakeover, ownWindowBits } = this.agreement;
    const { level, memLevel } = this.#policy;
    return this.#codec.createDeflater({
      windowBits: ownWindowBits,
      takeover: ownTakeover,
      level,
      memLevel,
    });
  }

  /**
   * Deflates a whole message for all connections that pack alike: nothing of this one is used, so
   * that its end does not matter to the others.
   *
   * @param message The bytes; to be left unchanged until the result is there.
   * @returns The result, for the caller to keep.
   */
  deflateShared(message: Uint8Array): Uint8Array | Promise<Uint8Array> {
    const result = this.#createDeflater().deflate(message, true);
    return result instanceof Promise ? result : new Uint8Array(result);
  }

  /** Tells whether another connection's messages come out the same, with no context in either. */
  packsAlike(other: PermessageDeflate): boolean {
    const { ownTakeover, ownWindowBits } = this.agreement;
    const { level, memLevel } = this.#policy;
    return this.#codec === other.#codec && level === other.#policy.level &&
      memLevel === other.#policy.memLevel && ownWindowBits === other.agreement.ownWindowBits &&
      !ownTakeover && !other.agreement.ownTakeover;
  }

  /** Gives the sending context back; the next message starts a new one, which a sender always may. */
  restDeflater(): void {
    this.#deflater?.release();
  }

  /** The receiving half. */
  get inflater(): CodecInflater {
    const { peerWindowBits, peerTakeover } = this.agreement;
    return this.#inflater ??= this.#codec.createInflater(peerWindowBits, peerTakeover);
  }

  /** Gives everything back: the connection is over. */
  release(): void {
    this.#deflater?.release();
    this.#inflater?.release();
    this.#deflater = this.#inflater = undefined;
  }
}
