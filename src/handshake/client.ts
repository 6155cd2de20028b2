/**
 * The client's side of the opening handshake: what is sent, and whether the answer holds.
 *
 * @see RFC 6455, section 4.1
 * @module
 */

import { HandshakeError } from "../errors.ts";
import { acceptKey, base64, createKey } from "./accept_key.ts";
import { type ClientExtension, parseExtensions } from "./extension_header.ts";
import { type HeaderField, toHeaderFields } from "./extra_headers.ts";
import { equalsIgnoreCase, hasToken, isHost } from "./grammar.ts";
import type { HeadersLike } from "./header_reader.ts";
import type { ResponseHead } from "./http_head.ts";
import {
  checkExtensions,
  negotiateClient,
  type Negotiated,
  offerExtensions,
} from "./negotiation.ts";
import { checkProtocols } from "./subprotocol.ts";

/** The options of the client's handshake. */
export interface ClientHandshakeOptions<E = unknown> {
  /** Where to connect: a URL with the scheme ws, wss, http or https and without a fragment. */
  readonly url: string | URL;
  /** The subprotocols to offer, the most preferred first. Default: none. */
  readonly protocols?: string | readonly string[];
  /** Header fields to add, such as Origin, Cookie, Authorization or Host. Default: none. */
  readonly headers?: HeadersLike;
  /** The extensions to offer, the most preferred first. Default: none. */
  readonly extensions?: readonly ClientExtension<E>[];
}

/** An opening handshake that is ready to be sent. */
export interface ClientHandshake<E = unknown> {
  /** The URL with the scheme ws or wss and without credentials. */
  readonly url: string;
  /** Whether the connection must use TLS. */
  readonly secure: boolean;
  /** The host to connect to; an IPv6 address comes without brackets. */
  readonly hostname: string;
  /** The port to connect to. */
  readonly port: number;
  /** The value of the Host field. */
  readonly host: string;
  /** The request target: the URL's path and query. */
  readonly target: string;
  /** The `Sec-WebSocket-Key`, fresh for this handshake. */
  readonly key: string;
  /** The complete header fields of the request, in the order in which to send them. */
  readonly headers: readonly HeaderField[];
  /** The subprotocols that are offered. */
  readonly protocols: readonly string[];
  /** The negotiators whose offers are sent. */
  readonly extensions: readonly ClientExtension<E>[];
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
  const url = toWebSocketUrl(options.url);
  const protocols = checkProtocols(
    typeof options.protocols === "string" ? [options.protocols] : options.protocols ?? [],
  );
  const extensions = checkExtensions(options.extensions);
  const offers = offerExtensions(extensions);
  const extra = toHeaderFields(options.headers);
  const ownHost = extra.find(([name]) => name === "host");
  if (ownHost !== undefined && !isHost(ownHost[1])) {
    throw new TypeError("headers must set Host to one host, with or without a port");
  }
  const host = ownHost?.[1] ?? url.host;
  const key = createKey();
  const headers: HeaderField[] = [
    ["Host", host],
    ["Upgrade", "websocket"],
    ["Connection", "Upgrade"],
    ["Sec-WebSocket-Key", key],
    ["Sec-WebSocket-Version", "13"],
  ];
  if (protocols.length > 0) headers.push(["Sec-WebSocket-Protocol", protocols.join(", ")]);
  if (offers !== "") headers.push(["Sec-WebSocket-Extensions", offers]);
  if (url.username + url.password !== "" && !extra.some(([name]) => name === "authorization")) {
    headers.push(["Authorization", basicAuthorization(url)]);
  }
  for (const field of extra) {
    if (field !== ownHost) headers.push(field);
  }
  url.username = url.password = "";
  const secure = url.protocol === "wss:";
  return {
    url: url.href,
    secure,
    hostname: url.hostname.startsWith("[") ? url.hostname.slice(1, -1) : url.hostname,
    port: url.port === "" ? (secure ? 443 : 80) : Number(url.port),
    host,
    target: url.pathname + url.search,
    key,
    headers,
    protocols,
    extensions,
  };
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

/** Parses and checks the URL; the messages leave it out because it may hold a password. */
function toWebSocketUrl(input: string | URL): URL {
  let url: URL;
  try {
    url = new URL(input);
  } catch {
    throw new TypeError("url must be an absolute URL");
  }
  if (url.protocol === "http:") url.protocol = "ws:";
  if (url.protocol === "https:") url.protocol = "wss:";
  if (url.protocol !== "ws:" && url.protocol !== "wss:") {
    throw new TypeError(`url must have the scheme ws, wss, http or https, not ${url.protocol}`);
  }
  // RFC 6455 §3: "Fragment identifiers are meaningless in the context of WebSocket URIs"
  if (url.href.includes("#")) throw new TypeError("url must not have a fragment");
  return url;
}

/**
 * Makes the credentials of a URL an Authorization or Proxy-Authorization value: the user's name, a
 * colon and the password, as UTF-8 in base64.
 *
 * @throws {TypeError} If they are no valid percent-encoded UTF-8, or the name has a colon.
 * @see RFC 7617, section 2
 */
export function basicAuthorization(url: URL): string {
  let username: string;
  let password: string;
  try {
    username = decodeURIComponent(url.username);
    password = decodeURIComponent(url.password);
  } catch {
    throw new TypeError("url must have credentials that are valid percent-encoded UTF-8");
  }
  if (username.includes(":")) throw new TypeError("url must not have a colon in its user name");
  return `Basic ${base64(new TextEncoder().encode(`${username}:${password}`))}`;
}
