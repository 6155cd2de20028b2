/**
 * A bounded, strict, incremental reader of HTTP/1.1 message heads.
 *
 * @see RFC 9112, sections 2 to 5
 * @module
 */

import { EMPTY_BYTES } from "../bytes.ts";
import type { HandshakeErrorCode } from "../errors.ts";
import { isBlankCode, isHost, isToken, isTokenCode, isValueCode } from "./grammar.ts";
import type { UpgradeRequest } from "./header_reader.ts";

/** The head of a request. */
export interface RequestHead {
  /** The method, as it was sent. */
  readonly method: string;
  /** The request target: origin-form (`/path?query`) or absolute-form (`http://host/path`). */
  readonly target: string;
  /** The header fields. */
  readonly headers: Headers;
}

/** The head of a final response, or of a 101. */
export interface ResponseHead {
  /** The status code, 101 or from 200 to 999. */
  readonly status: number;
  /** The reason phrase; may be empty. */
  readonly statusText: string;
  /** The header fields. */
  readonly headers: Headers;
}

/** What is wrong with a head. */
export interface HeadFault {
  /** The status to answer a request with: 400, 431 or 505. It is 0 for a response. */
  readonly status: number;
  /** The code for a `HandshakeError`. */
  readonly code: Extract<HandshakeErrorCode, "WS_HANDSHAKE_MALFORMED" | "WS_HANDSHAKE_TOO_LARGE">;
  /** What is wrong; a fixed text that holds nothing the peer sent. */
  readonly message: string;
}

/** The two kinds of heads, by name. */
export interface HeadKinds {
  /** The head of a request. */
  request: RequestHead;
  /** The head of a response. */
  response: ResponseHead;
}

/** A complete head with the bytes after it (a view of the last chunk), or what is wrong with it. */
export type HeadResult<H> = { readonly head: H; readonly rest: Uint8Array } | {
  readonly fault: HeadFault;
};

/** The options of a {@linkcode HeadReader}. */
export interface HeadReaderOptions {
  /** The most bytes a head may have, interim responses included. Default: 16384. */
  readonly maxHeaderBytes?: number;
}

/** The default of `maxHeaderBytes`: 16 KiB. */
export const DEFAULT_MAX_HEADER_BYTES = 16384;

/** The most header fields a head may have. */
export const MAX_HEADER_FIELDS = 100;
const CR = 0x0d;
const LF = 0x0a;
const COLON = 0x3a;

/** A fault of a request; for a response, the reader takes the status away. */
function malformed(message: string, status = 400): HeadFault {
  return { status, code: "WS_HANDSHAKE_MALFORMED", message };
}

function tooLarge(message: string): HeadFault {
  return { status: 431, code: "WS_HANDSHAKE_TOO_LARGE", message };
}

/**
 * Reads one message head from chunks of bytes.
 *
 * The outcome depends on the bytes alone, never on how they were cut into chunks; the cost is
 * linear in the bytes, even one at a time. At most `maxHeaderBytes` are kept.
 */
export class HeadReader<K extends keyof HeadKinds = keyof HeadKinds> {
  readonly #kind: K;
  readonly #limit: number;
  #seen = 0;
  // The begin of a line whose end has not come yet.
  #partial: Uint8Array = EMPTY_BYTES;
  #partialLength = 0;
  #start: Omit<RequestHead, "headers"> | Omit<ResponseHead, "headers"> | null = null;
  #headers = new Headers();
  #fields = 0;
  #done = false;

