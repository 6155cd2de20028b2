/**
 * Byte helpers that every floor shares.
 * @module
 */

/** A view over no bytes, shared so that empty payloads cost no allocation. */
export const EMPTY_BYTES: Uint8Array = new Uint8Array(0);

/**
 * Views any `BufferSource` as a `Uint8Array` over the same memory, without copying.
 *
 * @param source An `ArrayBuffer`, `SharedArrayBuffer` or any view of one.
 * @returns A view over exactly the bytes of `source`.
 */
export function bytesOf(source: ArrayBufferLike | ArrayBufferView): Uint8Array {
  if (source instanceof Uint8Array) return source;
  return ArrayBuffer.isView(source)
    ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
    : new Uint8Array(source);
}

/**
 * Tells whether a value is an `ArrayBuffer`, a `SharedArrayBuffer` or a view of one.
 *
 * @param value Anything.
 */
export function isBufferSource(value: unknown): value is ArrayBufferLike | ArrayBufferView {
  return ArrayBuffer.isView(value) || value instanceof ArrayBuffer ||
    (typeof SharedArrayBuffer !== "undefined" && value instanceof SharedArrayBuffer);
}

/**
 * Joins byte chunks into one new array.
 *
 * @param chunks The chunks, in order.
 */
export function concatBytes(chunks: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const chunk of chunks) length += chunk.byteLength;
  const joined = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    joined.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return joined;
}

/**
 * Writes bytes as lowercase hexadecimal digits.
 *
 * @param bytes The bytes.
 */
export function toHex(bytes: Uint8Array): string {
  let hex = "";
  for (const byte of bytes) hex += byte.toString(16).padStart(2, "0");
  return hex;
}
