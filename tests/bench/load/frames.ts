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

/** Some JSON of about so many bytes, of the kind that applications send. */
function json(size: number): Buffer {
  const rows: unknown[] = [];
  const text = () => JSON.stringify({ type: "update", channel: "ticker", rows });
  for (let i = 0; text().length < size; i++) {
    rows.push({ id: 1000 + i, name: `item-${i % 7}`, price: 17.25 * (i + 1), active: i % 3 === 0 });
  }
  return Buffer.from(text());
}

/** What a connection sends, and what it gets back. */
export interface LoadBytes {
  /** One message, masked. */
  message: Buffer;
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
    // RFC 7692, section 7.2.1: deflate, flush, and leave the last four bytes out.
    const flushed = zlib.deflateRawSync(json(size), { finishFlush: zlib.constants.Z_SYNC_FLUSH });
    const payload = flushed.subarray(0, flushed.length - 4);
    return {
      message: clientFrame(0xc0 | opcode, payload),
      replyStart: Buffer.from([0xc0 | opcode]),
      replyBytes: undefined,
    };
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
  return { message: Buffer.concat(frames), replyStart, replyBytes: replyStart.length + size };
}
