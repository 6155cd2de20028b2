/**
 * The text of received frames: checked, limited, and delivered whole or slice by slice.
 * @module
 */

import type { ChannelEvents } from "../api/channel.ts";
import { decodeUtf8, decodeValidUtf8, MessageAssembly, Utf8Validator } from "../api/dialect.ts";
import type { HixieFault } from "./hixie_parser.ts";

/** Makes messages of the slices that a parser finds. */
export class HixieText {
  /** Takes the messages. */
  sink!: Pick<ChannelEvents, "onMessage" | "onMessageStart" | "onMessageSlice" | "onMessageEnd">;
  /** Whether messages that start from now on are delivered slice by slice. */
  streaming = false;

  readonly #maxBytes: number;
  readonly #maxFrameBytes: number;
  #discarding = false;
  #streamed = false;
  #bytes = 0;
  #validator: Utf8Validator | undefined;
  #assembly: MessageAssembly | undefined;

  /**
   * @param maxBytes The most bytes of a message that is delivered whole.
   * @param maxFrameBytes The most of any: here a message is a frame. Default: `Infinity`.
   */
  constructor(maxBytes: number, maxFrameBytes = Infinity) {
    this.#maxBytes = maxBytes;
    this.#maxFrameBytes = maxFrameBytes;
  }

  /** Drops messages from now on, unread. */
  discard(): void {
    this.#discarding = true;
    this.clear();
  }

  /** Lets go of a message that will not be finished. */
  clear(): void {
    this.#assembly = undefined;
  }

  /** Begins a message. */
  begin(): void {
    this.#bytes = 0;
    this.#streamed = this.streaming;
    if (this.#streamed && !this.#discarding) this.sink.onMessageStart("text");
  }

  /**
   * Takes a slice.
   *
   * @returns What is wrong: at the first byte that cannot be UTF-8, or over the limit.
   */
  push(slice: Uint8Array, last: boolean): HixieFault | null {
    if (this.#discarding) return null;
    const whole = last && this.#bytes === 0;
    this.#bytes += slice.length;
    if (this.#bytes > this.#maxFrameBytes) return frameTooLarge(this.#bytes, this.#maxFrameBytes);
    if (this.#streamed) {
      if (!this.#validate(slice, last)) return notText();
      if (slice.length > 0) this.sink.onMessageSlice(slice);
      if (last && !this.#discarding) this.sink.onMessageEnd();
      return null;
    }
    if (this.#bytes > this.#maxBytes) return tooLarge(this.#bytes, this.#maxBytes);
    let text: string | null;
    try {
      if (whole) {
        text = decodeUtf8(slice);
      } else {
        if (!this.#validate(slice, last)) return notText();
        this.#assembly ??= new MessageAssembly();
        if (!this.#assembly.push(slice)) return tooLargeHere();
        if (!last) return null;
        text = decodeValidUtf8(this.#assembly.take());
        this.#assembly = undefined;
      }
    } catch {
      return tooLargeHere(); // longer than the runtime's strings can be
    }
    if (text === null) return notText();
    this.sink.onMessage(text);
    return null;
  }

  #validate(slice: Uint8Array, last: boolean): boolean {
    const validator = this.#validator ??= new Utf8Validator();
    return validator.push(slice) && (!last || validator.complete);
  }
}

function notText(): HixieFault {
  return { code: "WS_UTF8_INVALID", message: "Cannot decode message: it is not valid UTF-8" };
}

function frameTooLarge(bytes: number, limit: number): HixieFault {
  return {
    code: "WS_FRAME_TOO_LARGE",
    message: `Cannot receive message: its frame has at least ${bytes} bytes, limit ${limit}`,
  };
}

function tooLarge(bytes: number, limit: number): HixieFault {
  return {
    code: "WS_MESSAGE_TOO_LARGE",
    message: `Cannot receive message: it has at least ${bytes} bytes, limit ${limit}`,
  };
}

function tooLargeHere(): HixieFault {
  return {
    code: "WS_MESSAGE_TOO_LARGE",
    message: "Cannot receive message: it has more bytes than this runtime can hold",
  };
}
