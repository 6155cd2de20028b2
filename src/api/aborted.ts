/**
 * The errors of what a signal ended.
 * @module
 */

import { HandshakeError, WebSocketError } from "../errors.ts";

/**
 * Makes the error of a handshake that a signal ended.
 *
 * @param signal The signal, aborted; its reason becomes the `cause`.
 * @param where What was to be reached, for the message. Default: not told.
 */
export function handshakeAborted(signal: AbortSignal, where = ""): HandshakeError {
  const to = where && ` to ${where}`;
  return new HandshakeError(`Cannot connect${to}: the signal was aborted`, {
    code: "WS_HANDSHAKE_ABORTED",
    cause: signal.reason,
  });
}

/**
 * Makes the error of a connection that its signal ended.
 *
 * @param signal The signal, aborted; its reason becomes the `cause`.
 */
export function connectionAborted(signal: AbortSignal): WebSocketError {
  return new WebSocketError("Cannot go on: the connection's signal was aborted", {
    code: "WS_ABORTED",
    cause: signal.reason,
  });
}
