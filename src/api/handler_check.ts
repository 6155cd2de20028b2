/**
 * Handlers: what an application does with a connection, checked before it is needed.
 * @module
 */

import type { ClosePayload } from "../connection/mod.ts";
import type { WebSocketError } from "../errors.ts";
import type { CloseInfo } from "./channel.ts";
import type { WebSocketConnection } from "./connection.ts";
import type { DataFrame } from "./frame_consumer.ts";
import type { Message } from "./message_queue.ts";
import { describe, wrongOption } from "./describe.ts";
import { checkOptionNames } from "./options.ts";

/** What answers the peer's close frame. */
export interface CloseAnswer {
  /** 1000–1003, 1007–1014 or 3000–4999. Default: none, an empty close frame. */
  closeCode?: number;
  /** At most 123 bytes of UTF-8. Default: `""`. */
  reason?: string;
}

/**
 * Callbacks, called synchronously in the order in which things arrive: the fast path. What one
 * throws, or what the promise that it returns rejects with, closes the connection with 1011.
 */
// deno-lint-ignore no-explicit-any -- see WebSocketConnection
export interface HandlerCallbacks<Data = any> {
  /** The connection is open. */
  open?(socket: WebSocketConnection<Data>): unknown;
  /**
   * A message came; bytes are yours to keep. Without this callback messages are dropped, unless
   * `open` has begun to read them in another way.
   */
  message?(socket: WebSocketConnection<Data>, data: Message): unknown;
  /**
   * A data frame came. With this callback, which takes the place of `message`, messages are not put
   * together: `maxMessageBytes` holds for each frame, and `maxFragments` not at all. Without
   * compression on this library's engine only: where `capabilities.frameDelivery` is `false` the
   * handler fails.
   */
  frame?(socket: WebSocketConnection<Data>, frame: DataFrame): unknown;
  /** Everything sent has left, after some of it had to wait. */
  drain?(socket: WebSocketConnection<Data>): unknown;
  /** A ping came; return `false` to suppress the pong. */
  ping?(socket: WebSocketConnection<Data>, payload: Uint8Array): unknown;
  /** A pong came. */
  pong?(socket: WebSocketConnection<Data>, payload: Uint8Array): unknown;
  /** The connection failed; `close` follows. */
  error?(socket: WebSocketConnection<Data>, error: WebSocketError): unknown;
  /**
   * The peer wants to close; our answer has not gone yet. Return a code and a reason to answer with
   * them, `{}` to answer without a code, or nothing to return what the peer sent. It is not called
   * when this side began. An error or a wrong value answers 1011 and goes to `onError`, and so does
   * a value at all where `capabilities.closeAnswers` is `false`: there the runtime has answered.
   */
  closing?(socket: WebSocketConnection<Data>, close: ClosePayload): CloseAnswer | void;
  /** All is over. */
  close?(socket: WebSocketConnection<Data>, info: CloseInfo): unknown;
}

/**
 * What an application does with a connection: a function of it, or an object of callbacks.
 *
 * When the function returns (when its promise settles), the connection is closed with 1000, and
 * with 1011 when it throws.
 */
// deno-lint-ignore no-explicit-any -- see WebSocketConnection
export type Handler<Data = any> =
  | ((socket: WebSocketConnection<Data>) => void | Promise<void>)
  | HandlerCallbacks<Data>;

const CALLBACK_NAMES = [
  "open",
  "message",
  "frame",
  "drain",
  "ping",
  "pong",
  "error",
  "closing",
  "close",
];

/**
 * Checks a handler before it is needed.
 *
 * @param handler What the application gave.
 * @param names The callbacks there are. Default: those of a connection.
 * @throws {TypeError} If it is neither a function nor an object of known callbacks.
 */
export function checkHandler(handler: unknown, names = CALLBACK_NAMES): void {
  if (typeof handler === "function") return;
  if (typeof handler !== "object" || handler === null) {
    throw new TypeError(
      `Cannot use handler: expected a function or an object of callbacks, got ${describe(handler)}`,
    );
  }
  checkOptionNames(handler, names);
  for (const name of names) {
    const callback = (handler as Record<string, unknown>)[name];
    if (callback !== undefined && typeof callback !== "function") {
      throw new TypeError(
        `Cannot use handler: "${name}" must be a function, got ${describe(callback)}`,
      );
    }
  }
  const { message, frame } = handler as HandlerCallbacks;
  if (message !== undefined && frame !== undefined) {
    throw new TypeError('Cannot use handler: "frame" takes the place of "message"; give one');
  }
}

/**
 * Checks the `onError` option.
 *
 * @throws {TypeError} If it is no function.
 */
export function checkOnError(onError: unknown): void {
  if (typeof onError !== "function") {
    throw wrongOption("onError", "a function", onError);
  }
}
