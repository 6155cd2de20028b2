/**
 * The key of the opening handshake and its answer.
 *
 * @see RFC 6455, section 4.2.2
 * @module
 */

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const encoder = new TextEncoder();

/** Computes the base64 of the SHA-1 of ASCII text. */
export type Sha1 = (text: string) => string | Promise<string>;

const webSha1: Sha1 = async (text) =>
  base64(new Uint8Array(await crypto.subtle.digest("SHA-1", encoder.encode(text))));

let sha1 = webSha1;

/**
 * Says what computes SHA-1. Web Crypto is for large data: on Node it takes a turn of the thread pool,
 * and half of the processor time of a whole handshake. An adapter that knows better says so.
 *
 * @param digest What to use from now on. Default: `crypto.subtle`.
 */
export function useSha1(digest: Sha1 = webSha1): void {
  sha1 = digest;
}

/**
 * Says who knows what computes SHA-1, and is asked when it is first needed.
 *
 * @param find Finds it; `undefined` for `crypto.subtle`.
 */
export function findSha1(find: () => Sha1 | undefined): void {
  sha1 = (text) => {
    sha1 = find() ?? webSha1;
    return sha1(text);
  };
}

/**
 * Computes the `Sec-WebSocket-Accept` value for a key.
 *
 * @param key The client's `Sec-WebSocket-Key`, as it was sent.
 * @returns The base64 of the SHA-1 of the key and the protocol's GUID.
 */
export function acceptKey(key: string): string | Promise<string> {
  return sha1(key + GUID);
}

/** Makes a fresh `Sec-WebSocket-Key`: sixteen bytes of the platform's CSPRNG, in base64. */
export function createKey(): string {
  return base64(crypto.getRandomValues(new Uint8Array(16)));
}

/**
 * Tells whether a string is the base64 of sixteen bytes.
 *
 * The four bits that pad the last character may be anything: RFC 6455, section 4.1 itself shows a
 * key in which they are not zero.
 *
 * @param value The string to look at.
 */
export function isKey(value: string): boolean {
  if (value.length !== 24 || !value.endsWith("==")) return false;
  for (let i = 0; i < 22; i++) {
    const code = value.charCodeAt(i);
    const letter = code | 0x20;
    const isLetter = letter >= 0x61 && letter <= 0x7a;
    const isDigitOrSlash = code >= 0x2f && code <= 0x39;
    if (!isLetter && !isDigitOrSlash && code !== 0x2b) return false;
  }
  return true;
}

/**
 * Encodes bytes as base64.
 *
 * @param bytes At most a few hundred bytes.
 */
export function base64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}
