/**
 * The framing of drafts 75 and 76, written.
 * @module
 */

import { EMPTY_BYTES } from "../bytes.ts";
import { encodeUtf8, encodeUtf8Into } from "../api/dialect.ts";

const START = 0x00;
const END = 0xff;

/** Small frames share buffers of this size; a larger one has its own. */
const BUFFER_BYTES = 4096;

/** Gathers frames until somebody writes them. */
export class HixieWriter {
  /** Bytes gathered so far. */
  pendingBytes = 0;
  #parts: Uint8Array[] = [];
  #buffer: Uint8Array = EMPTY_BYTES;
  #begin = 0;
  #end = 0;

  /** Adds a text frame. */
  writeText(text: string): void {
    const most = text.length * 3 + 2; // a UTF-16 unit makes at most three bytes
    if (most <= BUFFER_BYTES) {
      this.#reserve(most);
      this.#buffer[this.#end] = START;
      const bytes = encodeUtf8Into(text, this.#buffer.subarray(this.#end + 1));
      this.#buffer[this.#end + 1 + bytes] = END;
      this.#advance(bytes + 2);
    } else {
      this.begin();
      this.#append(encodeUtf8(text));
      this.end();
    }
  }

  /** Opens a text frame. */
  begin(): void {
    this.#byte(START);
  }

  /** Adds to the open frame: UTF-8, in which no `FF` occurs. The bytes are copied. */
  write(bytes: Uint8Array): void {
    if (bytes.length > BUFFER_BYTES) return this.#append(new Uint8Array(bytes));
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#end);
    this.#advance(bytes.length);
  }

  /** Ends the open frame. */
  end(): void {
    this.#byte(END);
  }

  /** Adds the closing frame of draft 76. */
  writeClose(): void {
    this.#byte(END);
    this.#byte(START);
  }

  /** Hands out what was gathered, and starts anew. */
  take(): Uint8Array[] {
    this.#cut();
    const parts = this.#parts;
    this.#parts = [];
    this.pendingBytes = 0;
    return parts;
  }

  /** Drops what was not taken. */
  discard(): void {
    this.#parts = [];
    this.#buffer = EMPTY_BYTES;
    this.#begin = this.#end = this.pendingBytes = 0;
  }

  #byte(byte: number): void {
    this.#reserve(1);
    this.#buffer[this.#end] = byte;
    this.#advance(1);
  }

  #advance(bytes: number): void {
    this.#end += bytes;
    this.pendingBytes += bytes;
  }

  /** Adds bytes as a part of their own. */
  #append(bytes: Uint8Array): void {
    this.#cut();
    this.#parts.push(bytes);
    this.pendingBytes += bytes.length;
  }

  /** Makes room; a buffer that others may still read is never written to again. */
  #reserve(bytes: number): void {
    if (this.#buffer.length - this.#end >= bytes) return;
    this.#cut();
    this.#buffer = new Uint8Array(Math.max(bytes, BUFFER_BYTES));
    this.#begin = this.#end = 0;
  }

  #cut(): void {
    if (this.#end > this.#begin) this.#parts.push(this.#buffer.subarray(this.#begin, this.#end));
    this.#begin = this.#end;
  }
}
