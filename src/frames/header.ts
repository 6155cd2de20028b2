/**
 * Frame headers (RFC 6455, section 5.2): sizes, rules and encoding.
 * @module
 */

import { type FrameFault, protocolFault } from "./fault.ts";
import { BINARY, CLOSE, CONTINUATION, FIN, MAX_CONTROL_BYTES, PONG, RSV1, RSV2 } from "./opcode.ts";

/** The most bytes a frame header has: 2, a 64-bit length and a masking key. */
export const MAX_HEADER_BYTES = 14;

/** The second header byte's MASK bit. */
const MASK = 0x80;
const LENGTH_16 = 126;
const LENGTH_64 = 127;

/**
 * Computes a header's size from its second byte.
 *
 * @param second The second header byte.
 * @returns Bytes from 2 to 14.
 */
export function headerSize(second: number): number {
  const short = second & 0x7f;
  return 2 + (short < LENGTH_16 ? 0 : short === LENGTH_16 ? 2 : 8) + ((second & MASK) >>> 5);
}

/**
 * Checks all that the first two header bytes can tell.
 *
 * @param first The first header byte: FIN, RSV1-3, opcode.
 * @param second The second header byte: MASK, 7-bit length.
 * @param masked Whether the peer must mask: `true` for frames that a server reads.
 * @param allowedRsv The RSV bits that extensions gave a meaning, as a mask of the first byte;
 * they may stand on the first frame of a message only.
 * @returns What is wrong, or `null`.
 */
export function checkHeader(
  first: number,
  second: number,
  masked: boolean,
  allowedRsv: number,
): FrameFault | null {
  const opcode = first & 0x0f;
  const control = opcode >= CLOSE;
  const rsv = first & 0x70 & ~(control || opcode === CONTINUATION ? 0 : allowedRsv);
  if (rsv !== 0) return rsvFault(rsv);
  if (control ? opcode > PONG : opcode > BINARY) {
    return protocolFault("WS_OPCODE_RESERVED", `opcode 0x${opcode.toString(16)} is reserved`);
  }
  if (control) {
    if ((first & FIN) === 0) {
      return protocolFault("WS_CONTROL_FRAGMENTED", "a control frame is fragmented");
    }
    if ((second & 0x7f) > MAX_CONTROL_BYTES) {
      return protocolFault(
        "WS_CONTROL_TOO_LONG",
        `control payload is over ${MAX_CONTROL_BYTES} bytes`,
      );
    }
  }
  if (((second & MASK) !== 0) !== masked) {
    // RFC 6455 §5.1: "The server MUST close the connection upon receiving a frame that is not
    // masked." and "A client MUST close a connection if it detects a masked frame."
    return masked
      ? protocolFault("WS_MASK_MISSING", "a client sent an unmasked frame")
      : protocolFault("WS_MASK_UNEXPECTED", "a server sent a masked frame");
  }
  return null;
}

function rsvFault(rsv: number): FrameFault {
  if ((rsv & RSV1) !== 0) {
    return protocolFault("WS_RSV1_UNEXPECTED", "RSV1 is set and no extension gave it a meaning");
  }
  if ((rsv & RSV2) !== 0) {
    return protocolFault("WS_RSV2_UNEXPECTED", "RSV2 is set and no extension gave it a meaning");
  }
  return protocolFault("WS_RSV3_UNEXPECTED", "RSV3 is set and no extension gave it a meaning");
}

/**
 * Computes the size of the header for a payload.
 *
 * @param length Payload bytes.
 * @param masked Whether the header carries a masking key.
 */
export function headerSizeFor(length: number, masked: boolean): number {
  return (length < LENGTH_16 ? 2 : length < 65536 ? 4 : 10) + (masked ? 4 : 0);
}

/**
 * Writes a header, with the length in its shortest form and room for the masking key after it.
 *
 * @param target Where to write.
 * @param at Index of the header's first byte.
 * @param first The first header byte.
 * @param length Payload bytes.
 * @param key The masking key, or `undefined` for an unmasked frame.
 * @returns The index after the header.
 */
export function writeHeader(
  target: Uint8Array,
  at: number,
  first: number,
  length: number,
  key: number | undefined,
): number {
  const mask = key === undefined ? 0 : MASK;
  target[at++] = first;
  if (length < LENGTH_16) {
    target[at++] = mask | length;
  } else if (length < 65536) {
    target[at++] = mask | LENGTH_16;
    target[at++] = length >>> 8;
    target[at++] = length;
  } else {
    target[at++] = mask | LENGTH_64;
    at = writeUint32(target, at, Math.floor(length / 0x100000000));
    at = writeUint32(target, at, length >>> 0);
  }
  return key === undefined ? at : writeUint32(target, at, key);
}

/** Writes a number of 32 bits, most significant byte first; returns the index after it. */
export function writeUint32(target: Uint8Array, at: number, value: number): number {
  target[at] = value >>> 24;
  target[at + 1] = value >>> 16;
  target[at + 2] = value >>> 8;
  target[at + 3] = value;
  return at + 4;
}

/** Reads 32 bits, most significant byte first, as an unsigned number. */
export function readUint32(source: Uint8Array, at: number): number {
  return ((source[at] << 24) | (source[at + 1] << 16) | (source[at + 2] << 8) | source[at + 3]) >>>
    0;
}
