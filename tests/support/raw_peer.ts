/**
 * The other end of a byte stream, for tests: writes and reads raw bytes, and knows frames only by
 * the tests' own codec.
 * @module
 */

import { join } from "./bytes.ts";
import { type DecodedFrame, decodeFrames } from "./wire.ts";

/** How long a read waits before the test fails, in milliseconds. */
const READ_TIMEOUT_MS = 15_000;

/** What a peer needs of its byte stream. */
export interface RawStream {
  write(bytes: Uint8Array): void;
  /** Ends the peer's direction. */
  end(): void;
  /** Cuts both directions. */
  destroy(): void;
}

/** A peer that speaks bytes. */
export class RawPeer {
  readonly #stream: RawStream;
  #chunks: Uint8Array[] = [];
  #length = 0;
  #over = false;
  #wake: (() => void)[] = [];
  /** Bytes received in all. */
  received = 0;

  constructor(stream: RawStream) {
    this.#stream = stream;
  }

  /** For the binding: bytes came. */
  push(bytes: Uint8Array): void {
    this.#chunks.push(bytes.slice());
    this.#length += bytes.length;
    this.received += bytes.length;
    this.#notify();
  }

  /** For the binding: no more bytes will come. */
  pushEnd(): void {
    this.#over = true;
    this.#notify();
  }

  #notify(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }

  /** Whether the stream is over; bytes may still wait to be read. */
  get over(): boolean {
    return this.#over;
  }

  write(...pieces: Uint8Array[]): void {
    this.#stream.write(join(pieces));
  }

  /** Writes each byte by itself. */
  writeByteByByte(bytes: Uint8Array): void {
    for (const byte of bytes) this.#stream.write(Uint8Array.of(byte));
  }

  writeText(text: string): void {
    this.write(new TextEncoder().encode(text));
  }

  end(): void {
    this.#stream.end();
  }

  destroy(): void {
    this.#stream.destroy();
  }

  /** Waits until `enough` holds or the stream is over. */
  async #until(enough: () => boolean, what: string): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new Error(`no ${what} within ${READ_TIMEOUT_MS} ms`)),
        READ_TIMEOUT_MS,
      );
    });
    try {
      while (!enough() && !this.#over) {
        await Promise.race([new Promise<void>((resolve) => this.#wake.push(resolve)), late]);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** Looks at the first bytes without taking them. */
  #peek(): Uint8Array {
    if (this.#chunks.length > 1) this.#chunks = [join(this.#chunks)];
    return this.#chunks[0] ?? new Uint8Array(0);
  }

  #take(length: number): Uint8Array {
    const all = this.#peek();
    this.#chunks = [all.subarray(length)];
    this.#length -= length;
    return all.slice(0, length);
  }

  /** Reads exactly so many bytes. */
  async read(length: number): Promise<Uint8Array> {
    await this.#until(() => this.#length >= length, `${length} bytes`);
    if (this.#length < length) throw new Error(`the stream ended after ${this.#length} bytes`);
    return this.#take(length);
  }

  /** Reads an HTTP head, the empty line included. */
  async readHead(): Promise<string> {
    const ends = () => headEnd(this.#peek()) > 0;
    await this.#until(ends, "HTTP head");
    if (!ends()) throw new Error(`no head: ${new TextDecoder().decode(this.#peek())}`);
    return new TextDecoder("latin1").decode(this.#take(headEnd(this.#peek())));
  }

  /** Reads a frame; `null` when the stream ended before one began. */
  async readFrame(): Promise<DecodedFrame | null> {
    if (this.#length === 0 && !this.#over) await this.#until(() => this.#length > 0, "frame");
    if (this.#length === 0) return null;
    const [, second] = await this.#ahead(2);
    const short = second & 127;
    const header = 2 + (short === 126 ? 2 : short === 127 ? 8 : 0) + (second >= 128 ? 4 : 0);
    const view = await this.#ahead(header);
    const dv = new DataView(view.buffer, view.byteOffset);
    const length = short === 126
      ? dv.getUint16(2)
      : short === 127
      ? Number(dv.getBigUint64(2))
      : short;
    return decodeFrames(await this.read(header + length))[0];
  }

  async #ahead(length: number): Promise<Uint8Array> {
    await this.#until(() => this.#length >= length, "frame header");
    if (this.#length < length) throw new Error("the stream ended inside a frame header");
    return this.#peek();
  }

  /** Reads what comes until the stream is over. */
  async readToEnd(): Promise<Uint8Array> {
    await this.#until(() => false, "end of the stream");
    return this.#take(this.#length);
  }
}

/** Index after the first empty line, or 0. */
function headEnd(bytes: Uint8Array): number {
  for (let i = bytes.indexOf(10); i >= 0; i = bytes.indexOf(10, i + 1)) {
    if (bytes[i - 1] === 13 && bytes[i - 2] === 10 && bytes[i - 3] === 13) return i + 1;
  }
  return 0;
}
