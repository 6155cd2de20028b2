/**
 * What a client makes of a handshake that went wrong: the response that says why, or the loss.
 * @module
 */

import { HandshakeError, type HandshakeErrorCode } from "../errors.ts";
import type { ResponseHead } from "../handshake/mod.ts";
import { dechunk } from "./dechunk.ts";
import type { HeadLoss, HeadPhase } from "./head_phase.ts";

/** How much of a refusal's body a `HandshakeError` shows, in bytes. */
const BODY_HEAD_BYTES = 1024;

/** How long a refusal's body is waited for, in milliseconds. */
const BODY_TIMEOUT_MS = 1000;

/** Reads the start of a refusal's body, as text, as long as it comes soon. */
export async function readRefusalBody(
  phase: HeadPhase,
  head: ResponseHead,
  rest: Uint8Array,
): Promise<string> {
  const chunked = head.headers.get("transfer-encoding")?.toLowerCase() === "chunked";
  const declared = head.headers.get("content-length") ?? "";
  const limit = /^[0-9]{1,15}$/.test(declared)
    ? Math.min(Number(declared), BODY_HEAD_BYTES)
    : BODY_HEAD_BYTES;
  const decode = (body: Uint8Array) => chunked ? dechunk(body) : { body, ended: false };
  const isWhole = (raw: Uint8Array) => {
    const { body, ended } = decode(raw);
    // Chunk sizes take room of their own, but never more than this of it.
    return ended || body.length >= limit || raw.length >= 16 * BODY_HEAD_BYTES;
  };
  const { body } = decode(await phase.readBody(rest, isWhole, BODY_TIMEOUT_MS));
  return new TextDecoder().decode(body.subarray(0, limit));
}

/**
 * Makes the error for a wait that ended without a head.
 *
 * @param loss How it ended.
 * @param timeoutMs The time there was, in milliseconds.
 * @param cannot What the message begins with. Default: `"Cannot connect"`.
 * @param lostCode What a lost connection is called. Default: `"WS_CONNECT_FAILED"`.
 */
export function lossError(
  loss: HeadLoss,
  timeoutMs: number,
  cannot = "Cannot connect",
  lostCode: HandshakeErrorCode = "WS_CONNECT_FAILED",
): HandshakeError {
  switch (loss.lost) {
    case "timeout":
      return new HandshakeError(`${cannot}: no answer within ${timeoutMs} ms`, {
        code: "WS_HANDSHAKE_TIMEOUT",
      });
    case "aborted":
      return new HandshakeError(`${cannot}: the signal was aborted`, {
        code: "WS_HANDSHAKE_ABORTED",
        cause: loss.cause,
      });
    case "closed":
      return new HandshakeError(`${cannot}: the connection was lost in the handshake`, {
        code: lostCode,
        cause: loss.cause,
      });
  }
}
