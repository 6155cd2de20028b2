/**
 * HTTP proxies: what names one, and what is said to it.
 * @module
 */

import { checkOptionNames, describe } from "../../api/options.ts";
import { basicAuthorization } from "../../handshake/client_request.ts";
import { type HeaderField, toHeaderFields } from "../../handshake/extra_headers.ts";
import type { HeadersLike } from "../../handshake/mod.ts";
import { checkTlsOptions, type ClientTlsOptions } from "./client_tls.ts";

/** A proxy with more to say of it than its URL. */
export interface ProxyOptions {
  /** `http:` or, for TLS to the proxy itself, `https:`; credentials in it are sent as basic auth. */
  url: string | URL;
  /** Header fields to add to the CONNECT request, such as Proxy-Authorization. Default: none. */
  headers?: HeadersLike;
  /** How the TLS to an `https:` proxy is done. Default: as the runtime does it. */
  tls?: ClientTlsOptions;
}

/** A proxy, ready to be asked. */
export interface Proxy {
  /** Its host; an IPv6 address comes without brackets. */
  readonly hostname: string;
  /** Its port. */
  readonly port: number;
  /** Whether it is spoken to over TLS. */
  readonly secure: boolean;
  /** How. */
  readonly tls: ClientTlsOptions;
  /** Header fields of the CONNECT request, beside Host. */
  readonly fields: readonly HeaderField[];
}

/**
 * Checks a proxy and the options of it.
 *
 * @param option What the caller, or the environment, gave.
 * @param name What to call it in errors; they leave the URL out because it may hold a password.
 * @throws {TypeError} If the URL or an option is wrong.
 */
export function resolveProxy(option: string | URL | ProxyOptions, name: string): Proxy {
  const options: ProxyOptions = typeof option === "string" || option instanceof URL
    ? { url: option }
    : option;
  checkOptionNames(options, ["url", "headers", "tls"]);
  if (typeof options.url !== "string" && !(options.url instanceof URL)) {
    throw new TypeError(`Cannot use ${name}: expected a URL, got ${describe(options.url)}`);
  }
  const url = tryUrl(options.url);
  if (url === null) throw new TypeError(`Cannot use ${name}: expected an absolute URL`);
  if (url.protocol.startsWith("socks")) {
    throw new TypeError(
      `Cannot use ${name}: SOCKS proxies are a matter of ./socks, as in ` +
        '{ dial: socksProxy("socks5://localhost:1080") }',
    );
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new TypeError(`Cannot use ${name}: expected an http: or https: URL, got ${url.protocol}`);
  }
  if (url.pathname + url.search + url.hash !== "/") {
    throw new TypeError(`Cannot use ${name}: expected a URL without a path`);
  }
  const fields = toHeaderFields(options.headers).filter(([field]) => field !== "host");
  const given = fields.some(([field]) => field === "proxy-authorization");
  if (url.username + url.password !== "" && !given) {
    fields.push(["Proxy-Authorization", basicAuthorization(url)]);
  }
  const secure = url.protocol === "https:";
  return {
    hostname: url.hostname.startsWith("[") ? url.hostname.slice(1, -1) : url.hostname,
    port: url.port === "" ? (secure ? 443 : 80) : Number(url.port),
    secure,
    tls: checkTlsOptions(options.tls),
    fields,
  };
}

/** `URL.parse`, which Node 20 lacks. */
function tryUrl(url: string | URL): URL | null {
  try {
    return new URL(url);
  } catch {
    return null;
  }
}
