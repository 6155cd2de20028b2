/**
 * Where `connect` connects to, and with which options: the first time, and from `/connect` on.
 * @module
 */

import { Buffer } from "node:buffer";
import { resolve } from "node:path";
import type { ConnectOptions } from "../../adapters/client.ts";

/** What is for one server only. */
const PRIVATE_FIELDS: ReadonlySet<string> = new Set(["authorization", "cookie", "host", "origin"]);

/** A URL to connect to, with its options. */
export class Target {
  /** The URL. */
  readonly url: string;
  readonly #options: ConnectOptions;
  readonly #fields: readonly [string, string][];
  readonly #tls: ConnectOptions["tls"];
  readonly #unix: string | undefined;

  /**
   * @param url The URL as it was given.
   * @param options The options, without what follows.
   * @param fields The header fields.
   * @param tls The TLS options.
   * @param unix The unix socket to go to.
   */
  constructor(
    url: string,
    options: ConnectOptions,
    fields: readonly [string, string][],
    tls: ConnectOptions["tls"],
    unix: string | undefined,
  ) {
    this.url = url;
    this.#options = options;
    this.#fields = fields;
    this.#tls = tls;
    this.#unix = unix;
  }

  /**
   * Makes another target with the same options. To another scheme, host or port no credentials go
   * along: as with redirects, neither header fields with secrets nor the client's certificate.
   *
   * @param url The URL, as the user gave it.
   */
  to(url: string): Target {
    const same = originOf(url) === originOf(this.url);
    const fields = same
      ? this.#fields
      : this.#fields.filter(([name]) => !PRIVATE_FIELDS.has(name.toLowerCase()));
    const { ca, rejectUnauthorized } = this.#tls ?? {};
    const kept = {
      ...(ca === undefined ? {} : { ca }),
      ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized }),
    };
    return new Target(url, this.#options, fields, same ? this.#tls : kept, this.#unix);
  }

  /** What `connect()` takes. */
  get arguments(): [url: string, options: ConnectOptions] {
    const options: ConnectOptions = {
      ...this.#options,
      headers: [...this.#fields],
      ...(this.#tls === undefined ? {} : { tls: this.#tls }),
    };
    const parsed = tryUrl(this.url);
    const scheme = /^(?:ws|http)(s?):$/.exec(parsed?.protocol ?? "");
    if (this.#unix === undefined || parsed === undefined || scheme === null) {
      return [this.url, options];
    }
    const headers = new Headers(options.headers);
    if (!headers.has("host")) headers.set("host", parsed.host);
    if (parsed.username + parsed.password !== "" && !headers.has("authorization")) {
      const { username, password } = parsed;
      headers.set("authorization", basic(`${decode(username)}:${decode(password)}`));
    }
    const path = resolve(this.#unix).split("/").map(encodeURIComponent).join("/");
    const url = `ws${scheme[1]}+unix:${path}:${parsed.pathname}${parsed.search}`;
    const tls = scheme[1] === "" ? {} : { tls: { servername: parsed.hostname, ...this.#tls } };
    return [url, { ...options, headers, ...tls }];
  }
}

/**
 * The `Authorization` field of a user.
 *
 * @param credentials `user:password`.
 * @see RFC 7617, section 2
 */
export function basic(credentials: string): string {
  return `Basic ${Buffer.from(credentials, "utf8").toString("base64")}`;
}

/** Takes percent-encoding off, where it is such. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function tryUrl(url: string): URL | undefined {
  try {
    return new URL(url);
  } catch {
    return undefined;
  }
}

function originOf(url: string): string {
  const parsed = tryUrl(url);
  if (parsed === undefined) return "";
  // Two files are two servers, though a unix socket's URL has no host.
  const place = parsed.host === "" ? parsed.pathname.split(":", 1)[0] : parsed.host;
  return `${parsed.protocol.replace(/^http/, "ws")}//${place}`;
}