  /**
   * @param kind What to read.
   * @param options The bound.
   * @throws {RangeError} If `maxHeaderBytes` is not a positive integer.
   */
  constructor(kind: K, options: HeadReaderOptions = {}) {
    this.#kind = kind;
    this.#limit = options.maxHeaderBytes ?? DEFAULT_MAX_HEADER_BYTES;
    if (!Number.isSafeInteger(this.#limit) || this.#limit < 1) {
      throw new RangeError(`maxHeaderBytes must be a positive integer, got ${this.#limit}`);
    }
  }

  /**
   * Takes the next bytes.
   *
   * @param chunk The bytes; not kept after the call, but `rest` is a view of it.
   * @returns `undefined` while the head is incomplete, then the head or its fault.
   * @throws {DOMException} `InvalidStateError` if the head was already complete or faulty.
   */
  push(chunk: Uint8Array): HeadResult<HeadKinds[K]> | undefined {
    if (this.#done) throw new DOMException("Cannot push: the head has ended", "InvalidStateError");
    const end = Math.min(chunk.byteLength, this.#limit - this.#seen);
    const bytes = chunk.subarray(0, end);
    let at = 0;
    for (let next: number; (next = bytes.indexOf(LF, at) + 1) > 0; at = next) {
      const outcome = this.#line(this.#join(bytes.subarray(at, next)));
      if (outcome === undefined) continue;
      if (outcome !== null) return this.#fail(outcome);
      this.#done = true;
      const head = { ...this.#start, headers: this.#headers } as HeadKinds[K];
      return { head, rest: chunk.subarray(next) };
    }
    if (end < chunk.byteLength) {
      return this.#fail(tooLarge("the head is larger than maxHeaderBytes"));
    }
    this.#seen += end;
    if (at < end) this.#keep(bytes.subarray(at));
  }

  #fail(fault: HeadFault): { fault: HeadFault } {
    this.#done = true;
    return { fault: this.#kind === "request" ? fault : { ...fault, status: 0 } };
  }

  /** Puts the begin of a line that earlier chunks left before its end. */
  #join(bytes: Uint8Array): Uint8Array {
    if (this.#partialLength === 0) return bytes;
    this.#keep(bytes);
    const line = this.#partial.subarray(0, this.#partialLength);
    this.#partialLength = 0;
    return line;
  }

  #keep(bytes: Uint8Array): void {
    const length = this.#partialLength + bytes.byteLength;
    if (length > this.#partial.byteLength) {
      // Doubling keeps the copying linear; no line is longer than the limit.
      const grown = new Uint8Array(Math.min(Math.max(length * 2, 256), this.#limit));
      grown.set(this.#partial.subarray(0, this.#partialLength));
      this.#partial = grown;
    }
    this.#partial.set(bytes, this.#partialLength);
    this.#partialLength = length;
  }

  /** Reads one line with its LF: a fault, `null` at the end of the head, `undefined` to go on. */
  #line(line: Uint8Array): HeadFault | null | undefined {
    const length = line.byteLength - 2;
    // RFC 9112 §2.2 lets a recipient take a bare LF for a line's end; doing so invites smuggling.
    if (length < 0 || line[length] !== CR) return malformed("a line does not end in CRLF");
    if (this.#start === null) {
      const start = latin1(line, 0, length);
      const parsed = this.#kind === "request" ? parseRequestLine(start) : parseStatusLine(start);
      if ("code" in parsed) return parsed;
      this.#start = parsed;
      return undefined;
    }
    if (length > 0) return this.#field(line, length);
    if ("status" in this.#start && this.#start.status < 200 && this.#start.status !== 101) {
      // RFC 9110 §15.2: "A client MUST be able to parse one or more 1xx responses"
      this.#start = null;
      this.#headers = new Headers();
      this.#fields = 0;
      return undefined;
    }
    return null;
  }

  #field(line: Uint8Array, length: number): HeadFault | undefined {
    if (++this.#fields > MAX_HEADER_FIELDS) {
      return tooLarge(`the head has more than ${MAX_HEADER_FIELDS} header fields`);
    }
    let colon = 0;
    while (colon < length && isTokenCode(line[colon])) colon++;
    // This also refuses folded lines, which begin with a blank, and a blank before the colon.
    if (colon === 0 || line[colon] !== COLON) {
      return malformed("a header line does not begin with a field name and a colon");
    }
    let start = colon + 1;
    let end = length;
    while (start < end && isBlankCode(line[start])) start++;
    while (end > start && isBlankCode(line[end - 1])) end--;
    for (let i = start; i < end; i++) {
      if (!isValueCode(line[i])) return malformed("a header value has a control character");
    }
    this.#headers.append(latin1(line, 0, colon), latin1(line, start, end));
  }
}

/** Decodes bytes as ISO-8859-1 proper: `TextDecoder("latin1")` means windows-1252. */
function latin1(bytes: Uint8Array, start: number, end: number): string {
  let text = "";
  for (let at = start; at < end; at += 4096) {
    const part = bytes.subarray(at, Math.min(at + 4096, end));
    // Measured: spreading a typed array into arguments takes five times as long as apply().
    text += String.fromCharCode.apply(null, part as unknown as number[]);
  }
  return text;
}

function parseRequestLine(line: string): Omit<RequestHead, "headers"> | HeadFault {
  const first = line.indexOf(" ");
  const last = line.lastIndexOf(" ");
  const method = line.slice(0, Math.max(first, 0));
  if (first === last || !isToken(method)) return malformed("the request line is malformed");
  const version = httpVersion(line.slice(last + 1));
  if (version === null) return malformed("the request line has no HTTP version");
  if (version !== "1.1") return malformed("the HTTP version is not 1.1", 505);
  const target = line.slice(first + 1, last);
  if (!isTarget(target)) return malformed("the request target is malformed");
  return { method, target };
}

function parseStatusLine(line: string): Omit<ResponseHead, "headers"> | HeadFault {
  const version = httpVersion(line.slice(0, 8));
  const status = line.slice(9, 12);
  // Many servers leave out the space after the code when there is no reason phrase.
  const wellFormed = line[8] === " " && (line.length === 12 || line[12] === " ") &&
    allDigits(status, 3) && status[0] !== "0";
  if (version === null || !wellFormed) return malformed("the status line is malformed");
  if (version !== "1.1" && (version !== "1.0" || status[0] === "1")) {
    return malformed("the HTTP version is not 1.1");
  }
  const statusText = line.slice(13);
  for (let i = 0; i < statusText.length; i++) {
    if (!isValueCode(statusText.charCodeAt(i))) return malformed("the status line is malformed");
  }
  return { status: Number(status), statusText };
}

/** Returns the `1.1` of `HTTP/1.1`, or `null` when the text is no HTTP version. */
function httpVersion(text: string): string | null {
  const wellFormed = text.length === 8 && text.startsWith("HTTP/") && text[6] === "." &&
    allDigits(text[5] + text[7], 2);
  return wellFormed ? text.slice(5) : null;
}

function allDigits(text: string, length: number): boolean {
  if (text.length !== length) return false;
  for (const character of text) {
    if (character < "0" || character > "9") return false;
  }
  return true;
}

/**
 * Tells whether a string is a request target for a WebSocket: origin-form or absolute-form, in
 * visible ASCII and without a fragment.
 *
 * @param target The string to look at.
 */
export function isTarget(target: string): boolean {
  for (let i = 0; i < target.length; i++) {
    const code = target.charCodeAt(i);
    if (code <= 0x20 || code >= 0x7f || code === 0x23) return false;
  }
  return target.startsWith("/") || splitAbsolute(target) !== null;
}

/** Splits `http://host/path`; `null` when the target is no such absolute-form. */
function splitAbsolute(target: string): { host: string; path: string } | null {
  const scheme = target.indexOf("://");
  if (scheme < 0 || !["http", "https"].includes(target.slice(0, scheme).toLowerCase())) return null;
  const authority = scheme + 3;
  let end = authority;
  while (end < target.length && target[end] !== "/" && target[end] !== "?") end++;
  const host = target.slice(authority, end);
  const path = target.slice(end);
  return isHost(host) ? { host, path: path.startsWith("/") ? path : `/${path}` } : null;
}

/**
 * Makes the portable view of a request head.
 *
 * The host of an absolute-form target takes the place of a valid Host field, as RFC 9112, section
 * 3.2.2 demands; a missing or malformed Host field is left for the handshake to refuse.
 *
 * @param head The head, whose headers the view shares.
 * @param secure Whether the request came over TLS.
 */
export function toUpgradeRequest(head: RequestHead, secure: boolean): UpgradeRequest {
  const { method, target, headers } = head;
  const scheme = secure ? "https" : "http";
  const absolute = target.startsWith("/") ? null : splitAbsolute(target);
  const host = headers.get("host") ?? "";
  if (absolute === null) return { method, url: `${scheme}://${host}${target}`, headers };
  if (isHost(host)) headers.set("host", absolute.host);
  return { method, url: `${scheme}://${absolute.host}${absolute.path}`, headers };
}
