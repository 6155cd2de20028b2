/**
 * What a peer did wrong, as plain data: faults are returned, never thrown.
 * @module
 */

import type { WebSocketErrorCode } from "../errors.ts";
import { CloseCode } from "./close_code.ts";

/** A breach of the protocol or of a limit by the peer. */
export interface FrameFault {
  /** The stable error code. */
  readonly code: WebSocketErrorCode;
  /** The close code to answer with. */
  readonly closeCode: number;
  /** What was wrong; local only, it never goes on the wire. */
  readonly message: string;
  /** The error behind it, when it is this side's own. */
  readonly cause?: unknown;
}

/** Describes a breach of the framing rules, answered with 1002. */
export function protocolFault(code: WebSocketErrorCode, what: string): FrameFault {
  return {
    code,
    closeCode: CloseCode.PROTOCOL_ERROR,
    message: `Cannot decode frame: ${what}`,
  };
}
