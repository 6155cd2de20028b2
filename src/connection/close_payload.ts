/**
 * Payloads of close frames (RFC 6455, section 5.5.1): a code and a reason, or nothing.
 * @module
 */

import { EMPTY_BYTES } from "../bytes.ts";
// Not from the room's mod.ts: clients check close reasons before the rest is loaded.
import { CloseCode, isWireCloseCode } from "../frames/close_code.ts";
import { type FrameFault, protocolFault } from "../frames/fault.ts";
import { MAX_CONTROL_BYTES } from "../frames/opcode.ts";
import { decodeUtf8, encodeUtf8 } from "../frames/utf8.ts";

/** What a close frame said. */
export interface ClosePayload {
  /** The code, or 1005 when the frame had none. */
  readonly closeCode: number;
  /** The reason; may be empty. */
  readonly reason: string;
}

/** The most bytes of UTF-8 that a close reason may have. */
export const MAX_REASON_BYTES: number = MAX_CONTROL_BYTES - 2;

/**
 * Reads a close frame's payload.
 *
 * @returns What it says, or what is wrong with it.
 */
export function readClosePayload(payload: Uint8Array): ClosePayload | FrameFault {
  if (payload.length === 0) return { closeCode: CloseCode.NO_STATUS, reason: "" };
  if (payload.length === 1) {
    return protocolFault("WS_CLOSE_PAYLOAD_INVALID", "a close payload is 1 byte, a code takes 2");
  }
  const closeCode = (payload[0] << 8) | payload[1];
  if (!isWireCloseCode(closeCode)) {
    return protocolFault("WS_CLOSE_CODE_INVALID", `close code ${closeCode} must not be sent`);
  }
  const reason = decodeUtf8(payload.subarray(2));
  if (reason === null) {
    return {
      code: "WS_UTF8_INVALID",
      closeCode: CloseCode.INVALID_PAYLOAD,
      message: "Cannot decode close reason: it is not valid UTF-8",
    };
  }
  return { closeCode, reason };
}

/**
 * Writes a close frame's payload.
 *
 * @param closeCode The code; `undefined` for a frame without one.
 * @param reason The reason, at most 123 bytes of UTF-8. Default: `""`.
 * @throws {TypeError} If an argument has the wrong type, or a reason comes without a code.
 * @throws {RangeError} If the code must not be sent, or the reason is too long.
 */
export function writeClosePayload(closeCode: number | undefined, reason = ""): Uint8Array {
  // A typed array or an object as reason must not leak its memory to the wire (CVE-2026-45736).
  if (typeof reason !== "string") {
    throw new TypeError(`Cannot close: reason must be a string, got ${typeof reason}`);
  }
  if (closeCode === undefined) {
    if (reason !== "") throw new TypeError("Cannot close: a reason needs a close code before it");
    return EMPTY_BYTES;
  }
  if (typeof closeCode !== "number") {
    throw new TypeError(`Cannot close: code must be a number, got ${typeof closeCode}`);
  }
  if (!isWireCloseCode(closeCode)) {
    throw new RangeError(
      `Cannot close: code ${closeCode} must not be sent; ` +
        "allowed are 1000-1003, 1007-1014 and 3000-4999",
    );
  }
  const bytes = encodeUtf8(reason);
  if (bytes.length > MAX_REASON_BYTES) {
    throw new RangeError(
      `Cannot close: reason is ${bytes.length} bytes of UTF-8, limit ${MAX_REASON_BYTES}`,
    );
  }
  const payload = new Uint8Array(2 + bytes.length);
  payload[0] = closeCode >>> 8;
  payload[1] = closeCode;
  payload.set(bytes, 2);
  return payload;
}
