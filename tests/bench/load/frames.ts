/**
 * The bytes that a load is made of, built once before it runs.
 * @module
 */

import { Buffer } from "node:buffer";
import zlib from "node:zlib";
import type { Workload } from "../workloads.ts";

/** One masking key for all frames: the server cannot know, and unmasks all the same. */
const KEY = [0x37, 0xfa, 0x21, 0x3d];

/** One frame as a client sends it. */
export function clientFrame(first: number, payload: Uint8Array): Buffer {
  const header = frameHeader(first, payload.length);
  header[1] |= 0x80;
  const frame = Buffer.concat([header, Buffer.from(KEY), payload]);
  const start = header.length + 4;
  for (let i = 0; i < payload.length; i++) frame[start + i] ^= KEY[i & 3];
  return frame;
}

/** The header of a frame as a server sends it. */
export function frameHeader(first: number, length: number): Buffer {
  if (length < 126) return Buffer.from([first, length]);
  if (length < 65536) return Buffer.from([first, 126, length >> 8, length & 0xff]);
  const header = Buffer.alloc(10);
  header[0] = first;
  header[1] = 127;
  header.writeBigUInt64BE(BigInt(length), 2);
  return header;
}

/** How many messages of JSON there are: where a context lives on, one alone would be too easy. */
export const JSON_MESSAGES = 64;

/**
 * JSON as an application might send it, each a little different.
 *
 * @param seed Which one.
 * @param size Its bytes.
 */
function json(seed: number, size: number): Buffer {
  const list: unknown[] = [];
  for (let i = 0; JSON.stringify(list).length < size - 84; i++) {
    list.push({
      id: seed * 100 + i,
      user: `user${(seed * 7919 + i * 104729) % 10007}`,
      action: ["login", "logout", "buy", "view"][(seed + i) % 4],
      at: 1700000000000 + seed * 99991 + i * 7,
      ok: (seed + i) % 3 === 0,
    });
  }
  return Buffer.from(JSON.stringify(list).padEnd(size).slice(0, size));
}

/** A frame of JSON as a client sends it that forgets each message (RFC 7692, section 7.2.1). */
export function deflatedFrame(opcode: number, seed: number, size: number): Buffer {
  const flushed = zlib.deflateRawSync(json(seed, size), {
    finishFlush: zlib.constants.Z_SYNC_FLUSH,
  });
  return clientFrame(0xc0 | opcode, flushed.subarray(0, flushed.length - 4));
}

/** What a connection sends, and what it gets back. */
export interface LoadBytes {
  /** One message, masked. */
  message: Buffer;
  /** What each connection sends in turn: that message alone, or several that differ. */
  messages: readonly Buffer[];
  /** The first bytes of each reply; shorter than a header where its length is not known. */
  replyStart: Buffer;
  /** Bytes of one reply; `undefined` where they are not known, and frames have to be counted. */
  replyBytes: number | undefined;
}

/** Builds the bytes of a workload. */
export function loadBytes(workload: Workload): LoadBytes {
  const { type, size, fragments = 1, deflate = false } = workload;
  const opcode = type === "text" ? 1 : 2;
  if (deflate) {
    const messages = Array.from(
      { length: JSON_MESSAGES },
      (_, seed) => deflatedFrame(opcode, seed, size),
    );
    const replyStart = Buffer.from([0xc0 | opcode]);
    return { message: messages[0], messages, replyStart, replyBytes: undefined };
  }
  const payload = Buffer.alloc(size);
  for (let i = 0; i < size; i++) payload[i] = type === "text" ? 97 + (i % 26) : i;
  if (workload.unicode) payload.write("é€", size >> 1);
  const frames: Buffer[] = [];
  for (let i = 0; i < fragments; i++) {
    const from = Math.floor((size * i) / fragments), to = Math.floor((size * (i + 1)) / fragments);
    const first = (i === fragments - 1 ? 0x80 : 0) | (i === 0 ? opcode : 0);
    frames.push(clientFrame(first, payload.subarray(from, to)));
  }
  const replyStart = frameHeader(0x80 | opcode, size);
  const message = Buffer.concat(frames);
  return { message, messages: [message], replyStart, replyBytes: replyStart.length + size };
}
