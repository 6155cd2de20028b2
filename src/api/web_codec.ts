/**
 * The codec for hosts that have web standards and nothing else.
 *
 * It deflates with `CompressionStream`, which knows no flush: every message is a whole deflate
 * stream and a 0x00 (RFC 7692 §7.2.3.4), so no context can be taken over and no window be made
 * smaller. It inflates in JavaScript, a third as fast as zlib: `DecompressionStream` refuses what
 * may follow a final block, and Deno 2.9's takes a message that was cut short for whole.
 *
 * @module
 */

import { concatBytes, EMPTY_BYTES } from "../bytes.ts";
import {
  type CodecDeflater,
  type CodecInflater,
  type DeflateCodec,
  Inflate,
  InflateError,
} from "../extensions/mod.ts";

/** After this much output, some milliseconds' work, the loop gets a turn. */
const SYNC_OUTPUT_BYTES = 1 << 18;

/** An empty stored block without its tail (RFC 7692 §7.2.3.6). */
const EMPTY_BLOCK = Uint8Array.of(0);
const TAIL = Uint8Array.of(0, 0, 0xff, 0xff);

class WebDeflater implements CodecDeflater {
  #writer: WritableStreamDefaultWriter<BufferSource> | undefined;
  #ready: Uint8Array[] = [];
  #ended: Promise<void> | undefined;

  async deflate(part: Uint8Array, last: boolean): Promise<Uint8Array> {
    if (this.#writer === undefined) {
      if (part.length === 0 && last) return EMPTY_BLOCK;
      const stream = new CompressionStream("deflate-raw");
      this.#writer = stream.writable.getWriter();
      this.#ended = this.#read(stream.readable);
      this.#ended.catch(() => {}); // it is looked at when the message ends
    }
    const writer = this.#writer;
    // A copy: Node's stream looks at it later than its promise says.
    if (part.length > 0) await writer.write(new Uint8Array(part));
    if (last) {
      this.#writer = undefined;
      await Promise.all([writer.close(), this.#ended]);
      this.#ready.push(EMPTY_BLOCK);
    }
    return concatBytes(this.#ready.splice(0));
  }

  async #read(readable: ReadableStream<Uint8Array>): Promise<void> {
    const ready = this.#ready;
    for (const reader = readable.getReader();;) {
      const { done, value } = await reader.read();
      if (done) return;
      ready.push(value);
    }
  }

  release(): void {
    this.#writer?.abort().catch(() => {});
    this.#writer = undefined;
    this.#ready = [];
  }
}

class WebInflater implements CodecInflater {
  readonly #takeover: boolean;
  #inflate: Inflate | undefined;
  #last = false;
  #begun = false;

  constructor(takeover: boolean) {
    this.#takeover = takeover;
  }

  inflate(message: Uint8Array, limit: number): Uint8Array | Promise<Uint8Array> {
    if (message.length === 0) return EMPTY_BYTES; // not quite legal, and quite clear
    this.push(message, true);
    return this.#gather([], 0, limit);
  }

  #gather(pieces: Uint8Array[], total: number, limit: number): Uint8Array | Promise<Uint8Array> {
    for (const turn = total + SYNC_OUTPUT_BYTES; total < turn;) {
      const piece = this.pull();
      if (piece === null) return pieces.length === 1 ? pieces[0] : concatBytes(pieces);
      pieces.push(piece);
      total += piece.length;
      if (total > limit) {
        this.release();
        throw new InflateError("too large", `it inflates to more than ${limit} bytes`);
      }
    }
    return new Promise<void>((resolve) => setTimeout(resolve, 0))
      .then(() => this.#gather(pieces, total, limit));
  }

  push(part: Uint8Array, last: boolean): void {
    if (part.length > 0) this.#begun = true;
    if (!this.#begun) return;
    this.#inflate ??= new Inflate();
    this.#inflate.push(last ? concatBytes([part, TAIL]) : part);
    this.#last = last;
  }

  pull(): Uint8Array | null {
    if (this.#inflate === undefined) return null;
    let piece: Uint8Array | null;
    try {
      piece = this.#inflate.pull();
    } catch (error) {
      this.release();
      throw error;
    }
    if (piece !== null || !this.#last) return piece;
    const { complete } = this.#inflate;
    this.#last = this.#begun = false;
    if (!this.#takeover || !complete) this.#inflate = undefined;
    if (!complete) throw new InflateError("corrupt", "the message was cut short");
    return null;
  }

  release(): void {
    this.#inflate = undefined;
    this.#last = this.#begun = false;
  }
}

/** Deflates and inflates with what every web-standard host has. */
export const webCodec: DeflateCodec = {
  minWindowBits: 15,
  takeover: false,
  isSlow: () => true,
  createDeflater: () => new WebDeflater(),
  createInflater: (_windowBits, takeover) => new WebInflater(takeover),
};
