/**
 * The client's request: everything of the opening handshake that is known before there is a socket.
 *
 * @see RFC 6455, section 4.1
 * @module
 */

import { base64, createKey } from "./accept_key.ts";
import type { ClientExtension } from "./extension_header.ts";
import { type HeaderField, toHeaderFields } from "./extra_headers.ts";
import { isHost } from "./grammar.ts";
import type { HeadersLike } from "./header_reader.ts";
import { checkProtocols } from "./subprotocol.ts";

/** What the client's request is made from. */
export interface ClientRequestOptions {
  /** Where to connect: a URL with the scheme ws, wss, http or https and without a fragment. */
  readonly url: string | URL;
  /** The subprotocols to offer, the most preferred first. Default: none. */
  readonly protocols?: string | readonly string[];
  /** Header fields to add, such as Origin, Cookie, Authorization or Host. Default: none. */
  readonly headers?: HeadersLike;
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

/**
 * Prepares an opening handshake that offers no extensions.
 *
 * @param options The URL, the subprotocols and the header fields.
 * @throws {TypeError} If an option has a wrong type or value; the message names the option.
 */
export function createRequest(options: ClientRequestOptions): ClientHandshake<never> {
  const url = toWebSocketUrl(options.url);
  const protocols = checkProtocols(
    typeof options.protocols === "string" ? [options.protocols] : options.protocols ?? [],
  );
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
    extensions: [],
  };
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
