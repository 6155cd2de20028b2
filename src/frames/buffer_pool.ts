/**
 * A small pool of output buffers, shared by all connections.
 *
 * A connection holds a buffer only while it has output that was not yet written, so that an idle
 * connection holds none.
 *
 * @module
 */

import { allocateZeroed } from "./memory.ts";

/** The size of every pooled buffer, in bytes. */
export const POOLED_BUFFER_BYTES = 65536;

/** How many free buffers are kept; more are left to the garbage collector. */
const MAX_FREE = 64;

const free: Uint8Array[] = [];

let make: (bytes: number) => Uint8Array = allocateZeroed;

/**
 * Names who makes the buffers from now on. What is written to a socket are parts of them, and a
 * runtime's sockets may take its own kind of `Uint8Array` with less ado: that is for adapters to
 * say.
 *
 * @param maker Makes a buffer of so many bytes, whose content may be anything. Default: what the
 * language has.
 * @returns What held before.
 */
export function useBuffers(
  maker: (bytes: number) => Uint8Array = allocateZeroed,
): (bytes: number) => Uint8Array {
  const before = make;
  make = maker;
  free.length = 0;
  return before;
}

/** Takes a buffer of {@linkcode POOLED_BUFFER_BYTES}; its content is undefined. */
export function takeBuffer(): Uint8Array {
  return free.pop() ?? make(POOLED_BUFFER_BYTES);
}

/** Gives a buffer back; the caller must hold no view of it any more. */
export function giveBuffer(buffer: Uint8Array): void {
  if (free.length < MAX_FREE) free.push(buffer);
}
