/**
 * TLS of a client: straight to a host, or over a stream that is there already.
 * @module
 */

import { checkOptionNames } from "../../api/options.ts";
import { builtin } from "./builtin.ts";
import type { NodeSocket } from "./node_types.ts";

/** How a TLS connection is secured; values go to `tls.connect` as they are. */
export interface ClientTlsOptions {
  /** Certificates to trust instead of the runtime's own list, in PEM. */
  ca?: string | Uint8Array | (string | Uint8Array)[];
  /** This client's certificate, in PEM. */
  cert?: string | Uint8Array;
  /** The private key of `cert`, in PEM. */
  key?: string | Uint8Array;
  /** The passphrase of `key`. */
  passphrase?: string;
  /** The name to ask for and to check the certificate against. Default: the URL's host. */
  servername?: string;
  /** Whether a certificate that cannot be verified fails the connection. Default: `true`. */
  rejectUnauthorized?: boolean;
}

const CLIENT_TLS_OPTION_NAMES: readonly string[] = [
  "ca",
  "cert",
  "key",
  "passphrase",
  "servername",
  "rejectUnauthorized",
];

/**
 * Checks a `tls` option.
 *
 * @throws {TypeError} If it is no object, or has a name that does not exist.
 */
export function checkTlsOptions(tls: ClientTlsOptions = {}): ClientTlsOptions {
  checkOptionNames(tls, CLIENT_TLS_OPTION_NAMES);
  return tls;
}

/** What a TLS connection is made over: an address, a unix socket, or a stream. */
export type TlsBelow = { readonly port: number } | { readonly path: string } | {
  readonly socket: NodeSocket;
};

/**
 * Starts TLS; "secureConnect" tells when it is there.
 *
 * @param host The host that the certificate must be for, unless `options` name another.
 * @param below What it goes over.
 * @param options TLS options.
 * @throws {TypeError} If the runtime cannot use an option, such as a key that is none.
 */
export function startTls(host: string, below: TlsBelow, options: ClientTlsOptions): NodeSocket {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  try {
    return builtin("tls").connect(
      {
        // Over a stream too: the certificate is checked against it when it is an IP address.
        host,
        ...below,
        ALPNProtocols: ["http/1.1"],
        // RFC 6066 §3: a literal IP address is not a server name.
        servername: builtin("net").isIP(host) === 0 ? host : undefined,
        // The engine decides when to end, also after the server did. (The types do not know it.)
        allowHalfOpen: true,
        ...Object.fromEntries(given),
      } as Record<string, unknown>,
    ) as unknown as NodeSocket;
  } catch (cause) {
    const { message } = cause as Error;
    throw new TypeError(`Cannot use option "tls": ${message}`, { cause });
  }
}
