/**
 * The origin policy: which web pages may open a WebSocket to this server.
 *
 * @see RFC 6455, section 10.2
 * @module
 */

import { isHost, isToken } from "./grammar.ts";
import type { UpgradeRequest } from "./header_reader.ts";

/** Decides on an origin; `null` stands for a request without an Origin field. */
export type OriginCheck = (
  origin: string | null,
  request: UpgradeRequest,
) => boolean | Promise<boolean>;

/**
 * The server's `origins` option.
 *
 * - `"same-origin"`: the origin's host and port are those of the request's Host field. A page from
 *   `http:` may not reach a server on `https:`; a page from `https:` may reach one on `http:`,
 *   because that is how a server behind a TLS proxy sees it.
 * - a list of serialized origins such as `"https://example.com"`, compared whole and without regard
 *   to case. `"null"` passes only if it is listed.
 * - a function.
 *
 * A request without an Origin field does not come from a browser, and passes the first two.
 */
export type OriginPolicy = "same-origin" | readonly string[] | OriginCheck;

/**
 * Makes the check that an `origins` option stands for.
 *
 * @param option The option.
 * @throws {TypeError} If it is something else, or a listed origin is not in its serialized form.
 */
export function compileOrigins(option: OriginPolicy): OriginCheck {
  if (typeof option === "function") return option;
  if (option === "same-origin") return isSameOrigin;
  if (!Array.isArray(option)) {
    throw new TypeError('origins must be "same-origin", a list of origins or a function');
  }
  const allowed = new Set<string>();
  for (const origin of option as readonly unknown[]) {
    if (typeof origin !== "string" || !isSerializedOrigin(origin)) {
      throw new TypeError(
        `origins must hold serialized origins such as "https://example.com", got ${
          JSON.stringify(origin)
        }`,
      );
    }
    allowed.add(origin.toLowerCase());
  }
  return (origin) => origin === null || allowed.has(origin.toLowerCase());
}

/** Tells whether a browser could send this as its Origin, so that listing it makes sense. */
function isSerializedOrigin(origin: string): boolean {
  if (origin === "null" || origin === "file://") return true;
  const parts = splitOrigin(origin);
  // A wildcard would match nothing, to the surprise of who wrote it.
  if (parts === null || origin.includes("*")) return false;
  if (parts.scheme !== "http" && parts.scheme !== "https") return true;
  // A default port, an IPv4 address in an odd notation and the like are serialized differently.
  return URL.canParse(origin) && new URL(origin).origin === origin.toLowerCase();
}

/** Splits `scheme://host[:port]`; `null` when it is anything else. */
function splitOrigin(origin: string): { scheme: string; host: string } | null {
  const at = origin.indexOf("://");
  if (at < 1) return null;
  const scheme = origin.slice(0, at).toLowerCase();
  const host = origin.slice(at + 3).toLowerCase();
  return isToken(scheme) && isHost(host) ? { scheme, host } : null;
}

function isSameOrigin(origin: string | null, request: UpgradeRequest): boolean {
  if (origin === null) return true;
  const host = request.headers.get("host");
  const parts = splitOrigin(origin);
  if (parts === null || host === null) return false;
  const { scheme } = parts;
  if (scheme !== "https" && (scheme !== "http" || request.url.startsWith("https:"))) return false;
  const defaultPort = scheme === "https" ? ":443" : ":80";
  return withoutPort(parts.host, defaultPort) === withoutPort(host.toLowerCase(), defaultPort);
}

/** Takes the default port off a host; an IPv6 address ends with a bracket, so it stays whole. */
function withoutPort(host: string, port: string): string {
  return host.endsWith(port) ? host.slice(0, -port.length) : host;
}
