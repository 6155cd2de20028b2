/**
 * Certificates for tests of TLS: a small authority, and what it signed for a server and a client.
 * @module
 */

import fs from "node:fs";

function read(name: string): string {
  return fs.readFileSync(new URL(`../../../fixtures/${name}`, import.meta.url), "utf8");
}

/** The authority's certificate. */
export const CA = read("ca_cert.pem");

/** For the name in `SERVER_NAME` alone, no address. */
export const SERVER_CERT = read("server_cert.pem");
export const SERVER_KEY = read("server_key.pem");
export const SERVER_NAME = "server.test";

/** A client's, and its key with and without a passphrase. */
export const CLIENT_CERT = read("client_cert.pem");
export const CLIENT_KEY = read("client_key.pem");
export const CLIENT_KEY_ENCRYPTED = read("client_key_encrypted.pem");
export const PASSPHRASE = "open-sesame";
