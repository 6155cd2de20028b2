/**
 * The client's side of the opening handshake: what it offers, and whether the answer holds.
 *
 * @see RFC 6455, section 4.1
 * @module
 */

import { HandshakeError } from "../errors.ts";
import { acceptKey } from "./accept_key.ts";
import {
  type ClientHandshake,
  type ClientRequestOptions,
  createRequest,
} from "./client_request.ts";
import { type ClientExtension, parseExtensions } from "./extension_header.ts";
import type { HeaderField } from "./extra_headers.ts";
import { equalsIgnoreCase, hasToken } from "./grammar.ts";
import type { ResponseHead } from "./http_head.ts";
import {
  checkExtensions,
  negotiateClient,
  type Negotiated,
  offerExtensions,
} from "./negotiation.ts";

/** The options of the client's handshake. */
export interface ClientHandshakeOptions<E = unknown> extends ClientRequestOptions {
  /** The extensions to offer, the most preferred first. Default: none. */
  readonly extensions?: readonly ClientExtension<E>[];
}

/** What the client made of the server's response. */
export type ClientVerdict<E = unknown> =
  | { readonly ok: true; readonly protocol: string } & Negotiated<E>
  | { readonly ok: false; readonly error: HandshakeError };

/**
 * Prepares an opening handshake.
 *
 * @param options The URL, the subprotocols, the header fields and the extensions.
 * @throws {TypeError} If an option has a wrong type or value; the message names the option.
 */
export function createClientHandshake<E = unknown>(
  options: ClientHandshakeOptions<E>,
): ClientHandshake<E> {
  return withExtensions(createRequest(options), checkExtensions(options.extensions));
}

/**
 * Has a handshake offer extensions, which come after its other fields of the protocol.
 *
 * @param handshake A handshake that offers none.
 * @param extensions What it is to offer, the most preferred first.
 * @throws {TypeError} If an extension offers something under another name or with bad parameters.
 */
export function withExtensions<E>(
  handshake: ClientHandshake<unknown>,
  extensions: readonly ClientExtension<E>[],
): ClientHandshake<E> {
  const offers = offerExtensions(extensions);
  const headers = [...handshake.headers];
  const field: HeaderField = ["Sec-WebSocket-Extensions", offers];
  const last = handshake.protocols.length > 0 ? "Sec-WebSocket-Protocol" : "Sec-WebSocket-Version";
  if (offers !== "") headers.splice(headers.findIndex(([name]) => name === last) + 1, 0, field);
  return { ...handshake, headers, extensions };
}

/**
 * Checks the server's response against every MUST of RFC 6455, section 4.1.
 *
 * @param handshake The handshake that was sent.
 * @param head The head of the response.
 * @returns What was agreed, or the error. Nothing that a server sent makes it reject.
 */
export async function verifyResponse<E>(
  handshake: ClientHandshake<E>,
  head: ResponseHead,
): Promise<ClientVerdict<E>> {
  const { status, headers } = head;
  if (status !== 101) return { ok: false, error: refusedError(head) };

  function invalid(fault: string, cause?: unknown): ClientVerdict<E> {
    const error = new HandshakeError(`Cannot connect: ${fault}`, {
      code: "WS_HANDSHAKE_INVALID",
      status,
      headers,
      cause,
    });
    return { ok: false, error };
  }

  if (!equalsIgnoreCase(headers.get("upgrade") ?? "", "websocket")) {
    return invalid("the Upgrade field of the response is not websocket");
  }
  if (!hasToken(headers.get("connection"), "upgrade")) {
    return invalid("the Connection field of the response does not hold Upgrade");
  }
  if (headers.get("sec-websocket-accept") !== await acceptKey(handshake.key)) {
    return invalid("the Sec-WebSocket-Accept field does not answer the key");
  }
  const protocol = headers.get("sec-websocket-protocol");
  if (protocol !== null && !handshake.protocols.includes(protocol)) {
    return invalid("the server chose a subprotocol that was not offered");
  }
  // WHATWG WebSockets, "establish a WebSocket connection": a client that asked must be answered.
  if (protocol === null && handshake.protocols.length > 0) {
    return invalid("the server chose none of the offered subprotocols");
  }
  const extensions = headers.get("sec-websocket-extensions");
  const responses = extensions === null ? [] : parseExtensions(extensions);
  if (responses === null) return invalid("the Sec-WebSocket-Extensions field is malformed");
  const negotiated = negotiateClient(handshake.extensions, responses);
  if ("fault" in negotiated) return invalid(negotiated.fault, negotiated.cause);
  return { ok: true, protocol: protocol ?? "", extensions: extensions ?? "", negotiated };
}

/**
 * Makes the error for a response other than 101.
 *
 * @param head The head of the response.
 * @param body The start of its body, once the caller has read it. Default: `""`.
 */
export function refusedError(head: ResponseHead, body = ""): HandshakeError {
  return new HandshakeError(`Cannot connect: the server answered ${head.status}`, {
    code: "WS_HANDSHAKE_REFUSED",
    status: head.status,
    headers: head.headers,
    body,
  });
}
