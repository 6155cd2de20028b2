/**
 * A message of any size that is never whole in memory: made piece by piece, checked piece by piece.
 * @module
 */

import { createHash } from "node:crypto";

/** The size of a piece. */
const PIECE_BYTES = 65536;

/** A digest of all that was given to it. */
export class Digest {
  readonly #hash = createHash("sha256");
  /** Bytes given so far. */
  bytes = 0;

  update(piece: Uint8Array): void {
    this.#hash.update(piece);
    this.bytes += piece.length;
  }

  hex(): string {
    return this.#hash.digest("hex");
  }
}

/** Random bytes, of which half the columns are the same: deflate makes about half of them. */
function randomBlock(): Uint8Array {
  const block = new Uint8Array(PIECE_BYTES);
  crypto.getRandomValues(block);
  for (let i = 0; i < block.length; i += 32) block.fill(0x20, i, i + 16);
  return block;
}

/**
 * Makes a stream of that many bytes, every piece different from the others.
 *
 * @param size How many bytes.
 * @param digest Takes them all.
 */
export function largeMessage(size: number, digest: Digest): ReadableStream<Uint8Array> {
  const block = randomBlock();
  let made = 0;
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      const piece = block.slice(0, Math.min(PIECE_BYTES, size - made));
      if (piece.length >= 24) new DataView(piece.buffer).setFloat64(16, made);
      made += piece.length;
      digest.update(piece);
      if (piece.length > 0) controller.enqueue(piece);
      if (made === size) controller.close();
    },
  }, { highWaterMark: 0 });
}
