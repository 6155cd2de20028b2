/**
 * Hex and comparison of wire bytes.
 * @module
 */

// Not from @std/encoding: its hex functions need ArrayBuffer.prototype.transfer, which Node 20 lacks.

/** Reads bytes from hex, which may be spaced for reading. */
export function hex(text: string): Uint8Array {
  const digits = text.replace(/\s+/g, "");
  if (!/^([0-9a-f]{2})*$/i.test(digits)) throw new Error(`not hex: ${text}`);
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** Shows bytes as hex, or the start of them. */
export function toHex(bytes: Uint8Array, limit = 64): string {
  const pairs = Array.from(bytes.subarray(0, limit), (byte) => byte.toString(16).padStart(2, "0"));
  return pairs.join("") + (bytes.length > limit ? `… (${bytes.length} bytes)` : "");
}

/** Joins byte chunks. */
export function join(chunks: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    joined.set(chunk, at);
    at += chunk.length;
  }
  return joined;
}

/** Fails unless two byte arrays are equal; much faster than a deep comparison of large ones. */
export function assertBytes(actual: Uint8Array, expected: Uint8Array, what = "bytes"): void {
  const shared = Math.min(actual.length, expected.length);
  let i = 0;
  while (i < shared && actual[i] === expected[i]) i++;
  if (i === actual.length && i === expected.length) return;
  const from = Math.max(0, i - 8);
  throw new Error(
    `${what} differ at index ${i} (lengths ${actual.length} and ${expected.length}): ` +
      `from ${from} on, got ${toHex(actual.subarray(from), 24)}, ` +
      `expected ${toHex(expected.subarray(from), 24)}`,
  );
}
