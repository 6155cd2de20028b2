/**
 * Memory for bytes that are all written before anybody sees them.
 * @module
 */

/** Makes a plain `Uint8Array` that owns exactly so many bytes; their content may be anything. */
export type Allocator = (length: number) => Uint8Array;

/** What the language has. */
export const allocateZeroed: Allocator = (length) => new Uint8Array(length);

let allocator = allocateZeroed;

/**
 * Names who makes memory from now on. JavaScript has only memory that was filled with zeros; a
 * runtime may have some that was not, which is for adapters to say.
 *
 * @param allocate Makes it. Default: what the language has.
 * @returns What held before.
 */
export function useAllocator(allocate: Allocator = allocateZeroed): Allocator {
  const before = allocator;
  allocator = allocate;
  return before;
}

/**
 * Makes an array whose content is undefined: the caller writes every byte of it, or clears what it
 * has not written, before it gives it away. What is in there may be another connection's.
 *
 * @throws {RangeError} If the runtime has no memory for so many.
 */
export function allocateBytes(length: number): Uint8Array {
  return allocator(length);
}
