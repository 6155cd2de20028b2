/**
 * What a signal ends, and the errors of it.
 * @module
 */

import { HandshakeError, WebSocketError } from "../errors.ts";
import { unwatchAbort, watchAbort } from "./abort_watch.ts";
import type { Channel } from "./channel.ts";

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
function connectionAborted(signal: AbortSignal): WebSocketError {
  return new WebSocketError("Cannot go on: the connection's signal was aborted", {
    code: "WS_ABORTED",
    cause: signal.reason,
  });
}

/**
 * Cuts a connection when a signal is aborted, or at once if it was.
 *
 * @param signal The signal; nothing happens without one.
 * @param channel What is cut.
 * @returns What lets go of the signal.
 */
export function cutOnAbort(
  signal: AbortSignal | undefined,
  channel: Pick<Channel, "terminate">,
): (() => void) | undefined {
  if (signal === undefined) return undefined;
  const cut = () => channel.terminate(connectionAborted(signal));
  if (signal.aborted) cut();
  else watchAbort(signal, cut);
  return () => unwatchAbort(signal, cut);
}
