/**
 * The sending half of the zlib codec.
 * @module
 */

import { concatBytes } from "../../bytes.ts";
import type { CodecDeflater, DeflaterSettings } from "../../extensions/mod.ts";
import { ZlibContext } from "./context.ts";
import { ContextPool, inTurn } from "./pool.ts";

/** Up to this many bytes are deflated at once, in about a millisecond; more go off the loop. */
export const SYNC_DEFLATE_BYTES = 65536;

/** Room for so many bytes that cannot be compressed, and for zlib's worst guess at it. */
const SCRATCH_BYTES = SYNC_DEFLATE_BYTES + (SYNC_DEFLATE_BYTES >> 2);

/** How zlib's window reaches back: all of it but this. */
const MIN_LOOKAHEAD = 262;

/** What every flush ends with, and every message loses. */
const TAIL_BYTES = 4;

/** An empty stored block without the tail: all of an empty message (RFC 7692 §7.2.3.6). */
const EMPTY_BLOCK = Uint8Array.of(0);

/** The pieces in which output comes off the loop. */
const LARGE_CHUNK = 65536;

/** zlib's memLevel where a context lives on, unless told otherwise. */
const TAKEOVER_MEM_LEVEL = 5;

let scratch: Uint8Array | undefined;
const pools = new Map<number, ContextPool>();

/** A window no larger than the data: zlib's time to set one up is most of that for 1 KiB. */
function bitsFor(bytes: number, most: number): number {
  const bits = bytes <= 2048 - MIN_LOOKAHEAD ? 11 : bytes <= 8192 - MIN_LOOKAHEAD ? 13 : 15;
  return Math.min(bits, most);
}

function poolFor(windowBits: number, level: number, memLevel: number): ContextPool {
  const key = (windowBits << 8) | (level << 4) | memLevel;
  let pool = pools.get(key);
  if (pool === undefined) {
    pool = new ContextPool("deflate", { windowBits, level, memLevel, chunkSize: LARGE_CHUNK });
    pools.set(key, pool);
  }
  return pool;
}

/** Deflates with `node:zlib`. */
export class ZlibDeflater implements CodecDeflater {
  readonly #settings: DeflaterSettings;
  /** With takeover: the context of all messages. */
  #own: ZlibContext | undefined;
  /** Without: that of the message being sent in parts, and whose it is. */
  #held: ZlibContext | undefined;
  #heldFrom: ContextPool | undefined;
  #released = false;
  #running = false;

  constructor(settings: DeflaterSettings) {
    this.#settings = settings;
  }

  deflate(part: Uint8Array, last: boolean): Uint8Array | Promise<Uint8Array> {
    this.#released = false;
    if (part.length === 0 && this.#held === undefined) return EMPTY_BLOCK;
    const context = this.#context(last ? part.length : Infinity);
    if (part.length > SYNC_DEFLATE_BYTES) return this.#deflateLater(context, part, last);
    if (part.length === 0) {
      this.#finish();
      return EMPTY_BLOCK;
    }
    scratch ??= new Uint8Array(SCRATCH_BYTES);
    const size = context.run(part, 0, scratch, 0);
    if (context.left > 0 || size === scratch.length) throw overflow();
    if (!last) return scratch.subarray(0, size);
    this.#finish();
    return withoutTail(scratch.subarray(0, size));
  }

  async #deflateLater(
    context: ZlibContext,
    part: Uint8Array,
    last: boolean,
  ): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    this.#running = true;
    try {
      await inTurn(() => context.runLater(part, (piece) => void pieces.push(piece)));
    } catch (error) {
      this.#drop();
      throw error;
    } finally {
      this.#running = false;
    }
    if (last) this.#finish();
    if (this.#released) this.release();
    const whole = concatBytes(pieces);
    return last ? withoutTail(whole) : whole;
  }

  #context(bytes: number): ZlibContext {
    const { windowBits, level, takeover, memLevel } = this.#settings;
    if (takeover) {
      return this.#own ??= new ZlibContext("deflate", {
        windowBits,
        level,
        memLevel: memLevel ?? TAKEOVER_MEM_LEVEL,
        chunkSize: 1 << Math.min(windowBits, 14),
      });
    }
    if (this.#held !== undefined) return this.#held;
    const bits = bitsFor(bytes, windowBits);
    this.#heldFrom = poolFor(bits, level, memLevel ?? Math.max(1, bits - 7));
    return this.#held = this.#heldFrom.take();
  }

  /** The message is over: without takeover its context goes back. */
  #finish(): void {
    if (this.#held !== undefined) this.#heldFrom!.give(this.#held);
    this.#held = undefined;
  }

  /** A context that failed is nobody's any more. */
  #drop(): void {
    this.#held?.close();
    this.#own?.close();
    this.#held = this.#own = undefined;
  }

  release(): void {
    this.#released = true;
    if (!this.#running) this.#drop(); // else when it has run
  }
}

function withoutTail(bytes: Uint8Array): Uint8Array {
  const end = bytes.length - TAIL_BYTES;
  const ends = end > 0 && bytes[end] === 0 && bytes[end + 1] === 0 && bytes[end + 2] === 0xff &&
    bytes[end + 3] === 0xff;
  if (!ends) throw new Error("zlib did not flush to the end of a block");
  return bytes.subarray(0, end);
}

function overflow(): Error {
  return new Error("zlib made more of the data than it ever should");
}
