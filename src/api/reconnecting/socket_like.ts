/**
 * What a reconnecting socket needs of the WebSockets that it makes: any WHATWG implementation has it.
 * @module
 */

/** The part of a WebSocket that is used. */
export interface SocketLike {
  /** 0 connecting, 1 open, 2 closing, 3 closed. */
  readonly readyState: number;
  /** Bytes given to `send()` that have not left. */
  readonly bufferedAmount: number;
  /** The subprotocol that the server chose; `""` for none. */
  readonly protocol: string;
  /** The extensions in use. */
  readonly extensions: string;
  /** What binary messages arrive as: `"blob"` or `"arraybuffer"`. */
  binaryType: string;
  /** Sends a message. */
  // deno-lint-ignore no-explicit-any -- implementations type what they take in their own ways
  send(data: any): void;
  /** Starts the closing handshake, or gives up connecting. */
  close(code?: number, reason?: string): void;
  /** Listens for events. */
  // deno-lint-ignore no-explicit-any
  addEventListener(type: any, listener: any): void;
  /** Listens no more. */
  // deno-lint-ignore no-explicit-any
  removeEventListener(type: any, listener: any): void;
}

/** A class of WebSockets: a platform's own, this library's, or another one's. */
export interface SocketConstructor {
  /** Starts to open a connection. */
  // deno-lint-ignore no-explicit-any
  new (url: string, protocols?: any, options?: any): SocketLike;
}

/** How a connection, or the attempt to make one, ended. */
export interface ConnectionEnd {
  /** The peer's close code; 1005 when its frame had none, 1006 when no close frame came. */
  readonly closeCode: number;
  /** The peer's reason; may be empty. */
  readonly reason: string;
  /** Whether both sides sent a close frame. */
  readonly wasClean: boolean;
  /**
   * Why there is no connection, as far as the WebSocket told: a `HandshakeError` when none came
   * about, a `WebSocketError` when it was lost. Absent after a clean close.
   */
  readonly error?: Error;
}

/** What functions that are asked before each attempt are told of it. */
export interface AttemptInfo {
  /** 1 for the first attempt since the beginning or since the last stable connection. */
  readonly attempt: number;
  /** Aborted when the attempt's time is up or nobody wants it any more; for `fetch()`. */
  readonly signal: AbortSignal;
}

/** A value, or a function that is asked for it before each attempt. */
export type PerAttempt<Value> = Value | ((info: AttemptInfo) => Value | Promise<Value>);
