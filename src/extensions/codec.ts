/**
 * What permessage-deflate needs of a codec. The codec is injected: `./zlib` brings `node:zlib`,
 * and the web codec what every web-standard host has.
 *
 * @module
 */

/** What makes a peer's compressed data unacceptable; any other error is the codec's own failure. */
export class InflateError extends Error {
  /** `"InflateError"`. */
  override readonly name = "InflateError";
  /** Whether the data is broken, or only too large when inflated. */
  readonly kind: "corrupt" | "too large";

  /**
   * Makes the error.
   *
   * @param kind What is wrong.
   * @param message In words.
   */
  constructor(kind: "corrupt" | "too large", message: string) {
    super(message);
    this.kind = kind;
  }
}

/** How one side of a connection deflates. */
export interface DeflaterSettings {
  /** The largest LZ77 window that was agreed on, as its base-2 logarithm: 8 to 15. */
  readonly windowBits: number;
  /** zlib's level, 0 to 9; a codec without levels ignores it. */
  readonly level: number;
  /** zlib's memLevel, 1 to 9, or `undefined` to choose by the message; likewise. */
  readonly memLevel: number | undefined;
  /** Whether messages may refer to earlier ones. */
  readonly takeover: boolean;
}

/** Deflates the messages of one connection, one part after the other. */
export interface CodecDeflater {
  /**
   * Deflates a message, or the next part of one.
   *
   * @param part The bytes; unchanged by the caller until the result is there.
   * @param last Whether the message ends with it.
   * @returns The bytes to send. What is there at once is lent: it is good until the next call of
   * any method of the codec. After the last part the 00 00 FF FF of RFC 7692 §7.2.1 is removed.
   */
  deflate(part: Uint8Array, last: boolean): Uint8Array | Promise<Uint8Array>;
  /** Gives memory back and forgets the context; a later message starts anew. */
  release(): void;
}

/** Inflates the messages of one connection. */
export interface CodecInflater {
  /**
   * Inflates a whole message.
   *
   * @param message The payload as it came, without 00 00 FF FF.
   * @param limit The most bytes it may inflate to.
   * @param keep Whether the result must be the caller's; else what is there at once is lent.
   * @throws {InflateError} If the data is corrupt or too large; a promise rejects with it.
   */
  inflate(message: Uint8Array, limit: number, keep: boolean): Uint8Array | Promise<Uint8Array>;
  /**
   * Gives the next part of a message that is inflated as it comes.
   *
   * @param part The bytes; unchanged by the caller until they are used up.
   * @param last Whether the message ends with it.
   */
  push(part: Uint8Array, last: boolean): void;
  /**
   * Inflates some of what was pushed.
   *
   * @returns A piece that is the caller's, or `null` when all that was pushed is used up.
   * @throws {InflateError} If the data is corrupt.
   */
  pull(): Uint8Array | null;
  /** Gives memory back; the inflater is not used any more. */
  release(): void;
}

/** Deflates and inflates. */
export interface DeflateCodec {
  /** The smallest window that it can promise to deflate with: 8 to 15. */
  readonly minWindowBits: number;
  /** Whether it can deflate with a context carried from one message to the next; all can inflate so. */
  readonly takeover: boolean;
  /**
   * Tells whether deflating takes so long that it is not done at once.
   *
   * @param bytes The message's size.
   */
  isSlow(bytes: number): boolean;
  /** Makes the sending half of a connection; nothing large before the first message. */
  createDeflater(settings: DeflaterSettings): CodecDeflater;
  /**
   * Makes the receiving half of a connection; nothing large before the first message.
   *
   * @param windowBits The peer's window, 8 to 15.
   * @param takeover Whether the peer's messages may refer to earlier ones.
   */
  createInflater(windowBits: number, takeover: boolean): CodecInflater;
}
