/**
 * Cookies of the opening handshake, in and out.
 * @see RFC 6265
 * @module
 */

import { checkOptionNames, describe } from "../api/options.ts";

/** More cookies than any browser sends to one site are not read. */
const MAX_COOKIES = 180;

/**
 * Reads a `Cookie` header.
 *
 * Tolerant, as a server has to be: what is no pair is left out, quotes around a value are taken off,
 * and a value that is not percent-encoded right stays as it is. Of two cookies with one name the
 * first counts, which is the one with the more specific path.
 *
 * @param header The header's value; `null` or `undefined` when there is none.
 * @returns Values by name, 180 at the most.
 *
 * @example
 * ```ts
 * import { parseCookies } from "@fullduplex/ws/server";
 *
 * console.log(parseCookies("theme=dark; name=J%C3%BCrgen").get("name")); // "Jürgen"
 * ```
 *
 * @see RFC 6265, sections 4.2 and 5.4
 */
export function parseCookies(header: string | null | undefined): Map<string, string> {
  const cookies = new Map<string, string>();
  const text = header ?? "";
  for (let start = 0; start < text.length && cookies.size < MAX_COOKIES;) {
    let end = text.indexOf(";", start);
    if (end < 0) end = text.length;
    const pair = text.slice(start, end);
    start = end + 1;
    const equals = pair.indexOf("=");
    if (equals < 1) continue;
    const name = pair.slice(0, equals).trim();
    if (name === "" || cookies.has(name)) continue;
    cookies.set(name, decode(pair.slice(equals + 1).trim()));
  }
  return cookies;
}

function decode(value: string): string {
  const quoted = value.length > 1 && value.startsWith('"') && value.endsWith('"');
  const plain = quoted ? value.slice(1, -1) : value;
  if (!plain.includes("%")) return plain;
  try {
    return decodeURIComponent(plain);
  } catch {
    return plain;
  }
}

/** The attributes of a cookie. */
export interface CookieOptions {
  /** How long it lives, in seconds; 0 or less removes it. Default: as long as the browser runs. */
  maxAgeSeconds?: number;
  /** When it ends. Default: with the browser. */
  expires?: Date;
  /** The host it is for, and those below it. Default: this host alone. */
  domain?: string;
  /** The path it is for. Default: the path of the request, without its last segment. */
  path?: string;
  /** Whether it goes over TLS only. Default: `false`. */
  secure?: boolean;
  /** Whether scripts do not see it. Default: `false`. */
  httpOnly?: boolean;
  /** Whether it goes with requests that other sites cause. Default: the browser's, mostly "Lax". */
  sameSite?: "Strict" | "Lax" | "None";
  /** Whether each top-level site has its own. Default: `false`. */
  partitioned?: boolean;
}

const COOKIE_OPTION_NAMES = [
  ...["maxAgeSeconds", "expires", "domain", "path", "secure", "httpOnly", "sameSite"],
  "partitioned",
];

/**
 * Writes the value of a `Set-Cookie` header, for the `headers` of a server or a route.
 *
 * @param name A token of RFC 9110.
 * @param value Any text; what a cookie must not hold is percent-encoded.
 * @param options The cookie's attributes.
 * @throws {TypeError} If a part is wrong or would inject another attribute, or browsers would refuse
 * the cookie: `__Secure-` without `secure`, `__Host-` without `secure` and path `/` or with a
 * domain, `SameSite=None` or `partitioned` without `secure`.
 * @throws {RangeError} If `maxAgeSeconds` is no integer, or `expires` no valid date.
 *
 * @example
 * ```ts
 * import { serializeCookie } from "@fullduplex/ws/server";
 *
 * console.log(serializeCookie("session", "a b", { path: "/", httpOnly: true }));
 * // session=a%20b; Path=/; HttpOnly
 * ```
 *
 * @see RFC 6265, section 4.1
 */
export function serializeCookie(name: string, value: string, options: CookieOptions = {}): string {
  checkOptionNames(options, COOKIE_OPTION_NAMES);
  if (typeof name !== "string" || !/^[\w!#$%&'*+.^`|~-]+$/.test(name)) {
    throw new TypeError(`Cannot set cookie ${JSON.stringify(name)}: its name is not a token`);
  }
  if (typeof value !== "string") {
    throw new TypeError(`Cannot set cookie "${name}": expected a string, got ${describe(value)}`);
  }
  const { maxAgeSeconds, expires, domain, path, sameSite } = options;
  for (const flag of ["secure", "httpOnly", "partitioned"] as const) {
    if (!["undefined", "boolean"].includes(typeof options[flag])) {
      throw wrong(name, flag, "a boolean");
    }
  }
  const parts = [`${name}=${encode(name, value)}`];
  if (maxAgeSeconds !== undefined) {
    if (!Number.isSafeInteger(maxAgeSeconds)) {
      throw new RangeError(`Cannot set cookie "${name}": "maxAgeSeconds" must be an integer`);
    }
    parts.push(`Max-Age=${maxAgeSeconds}`);
  }
  if (expires !== undefined) {
    if (!(expires instanceof Date) || Number.isNaN(expires.getTime())) {
      throw new RangeError(`Cannot set cookie "${name}": "expires" must be a valid Date`);
    }
    parts.push(`Expires=${expires.toUTCString()}`);
  }
  if (domain !== undefined) {
    if (typeof domain !== "string" || !/^\.?[a-z0-9-]+(?:\.[a-z0-9-]+)*$/i.test(domain)) {
      throw wrong(name, "domain", "a host name");
    }
    parts.push(`Domain=${domain}`);
  }
  if (path !== undefined) {
    if (typeof path !== "string" || !/^\/[\x20-\x3a\x3c-\x7e]*$/.test(path)) {
      throw wrong(name, "path", 'a path from "/" on, without ";"');
    }
    parts.push(`Path=${path}`);
  }
  if (options.secure) parts.push("Secure");
  if (options.httpOnly) parts.push("HttpOnly");
  if (sameSite !== undefined) {
    if (!["Strict", "Lax", "None"].includes(sameSite)) {
      throw wrong(name, "sameSite", '"Strict", "Lax" or "None"');
    }
    parts.push(`SameSite=${sameSite}`);
  }
  if (options.partitioned) parts.push("Partitioned");
  checkPromises(name, options);
  return parts.join("; ");
}

function encode(name: string, value: string): string {
  try {
    return encodeURIComponent(value);
  } catch (cause) {
    throw new TypeError(`Cannot set cookie "${name}": half a surrogate pair`, { cause });
  }
}

/** A cookie that the browser would drop is a fault better seen here. */
function checkPromises(name: string, options: CookieOptions): void {
  const { secure, domain, path, sameSite, partitioned } = options;
  const lower = name.toLowerCase();
  if (lower.startsWith("__host-") && (!secure || domain !== undefined || path !== "/")) {
    throw new TypeError(`Cannot set cookie "${name}": it needs secure, path "/" and no domain`);
  }
  if ((lower.startsWith("__secure-") || sameSite === "None" || partitioned) && !secure) {
    throw new TypeError(`Cannot set cookie "${name}": it needs secure`);
  }
}

function wrong(cookie: string, option: string, expected: string): TypeError {
  return new TypeError(`Cannot set cookie "${cookie}": "${option}" must be ${expected}`);
}
