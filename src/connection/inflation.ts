/**
 * From a compressed message to a message: the limits and rules hold for what it inflates to.
 *
 * @see RFC 7692, section 7.2.2
 * @module
 */

import { InflateError, type PermessageDeflate } from "../extensions/mod.ts";
import { CloseCode, decodeUtf8, type FrameFault, Utf8Validator } from "../frames/mod.ts";
import type { Delivered, DeliveryLine } from "./delivery_line.ts";
import { invalidText, tooLargeHere } from "./message_faults.ts";
import type { MessageSink } from "./receiver.ts";

/** What a codec's error means for the connection. */
function codecFault(error: unknown): FrameFault {
  if (!(error instanceof InflateError)) {
    return {
      code: "WS_COMPRESSION_FAILED",
      closeCode: CloseCode.INTERNAL_ERROR,
      message: `Cannot inflate message: the codec failed: ${error}`,
      cause: error,
    };
  }
  return error.kind === "corrupt"
    ? {
      code: "WS_DEFLATE_INVALID",
      closeCode: CloseCode.INVALID_PAYLOAD,
      message: `Cannot inflate message: ${error.message}`,
    }
    : {
      code: "WS_MESSAGE_TOO_LARGE",
      closeCode: CloseCode.MESSAGE_TOO_BIG,
      message: `Cannot receive message: ${error.message}`,
    };
}

/** Inflates messages and hands them to a sink, in the order of a line. */
export class Inflation {
  /** Whether messages are dropped instead of delivered. */
  discarding = false;
  readonly #deflate: PermessageDeflate;
  readonly #sink: MessageSink;
  readonly #line: DeliveryLine;
  readonly #limit: number;
  #validator: Utf8Validator | undefined;
  #cleared = false;

  /**
   * @param deflate The codec's transform.
   * @param sink Where messages go.
   * @param line Their order.
   * @param limit The most bytes of a whole message.
   */
  constructor(deflate: PermessageDeflate, sink: MessageSink, line: DeliveryLine, limit: number) {
    this.#deflate = deflate;
    this.#sink = sink;
    this.#line = line;
    this.#limit = limit;
  }

  /** Stops delivering for good. */
  clear(): void {
    this.#cleared = true;
  }

  /** Inflates a whole message and delivers it. */
  deliver(message: Uint8Array, text: boolean): FrameFault | null {
    return this.#line.deliver(() => this.#inflate(message, text), message.length);
  }

  #inflate(message: Uint8Array, text: boolean): Delivered | Promise<FrameFault | null> {
    if (this.discarding) return null;
    let result: Uint8Array | Promise<Uint8Array>;
    try {
      result = this.#deflate.inflater.inflate(message, this.#limit, !text);
    } catch (error) {
      return codecFault(error);
    }
    return result instanceof Promise
      ? result.then((bytes) => this.#handOut(bytes, text), codecFault)
      : this.#handOut(result, text);
  }

  #handOut(bytes: Uint8Array, text: boolean): FrameFault | null {
    if (this.discarding || this.#cleared) return null;
    let data: string | Uint8Array | null = bytes;
    if (text) {
      try {
        data = decodeUtf8(bytes);
      } catch {
        return tooLargeHere(); // longer than the runtime's strings can be
      }
      if (data === null) return invalidText();
    }
    this.#sink.onMessage(data);
    return null;
  }

  // --------------------------------------------------------------- slice by slice

  /** Inflates a slice of a message and delivers what comes out, while nobody pauses. */
  deliverSlice(slice: Uint8Array, text: boolean, last: boolean): FrameFault | null {
    let begun = false;
    return this.#line.deliver(() => {
      if (this.discarding) return null;
      const { inflater } = this.#deflate;
      try {
        if (!begun) inflater.push(slice, last);
        begun = true;
        for (;;) {
          const piece = inflater.pull();
          if (piece === null) break;
          if (text && !this.#isText(piece)) return invalidText();
          this.#sink.onMessageSlice(piece);
          if (this.discarding || this.#cleared) return null;
          if (this.#line.paused) return false;
        }
      } catch (error) {
        return codecFault(error);
      }
      return last ? this.#end(text) : null;
    }, slice.length);
  }

  #isText(piece: Uint8Array): boolean {
    return (this.#validator ??= new Utf8Validator()).push(piece);
  }

  #end(text: boolean): FrameFault | null {
    if (text && this.#validator?.complete === false) return invalidText();
    this.#sink.onMessageEnd();
    return null;
  }
}
