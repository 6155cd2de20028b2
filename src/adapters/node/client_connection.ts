/**
 * Opening a client's connection, up to the moment before it starts.
 * @module
 */

import {
  type ClientOptions,
  type ClientSetup,
  openClient,
  setupClient,
} from "../../api/client_opening.ts";
import type { ConnectionCore } from "../../api/connection_core.ts";
import { checkOptionNames } from "../../api/options.ts";
import { HandshakeError } from "../../errors.ts";
import { zlibCodec } from "../zlib/codec.ts";
import { CLIENT_TLS_OPTION_NAMES, type ClientTlsOptions, dial } from "./dial.ts";
import { SocketTransport } from "./socket_transport.ts";

/** Options of `connect`. */
export interface ConnectOptions extends ClientOptions {
  /** How a `wss:` connection is secured. Default: as the runtime does it. */
  tls?: ClientTlsOptions;
}

/** What {@linkcode ConnectOptions} come to. */
export interface ConnectSetup extends ClientSetup {
  /** How a `wss:` connection is secured. */
  readonly tls: ClientTlsOptions;
}

/**
 * Checks a URL and the options of `connect`.
 *
 * @throws {TypeError} If the URL or an option is wrong.
 * @throws {RangeError} If a number is out of range.
 */
export function setupConnect(url: string | URL, options: ConnectOptions): ConnectSetup {
  const setup = setupClient(url, options, ["tls"], zlibCodec);
  const { tls = {} } = options;
  checkOptionNames(tls, CLIENT_TLS_OPTION_NAMES);
  return { ...setup, tls };
}

/** Dials and shakes hands; the rejection of {@linkcode openClientConnection}. */
export async function dialAndOpen(setup: ConnectSetup): Promise<ConnectionCore> {
  const { handshakeTimeoutMs, signal } = setup.options;
  const start = performance.now();
  const socket = await dial(setup.handshake, setup.tls, handshakeTimeoutMs, signal)
    .catch((error) => {
      if (error instanceof HandshakeError) setup.tap?.refused(error);
      throw error;
    });
  const left = Math.max(1, Math.ceil(handshakeTimeoutMs - (performance.now() - start)));
  return await openClient(new SocketTransport(socket), setup, left);
}

/**
 * Opens a connection and leaves it to the caller to start it, after saying where its messages go.
 * The options `handler` and `onError` are checked and otherwise left alone.
 *
 * @param url Where to connect.
 * @param options As those of `connect`.
 * @returns The connection, not started yet.
 * @throws {HandshakeError} If there is no connection, or the handshake fails.
 * @throws {TypeError} If the URL or an option is wrong.
 * @throws {RangeError} If a number is out of range.
 */
export async function openClientConnection(
  url: string | URL,
  options: ConnectOptions = {},
): Promise<ConnectionCore> {
  return await dialAndOpen(setupConnect(url, options));
}
