/**
 * HTTP proxies: a tunnel to a host, asked for with CONNECT.
 *
 * @see RFC 9110, section 9.3.6
 * @module
 */

import { lossError, readRefusalBody } from "../../api/client_refusal.ts";
import { HeadPhase } from "../../api/head_phase.ts";
import { checkOptionNames, describe } from "../../api/options.ts";
import { HandshakeError } from "../../errors.ts";
import {
  basicAuthorization,
  encodeConnectHead,
  type HeaderField,
  type HeadersLike,
  toHeaderFields,
} from "../../handshake/mod.ts";
import { builtin } from "./builtin.ts";
import { checkTlsOptions, type ClientTlsOptions, startTls } from "./client_tls.ts";
import type { Deadline } from "./deadline.ts";
import type { NodeSocket } from "./node_types.ts";
import { untilReady } from "./socket_wait.ts";
import { SocketTransport } from "./socket_transport.ts";

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

/**
 * Has a proxy make a tunnel.
 *
 * @param proxy The proxy.
 * @param authority The host and the port that the tunnel is to reach.
 * @param deadline The time there is.
 * @param maxHeaderBytes The most bytes of the proxy's answer.
 * @returns The tunnel, with nothing read from it yet.
 * @throws {HandshakeError} If the proxy cannot be reached, refuses, breaks a rule or is late.
 */
export async function openTunnel(
  proxy: Proxy,
  authority: string,
  deadline: Deadline,
  maxHeaderBytes: number,
): Promise<SocketTransport> {
  const { hostname, port, secure, tls, fields } = proxy;
  const where = `the proxy ${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
  const stage = { where, code: "WS_PROXY_FAILED" } as const;
  const socket = secure
    ? await untilReady(startTls(hostname, { port }, tls), "secureConnect", stage, deadline)
    : await untilReady(
      builtin("net").connect({
        host: hostname,
        port,
        allowHalfOpen: true,
      }) as unknown as NodeSocket,
      "connect",
      stage,
      deadline,
    );
  const transport = new SocketTransport(socket, true);
  const phase = new HeadPhase(transport, deadline.leftMs, deadline.signal);
  try {
    transport.write([encodeConnectHead(authority, fields)]);
    const outcome = await phase.readHead("response", maxHeaderBytes);
    if ("lost" in outcome) {
      throw lossError(outcome, deadline.timeoutMs, `Cannot connect to ${where}`, stage.code);
    }
    if ("fault" in outcome) {
      const { code, message } = outcome.fault;
      throw new HandshakeError(`Cannot connect through ${where}: ${message}`, { code });
    }
    const { head: { status, headers }, rest } = outcome;
    // RFC 9110 §9.3.6: "Any 2xx (Successful) response indicates that the sender […] will switch
    // to tunnel mode immediately after the response header section"
    if (status < 200 || status > 299) {
      const body = await readRefusalBody(phase, outcome.head, rest);
      throw new HandshakeError(`Cannot connect through ${where}: it answered ${status}`, {
        code: "WS_PROXY_REFUSED",
        status,
        headers,
        body,
      });
    }
    // Neither TLS nor WebSocket lets the server speak first: these bytes are nobody's.
    if (rest.length > 0) {
      throw new HandshakeError(`Cannot connect through ${where}: it sent more than its answer`, {
        code: "WS_HANDSHAKE_MALFORMED",
      });
    }
    return transport;
  } catch (error) {
    transport.destroy();
    throw error;
  } finally {
    phase.finish();
  }
}
