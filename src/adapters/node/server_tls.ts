/**
 * The TLS options of servers.
 * @module
 */

import { checkOptionNames } from "../../api/options.ts";

/** How a server is secured; values go to `tls.createServer` as they are. */
export interface ServerTlsOptions {
  /** The certificate chain, in PEM. */
  cert: string | Uint8Array;
  /** Its private key, in PEM. */
  key: string | Uint8Array;
  /** The passphrase of `key`. */
  passphrase?: string;
  /** Authorities to check client certificates against, in PEM. */
  ca?: string | Uint8Array | (string | Uint8Array)[];
  /** Whether a certificate is asked of clients. Default: `false`. */
  requestCert?: boolean;
  /** Whether a client without a good certificate is refused, when one is asked. Default: `true`. */
  rejectUnauthorized?: boolean;
}

const NAMES = ["cert", "key", "passphrase", "ca", "requestCert", "rejectUnauthorized"];

/**
 * Checks the option `tls` of a server: Deno 2.9 takes anything, and then fails every connection
 * silently.
 *
 * @throws {TypeError} If it is no object, has other names, or lacks a certificate or key in PEM.
 */
export function checkServerTls(tls: ServerTlsOptions): void {
  checkOptionNames(tls, NAMES);
  if (!isPem(tls.cert) || !isPem(tls.key)) {
    throw new TypeError('Cannot use option "tls": it needs "cert" and "key", in PEM');
  }
}

function isPem(value: unknown): boolean {
  const text = value instanceof Uint8Array ? new TextDecoder().decode(value) : value;
  return typeof text === "string" && text.includes("-----BEGIN ");
}
