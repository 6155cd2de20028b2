/**
 * `bufferedAmount` as the standard counts it: bytes of messages, without the frames around them.
 *
 * It must not fall while a task runs, not even where the bytes have left within it, so that it is
 * looked at by a timer after each burst of sends.
 *
 * @see WHATWG WebSockets, section 3.1, `bufferedAmount`
 * @module
 */

import type { ConnectionCore } from "../connection_core.ts";
import { OPEN } from "../connection_info.ts";

/** Whose sends are to be looked at when the task is over: one timer for all of them. */
const fresh: BufferedBytes[] = [];

/** Counts the bytes given to one socket's `send()`. */
export class BufferedBytes {
  #core: ConnectionCore | undefined;
  /** Bytes of messages that had not left when we looked last, and of those sent since. */
  #queued = 0;
  /** What they take as frames, compressed or not. */
  #framed = 0;
  /** Bytes sent too late: they never leave. */
  #lost = 0;
  /** Whether something was sent in this task or since, so that we have not looked. */
  #fresh = false;

  /** The amount. */
  get amount(): number {
    if (!this.#fresh) this.#look();
    return this.#queued + this.#lost;
  }

  /** Names the connection that sends the bytes. */
  bind(core: ConnectionCore): void {
    this.#core = core;
  }

  /**
   * Counts a message that was given to the connection.
   *
   * @param bytes Its size.
   * @param grown By how many bytes the output has grown with it; 0 or less when that is not known.
   */
  add(bytes: number, grown: number): void {
    this.#queued += bytes;
    this.#framed += grown > 0 ? grown : bytes + clientHeaderBytes(bytes);
    if (this.#fresh) return;
    this.#fresh = true;
    if (fresh.push(this) === 1) setTimeout(BufferedBytes.#lookAtAll, 0);
  }

  /** Counts a message that was not. */
  addLost(bytes: number): void {
    this.#lost += bytes;
  }

  /** Lets the amount only grow from now on: what has not left never will. */
  freeze(): void {
    this.#core = undefined;
  }

  /** Does so when all that was queued has left. */
  clear(): void {
    this.freeze();
    this.#queued = 0;
  }

  static #lookAtAll(): void {
    for (const amount of fresh.splice(0)) {
      amount.#fresh = false;
      amount.#look();
    }
  }

  #look(): void {
    if (this.#core === undefined || this.#framed === 0) return;
    const { channel, readyState, sender } = this.#core;
    if (readyState === OPEN && !channel.open) return; // cut; what was queued is gone, not sent
    const left = sender.bufferedAmount;
    if (left >= this.#framed) return;
    // What has left of it, has left of the messages in it; exact when that is all or nothing.
    this.#queued = Math.round(this.#queued * (left / this.#framed));
    this.#framed = left;
  }
}

/** The size of a masked frame's header. */
function clientHeaderBytes(payloadBytes: number): number {
  return payloadBytes < 126 ? 6 : payloadBytes < 65536 ? 8 : 14;
}

/**
 * Finds a text's size in UTF-8 from how much the output grew with it, which is cheaper than to
 * count; counts where that cannot be the answer, for instance because bytes left meanwhile.
 *
 * @param text The text.
 * @param grown By how many bytes the output has grown; 0 when that is not known.
 */
export function textBytes(text: string, grown = 0): number {
  for (const header of [6, 8, 14]) {
    const bytes = grown - header;
    const fits = bytes >= text.length && bytes <= 3 * text.length;
    if (fits && clientHeaderBytes(bytes) === header) return bytes;
  }
  return utf8Bytes(text);
}

/** Counts bytes of UTF-8; an unpaired surrogate is sent as U+FFFD, which takes three. */
function utf8Bytes(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    if (unit < 0x800) bytes += 1;
    else if (unit < 0xd800 || unit > 0xdbff || !isTrail(text.charCodeAt(i + 1))) bytes += 2;
    else {
      bytes += 2; // four bytes for the pair
      i++;
    }
  }
  return bytes;
}

function isTrail(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}
