/**
 * Writers of HTTP/1.1 message heads that no value can break out of.
 *
 * @see RFC 9112, sections 3 to 5
 * @module
 */

import { isHeaderValue, isHost, isToken } from "./grammar.ts";
import { checkHeader } from "./header_check.ts";
import { isTarget } from "./http_head.ts";

/** What the head of a request is made from. */
export interface RequestHeadInit {
  /** The method, a token. Default: `"GET"`. */
  readonly method?: string;
  /** The target, in origin-form or absolute-form. */
  readonly target: string;
  /** The header fields, in the order in which to send them. */
  readonly headers: Iterable<readonly [string, string]>;
}

/** What the head of a response is made from. */
export interface ResponseHeadInit {
  /** The status code, from 100 to 999. */
  readonly status: number;
  /** The reason phrase. Default: the usual one for the codes that the handshake sends, or none. */
  readonly statusText?: string;
  /** The header fields, in the order in which to send them. */
  readonly headers: Iterable<readonly [string, string]>;
}

const encoder = new TextEncoder();

const REASONS: ReadonlyMap<number, string> = new Map([
  [101, "Switching Protocols"],
  [200, "OK"],
  [301, "Moved Permanently"],
  [302, "Found"],
  [303, "See Other"],
  [307, "Temporary Redirect"],
  [308, "Permanent Redirect"],
  [400, "Bad Request"],
  [401, "Unauthorized"],
  [403, "Forbidden"],
  [404, "Not Found"],
  [405, "Method Not Allowed"],
  [407, "Proxy Authentication Required"],
  [408, "Request Timeout"],
  [413, "Content Too Large"],
  [426, "Upgrade Required"],
  [429, "Too Many Requests"],
  [431, "Request Header Fields Too Large"],
  [500, "Internal Server Error"],
  [501, "Not Implemented"],
  [503, "Service Unavailable"],
  [505, "HTTP Version Not Supported"],
]);

/**
 * Writes the head of a request, blank line included.
 *
 * @param init The method, the target and the header fields.
 * @throws {TypeError} If the method is no token, the target is malformed, or a header field is.
 */
export function encodeRequestHead(init: RequestHeadInit): Uint8Array {
  const { method = "GET", target, headers } = init;
  if (!isToken(method)) throw new TypeError("Cannot write the request: the method is no token");
  if (!isTarget(target)) throw new TypeError("Cannot write the request: the target is malformed");
  return encodeHead(`${method} ${target} HTTP/1.1\r\n`, headers);
}

/**
 * Writes the head of a request for a tunnel, blank line included.
 *
 * @param authority The host and the port that the tunnel is to reach.
 * @param headers The header fields beside Host, in the order in which to send them.
 * @throws {TypeError} If the authority or a header field is malformed.
 * @see RFC 9110, section 9.3.6
 */
export function encodeConnectHead(
  authority: string,
  headers: Iterable<readonly [string, string]>,
): Uint8Array {
  if (!isHost(authority)) {
    throw new TypeError("Cannot write the request: the authority is malformed");
  }
  return encodeHead(`CONNECT ${authority} HTTP/1.1\r\n`, [["Host", authority], ...headers]);
}

/**
 * Writes the head of a response, blank line included.
 *
 * @param init The status and the header fields.
 * @throws {TypeError} If the status text or a header field has characters that must not be sent.
 * @throws {RangeError} If the status is not an integer from 100 to 999.
 */
export function encodeResponseHead(init: ResponseHeadInit): Uint8Array {
  const { status, statusText = REASONS.get(status) ?? "", headers } = init;
  if (!Number.isInteger(status) || status < 100 || status > 999) {
    throw new RangeError(`Cannot write the response: the status is ${status}, not 100 to 999`);
  }
  if (!isHeaderValue(statusText)) {
    throw new TypeError("Cannot write the response: the status text has a forbidden character");
  }
  return encodeHead(`HTTP/1.1 ${status} ${statusText}\r\n`, headers);
}

function encodeHead(start: string, headers: Iterable<readonly [string, string]>): Uint8Array {
  let text = start;
  for (const [name, value] of headers) {
    checkHeader(name, value);
    text += `${name}: ${value}\r\n`;
  }
  text += "\r\n";
  const bytes = encoder.encode(text);
  if (bytes.length === text.length) return bytes; // it is ASCII, as good as always
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
