/**
 * Waiting for a socket to be of use.
 * @module
 */

import { HandshakeError } from "../../errors.ts";
import type { Deadline } from "./deadline.ts";
import type { NodeSocket } from "./node_types.ts";

/** What a socket is to become, for its errors and for tidying up. */
export interface Stage {
  /** What it connects to. */
  readonly where: string;
  /** What a failure is called. Default: `"WS_CONNECT_FAILED"`. */
  readonly code?: "WS_CONNECT_FAILED" | "WS_PROXY_FAILED";
  /** The socket below it, which goes with it. */
  readonly below?: NodeSocket | undefined;
}

/**
 * Waits for a socket's event, such as "connect".
 *
 * @returns The socket.
 * @throws {HandshakeError} If it fails, closes or is late; it is destroyed then.
 */
export async function untilReady(
  socket: NodeSocket,
  event: "connect" | "secureConnect",
  stage: Stage,
  deadline: Deadline,
): Promise<NodeSocket> {
  let onReady!: () => void;
  let onError!: (cause: unknown) => void;
  let onClose!: () => void;
  const ready = new Promise<void>((resolve, reject) => {
    onReady = resolve;
    onError = (cause) => reject(connectFailed(stage, cause));
    onClose = () => reject(connectFailed(stage, new Error("the connection was closed")));
  });
  socket.on(event, onReady);
  socket.on("error", onError);
  socket.on("close", onClose);
  try {
    await deadline.race(ready, stage.where);
    (socket as { setNoDelay?(on: boolean): void }).setNoDelay?.(true);
    return socket;
  } catch (error) {
    for (const each of [socket, stage.below]) {
      each?.on("error", () => {}); // what comes after the first error says nothing new
      each?.destroy();
    }
    throw error;
  } finally {
    socket.removeListener(event, onReady);
    socket.removeListener("error", onError);
    socket.removeListener("close", onClose);
  }
}

/** Makes the error for a connection that did not come about. */
export function connectFailed(stage: Stage, cause: unknown): HandshakeError {
  const { message = "", code, reason } = Object(cause) as Record<
    "message" | "code" | "reason",
    string
  >;
  // Dialling several addresses fails with an AggregateError, which has no message of its own;
  // OpenSSL's message on Node is a line of internals and a line's end, with the gist in `reason`.
  const why = (message.includes("\n") && reason) || message || code || "unknown error";
  return new HandshakeError(`Cannot connect to ${stage.where}: ${why.replaceAll("\n", " ")}`, {
    code: stage.code ?? "WS_CONNECT_FAILED",
    cause,
  });
}
