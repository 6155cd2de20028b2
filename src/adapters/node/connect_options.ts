/**
 * The options of `connect`.
 * @module
 */

import { checkClient, type ClientOptions, type ClientSetup } from "../../api/client_options.ts";
import type { CodecLimits, CompressionOptions } from "../../api/compression.ts";
import { checkInteger, wrongOption } from "../../api/describe.ts";
import { checkTlsOptions, type ClientTlsOptions } from "./client_tls.ts";
import { checkCookies, type CookieStore } from "./cookies.ts";
import type { Dial } from "./dial_target.ts";
import { type Proxy, type ProxyOptions, resolveProxy } from "./proxy.ts";
import type { Hop } from "./redirects.ts";
import { parseUnixUrl } from "./unix_url.ts";

/** Options of `connect`. */
export interface ConnectOptions extends ClientOptions {
  /** How a `wss:` connection is secured. Default: as the runtime does it. */
  tls?: ClientTlsOptions;
  /**
   * The HTTP proxy to go through, with `http:` or `https:`; or `"environment"` for the one that
   * `https_proxy`, `http_proxy`, `all_proxy` and `no_proxy` name, if any. Default: none.
   */
  proxy?: string | URL | ProxyOptions;
  /** Makes the byte stream to the server, instead of a TCP connection. Default: none. */
  dial?: Dial;
  /** How many redirects are followed, at most 20. Default: 0; a redirect is a refusal. */
  maxRedirects?: number;
  /** A cookie jar. Default: none; a Cookie field in `headers` goes out in any case. */
  cookies?: CookieStore;
}

/** What {@linkcode ConnectOptions} come to. */
export interface ConnectSetup extends ClientSetup {
  /** The `compression` option, to be checked again when the codec is there; absent for none. */
  readonly compressing: true | CompressionOptions | undefined;
  /** The first request. */
  readonly hop: Hop;
  /** Who makes the byte stream. */
  readonly dial: Dial | undefined;
  /** The proxy. */
  readonly proxy: Proxy | "environment" | undefined;
  /** How many redirects are followed. */
  readonly maxRedirects: number;
  /** The cookie jar. */
  readonly cookies: CookieStore | undefined;
}

const MAX_REDIRECTS = 20;

/** What `node:zlib` can do where it can be used. The codec itself is loaded with the first connection. */
const ZLIB_LIMITS: CodecLimits = { minWindowBits: 9, takeover: true };

/**
 * Checks a URL and the options of `connect`.
 *
 * @throws {TypeError} If the URL or an option is wrong.
 * @throws {RangeError} If a number is out of range.
 */
export function setupConnect(url: string | URL, options: ConnectOptions): ConnectSetup {
  const unix = parseUnixUrl(url);
  const names = ["tls", "proxy", "dial", "maxRedirects", "cookies"];
  const setup = checkClient(unix?.url ?? url, options, names, ZLIB_LIMITS);
  const { compression, dial, proxy } = options;
  if (dial !== undefined && typeof dial !== "function") {
    throw wrongOption("dial", "a function", dial);
  }
  const ways = { dial, proxy, "a unix socket's URL": unix };
  const [one, other] = Object.entries(ways).filter(([, way]) => way !== undefined);
  if (other !== undefined && !(unix !== undefined && proxy === "environment")) {
    throw new TypeError(`Cannot use option "${one[0]}" with ${other[0]}: choose one way`);
  }
  const { maxRedirects = 0 } = options;
  checkInteger("maxRedirects", maxRedirects, 0, MAX_REDIRECTS);
  if (maxRedirects > 0 && options.legacy !== undefined) {
    throw new TypeError('Cannot use option "maxRedirects" with "legacy": the drafts know of none');
  }
  const headers = new Headers(options.headers);
  for (const [name, value] of setup.handshake.headers) {
    if (name.toLowerCase() === "authorization") headers.set(name, value); // also the URL's
  }
  const handshake = unix === undefined ? setup.handshake : {
    ...setup.handshake,
    url: unix.prefix + setup.handshake.target,
  };
  return {
    ...setup,
    compressing: typeof compression === "object" ? { ...compression } : compression || undefined,
    hop: {
      handshake,
      tls: checkTlsOptions(options.tls),
      unix,
      headers,
    },
    dial,
    proxy: proxy === undefined || proxy === "environment"
      ? proxy
      : resolveProxy(proxy, 'option "proxy"'),
    maxRedirects,
    cookies: checkCookies(options.cookies),
  };
}
