/**
 * The small grammars of HTTP header fields, as linear scanners.
 *
 * Every function looks at each code unit a bounded number of times: there is no regular expression
 * here, so no value that a peer sends can make one back-track.
 *
 * @see RFC 9110, section 5.6 and RFC 6455, section 4.3
 * @module
 */

const HTAB = 0x09;
const SPACE = 0x20;
const COMMA = 0x2c;

/** Marks the codes below 128 that occur in `characters`. */
function tableOf(characters: string): Uint8Array {
  const table = new Uint8Array(128);
  for (let i = 0; i < characters.length; i++) table[characters.charCodeAt(i)] = 1;
  return table;
}

const DIGITS = "0123456789";
const ALPHANUMERIC = `ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz${DIGITS}`;
const TOKEN = tableOf(`${ALPHANUMERIC}!#$%&'*+-.^_\`|~`);
// RFC 3986 reg-name without the comma, which would let two joined Host fields pass as one, and
// without percent-encoding, which no client sends.
const HOST = tableOf(`${ALPHANUMERIC}-._~!$&'()*+;=`);
const IP_LITERAL = tableOf("0123456789abcdefABCDEF:.");

/**
 * Tells whether a code unit or byte may stand in a token.
 *
 * @param code A UTF-16 code unit or a byte.
 */
export function isTokenCode(code: number): boolean {
  return code < 128 && TOKEN[code] === 1;
}

/**
 * Tells whether a code unit or byte is a space or a tab.
 *
 * @param code A UTF-16 code unit or a byte.
 */
export function isBlankCode(code: number): boolean {
  return code === SPACE || code === HTAB;
}

/**
 * Tells whether a code unit or byte may stand in a header value: no control but HTAB, at most 0xFF.
 *
 * @param code A UTF-16 code unit or a byte.
 */
export function isValueCode(code: number): boolean {
  return code >= SPACE ? code !== 0x7f && code <= 0xff : code === HTAB;
}

/**
 * Tells whether a string is a token.
 *
 * @param value The string to look at; the empty string is not a token.
 */
export function isToken(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    if (!isTokenCode(value.charCodeAt(i))) return false;
  }
  return value.length > 0;
}

/**
 * Tells whether a string may be sent as a header value: no CR, LF, NUL or other control but HTAB,
 * and no code unit above 0xFF.
 *
 * @param value The string to look at.
 */
export function isHeaderValue(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    if (!isValueCode(value.charCodeAt(i))) return false;
  }
  return true;
}

/**
 * Compares two strings, taking A–Z and a–z for the same and nothing else.
 *
 * @param a One string.
 * @param b The other.
 */
export function equalsIgnoreCase(a: string, b: string): boolean {
  return a.length === b.length && matchesAt(a, 0, b);
}

/** Compares `text`, from `start` on, with `word`, without regard to ASCII case. */
function matchesAt(text: string, start: number, word: string): boolean {
  for (let i = 0; i < word.length; i++) {
    if (foldCase(text.charCodeAt(start + i)) !== foldCase(word.charCodeAt(i))) return false;
  }
  return true;
}

/** Lower-cases an ASCII letter; `toLowerCase` would take the Kelvin sign for a `k`. */
function foldCase(code: number): number {
  return code >= 0x41 && code <= 0x5a ? code + 0x20 : code;
}

/**
 * Reads a comma-separated list of tokens.
 *
 * @param value The header value. Empty elements are skipped, as RFC 9110, section 5.6.1 asks.
 * @returns The tokens in order, or `null` when an element is not a token.
 */
export function parseTokenList(value: string): string[] | null {
  const tokens: string[] = [];
  let at = 0;
  while (true) {
    at = skipBlanks(value, at);
    const start = at;
    while (at < value.length && isTokenCode(value.charCodeAt(at))) at++;
    if (at > start) tokens.push(value.slice(start, at));
    at = skipBlanks(value, at);
    if (at === value.length) return tokens;
    if (value.charCodeAt(at++) !== COMMA) return null;
  }
}

/**
 * Finds the first position at or after `at` that holds no space and no tab.
 *
 * @param value The string to look at.
 * @param at Where to begin.
 */
export function skipBlanks(value: string, at: number): number {
  while (at < value.length && isBlankCode(value.charCodeAt(at))) at++;
  return at;
}

/**
 * Tells whether a comma-separated list holds an element, without regard to case.
 *
 * @param value The header value, or `null` when the field is absent.
 * @param token The element to look for.
 */
export function hasToken(value: string | null, token: string): boolean {
  if (value === null) return false;
  if (value.length === token.length) return matchesAt(value, 0, token);
  let at = 0;
  while (at < value.length) {
    const start = skipBlanks(value, at);
    let end = start; // one past the last code of this element that is not blank
    for (at = start; at < value.length && value.charCodeAt(at) !== COMMA; at++) {
      if (!isBlankCode(value.charCodeAt(at))) end = at + 1;
    }
    if (end - start === token.length && matchesAt(value, start, token)) return true;
    at++;
  }
  return false;
}

/**
 * Tells whether a string is `host` or `host:port`, as a Host field must be.
 *
 * @param value A registered name, an IPv4 address or a bracketed IPv6 address, with or without a
 * port up to 65535. User information and a list of hosts are refused.
 */
export function isHost(value: string): boolean {
  let at = 0;
  if (value.startsWith("[")) {
    at = value.indexOf("]");
    if (at < 2 || !allIn(value, 1, at, IP_LITERAL)) return false;
    at++;
  } else {
    at = value.indexOf(":");
    if (at < 0) at = value.length;
    if (at === 0 || !allIn(value, 0, at, HOST)) return false;
  }
  if (at === value.length) return true;
  if (value[at] !== ":") return false;
  let port = 0;
  for (at++; at < value.length; at++) {
    const digit = value.charCodeAt(at) - 0x30;
    if (!(digit >= 0 && digit <= 9)) return false;
    port = port * 10 + digit;
  }
  return port <= 65535;
}

/** Tells whether every code of `value` in `[start, end)` is in `table`. */
function allIn(value: string, start: number, end: number, table: Uint8Array): boolean {
  for (let i = start; i < end; i++) {
    const code = value.charCodeAt(i);
    if (code >= 128 || table[code] === 0) return false;
  }
  return true;
}
