/**
 * Messages that wait for a connection, within a limit.
 * @module
 */

import { bytesOf, isBufferSource } from "../../bytes.ts";

/** A message as a socket takes it. */
export type QueuedMessage = string | Uint8Array<ArrayBuffer> | Blob;

/** What one queued message counts for beside its own size, in bytes. */
const MESSAGE_COST = 64;

/** From this many messages taken on, the array of waiting ones is cut. */
const COMPACT_AT = 1024;

/** A first-in, first-out queue of messages whose bytes have a limit. */
export class SendQueue {
  readonly #maxBytes: number;
  #messages: QueuedMessage[] = [];
  #taken = 0;
  #bytes = 0;
  #draining = false;

  /** @param maxBytes The most bytes that may wait, each message counting 64 more than it has. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** How many messages wait. */
  get length(): number {
    return this.#messages.length - this.#taken;
  }

  /** The bytes of the messages that wait. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Puts a message at the end.
   *
   * @param message What {@linkcode toMessage} made.
   * @returns `false` when it does not fit; it is not queued then.
   */
  push(message: QueuedMessage): boolean {
    const size = sizeOf(message);
    if (this.#bytes + size + (this.length + 1) * MESSAGE_COST > this.#maxBytes) return false;
    // Bytes are the caller's, who may change them before they are sent.
    this.#messages.push(message instanceof Uint8Array ? new Uint8Array(message) : message);
    this.#bytes += size;
    return true;
  }

  /**
   * Hands messages out in order, until `send` refuses one (which stays) or none is left.
   *
   * @param send Takes a message, or says `false`. Meanwhile it may push more, which are handed out
   * too, or clear the queue; draining it again changes nothing.
   */
  drain(send: (message: QueuedMessage) => boolean): void {
    if (this.#draining) return;
    this.#draining = true;
    try {
      while (this.length > 0) {
        const messages = this.#messages;
        const message = messages[this.#taken];
        if (!send(message)) break;
        if (messages !== this.#messages) break; // cleared
        this.#taken++;
        this.#bytes -= sizeOf(message);
      }
    } finally {
      this.#draining = false;
    }
    if (this.length > 0 && this.#taken < COMPACT_AT) return;
    this.#messages = this.#messages.slice(this.#taken);
    this.#taken = 0;
  }

  /** Drops what waits. */
  clear(): void {
    this.#messages = [];
    this.#taken = this.#bytes = 0;
  }
}

/**
 * Converts what a caller gave to `send()`, as the standard does: what is neither bytes nor a Blob
 * becomes a string.
 *
 * @param data Anything.
 * @throws {TypeError} If it has no string.
 */
export function toMessage(data: unknown): QueuedMessage {
  if (typeof data === "string") return data;
  if (isBufferSource(data)) {
    const bytes = bytesOf(data);
    // No socket takes shared memory.
    return bytes.buffer instanceof ArrayBuffer
      ? bytes as Uint8Array<ArrayBuffer>
      : new Uint8Array(bytes);
  }
  return data instanceof Blob ? data : `${data}`;
}

/** The bytes that a message has on the wire, without framing and before compression. */
export function sizeOf(message: QueuedMessage): number {
  if (typeof message !== "string") {
    return message instanceof Uint8Array ? message.byteLength : message.size;
  }
  let size = message.length;
  for (let at = 0; at < message.length; at++) {
    const unit = message.charCodeAt(at);
    // A pair of surrogates has four bytes, two for each; a lone one becomes U+FFFD, three.
    if (unit > 0x7f) size += unit < 0x800 || isPaired(message, at, unit) ? 1 : 2;
  }
  return size;
}

function isPaired(text: string, at: number, unit: number): boolean {
  if (unit < 0xd800 || unit > 0xdfff) return false;
  const other = text.charCodeAt(unit < 0xdc00 ? at + 1 : at - 1); // NaN beyond the ends
  return unit < 0xdc00 ? other >= 0xdc00 && other <= 0xdfff : other >= 0xd800 && other < 0xdc00;
}
