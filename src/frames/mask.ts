/**
 * Masking (RFC 6455, section 5.3): payload bytes XOR a four-byte key that repeats.
 *
 * A key is held as one 32-bit integer whose most significant byte masks the first payload byte.
 *
 * @module
 */

import { writeUint32 } from "./header.ts";

/** From this many bytes on, XOR by words pays for the view that it needs. */
const WORD_BYTES = 128;

/** From this many bytes on, words of 64 bits pay for their view, where they pay at all. */
const WIDE_BYTES = 1024;

// The platform's byte order decides how a key looks as a word in memory; these views over the same
// eight bytes, which hold the key twice, translate without asking which it is.
const keyBytes = new Uint8Array(8);
const keyWord = new Int32Array(keyBytes.buffer);
const keyWideWord = new BigUint64Array(keyBytes.buffer);

let wide = false;

/**
 * Says whether 64-bit words are fast here. V8 turns them into machine words, and is twice as fast
 * with them; an engine that makes a BigInt of each is many times slower, so this is for adapters to
 * say. Default: `false`.
 *
 * @returns What held before.
 */
export function useWideMasking(fast: boolean): boolean {
  const before = wide;
  wide = fast;
  return before;
}

/** Turns a key so that its first byte is the one for payload offset `offset`. */
function rotate(key: number, offset: number): number {
  const bits = (offset & 3) << 3;
  return (key << bits) | (key >>> (32 - bits)); // bits = 0: a shift by 32 is a shift by 0
}

/** XORs `bytes[start..end)` by single bytes. */
function maskBytes(bytes: Uint8Array, start: number, end: number, key: number): void {
  const k0 = key >>> 24;
  const k1 = (key >>> 16) & 0xff;
  const k2 = (key >>> 8) & 0xff;
  const k3 = key & 0xff;
  let i = start;
  for (; i + 3 < end; i += 4) {
    bytes[i] ^= k0;
    bytes[i + 1] ^= k1;
    bytes[i + 2] ^= k2;
    bytes[i + 3] ^= k3;
  }
  for (let shift = 24; i < end; shift -= 8) bytes[i++] ^= key >>> shift;
}

/** XORs whole words, eight at a turn. */
function maskWords(words: Int32Array, word: number): void {
  const count = words.length;
  const turns = count & ~7;
  let i = 0;
  for (; i < turns; i += 8) {
    words[i] ^= word;
    words[i + 1] ^= word;
    words[i + 2] ^= word;
    words[i + 3] ^= word;
    words[i + 4] ^= word;
    words[i + 5] ^= word;
    words[i + 6] ^= word;
    words[i + 7] ^= word;
  }
  for (; i < count; i++) words[i] ^= word;
}

/** XORs words of 64 bits, eight at a turn. */
function maskWideWords(words: BigUint64Array, word: bigint): void {
  const count = words.length;
  const turns = count & ~7;
  let i = 0;
  for (; i < turns; i += 8) {
    words[i] ^= word;
    words[i + 1] ^= word;
    words[i + 2] ^= word;
    words[i + 3] ^= word;
    words[i + 4] ^= word;
    words[i + 5] ^= word;
    words[i + 6] ^= word;
    words[i + 7] ^= word;
  }
  for (; i < count; i++) words[i] ^= word;
}

/**
 * Masks or unmasks `bytes[start..end)` in place.
 *
 * @param bytes The buffer; only the range given is changed.
 * @param start First index of the range.
 * @param end Index after the range.
 * @param key The masking key, most significant byte first.
 * @param offset Payload offset of `bytes[start]`, so that a payload can be unmasked in pieces.
 */
export function applyMask(
  bytes: Uint8Array,
  start: number,
  end: number,
  key: number,
  offset: number,
): void {
  let turned = rotate(key, offset);
  if (end - start < WORD_BYTES) return maskBytes(bytes, start, end, turned);
  const wordBytes = wide && end - start >= WIDE_BYTES ? 8 : 4;
  const misaligned = (bytes.byteOffset + start) & (wordBytes - 1);
  if (misaligned !== 0) {
    const head = wordBytes - misaligned;
    maskBytes(bytes, start, start + head, turned);
    start += head;
    turned = rotate(turned, head);
  }
  writeUint32(keyBytes, writeUint32(keyBytes, 0, turned), turned);
  const count = Math.floor((end - start) / wordBytes);
  const from = bytes.byteOffset + start;
  if (wordBytes === 8) maskWideWords(new BigUint64Array(bytes.buffer, from, count), keyWideWord[0]);
  else maskWords(new Int32Array(bytes.buffer, from, count), keyWord[0]);
  maskBytes(bytes, start + count * wordBytes, end, turned);
}

/**
 * Unmasks a small payload into an array of its own.
 *
 * @param bytes Where it lies; not changed.
 * @param start First index of it.
 * @param length Its bytes.
 * @param key The masking key, most significant byte first.
 */
export function unmaskedCopy(
  bytes: Uint8Array,
  start: number,
  length: number,
  key: number,
): Uint8Array {
  const copy = new Uint8Array(length);
  const k0 = key >>> 24;
  const k1 = (key >>> 16) & 0xff;
  const k2 = (key >>> 8) & 0xff;
  const k3 = key & 0xff;
  let i = 0;
  for (; i + 3 < length; i += 4, start += 4) {
    copy[i] = bytes[start] ^ k0;
    copy[i + 1] = bytes[start + 1] ^ k1;
    copy[i + 2] = bytes[start + 2] ^ k2;
    copy[i + 3] = bytes[start + 3] ^ k3;
  }
  for (let shift = 24; i < length; shift -= 8) copy[i++] = bytes[start++] ^ (key >>> shift);
  return copy;
}

const POOLED_KEYS = 1024;
let keys: Int32Array<ArrayBuffer> | undefined;
let keysLeft = 0;

/**
 * Draws a fresh masking key from the platform's CSPRNG.
 *
 * RFC 6455 §5.3: "The masking key needs to be unpredictable; thus, the masking key MUST be
 * derived from a strong source of entropy". Random bytes are drawn for 1,024 keys at a time
 * and each is used for one frame only.
 */
export function nextMaskingKey(): number {
  if (keysLeft === 0) {
    keys ??= new Int32Array(POOLED_KEYS);
    crypto.getRandomValues(keys);
    keysLeft = POOLED_KEYS;
  }
  return keys![--keysLeft];
}
