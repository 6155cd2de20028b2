/**
 * Gets the shared buffer pool into a known state.
 * @module
 */

import { takeBuffer } from "../../src/frames/buffer_pool.ts";

/** Empties the pool of free buffers, whatever tests before left in it. */
export function drainPool(): void {
  for (let i = 0; i < 64; i++) takeBuffer();
}
