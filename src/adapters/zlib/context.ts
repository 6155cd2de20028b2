/**
 * One raw zlib stream that can be driven synchronously and, for large data, off the loop.
 *
 * `node:zlib` has no public way to deflate synchronously with a context that lives on; the one-shot
 * calls make and drop a context each, which is half of their time for 1 KiB. Below every zlib
 * stream lies a handle with `writeSync`, the same on Node 20–26, Deno 2.9 and Bun 1.4 (npm's own
 * minizlib has relied on it for years). {@linkcode isSupported} tries it out before it is used.
 *
 * @module
 */

import { type Builtins, findBuiltin } from "../node/builtin.ts";

/** What is driven below a `zlib.DeflateRaw` or `zlib.InflateRaw`. */
interface Handle {
  writeSync(
    flush: number,
    input: Uint8Array,
    inputAt: number,
    inputLength: number,
    output: Uint8Array,
    outputAt: number,
    outputLength: number,
  ): void;
  reset(): void;
  onerror: (message: string, errno: number, code: string) => void;
}

/** A zlib stream, as far as it is used here. */
interface Stream {
  _handle: Handle;
  /** Output bytes left free, input bytes left over: of the last `writeSync`. */
  _writeState: Uint32Array;
  readonly bytesWritten: number;
  read(): Uint8Array | null;
  write(chunk: Uint8Array): boolean;
  flush(kind: number, done: () => void): void;
  on(event: string, listener: (error?: unknown) => void): void;
  removeListener(event: string, listener: (error?: unknown) => void): void;
  destroy(): void;
}

/** Deflates or inflates. */
export type Kind = "deflate" | "inflate";

/** How a context is made. */
export interface ContextOptions {
  /** The window, as its base-2 logarithm: 9 to 15. */
  windowBits: number;
  /** Only for deflating. */
  level?: number;
  /** Only for deflating. */
  memLevel?: number;
  /** Bytes of the pieces in which output comes off the loop; each context holds one such piece. */
  chunkSize: number;
}

/** zlib's complaint about the data, as opposed to a failure of the machinery. */
export class DataError extends Error {}

/** Looked up when a context is first made: there is none in a browser, where nobody makes one. */
let zlib: Builtins["zlib"] | undefined;

/** zlib's own number for it, the same everywhere. */
const Z_SYNC_FLUSH = 2;

/** A raw zlib stream. */
export class ZlibContext {
  /** Input bytes that the last call left over: it filled the output, or the stream has ended. */
  left = 0;
  readonly #stream: Stream;
  readonly #handle: Handle;
  #fault: string | undefined;
  #onFault: (() => void) | undefined;

  constructor(kind: Kind, options: ContextOptions) {
    zlib ??= findBuiltin("zlib");
    if (zlib === undefined) throw new Error("this runtime has no node:zlib");
    const stream = kind === "deflate"
      ? zlib.createDeflateRaw(options)
      : zlib.createInflateRaw(options);
    this.#stream = stream as unknown as Stream;
    this.#handle = this.#stream._handle;
    // The stream's own listener would destroy it in the middle of a synchronous call.
    this.#handle.onerror = (message) => {
      this.#fault = message;
      this.#onFault?.();
    };
    this.#stream.on("error", () => {});
  }

  /**
   * Works on input, at once, and flushes what the output has room for.
   *
   * @returns Bytes written to `output` from `outputAt` on.
   * @throws {DataError} If the data is corrupt; the context is then good for nothing but `reset()`.
   */
  run(input: Uint8Array, inputAt: number, output: Uint8Array, outputAt: number): number {
    const room = output.length - outputAt;
    const size = input.length - inputAt;
    this.#handle.writeSync(Z_SYNC_FLUSH, input, inputAt, size, output, outputAt, room);
    if (this.#fault !== undefined) throw this.#takeFault();
    const state = this.#stream._writeState;
    this.left = state[1];
    return room - state[0];
  }

  /**
   * Works on input off the loop, and flushes all of it.
   *
   * @param input The bytes; unchanged until the promise settles.
   * @param take Takes a piece of output, its to keep; what it throws ends the work.
   * @throws {DataError} If the data is corrupt.
   */
  async runLater(input: Uint8Array, take: (piece: Uint8Array) => void): Promise<void> {
    const stream = this.#stream;
    const before = stream.bytesWritten;
    let stop!: () => void;
    try {
      await new Promise<void>((resolve, reject) => {
        let flushed = false;
        const pull = () => {
          try {
            for (let piece = stream.read(); piece !== null; piece = stream.read()) take(piece);
            if (flushed) resolve();
          } catch (error) {
            reject(error);
          }
        };
        const end = () => {
          flushed = true;
          pull();
        };
        stop = () => {
          stream.removeListener("readable", pull);
          stream.removeListener("end", end);
        };
        this.#onFault = () => reject(this.#takeFault());
        stream.on("readable", pull);
        stream.on("end", end); // the data had its own end, and the stream with it
        stream.write(input);
        stream.flush(Z_SYNC_FLUSH, end);
      });
    } finally {
      stop();
      this.#onFault = undefined;
    }
    this.left = input.length - (stream.bytesWritten - before);
  }

  #takeFault(): DataError {
    const fault = this.#fault;
    this.#fault = undefined;
    return new DataError(fault);
  }

  /** Forgets everything, ready for other data. */
  reset(): void {
    this.#handle.reset();
  }

  /** Gives the memory back at once. */
  close(): void {
    this.#stream.destroy();
  }
}

let supported: boolean | undefined;

/** Tries out whether contexts work on this runtime; once. */
export function isSupported(): boolean {
  return supported ??= tryOut();
}

function tryOut(): boolean {
  try {
    const deflate = new ZlibContext("deflate", { windowBits: 9, memLevel: 1, chunkSize: 64 });
    const inflate = new ZlibContext("inflate", { windowBits: 9, chunkSize: 64 });
    try {
      const text = new TextEncoder().encode("tell me, tell me, tell me twice");
      for (let round = 0; round < 2; round++) {
        const packed = new Uint8Array(64);
        const packedSize = deflate.run(text, 0, packed, 0);
        const plain = new Uint8Array(64);
        const plainSize = inflate.run(packed.subarray(0, packedSize), 0, plain, 0);
        const same = text.every((byte, i) => plain[i] === byte);
        if (!same || plainSize !== text.length || deflate.left + inflate.left > 0) return false;
      }
      return refuses(inflate);
    } finally {
      deflate.close();
      inflate.close();
    }
  } catch {
    return false;
  }
}

function refuses(inflate: ZlibContext): boolean {
  try {
    inflate.run(Uint8Array.of(0xff, 0xff, 0xff), 0, new Uint8Array(64), 0);
    return false;
  } catch (error) {
    inflate.reset();
    return error instanceof DataError;
  }
}
