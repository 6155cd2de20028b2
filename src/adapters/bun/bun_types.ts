/**
 * The few things of Bun's API that the adapter touches, as structural types: users of the npm
 * package need no types of Bun.
 *
 * @module
 */

/** The part of Bun's `ServerWebSocket` that is used. */
export interface BunServerWebSocket<Data = BunConnectionData> {
  /** What was given to `upgrade`. */
  readonly data: Data;
  /** The peer's address; Bun 1.4 forgets it when the socket closes. */
  readonly remoteAddress: string;
  /** What messages come as. */
  binaryType?: unknown;
  /** Sends a message: its size, -1 when it has to wait, 0 when it was dropped. */
  send(data: string | Uint8Array, compress?: boolean): number;
  /** Sends a ping. */
  ping(data: Uint8Array): number;
  /** Sends a pong. */
  pong(data: Uint8Array): number;
  /** Sends a close frame and closes. */
  close(closeCode?: number, reason?: string): void;
  /** Cuts the connection. */
  terminate(): void;
  /** Bytes that wait. */
  getBufferedAmount(): number;
  /** Stops reading. */
  pause(): void;
  /** Goes on reading. */
  resume(): void;
}

/** The part of Bun's `Server` that is used. */
export interface BunServer {
  /** Upgrades a request; `open` is called before it returns. */
  upgrade(
    request: Request,
    options: { headers: Headers; data: BunConnectionData },
  ): boolean;
}

/** What `websocket` and `upgradeWebSocket` keep in Bun's `ws.data`. */
export interface BunConnectionData {
  /** Names whose it is. */
  readonly owner: "fullduplex";
}

/**
 * The value for `Bun.serve`'s `websocket`: Bun's name for handlers and settings that all WebSockets
 * of a server share.
 */
export interface BunWebSocketPlugin {
  /** Tells Bun's types what `ws.data` is; never read. */
  readonly data: BunConnectionData;
  /** The most bytes of a message. */
  readonly maxPayloadLength: number;
  /** The most bytes that Bun lets wait. */
  readonly backpressureLimit: number;
  /** Bun's own notion of idle peers: off, for each connection has a heartbeat. */
  readonly idleTimeout: number;
  /** Bun's own pings: off, likewise. */
  readonly sendPings: boolean;
  /** Whether Bun agrees to compression. */
  readonly perMessageDeflate: boolean;
  /** Called by Bun. */
  open(ws: BunServerWebSocket): void;
  /** Called by Bun. */
  message(ws: BunServerWebSocket, data: string | Uint8Array): void;
  /** Called by Bun. */
  drain(ws: BunServerWebSocket): void;
  /** Called by Bun. */
  ping(ws: BunServerWebSocket, payload: Uint8Array): void;
  /** Called by Bun. */
  pong(ws: BunServerWebSocket, payload: Uint8Array): void;
  /** Called by Bun. */
  close(ws: BunServerWebSocket, closeCode: number, reason: string): void;
}
