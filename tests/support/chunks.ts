/**
 * Ways to cut a byte stream into chunks, as networks do.
 *
 * Every chunk is a copy, because a parser may unmask in place, and lies at a changing offset
 * inside a larger buffer, as chunks of real transports do.
 *
 * @module
 */

import type { Random } from "./random.ts";

/** A way to cut, with a name for failure messages. */
export interface Chunking {
  name: string;
  chunks: Uint8Array[];
}

/** What surrounds each chunk in its buffer; nobody may read or change it. */
export const GUARD_BYTE = 0xa5;
const GUARD_BYTES = 8;

/** Copies bytes into a buffer of their own with guard bytes around, `shift` bytes off alignment. */
export function guarded(bytes: Uint8Array, shift = 0): Uint8Array {
  const buffer = new Uint8Array(bytes.length + 2 * GUARD_BYTES + shift).fill(GUARD_BYTE);
  const start = GUARD_BYTES + shift;
  buffer.set(bytes, start);
  return buffer.subarray(start, start + bytes.length);
}

/** Fails if a byte around a chunk made by {@linkcode guarded} was changed. */
export function assertGuardsIntact(chunk: Uint8Array): void {
  const all = new Uint8Array(chunk.buffer);
  for (let i = 0; i < all.length; i++) {
    const inside = i >= chunk.byteOffset && i < chunk.byteOffset + chunk.length;
    if (!inside && all[i] !== GUARD_BYTE) {
      throw new Error(`the byte at ${i - chunk.byteOffset} of a chunk was changed`);
    }
  }
}

/** All bytes in one chunk. */
export function whole(bytes: Uint8Array): Chunking {
  return { name: "whole", chunks: [guarded(bytes)] };
}

/** One chunk for each byte. */
export function byteByByte(bytes: Uint8Array): Chunking {
  return {
    name: "byte by byte",
    chunks: Array.from(bytes, (byte, i) => guarded(Uint8Array.of(byte), i & 7)),
  };
}

/** Two chunks, once for every place to cut. */
export function* everySplit(bytes: Uint8Array): Generator<Chunking> {
  for (let at = 1; at < bytes.length; at++) {
    yield {
      name: `split at ${at}`,
      chunks: [guarded(bytes.subarray(0, at), at & 7), guarded(bytes.subarray(at), at & 3)],
    };
  }
}

/** Chunks of random sizes: mostly small, some large, some empty. */
export function randomChunks(bytes: Uint8Array, random: Random): Chunking {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const size = random.oneIn(10) ? 0 : random.int(1, random.pick([2, 4, 16, 300, 20000]));
    chunks.push(guarded(bytes.subarray(at, at + size), random.int(0, 7)));
    at += size;
  }
  return { name: `in pieces of ${chunks.map((chunk) => chunk.length).join(",")}`, chunks };
}

/** Whole, byte by byte, and at every split point: for wire vectors of some hundred bytes at most. */
export function* everyChunking(bytes: Uint8Array): Generator<Chunking> {
  yield whole(bytes);
  yield byteByByte(bytes);
  yield* everySplit(bytes);
}
