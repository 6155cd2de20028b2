/**
 * Base64, for bytes in lines of text.
 *
 * @see RFC 4648, section 4
 * @module
 */

/** What ES2026 adds, where it is there already. */
interface WithBase64 {
  toBase64?(): string;
}

/** So many bytes are given to `String.fromCharCode` at a time: a multiple of three. */
const STEP = 3 * 4096;

/**
 * Writes bytes as base64.
 *
 * @param bytes The bytes.
 */
export function toBase64(bytes: Uint8Array): string {
  const { toBase64: own } = bytes as WithBase64;
  if (own !== undefined) return own.call(bytes);
  let text = "";
  for (let at = 0; at < bytes.length; at += STEP) {
    text += btoa(String.fromCharCode(...bytes.subarray(at, at + STEP)));
  }
  return text;
}

/**
 * Reads base64.
 *
 * @param text What came.
 * @returns The bytes; `null` when it is none.
 */
export function fromBase64(text: string): Uint8Array | null {
  let binary: string;
  try {
    binary = atob(text);
  } catch {
    return null;
  }
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}
