/**
 * A raw peer at the other end of a pair of Web Streams in memory.
 * @module
 */

import type { ByteStreamPair } from "../../src/api/stream_transport.ts";
import { RawPeer, type RawStream } from "./raw_peer.ts";

/** A raw peer that can also stop reading, and sees how much of what it wrote was taken. */
export class MemoryPeer extends RawPeer {
  /** The library's end. */
  readonly pair: ByteStreamPair;
  readonly #state: MemoryState;

  constructor() {
    const state = new MemoryState();
    super(state);
    this.#state = state;
    this.pair = state.pair((bytes) => this.push(bytes), () => this.pushEnd());
  }

  /** Bytes written here that the library has read. */
  get taken(): number {
    return this.#state.taken;
  }

  /** Stops reading: writes of the library stay pending. */
  stall(): void {
    this.#state.stalled ??= new Promise((resolve) => this.#state.unstall = resolve);
  }

  /** Reads one write, and none after it. */
  step(): void {
    const unstall = this.#state.unstall;
    this.#state.stalled = undefined;
    this.stall();
    unstall?.();
  }

  /** Reads on. */
  unstall(): void {
    this.#state.stalled = undefined;
    this.#state.unstall?.();
  }

  /** Writes that the library has begun. */
  get writes(): number {
    return this.#state.writes;
  }
}

class MemoryState implements RawStream {
  taken = 0;
  writes = 0;
  stalled: Promise<void> | undefined;
  unstall: (() => void) | undefined;
  #queue: Uint8Array[] = [];
  #ended = false;
  #error: Error | undefined;
  #pull: (() => void) | undefined;
  #sink: WritableStreamDefaultController | undefined;

  pair(onBytes: (bytes: Uint8Array) => void, onEnd: () => void): ByteStreamPair {
    return {
      readable: new ReadableStream<Uint8Array>({
        pull: async (controller) => {
          while (this.#queue.length === 0 && !this.#ended) {
            await new Promise<void>((resolve) => this.#pull = resolve);
          }
          const chunk = this.#queue.shift();
          if (chunk !== undefined) {
            this.taken += chunk.length;
            controller.enqueue(chunk);
          } else if (this.#error !== undefined) controller.error(this.#error);
          else controller.close();
        },
      }, { highWaterMark: 0 }),
      writable: new WritableStream<Uint8Array>({
        start: (controller) => {
          this.#sink = controller;
        },
        write: async (chunk) => {
          this.writes++;
          await this.stalled;
          onBytes(chunk);
        },
        close: () => onEnd(),
        abort: () => onEnd(),
      }),
    };
  }

  write(bytes: Uint8Array): void {
    this.#queue.push(bytes.slice());
    this.#pull?.();
  }

  end(): void {
    this.#ended = true;
    this.#pull?.();
  }

  destroy(): void {
    this.#error = new Error("reset by peer");
    this.#sink?.error(this.#error);
    this.#queue = [];
    this.end();
  }
}
