/**
 * The answers that refuse an upgrade.
 *
 * @module
 */

import { HandshakeError, type HandshakeErrorCode } from "../errors.ts";
import { equalsIgnoreCase } from "./grammar.ts";
import type { HeaderField } from "./extra_headers.ts";

/** An HTTP response as a plain record, which every adapter can send. */
export interface RefusalResponse {
  /** The status code; 0 for none: the connection is cut without an answer. */
  readonly status: number;
  /** The reason phrase, when `verify` gave one. */
  readonly statusText?: string;
  /** The header fields. `Connection` holds `close`. */
  readonly headers: readonly HeaderField[];
  /** The body. Without `Content-Length`, it ends with the connection. */
  readonly body: Uint8Array | ReadableStream<Uint8Array> | null;
}

/** The outcome of a handshake that was refused. */
export interface RefusedUpgrade {
  /** Tells the outcomes apart. */
  readonly accepted: false;
  /** What to send before closing the connection. */
  readonly response: RefusalResponse;
  /** The same for the application's log, with the cause. */
  readonly error: HandshakeError;
}

/** What a refusal is made from. */
export interface RefusalInit {
  /** The status code to answer with. */
  readonly status: number;
  /** The stable code of the error. */
  readonly code: HandshakeErrorCode;
  /** What is wrong, in one line that the client may read. */
  readonly message: string;
  /** Header fields that go before the usual ones. Default: none. */
  readonly headers?: readonly HeaderField[];
  /** What led to this; told to the application, never to the client. */
  readonly cause?: unknown;
}

const encoder = new TextEncoder();

/**
 * Makes a refusal whose body is one line of plain text.
 *
 * Adapters use it too, for what happens before there is a request: a malformed head, a time-out.
 *
 * @param init The status, the code and the message.
 */
export function refuse(init: RefusalInit): RefusedUpgrade {
  const { status, code, message, headers: extra = [], cause } = init;
  const line = `Cannot upgrade: ${message}`;
  const body = encoder.encode(`${line}\n`);
  const headers: HeaderField[] = [
    ...extra,
    ["Content-Type", "text/plain; charset=utf-8"],
    ["Content-Length", String(body.byteLength)],
  ];
  // RFC 9110 §7.8: "A sender of Upgrade MUST also send an "Upgrade" connection option"
  const offersUpgrade = extra.some(([name]) => name === "Upgrade");
  headers.push(["Connection", offersUpgrade ? "Upgrade, close" : "close"]);
  const error = new HandshakeError(line, {
    code,
    status,
    headers: new Headers(headers),
    body: `${line}\n`,
    cause,
  });
  return { accepted: false, response: { status, headers, body }, error };
}

/**
 * Makes a refusal of the `Response` that `verify` answered with.
 *
 * A network error, as `Response.error()` makes it, stands for no answer at all.
 * Status, fields and body are taken over; what frames the body on its connection is not, because
 * the connection is the adapter's.
 *
 * @param answer What `verify` answered.
 * @throws {TypeError} If it is no usable `Response`: another value, a status below 200, a body that
 * was read already.
 */
export function refuseWith(answer: unknown): RefusedUpgrade {
  if (isNetworkError(answer)) {
    const error = new HandshakeError("Cannot upgrade: verify cut the connection", {
      code: "WS_VERIFY_REFUSED",
    });
    return { accepted: false, response: { status: 0, headers: [], body: null }, error };
  }
  if (!isUsableResponse(answer)) {
    throw new TypeError("verify must answer with nothing or with an unread Response");
  }
  const { status, statusText, body } = answer;
  const headers: HeaderField[] = [];
  for (const [name, value] of answer.headers) {
    if (!FRAMING.some((framing) => equalsIgnoreCase(framing, name))) headers.push([name, value]);
  }
  if (body === null && status !== 204 && status !== 304 && !answer.headers.has("content-length")) {
    headers.push(["Content-Length", "0"]);
  }
  headers.push(["Connection", "close"]);
  const error = new HandshakeError(`Cannot upgrade: verify answered ${status}`, {
    code: "WS_VERIFY_REFUSED",
    status,
    headers: new Headers(answer.headers),
  });
  const response = { status, headers, body: body as ReadableStream<Uint8Array> | null };
  return {
    accepted: false,
    response: statusText === "" ? response : { ...response, statusText },
    error,
  };
}

const FRAMING = ["connection", "keep-alive", "transfer-encoding"];

/** Fetch standard §2.2.6: a network error has the type "error" and the status 0. */
function isNetworkError(value: unknown): boolean {
  return typeof value === "object" && value !== null &&
    (value as Partial<Response>).type === "error" && (value as Partial<Response>).status === 0;
}

/** Looks at the shape and not at the class: a polyfill's `Response` is as good. */
function isUsableResponse(value: unknown): value is Response {
  if (typeof value !== "object" || value === null) return false;
  const { status, headers, body, bodyUsed } = value as Partial<Response>;
  return typeof status === "number" && status >= 200 && status <= 599 &&
    typeof headers?.has === "function" && bodyUsed === false &&
    (body === null || (typeof body?.getReader === "function" && !body.locked));
}
