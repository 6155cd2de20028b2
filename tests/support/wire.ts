/**
 * A second opinion on RFC 6455 section 5.2: a small frame encoder and decoder for tests, written
 * from the RFC's figure and not from `src/frames`, slow and strict.
 * @module
 */

import { join, toHex } from "./bytes.ts";

/** A frame, field by field. */
export interface WireFrame {
  /** Default: `true`. */
  fin?: boolean;
  /** RSV1, RSV2 and RSV3 as the bits 4, 2 and 1. Default: 0. */
  rsv?: number;
  opcode: number;
  payload?: Uint8Array | string;
  /** The four bytes of the masking key. Default: not masked. */
  key?: Uint8Array;
  /** Bits of the length field, even if it is not the shortest. Default: the shortest. */
  lengthBits?: 7 | 16 | 64;
}

/** A frame as {@linkcode decodeFrames} found it, its payload unmasked. */
export interface DecodedFrame {
  fin: boolean;
  rsv: number;
  opcode: number;
  payload: Uint8Array;
  key: Uint8Array | undefined;
}

/** XORs by the RFC's formula: "transformed-octet-i = original-octet-i XOR key[i MOD 4]". */
export function maskByFormula(payload: Uint8Array, key: Uint8Array): Uint8Array {
  return payload.map((octet, i) => octet ^ key[i % 4]);
}

/** Encodes the length field, with the MASK bit in front of it. */
export function encodeLength(
  length: number | bigint,
  masked: boolean,
  bits: 7 | 16 | 64,
): Uint8Array {
  const field = new DataView(new ArrayBuffer(bits === 7 ? 1 : bits === 16 ? 3 : 9));
  const mask = masked ? 128 : 0;
  if (bits === 7) {
    field.setUint8(0, mask + Number(length));
  } else if (bits === 16) {
    field.setUint8(0, mask + 126);
    field.setUint16(1, Number(length));
  } else {
    field.setUint8(0, mask + 127);
    field.setBigUint64(1, BigInt(length));
  }
  return new Uint8Array(field.buffer);
}

/** Encodes one frame. */
export function encodeFrame(frame: WireFrame): Uint8Array {
  const { fin = true, rsv = 0, opcode, key } = frame;
  const payload = typeof frame.payload === "string"
    ? new TextEncoder().encode(frame.payload)
    : frame.payload ?? new Uint8Array(0);
  const bits = frame.lengthBits ??
    (payload.length <= 125 ? 7 : payload.length <= 65535 ? 16 : 64);
  return join([
    Uint8Array.of((fin ? 128 : 0) + rsv * 16 + opcode),
    encodeLength(payload.length, key !== undefined, bits),
    key ?? new Uint8Array(0),
    key === undefined ? payload : maskByFormula(payload, key),
  ]);
}

/** Decodes a whole number of frames, and throws if the bytes are anything else. */
export function decodeFrames(bytes: Uint8Array): DecodedFrame[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const frames: DecodedFrame[] = [];
  let at = 0;
  while (at < bytes.length) {
    const first = view.getUint8(at);
    const second = view.getUint8(at + 1);
    at += 2;
    let length = second % 128;
    if (length === 126) {
      length = view.getUint16(at);
      at += 2;
      if (length <= 125) throw new Error(`length ${length} in 16 bits`);
    } else if (length === 127) {
      length = Number(view.getBigUint64(at));
      at += 8;
      if (length <= 65535) throw new Error(`length ${length} in 64 bits`);
    }
    let key: Uint8Array | undefined;
    if (second >= 128) {
      key = bytes.slice(at, at + 4);
      at += 4;
    }
    if (at + length > bytes.length) throw new Error(`frame ends after the bytes: ${toHex(bytes)}`);
    const payload = bytes.slice(at, at + length);
    at += length;
    frames.push({
      fin: first >= 128,
      rsv: Math.floor(first / 16) % 8,
      opcode: first % 16,
      payload: key === undefined ? payload : maskByFormula(payload, key),
      key,
    });
  }
  return frames;
}
