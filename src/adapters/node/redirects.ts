/**
 * Redirects: where a response sends a client, and what it takes along.
 *
 * @see RFC 9110, section 15.4
 * @module
 */

import { HandshakeError } from "../../errors.ts";
import { type ClientHandshake, createClientHandshake } from "../../handshake/mod.ts";
import type { ClientTlsOptions } from "./client_tls.ts";
import type { UnixUrl } from "./unix_url.ts";

/** One request of a client: the first, or one that a redirect led to. */
export interface Hop {
  /** What is sent and expected. */
  readonly handshake: ClientHandshake;
  /** How TLS is done. */
  readonly tls: ClientTlsOptions;
  /** The unix socket it goes to. */
  readonly unix: UnixUrl | undefined;
  /** The caller's header fields that go along, Authorization of the URL's credentials included. */
  readonly headers: Headers;
}

/** What is for one server only. */
const PRIVATE_FIELDS = ["authorization", "cookie", "proxy-authorization", "host"];

/**
 * Makes the next request.
 *
 * To another scheme, host or port no credentials go along, and they stay behind for good: neither
 * Authorization, Cookie, Proxy-Authorization and Host, nor the client's certificate.
 *
 * @param hop The request that was answered.
 * @param response The answer.
 * @throws {HandshakeError} If the redirect must not be followed.
 */
export function nextHop(hop: Hop, response: HandshakeError): Hop {
  const { handshake, unix } = hop;
  const location = response.headers.get("location")!;
  const base = unix === undefined ? handshake.url : unix.url;
  let url: URL;
  try {
    url = new URL(location, base);
  } catch {
    throw refused("its location is no URL", response);
  }
  const scheme = url.protocol.replace(/^http/, "ws");
  if (scheme !== "ws:" && scheme !== "wss:") {
    throw refused("its location is no WebSocket URL", response);
  }
  if (handshake.secure && scheme === "ws:") {
    throw refused("it leads from wss: to ws:", response);
  }
  if (unix !== undefined && /^\s*([a-z][a-z0-9+.-]*:|[\\/]{2})/i.test(location)) {
    throw refused("it leads away from a unix socket", response);
  }
  url.protocol = scheme;
  url.hash = ""; // RFC 6455 §3: fragments "MUST NOT be used on these URIs"
  url.username = url.password = ""; // credentials that a server invents are not the caller's
  const headers = new Headers(hop.headers);
  let { tls } = hop;
  if (url.origin !== new URL(base).origin) {
    for (const name of PRIVATE_FIELDS) headers.delete(name);
    tls = { ca: tls.ca, rejectUnauthorized: tls.rejectUnauthorized };
  }
  const { protocols, extensions } = handshake;
  const next = createClientHandshake({ url, protocols, headers, extensions });
  return {
    handshake: unix === undefined ? next : { ...next, url: unix.prefix + next.target },
    tls,
    unix: unix === undefined ? undefined : { ...unix, url: url.href },
    headers,
  };
}

/** The error for a redirect that is not followed. */
export function refused(why: string, response: HandshakeError): HandshakeError {
  const { status, headers, body } = response;
  return new HandshakeError(`Cannot connect: the redirect was not followed, for ${why}`, {
    code: "WS_REDIRECT_REFUSED",
    status,
    headers,
    body,
    cause: response,
  });
}
