/**
 * The `Sec-WebSocket-Extensions` field, and what an extension does in the handshake.
 *
 * @see RFC 6455, section 9.1
 * @module
 */

import { isToken, isTokenCode, skipBlanks } from "./grammar.ts";

/** A parameter of an extension: `name` alone (`value` is `null`) or `name=value`. */
export interface ExtensionParam {
  /** The parameter's name, as it was written. */
  readonly name: string;
  /** The value, unquoted, or `null` when there was none. */
  readonly value: string | null;
}

/** One element of the field: an extension's name and its parameters, repeats included. */
export interface ExtensionOffer {
  /** The extension's name, as it was written. */
  readonly name: string;
  /** The parameters in order. Names are data, so this is a list and never an object's keys. */
  readonly params: readonly ExtensionParam[];
}

/** What a server agreed to: the element of its response, and the extension that will run. */
export interface AcceptedExtension<E = unknown> {
  /** The element to put into the response; its name is the extension's. */
  readonly response: ExtensionOffer;
  /** The extension, made for this one connection. */
  readonly extension: E;
}

/** An extension as a server negotiates it. */
export interface ServerExtension<E = unknown> {
  /** The registered name, a token. */
  readonly name: string;
  /**
   * Chooses among what the client offers of this extension.
   *
   * @param offers Every offer of this name, the most preferred first; at least one.
   * @returns What was agreed, or `null` to decline all of them. Bad parameters decline an offer;
   * they are not a reason to throw.
   */
  accept(offers: readonly ExtensionOffer[]): AcceptedExtension<E> | null;
}

/** An extension as a client negotiates it. */
export interface ClientExtension<E = unknown> {
  /** The registered name, a token. */
  readonly name: string;
  /** Lists what to offer, the most preferred first; every offer bears this extension's name. */
  offers(): readonly ExtensionOffer[];
  /**
   * Takes the server's answer.
   *
   * @param response The element of the server's response.
   * @returns The extension, made for this one connection, or `null` when the parameters break the
   * extension's rules, which fails the handshake.
   */
  accept(response: ExtensionOffer): { readonly extension: E } | null;
}

const COMMA = 0x2c;
const SEMICOLON = 0x3b;
const EQUALS = 0x3d;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/**
 * Reads a `Sec-WebSocket-Extensions` value, looking at each character once.
 *
 * @param value The header value; empty list elements are skipped.
 * @returns The elements in order, at least one, or `null` when the value breaks the grammar.
 */
export function parseExtensions(value: string): ExtensionOffer[] | null {
  const offers: ExtensionOffer[] = [];
  let at = 0;

  /** Reads a token between optional blanks; the empty string when there is none. */
  function token(): string {
    const start = at = skipBlanks(value, at);
    while (at < value.length && isTokenCode(value.charCodeAt(at))) at++;
    const text = value.slice(start, at);
    at = skipBlanks(value, at);
    return text;
  }

  /** Reads a quoted-string whose opening quote is at `at`; the empty string when it holds no token. */
  function quoted(): string {
    let text = "";
    for (at++; at < value.length; at++) {
      let code = value.charCodeAt(at);
      if (code === QUOTE) {
        at = skipBlanks(value, at + 1);
        return text;
      }
      if (code === BACKSLASH) code = value.charCodeAt(++at); // NaN at the end, which is no token
      // RFC 6455 §9.1: "the value after quoted-string unescaping MUST conform to the 'token' ABNF"
      if (!isTokenCode(code)) return "";
      text += value[at];
    }
    return "";
  }

  while (true) {
    const name = token();
    if (name !== "") {
      const params: ExtensionParam[] = [];
      while (value.charCodeAt(at) === SEMICOLON) {
        at++;
        const param = token();
        if (param === "") return null;
        let paramValue: string | null = null;
        if (value.charCodeAt(at) === EQUALS) {
          at = skipBlanks(value, at + 1);
          paramValue = value.charCodeAt(at) === QUOTE ? quoted() : token();
          if (paramValue === "") return null;
        }
        params.push({ name: param, value: paramValue });
      }
      offers.push({ name, params });
    }
    if (at === value.length) return offers.length > 0 ? offers : null;
    if (value.charCodeAt(at++) !== COMMA) return null;
  }
}

/**
 * Writes a `Sec-WebSocket-Extensions` value.
 *
 * @param list The elements, in the order in which they apply.
 * @returns The header value; the empty string for an empty list.
 * @throws {TypeError} If a name or a value is not a token.
 */
export function formatExtensions(list: readonly ExtensionOffer[]): string {
  return list.map(formatExtension).join(", ");
}

function formatExtension({ name, params }: ExtensionOffer): string {
  let text = checkToken(name);
  for (const param of params) {
    text += `; ${checkToken(param.name)}`;
    if (param.value !== null) text += `=${checkToken(param.value)}`;
  }
  return text;
}

function checkToken(text: string): string {
  if (isToken(text)) return text;
  throw new TypeError(
    `Cannot write extensions: names and values must be tokens, got ${JSON.stringify(text)}`,
  );
}
