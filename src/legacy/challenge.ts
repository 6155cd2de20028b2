/**
 * The challenge of draft 76: two numbers hidden among spaces and noise, eight bytes, and their MD5.
 *
 * @see draft-hixie-thewebsocketprotocol-76, sections 4.1 and 5.2
 * @module
 */

import { md5 } from "@noble/hashes/legacy";

/** How many bytes follow the request's head. */
export const BODY_BYTES = 8;

/** How many bytes of answer follow the response's head. */
export const ANSWER_BYTES = 16;

/** The largest number that a key may hold. */
const MAX_NUMBER = 0xffffffff;

/** The most spaces, and the most other characters, that a client puts into a key. */
const MAX_NOISE = 12;

/** What a key stands for, and how it is sent. */
export interface Key {
  /** The value of the header field. */
  readonly value: string;
  /** The 32-bit number that goes into the challenge. */
  readonly number: number;
}

/**
 * Reads a key: its digits, taken for one number, divided by its spaces.
 *
 * @param value The value of `Sec-WebSocket-Key1` or `Sec-WebSocket-Key2`; `null` when absent.
 * @returns The number; `null` when there is none: no digit, no space, more than 32 bits, or a
 * division with a remainder, which is never cut off.
 */
export function readKey(value: string | null): number | null {
  if (value === null) return null;
  let digits = 0;
  let spaces = 0;
  let number = 0;
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code === 0x20) spaces++;
    if (code < 0x30 || code > 0x39) continue;
    digits++;
    number = number * 10 + (code - 0x30);
    if (number > MAX_NUMBER) return null;
  }
  return digits === 0 || spaces === 0 || number % spaces !== 0 ? null : number / spaces;
}

/**
 * Answers a challenge.
 *
 * @param first The number of the first key.
 * @param second The number of the second key.
 * @param body The eight bytes after the request's head.
 * @returns The sixteen bytes of the MD5 over all three, numbers in network order.
 */
export function answerChallenge(first: number, second: number, body: Uint8Array): Uint8Array {
  const challenge = new Uint8Array(8 + BODY_BYTES);
  const view = new DataView(challenge.buffer);
  view.setUint32(0, first);
  view.setUint32(4, second);
  challenge.set(body, 8);
  return md5(challenge);
}

/** Makes a key as a client must: a product of number and spaces, with both scattered in noise. */
export function createKey(): Key {
  const spaces = 1 + randomBelow(MAX_NOISE);
  const number = randomBelow(Math.floor(MAX_NUMBER / spaces) + 1);
  const characters = [...String(number * spaces)];
  const noise = 1 + randomBelow(MAX_NOISE);
  for (let i = 0; i < noise; i++) {
    // U+0021 to U+002F and U+003A to U+007E: neither a digit nor a space.
    const at = randomBelow(15 + 69);
    const code = at < 15 ? 0x21 + at : 0x3a + at - 15;
    characters.splice(randomBelow(characters.length + 1), 0, String.fromCharCode(code));
  }
  // Never first or last, where HTTP would take them off.
  for (let i = 0; i < spaces; i++) {
    characters.splice(1 + randomBelow(characters.length - 1), 0, " ");
  }
  return { value: characters.join(""), number };
}

/** Draws an integer from 0 to `limit` - 1, each as likely as the other up to one in a million. */
function randomBelow(limit: number): number {
  const [high, low] = crypto.getRandomValues(new Uint32Array(2));
  // 52 random bits, so that the remainder favours nothing noticeably.
  return ((high >>> 12) * 2 ** 32 + low) % limit;
}
