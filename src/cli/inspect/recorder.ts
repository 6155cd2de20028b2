/**
 * The record of what passed: a file of JSON lines that `--replay` can play again.
 *
 * The first line is `{ format, version, url }`. Then, for each thing that happened, `t` (milliseconds
 * from the start), `c` (the connection) and `e`: "open" with the request's head, "frame" with its
 * bits and its payload in base64, "end".
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createWriteStream, type WriteStream } from "node:fs";
import type { SeenFrame } from "./frame_view.ts";

/** The first line's marks. */
export const FORMAT = "fullduplex-inspect";
export const VERSION = 1;

/** Payloads up to this size are recorded; a larger frame is noted without. */
export const MAX_PAYLOAD_BYTES: number = 16 * 2 ** 20;

/** When so many bytes wait for the disk, the record is given up: memory is not a disk. */
const MAX_WAITING_BYTES = 64 * 2 ** 20;

/** Writes a record. When the disk fails, that is told once, and nothing more is recorded. */
export class Recorder {
  readonly #stream: WriteStream;
  readonly #onFailure: (error: Error) => void;
  readonly #maxWaitingBytes: number;
  readonly #startMs = performance.now();
  #failed = false;

  /**
   * @param path The file, which is replaced.
   * @param url What is inspected.
   * @param onFailure Takes the one error.
   * @param maxWaitingBytes What may wait for the disk. Default: 64 MiB.
   */
  constructor(
    path: string,
    url: string,
    onFailure: (error: Error) => void,
    maxWaitingBytes: number = MAX_WAITING_BYTES,
  ) {
    this.#onFailure = onFailure;
    this.#maxWaitingBytes = maxWaitingBytes;
    this.#stream = createWriteStream(path);
    this.#stream.on("error", (error) => this.#fail(error));
    this.#write({ format: FORMAT, version: VERSION, url });
  }

  /** Notes a new connection. */
  open(connection: number, head: string): void {
    this.#event(connection, { e: "open", head });
  }

  /** Notes a frame. */
  frame(connection: number, frame: SeenFrame): void {
    const { from, opcode, fin, rsv1, rsv2, rsv3, masked, length, payload } = frame;
    const bits = { from, opcode, fin, rsv1, rsv2, rsv3, masked };
    this.#event(
      connection,
      payload === undefined
        ? { e: "frame", ...bits, length, missing: true }
        : { e: "frame", ...bits, payload: Buffer.from(payload).toString("base64") },
    );
  }

  /** Notes a connection's end. */
  end(connection: number): void {
    this.#event(connection, { e: "end" });
  }

  /** Finishes the file. */
  close(): Promise<void> {
    if (this.#failed) return Promise.resolve();
    return new Promise((resolve) => {
      this.#stream.once("close", resolve);
      this.#stream.end();
    });
  }

  #event(connection: number, event: Record<string, unknown>): void {
    const t = Math.round(performance.now() - this.#startMs);
    this.#write({ t, c: connection, ...event });
  }

  #write(line: unknown): void {
    if (this.#failed) return;
    this.#stream.write(`${JSON.stringify(line)}\n`);
    if (this.#stream.writableLength > this.#maxWaitingBytes) {
      this.#fail(new Error("the disk is too slow"));
    }
  }

  #fail(error: Error): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#stream.destroy();
    this.#onFailure(error);
  }
}
