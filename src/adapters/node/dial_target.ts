/**
 * Dialling by hand: what a `dial` function is told, and what it gives.
 * @module
 */

import type { ByteStreamPair } from "../../api/stream_transport.ts";

/** Where a connection is to go. */
export interface DialTarget {
  /** The host's name or address; an IPv6 address comes without brackets. */
  readonly hostname: string;
  /** The port. */
  readonly port: number;
  /** Whether the URL is a `wss:` one. */
  readonly secure: boolean;
  /** The URL with the scheme ws or wss and without credentials. */
  readonly url: string;
  /** How much time there is, in milliseconds; when it is over, `signal` is aborted. */
  readonly timeoutMs: number;
}

/**
 * A socket of Node's kind: a `net.Socket`, a `tls.TLSSocket` or any other `stream.Duplex` of bytes.
 * No more of it is named here than tells it from anything else.
 */
export interface DialedSocket {
  /** Adds a listener. */
  // deno-lint-ignore no-explicit-any -- the listeners' types differ by runtime and version
  on(event: any, listener: any): unknown;
  /** Cuts the stream. */
  destroy(): unknown;
}

/**
 * Makes a byte stream to a host, by whatever means.
 *
 * @param target Where to.
 * @param signal Aborted when the stream is not wanted any more: the time is over, or the caller gave
 * up. A stream that comes later still is cut.
 * @returns A socket of Node's kind, over which `wss:` does its TLS, or a pair of byte streams, which
 * for `wss:` must be secure already. It belongs to the connection from then on.
 */
export type Dial = (
  target: DialTarget,
  signal: AbortSignal,
) => ByteStreamPair | DialedSocket | Promise<ByteStreamPair | DialedSocket>;
