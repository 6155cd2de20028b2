/**
 * The reference transport: any pair of Web Streams of bytes.
 * @module
 */

import { bytesOf, isBufferSource } from "../bytes.ts";
import { allocateBytes } from "../frames/mod.ts";
import { describe } from "./options.ts";
import type { Transport, TransportEvents } from "./transport.ts";

/** A pair of byte streams, such as a `Deno.Conn` or what `Duplex.toWeb()` makes on Node. */
export interface ByteStreamPair {
  /** What the peer sends. */
  readonly readable: ReadableStream<Uint8Array>;
  /** What goes to the peer. */
  readonly writable: WritableStream<Uint8Array>;
}

/**
 * Drives a pair of Web Streams. One promise per chunk, none per frame.
 *
 * What is written is copied into a chunk of its own: a stream's other end may hold on to a chunk
 * for as long as it likes, and may even change it. A write counts as buffered until the sink has
 * taken it, which is what holds a sender back.
 */
export class StreamTransport implements Transport {
  bufferedBytes = 0;

  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  #events: TransportEvents | undefined;
  /** The sizes of the writes that were not taken yet, the oldest first. */
  readonly #sizes: number[] = [];
  #paused = true;
  #reading = false;
  /** Lets the read loop go on. */
  #resumed: (() => void) | undefined;
  /** Whether the peer's direction is over. */
  #ended = false;
  /** Whether our direction is over, or about to be. */
  #ending = false;
  #endWritten = false;
  #closed = false;
  #error: unknown;

  /**
   * @param pair The streams, which are locked from now on.
   * @throws {TypeError} If it is no pair of streams, or one of them is locked.
   */
  constructor(pair: ByteStreamPair) {
    if (!(pair?.readable instanceof ReadableStream) || !(pair.writable instanceof WritableStream)) {
      throw new TypeError("Cannot use byte stream: expected { readable, writable } Web Streams");
    }
    if (pair.readable.locked || pair.writable.locked) {
      throw new TypeError("Cannot use byte stream: one of its streams is locked");
    }
    this.#reader = pair.readable.getReader();
    this.#writer = pair.writable.getWriter();
    this.#writer.closed.catch((error) => this.#close(error));
  }

  attach(events: TransportEvents): void {
    this.#events = events;
    if (this.#closed) queueMicrotask(() => events.onClose(this.#error));
    else if (this.#ended) queueMicrotask(() => this.#events === events && events.onEnd());
  }

  write(parts: readonly Uint8Array[]): boolean {
    if (this.#ending || this.#closed) return true;
    const chunk = copyOf(parts);
    this.bufferedBytes += chunk.length;
    this.#sizes.push(chunk.length);
    this.#writer.write(chunk).then(this.#onWritten, ignore);
    return false;
  }

  /** The oldest write has been taken; one function for all of them, and no list of one grows. */
  readonly #onWritten = (): void => {
    if (this.#closed) return;
    this.bufferedBytes -= this.#sizes.shift()!;
    if (this.bufferedBytes === 0) this.#events?.onDrain();
  };

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#resumed?.();
    this.#resumed = undefined;
    if (!this.#reading && !this.#ended && !this.#closed) this.#read();
  }

  /** Reads until paused; one loop at a time. */
  async #read(): Promise<void> {
    this.#reading = true;
    try {
      while (!this.#paused && !this.#closed) {
        const { done, value } = await this.#reader.read();
        if (this.#closed) return;
        if (done) return this.#end();
        if (!isBufferSource(value)) {
          throw new TypeError(`Cannot read byte stream: expected bytes, got ${describe(value)}`);
        }
        if (value.byteLength === 0) continue;
        // A chunk that came while reading was paused waits for the resume.
        while (this.#paused && !this.#closed) {
          await new Promise<void>((resolve) => this.#resumed = resolve);
        }
        if (!this.#closed) this.#events?.onData(bytesOf(value));
      }
    } catch (error) {
      this.#close(error);
    } finally {
      this.#reading = false;
    }
  }

  #end(): void {
    this.#ended = true;
    this.#events?.onEnd();
    if (this.#endWritten) this.#close();
  }

  end(): void {
    if (this.#ending || this.#closed) return;
    this.#ending = true;
    this.#writer.close().then(() => {
      this.#endWritten = true;
      if (this.#ended) this.#close();
    }, (error) => this.#close(error));
  }

  destroy(): void {
    this.#close();
  }

  #close(error?: unknown): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#error = error;
    this.bufferedBytes = 0;
    this.#resumed?.();
    const reason = error ?? new DOMException("The connection was cut", "AbortError");
    this.#reader.cancel(reason).catch(() => {});
    this.#writer.abort(reason).catch(() => {});
    this.#events?.onClose(error);
  }
}

/** Copies parts into one chunk, without filling it with zeros first where that can be had. */
function copyOf(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return new Uint8Array(parts[0]);
  let length = 0;
  for (const part of parts) length += part.length;
  const chunk = allocateBytes(length);
  let at = 0;
  for (const part of parts) {
    chunk.set(part, at);
    at += part.length;
  }
  return chunk;
}

function ignore(): void {}
