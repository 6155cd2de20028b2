/**
 * Reading a client's sockets into one buffer that all of them share.
 *
 * Node allots 64 KiB for each read of a socket, and takes it through a stream; a socket that it
 * connects can be given memory instead, which it reads into again and again. Then a small message
 * costs a tenth less in all, and a large one does not go through cold memory (`onread` of
 * `net.connect`; tests/bench/README.md).
 *
 * @module
 */

import { builtin } from "./builtin.ts";

/** More than the 64 KiB that a stream would read, so that much data takes fewer system calls. */
const READ_BYTES = 256 * 1024;

/** Read into by every socket: what was read has been used when the next one reads. */
let shared: Uint8Array | undefined;

/** What `net.connect` takes. */
export interface OnRead {
  readonly buffer: Uint8Array;
  callback(length: number, buffer: Uint8Array): boolean;
}

/** What one socket reads. */
export class LentReads {
  /** Takes what was read, which is good during the call only. */
  onChunk: ((chunk: Uint8Array) => void) | undefined;
  /** The option of `net.connect`; the socket is to be paused until `onChunk` is set. */
  readonly onread: OnRead;

  constructor() {
    const buffer = shared ??= builtin("buffer").Buffer.allocUnsafeSlow(READ_BYTES);
    this.onread = {
      buffer,
      callback: (length) => {
        this.onChunk?.(buffer.subarray(0, length));
        return true; // whoever wants no more has paused the socket
      },
    };
  }
}
