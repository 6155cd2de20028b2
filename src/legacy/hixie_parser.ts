/**
 * The framing of drafts 75 and 76, read: `00`, text, `FF`; or a byte above `7F`, a length and bytes
 * that nobody wants.
 *
 * @see draft-hixie-thewebsocketprotocol-76, section 5.3
 * @module
 */

import type { WebSocketErrorCode } from "../errors.ts";

/** What is wrong with what the peer sent. */
export interface HixieFault {
  /** The stable code. */
  readonly code: WebSocketErrorCode;
  /** What cannot be done, and why. */
  readonly message: string;
}

/** Takes what the parser finds, synchronously and in order. */
export interface HixieSink {
  /** Takes the start of a text frame. */
  onTextStart(): void;
  /** Takes a slice of its text, a view of the chunk; `last` ends the frame. */
  onText(slice: Uint8Array, last: boolean): HixieFault | null;
  /** Takes the closing frame of draft 76. */
  onCloseFrame(): void;
}

/** The start of a text frame; every other type below 80 is one that no draft gave a meaning. */
const TEXT_TYPE = 0x00;
/** The end of a text frame, which is no byte of UTF-8, and the type of the closing frame. */
const END = 0xff;

/** A length is written seven bits at a time; so many times make 49 bits. */
const MAX_LENGTH_DIGITS = 7;

// What is read next: a frame's type; text; a frame that has an end but no meaning; a digit of a
// length; bytes to skip.
const TYPE = 0;
const TEXT = 1;
const UNKNOWN = 2;
const LENGTH = 3;
const SKIP = 4;

/** Reads frames from chunks of any size; keeps no byte of them. */
export class HixieParser {
  readonly #sink: HixieSink;
  readonly #closes: boolean;
  readonly #limit: number;
  #state = TYPE;
  /** The length of a frame that has one, and how many digits of it were read. */
  #length = 0;
  #digits = 0;
  /** Whether that frame closes if its length is 0. */
  #closing = false;
  /** Bytes of a frame without a meaning so far. */
  #unknown = 0;
  #stopped = false;

  /**
   * @param sink Where everything goes.
   * @param closes Whether `FF 00` closes, as in draft 76; in draft 75 it is skipped.
   * @param maxFrameBytes The most bytes of a frame that is skipped.
   */
  constructor(sink: HixieSink, closes: boolean, maxFrameBytes: number) {
    this.#sink = sink;
    this.#closes = closes;
    this.#limit = Math.min(maxFrameBytes, 2 ** (7 * MAX_LENGTH_DIGITS) - 1);
  }

  /** Whether the bytes so far end where a frame ends. */
  get idle(): boolean {
    return this.#state === TYPE;
  }

  /** Makes the `push` under way return after the call that it makes of the sink. */
  stop(): void {
    this.#stopped = true;
  }

  /**
   * Reads on.
   *
   * @param chunk Bytes from the peer.
   * @param at Where to begin in them.
   * @returns The position after what was read, or what is wrong.
   */
  push(chunk: Uint8Array, at: number): number | HixieFault {
    this.#stopped = false;
    while (at < chunk.length && !this.#stopped) {
      switch (this.#state) {
        case TYPE:
          this.#begin(chunk[at++]);
          break;
        case TEXT: {
          const end = chunk.indexOf(END, at);
          const last = end >= 0;
          const slice = chunk.subarray(at, last ? end : chunk.length);
          at = last ? end + 1 : chunk.length;
          if (last) this.#state = TYPE;
          const fault = this.#sink.onText(slice, last);
          if (fault !== null) return fault;
          break;
        }
        case UNKNOWN: {
          const end = chunk.indexOf(END, at);
          this.#unknown += (end < 0 ? chunk.length : end) - at;
          if (this.#unknown > this.#limit) return tooLarge(this.#unknown, this.#limit);
          at = end < 0 ? chunk.length : end + 1;
          if (end >= 0) this.#state = TYPE;
          break;
        }
        case LENGTH: {
          const fault = this.#readDigit(chunk[at++]);
          if (fault !== null) return fault;
          break;
        }
        case SKIP: {
          const skipped = Math.min(this.#length, chunk.length - at);
          this.#length -= skipped;
          at += skipped;
          if (this.#length === 0) this.#state = TYPE;
        }
      }
    }
    return at;
  }

  #begin(type: number): void {
    if (type === TEXT_TYPE) {
      this.#state = TEXT;
      this.#sink.onTextStart();
    } else if (type < 0x80) {
      this.#state = UNKNOWN;
      this.#unknown = 0;
    } else {
      this.#state = LENGTH;
      this.#length = this.#digits = 0;
      this.#closing = this.#closes && type === END;
    }
  }

  #readDigit(digit: number): HixieFault | null {
    this.#length = this.#length * 128 + (digit & 0x7f);
    if (this.#length > this.#limit) return tooLarge(this.#length, this.#limit);
    // Leading zeros make a length of any size; more of them than digits fit are an attack.
    if (++this.#digits > MAX_LENGTH_DIGITS) {
      const message = `Cannot decode frame: its length has over ${MAX_LENGTH_DIGITS} digits`;
      return { code: "WS_LENGTH_NOT_MINIMAL", message };
    }
    if (digit >= 0x80) return null;
    this.#state = this.#length === 0 ? TYPE : SKIP;
    if (this.#length === 0 && this.#closing) this.#sink.onCloseFrame();
    return null;
  }
}

function tooLarge(bytes: number, limit: number): HixieFault {
  return {
    code: "WS_MESSAGE_TOO_LARGE",
    message: `Cannot skip frame: it has at least ${bytes} bytes, limit ${limit}`,
  };
}
