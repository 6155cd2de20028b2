/**
 * What the suites need of another WebSocket library, whatever its own API looks like.
 *
 * Every peer's server obeys the same few text messages as ours (see suite.ts), and echoes the rest.
 *
 * @module
 */

import type { Inbox } from "../adapters/support/waiting.ts";

/** A connection of the other library. */
export interface PeerSocket {
  /** The subprotocol that was agreed on. */
  readonly protocol: string;
  /** The extensions in use. */
  readonly extensions: string;
  /** Messages that came. */
  readonly inbox: Inbox<string | Uint8Array>;
  /** Payloads of pings that came, where the API shows them. */
  readonly pings: Inbox<string> | undefined;
  /** Payloads of pongs that came, where the API shows them. */
  readonly pongs: Inbox<string> | undefined;
  /** How it ended. */
  readonly closed: Promise<PeerClose>;
  send(data: string | Uint8Array): void;
  /** Sends one message as several fragments, where the API can. */
  sendFragments?(parts: readonly string[]): void;
  /** Sends a ping, where the API can. */
  ping?(payload: string): void;
  close(code: number, reason: string): void;
}

/** How the other library says a connection ended. */
export interface PeerClose {
  code: number;
  reason: string;
}

/** The other library's client. */
export interface PeerClient {
  name: string;
  /** The code that it answers every close frame with. Default: the code it got. */
  closeAnswer?: number;
  /** Connects; rejects with a {@linkcode PeerRefusal} when that fails. */
  connect(url: string, options?: PeerConnectOptions): Promise<PeerSocket>;
}

export interface PeerConnectOptions {
  protocols?: string[];
  headers?: Record<string, string>;
  /** A certificate to trust. */
  ca?: string;
}

/** Why the other library's client did not connect, as far as its API tells. */
export class PeerRefusal extends Error {
  readonly status: number | undefined;
  readonly body: string | undefined;

  constructor(message: string, status?: number, body?: string) {
    super(message);
    this.status = status;
    this.body = body;
  }
}

/** The other library's server. */
export interface PeerServer {
  name: string;
  /** The code that it answers every close frame with. Default: the code it got. */
  closeAnswer?: number;
  /**
   * Listens on 127.0.0.1. It answers requests for `/refused` with 403, the field `X-Why: test` and
   * a body if it can, and chooses the subprotocol `v2.chat` when that is offered.
   */
  listen(onSocket: (socket: PeerSocket) => void): Promise<RunningPeer>;
  /** What it can send with a refusal. Default: everything. */
  refusal?: { headers: boolean; body: boolean };
}

export interface RunningPeer {
  url: string;
  close(): Promise<void>;
}

/** Resolves once, from an event of the other library. */
export class Closing {
  readonly closed: Promise<PeerClose>;
  resolve!: (close: PeerClose) => void;

  constructor() {
    this.closed = new Promise((resolve) => this.resolve = resolve);
  }
}

/** Bytes as a plain `Uint8Array`, whatever a library gives. */
export function plain(data: ArrayBuffer | ArrayBufferView): Uint8Array {
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice()
    : new Uint8Array(data).slice();
}
