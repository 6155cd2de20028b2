/**
 * The types of the `WebSocket` class.
 * @module
 */

import type { ConnectionCore } from "../connection_core.ts";
import type { AnyListener, ListenerOptions } from "../listener_types.ts";
import type { WebSocketCloseEvent, WebSocketErrorEvent } from "./events.ts";

/** What both classes add to the options that their opener takes. */
export interface OpeningOptions {
  /** The subprotocols to offer. */
  readonly protocols: string[];
  /** Cuts the handshake and the connection. */
  readonly signal: AbortSignal;
}

/**
 * Checks a URL and options at once, and returns what opens a connection, not started yet.
 *
 * @throws {TypeError} If an option is wrong.
 * @throws {RangeError} If a number is out of range.
 */
export type Prepare<Options extends object> = (
  url: string,
  options: Options & OpeningOptions,
) => () => Promise<ConnectionCore>;

/** How binary messages come: as a `Blob` or as an `ArrayBuffer`. */
export type WebSocketBinaryType = "blob" | "arraybuffer";

/** The events of a {@linkcode WebSocketInstance}. */
export interface WebSocketEvents {
  /** The connection is open. */
  open: Event;
  /** A message came. */
  message: MessageEvent;
  /** The connection failed; `close` follows. */
  error: WebSocketErrorEvent;
  /** All is over. */
  close: WebSocketCloseEvent;
}

/** An event handler attribute: a function, or `null`. */
export type WebSocketHandler<Type extends keyof WebSocketEvents> =
  // deno-lint-ignore no-explicit-any -- as the DOM has it
  ((this: WebSocketInstance, event: WebSocketEvents[Type]) => any) | null;

/**
 * An event handler attribute as it is read: like this an instance can stand where the platform's
 * own class is asked for, whose handlers take other types of events.
 *
 * @internal
 */
// deno-lint-ignore no-explicit-any -- as the DOM has it
export type AnyHandler = ((this: any, event: any) => any) | null;

/** A listener for one type of event. */
export type WebSocketListener<Type extends keyof WebSocketEvents> =
  // deno-lint-ignore no-explicit-any -- as the DOM has it
  (this: WebSocketInstance, event: WebSocketEvents[Type]) => any;

/** A `WebSocket` of the WHATWG standard. */
export interface WebSocketInstance extends EventTarget {
  /** The URL, as the standard serialises it. */
  readonly url: string;
  /** 0 while connecting, 1 while open, 2 while closing, 3 when closed. */
  readonly readyState: 0 | 1 | 2 | 3;
  /** Bytes given to `send()` that have not left for the network; frame headers do not count. */
  readonly bufferedAmount: number;
  /** The extensions in use; `""` for none. */
  readonly extensions: string;
  /** The subprotocol that the server chose; `""` for none. */
  readonly protocol: string;
  /** How binary messages come. Default: `"blob"`. */
  binaryType: WebSocketBinaryType;
  /** Called when the connection is open. */
  get onopen(): AnyHandler;
  /** @internal */
  set onopen(handler: WebSocketHandler<"open">);
  /** Called with every message. */
  get onmessage(): AnyHandler;
  /** @internal */
  set onmessage(handler: WebSocketHandler<"message">);
  /** Called when the connection failed, before `onclose`. */
  get onerror(): AnyHandler;
  /** @internal */
  set onerror(handler: WebSocketHandler<"error">);
  /** Called when all is over. */
  get onclose(): AnyHandler;
  /** @internal */
  set onclose(handler: WebSocketHandler<"close">);
  /** 0. */
  readonly CONNECTING: 0;
  /** 1. */
  readonly OPEN: 1;
  /** 2. */
  readonly CLOSING: 2;
  /** 3. */
  readonly CLOSED: 3;
  /**
   * Sends a message. Order is kept.
   *
   * @param data A string goes as text; an `ArrayBuffer`, a view of one or a `Blob` as binary;
   * anything else as the text that it converts to.
   * @throws {DOMException} `InvalidStateError`, while connecting.
   */
  send(data: string | ArrayBufferLike | Blob | ArrayBufferView): void;
  /**
   * Closes the connection after what was sent; while connecting, gives up.
   *
   * @param code 1000 or 3000–4999. Default: none.
   * @param reason At most 123 bytes of UTF-8. Default: none.
   * @throws {DOMException} `InvalidAccessError` for another code, `SyntaxError` for a longer reason.
   */
  close(code?: number, reason?: string): void;
  /** Adds a listener. */
  addEventListener<Type extends keyof WebSocketEvents>(
    type: Type,
    listener: WebSocketListener<Type>,
    options?: boolean | ListenerOptions,
  ): void;
  /** Adds a listener. */
  addEventListener(
    type: string,
    listener: AnyListener | null,
    options?: boolean | ListenerOptions,
  ): void;
  /** Removes a listener. */
  removeEventListener<Type extends keyof WebSocketEvents>(
    type: Type,
    listener: WebSocketListener<Type>,
    options?: boolean | ListenerOptions,
  ): void;
  /** Removes a listener. */
  removeEventListener(
    type: string,
    listener: AnyListener | null,
    options?: boolean | ListenerOptions,
  ): void;
}

/** A `WebSocket` class, whose third argument holds options. */
export interface WebSocketConstructor<Options extends object> {
  /**
   * Starts to open a connection.
   *
   * @param url A ws:, wss:, http: or https: URL without a fragment; a relative one where the
   * program has a location.
   * @param protocols The subprotocols to offer. Default: none.
   * @param options Header fields, TLS, limits and deadlines. Default: those of `connect()`, but
   * compression is offered, as the standard says.
   * @throws {DOMException} `SyntaxError`, if the URL or a subprotocol is wrong.
   * @throws {TypeError} If an option does not exist or is wrong.
   * @throws {RangeError} If a number is out of range.
   */
  new (
    url: string | URL,
    protocols?: string | Iterable<string>,
    options?: Options,
  ): WebSocketInstance;
  /** The prototype of all instances. */
  readonly prototype: WebSocketInstance;
  /** 0. */
  readonly CONNECTING: 0;
  /** 1. */
  readonly OPEN: 1;
  /** 2. */
  readonly CLOSING: 2;
  /** 3. */
  readonly CLOSED: 3;
}
