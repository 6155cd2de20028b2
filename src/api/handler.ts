/**
 * Handlers: what an application does with a connection.
 * @module
 */

import type { CloseInfo } from "./channel.ts";
import type { WebSocketConnection } from "./connection.ts";
import type { ConnectionCore } from "./connection_core.ts";
import type { Message } from "./message_queue.ts";
import { checkOptionNames, describe } from "./options.ts";
import type { WebSocketError } from "../errors.ts";

export { logError } from "./log_error.ts";

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
  /** Everything sent has left, after some of it had to wait. */
  drain?(socket: WebSocketConnection<Data>): unknown;
  /** A ping came; return `false` to suppress the pong. */
  ping?(socket: WebSocketConnection<Data>, payload: Uint8Array): unknown;
  /** A pong came. */
  pong?(socket: WebSocketConnection<Data>, payload: Uint8Array): unknown;
  /** The connection failed; `close` follows. */
  error?(socket: WebSocketConnection<Data>, error: WebSocketError): unknown;
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

const CALLBACK_NAMES = ["open", "message", "drain", "ping", "pong", "error", "close"];

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
}

/**
 * Runs a handler and starts the connection.
 *
 * @param core The connection, not started yet.
 * @param handler A handler that was checked.
 * @param onError Takes what the handler throws.
 */
export function runHandler(
  core: ConnectionCore,
  handler: Handler,
  onError: (error: unknown) => void,
): void {
  core.onError = onError;
  if (typeof handler !== "function") {
    core.useCallbacks(handler, onError);
    core.start();
    return;
  }
  try {
    // Before the flow starts, so that the handler decides how the first message is delivered.
    Promise.resolve(handler(core.socket)).then(
      () => core.close(1000, ""),
      (error) => core.handlerFailed(error),
    );
  } catch (error) {
    core.handlerFailed(error);
  }
  core.start();
}

/**
 * Checks the `onError` option.
 *
 * @throws {TypeError} If it is no function.
 */
export function checkOnError(onError: unknown): void {
  if (typeof onError !== "function") {
    throw new TypeError(
      `Cannot use option "onError": expected a function, got ${describe(onError)}`,
    );
  }
}
