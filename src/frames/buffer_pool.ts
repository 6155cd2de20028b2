/**
 * A small pool of output buffers, shared by all connections.
 *
 * A connection holds a buffer only while it has output that was not yet written, so that an idle
 * connection holds none.
 *
 * @module
 */

/** The size of every pooled buffer, in bytes. */
export const POOLED_BUFFER_BYTES = 65536;

/** How many free buffers are kept; more are left to the garbage collector. */
const MAX_FREE = 64;

const free: Uint8Array[] = [];

/** Takes a buffer of {@linkcode POOLED_BUFFER_BYTES}; its content is undefined. */
export function takeBuffer(): Uint8Array {
  return free.pop() ?? new Uint8Array(POOLED_BUFFER_BYTES);
}

/** Gives a buffer back; the caller must hold no view of it any more. */
export function giveBuffer(buffer: Uint8Array): void {
  if (free.length < MAX_FREE) free.push(buffer);
}
