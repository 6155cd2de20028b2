/**
 * What a {@linkcode WebSocketConnection} drives: this library's engine over a transport, or a
 * runtime's own WebSocket.
 *
 * @module
 */

import type { ClosePayload, SharedMessage } from "../connection/mod.ts";
import type { WebSocketError } from "../errors.ts";

/** How a connection ended. */
export interface CloseInfo {
  /** The peer's close code; 1005 when its frame had none, 1006 when no close frame came. */
  readonly closeCode: number;
  /** The peer's reason; may be empty. */
  readonly reason: string;
  /** Whether both sides sent a close frame. */
  readonly wasClean: boolean;
  /** Why the connection failed; absent when it was closed in order. */
  readonly error?: WebSocketError;
}

/**
 * What a connection can do here. With this library's engine every entry is `true`, but for
 * `frameDelivery` with compression; a runtime's own socket lacks some.
 */
export interface ConnectionCapabilities {
  /**
   * Whose framing it is: `"fullduplex"`, `"deno"`, `"bun"`, `"browser"`, the draft's with `./legacy`, or
   * `"fallback"` with `./fallback`.
   */
  readonly engine: string;
  /** Bytes can be sent as they are; else there is text only. */
  readonly binary: boolean;
  /** `ping()` and `pong()` can be sent and pongs are seen. */
  readonly ping: boolean;
  /** The peer's pings are seen by the `ping` callback. */
  readonly pingEvents: boolean;
  /** A slow reader on this side stops reading the socket, so that the peer is held back. */
  readonly receiveBackPressure: boolean;
  /** `messages()` yields a message before all of it has come. */
  readonly receiveStreaming: boolean;
  /** A `ReadableStream` goes out fragment by fragment, never whole in memory. */
  readonly sendStreaming: boolean;
  /** A close code and a reason reach the peer; else `close()` takes them, and they are dropped. */
  readonly closeCodes: boolean;
  /** Every code of RFC 6455 §7.4 can be given to `close()`; else 1000 and 3000–4999 only. */
  readonly allCloseCodes: boolean;
  /** `terminate()` cuts the socket at once; else it is closed as fast as the runtime allows. */
  readonly terminate: boolean;
  /** A breach of the protocol is reported with its own error code. */
  readonly protocolErrors: boolean;
  /** `maxMessageBytes` stops a message before it is in memory; else after it has come. */
  readonly earlyMessageLimit: boolean;
  /** `compression` can be had, with all its options; else as the runtime's socket has it. */
  readonly compression: boolean;
  /** An `observer` sees frames and pings; else messages, the handshake and the end only. */
  readonly frameEvents: boolean;
  /** What the `closing` callback returns answers the peer's close; else the runtime answers alone. */
  readonly closeAnswers: boolean;
  /** The `frame` callback gets each data frame by itself; not where messages may be compressed. */
  readonly frameDelivery: boolean;
}

/** What a close frame says that goes before a connection is cut. */
export interface LastWord {
  /** 1000–1003, 1007–1014 or 3000–4999. Default: none, an empty close frame. */
  closeCode?: number;
  /** At most 123 bytes of UTF-8. Default: `""`. */
  reason?: string;
}

/** Takes what a {@linkcode Channel} reports, synchronously and in order. */
export interface ChannelEvents {
  /** Takes a whole message. */
  onMessage(data: string | Uint8Array): void;
  /** Takes the start of a message delivered slice by slice. */
  onMessageStart(type: "text" | "binary"): void;
  /** Takes a slice of it. */
  onMessageSlice(slice: Uint8Array): void;
  /** Takes the end of it. */
  onMessageEnd(): void;
  /** Takes the end of a frame that does not end its message, after `deliverFrames()`. */
  onFrameEnd(): void;
  /** Takes a ping; `false` suppresses the pong. */
  onPing(payload: Uint8Array): boolean;
  /** Takes a pong. */
  onPong(payload: Uint8Array): void;
  /** Takes the round trip of a heartbeat, in milliseconds. */
  onLatency(ms: number): void;
  /** Tells that bytes have left: `bufferedAmount` is lower than it was. */
  onFlush(): void;
  /** Tells that all has left, after some of it had to wait. */
  onDrain(): void;
  /** Takes the peer's close frame; returns the payload of the answer, if it is not to be the same. */
  onClosing(close: ClosePayload): Uint8Array | void;
  /** Takes the failure of the connection; `onClosed` follows. */
  onFailure(error: WebSocketError): void;
  /** Tells that all is over. Called once, and nothing is called after it. */
  onClosed(info: CloseInfo): void;
}

/** One open WebSocket, below the API. Methods do not throw on what the peer did. */
export interface Channel {
  /** What it can do. */
  readonly capabilities: ConnectionCapabilities;
  /** Bytes given to send that have not left yet. */
  readonly bufferedAmount: number;
  /** Whether messages can still be sent. */
  readonly open: boolean;
  /** Names who is told; once, before anything else. */
  bind(events: ChannelEvents): void;
  /** Starts reading. */
  start(): void;
  /**
   * Sends a text message.
   *
   * @param compress Whether to compress it, where that was negotiated. Default: by its size.
   * @returns A promise when that takes time; nothing else may be sent until it settles.
   */
  sendText(text: string, compress?: boolean): Promise<void> | void;
  /** Sends bytes; with `keep` the caller leaves them unchanged until they have left. */
  sendBytes(
    bytes: Uint8Array,
    type: "text" | "binary",
    keep: boolean,
    compress?: boolean,
  ): Promise<void> | void;
  /** Sends a message that other connections get too. */
  sendShared(message: SharedMessage, compress?: boolean): Promise<void> | void;
  /** Sends a fragment of a message; `compress` counts with the first one. */
  sendFragment(
    bytes: Uint8Array,
    type: "text" | "binary",
    final: boolean,
    compress?: boolean,
  ): Promise<void> | void;
  /** Tells whether sending a message of so many bytes takes a promise. */
  isSlow(size: number, compress?: boolean): boolean;
  /** Sends a ping of at most 125 bytes. */
  ping(payload: Uint8Array): void;
  /** Sends a pong of at most 125 bytes. */
  pong(payload: Uint8Array): void;
  /** Starts the closing handshake; arguments are valid. */
  close(closeCode: number | undefined, reason: string): void;
  /**
   * Cuts the connection; `error` is what `onClosed` then reports.
   *
   * @param last What a close frame says before that, if it can go at once; valid. Default: none.
   */
  terminate(error: WebSocketError, last?: LastWord): void;
  /** Fails the connection with a close code that says so, and `error`. */
  fail(error: WebSocketError): void;
  /** Stops delivering, and holds the peer back where it can. */
  pause(): void;
  /** Goes on delivering. */
  resume(): void;
  /** Drops the messages that still come. */
  discardMessages(): void;
  /** Chooses how messages that start from now on are delivered. */
  setStreaming(streaming: boolean): void;
  /** Delivers each frame by itself from now on, where `capabilities.frameDelivery` is `true`. */
  deliverFrames?(): void;
  /** Sends a frame as it is given, whatever rule it breaks, where it is this library's engine. */
  sendRaw?(first: number, payload: Uint8Array, masked?: boolean): void;
}
