/**
 * The receiving half of the engine: frames to messages, with every rule on fragments, limits and
 * text. Control frames are passed on whole.
 * @module
 */

import { EMPTY_BYTES } from "../bytes.ts";
import {
  CLOSE,
  CloseCode,
  CONTINUATION,
  decodeUtf8,
  decodeValidUtf8,
  FIN,
  type FrameFault,
  type FrameSink,
  protocolFault,
  TEXT,
  Utf8Validator,
} from "../frames/mod.ts";
import { MessageAssembly } from "./assembly.ts";

/** Where a receiver hands messages, synchronously and in order. */
export interface MessageSink {
  /** Takes a whole message; the bytes are the sink's to keep. */
  onMessage(data: string | Uint8Array): void;
  /** Takes the start of a message that is delivered slice by slice. */
  onMessageStart(type: "text" | "binary"): void;
  /** Takes a slice of it; text is valid so far, but may end inside a character. */
  onMessageSlice(slice: Uint8Array): void;
  /** Takes the end of it. */
  onMessageEnd(): void;
}

/** Where a receiver hands control frames. */
export interface ControlSink {
  /** Takes a whole control frame; the answer is a fault to stop with, or `null`. */
  onControl(opcode: number, payload: Uint8Array): FrameFault | null;
}

/** What a message that is delivered whole may have at most. */
export interface MessageLimits {
  /** Bytes. */
  maxMessageBytes: number;
  /** Frames. */
  maxFragments: number;
}

/** Builds messages from frames. */
export class Receiver implements FrameSink {
  /** Whether messages that start from now on are delivered slice by slice. */
  streaming = false;
  /** Whether messages are dropped instead of delivered; rules still hold. */
  discarding = false;

  readonly #sink: MessageSink;
  readonly #controlSink: ControlSink;
  readonly #limits: MessageLimits;

  // The frame whose payload is being received.
  #control = false;
  #opcode = 0;
  #final = false;
  #controlPayload: Uint8Array = EMPTY_BYTES;

  // The message that its frames belong to.
  #inMessage = false;
  #text = false;
  #streamed = false;
  #messageBytes = 0;
  #fragments = 0;
  #assembly: MessageAssembly | undefined;
  #validator: Utf8Validator | undefined;

  constructor(sink: MessageSink, controlSink: ControlSink, limits: MessageLimits) {
    this.#sink = sink;
    this.#controlSink = controlSink;
    this.#limits = limits;
  }

  /** Lets go of a message that will not be finished. */
  clear(): void {
    this.#assembly = undefined;
  }

  /** Takes a checked header from the parser. */
  onFrame(first: number, length: number): FrameFault | null {
    const opcode = first & 0x0f;
    this.#opcode = opcode;
    this.#control = opcode >= CLOSE;
    if (this.#control) return null;
    this.#final = (first & FIN) !== 0;
    if (opcode === CONTINUATION) {
      if (!this.#inMessage) {
        return protocolFault("WS_CONTINUATION_UNEXPECTED", "there is no message to continue");
      }
    } else {
      if (this.#inMessage) {
        return protocolFault("WS_CONTINUATION_EXPECTED", "the message before is not finished");
      }
      this.#inMessage = true;
      this.#text = opcode === TEXT;
      this.#streamed = this.streaming;
      this.#messageBytes = 0;
      this.#fragments = 0;
      if (this.#streamed && !this.discarding) {
        this.#sink.onMessageStart(this.#text ? "text" : "binary");
      }
    }
    this.#fragments++;
    this.#messageBytes += length;
    // Slice by slice, a message takes no memory here, so no limit of size is needed.
    if (this.#streamed) return null;
    if (this.#messageBytes > this.#limits.maxMessageBytes) {
      return {
        code: "WS_MESSAGE_TOO_LARGE",
        closeCode: CloseCode.MESSAGE_TOO_BIG,
        message:
          `Cannot receive message: it has at least ${this.#messageBytes} bytes, limit ${this.#limits.maxMessageBytes}`,
      };
    }
    if (this.#fragments > this.#limits.maxFragments) {
      return {
        code: "WS_TOO_MANY_FRAGMENTS",
        closeCode: CloseCode.POLICY_VIOLATION,
        message: `Cannot receive message: it has more than ${this.#limits.maxFragments} fragments`,
      };
    }
    if (this.#assembly !== undefined) this.#assembly.announce(length);
    return null;
  }

  /** Takes a slice of payload from the parser. */
  onPayload(slice: Uint8Array, last: boolean): FrameFault | null {
    if (this.#control) return this.#onControl(slice, last);
    const ends = last && this.#final;
    if (this.#streamed) return this.#onSlice(slice, ends);
    if (ends && slice.length === this.#messageBytes) {
      // The usual case: the message is one frame, and all of it lies in this chunk.
      this.#inMessage = false;
      if (this.#fragments > 1) this.#resetText();
      return this.#deliver(slice, false);
    }
    if (this.#text && !this.#validate(slice, ends)) return invalidText();
    if (this.#assembly === undefined) {
      this.#assembly = new MessageAssembly();
      this.#assembly.announce(this.#messageBytes);
    }
    if (!this.#assembly.push(slice)) return tooLargeHere();
    if (!ends) return null;
    this.#inMessage = false;
    const whole = this.#assembly.take();
    this.#assembly = undefined;
    return this.#deliver(whole, true);
  }

  #deliver(bytes: Uint8Array, validated: boolean): FrameFault | null {
    if (!this.#text) {
      if (!this.discarding) this.#sink.onMessage(bytes);
      return null;
    }
    let text: string | null;
    try {
      text = validated ? decodeValidUtf8(bytes) : decodeUtf8(bytes);
    } catch {
      return tooLargeHere(); // longer than the runtime's strings can be
    }
    if (text === null) return invalidText();
    if (!this.discarding) this.#sink.onMessage(text);
    return null;
  }

  #onSlice(slice: Uint8Array, ends: boolean): FrameFault | null {
    if (this.#text && !this.#validate(slice, ends)) return invalidText();
    if (!this.discarding && slice.length > 0) this.#sink.onMessageSlice(slice);
    if (ends) {
      this.#inMessage = false;
      if (!this.discarding) this.#sink.onMessageEnd();
    }
    return null;
  }

  #validate(slice: Uint8Array, ends: boolean): boolean {
    const validator = this.#validator ??= new Utf8Validator();
    if (!validator.push(slice)) return false;
    if (!ends) return true;
    const complete = validator.complete;
    validator.reset();
    return complete;
  }

  #resetText(): void {
    this.#validator?.reset();
    this.#assembly = undefined;
  }

  #onControl(slice: Uint8Array, last: boolean): FrameFault | null {
    if (!last || this.#controlPayload.length > 0) {
      const joined = new Uint8Array(this.#controlPayload.length + slice.length);
      joined.set(this.#controlPayload);
      joined.set(slice, this.#controlPayload.length);
      this.#controlPayload = joined;
      if (!last) return null;
      slice = joined;
      this.#controlPayload = EMPTY_BYTES;
    }
    return this.#controlSink.onControl(this.#opcode, slice);
  }
}

/** A message within `maxMessageBytes` that the runtime cannot hold all the same. */
function tooLargeHere(): FrameFault {
  return {
    code: "WS_MESSAGE_TOO_LARGE",
    closeCode: CloseCode.MESSAGE_TOO_BIG,
    message: "Cannot receive message: it is larger than this runtime can hold",
  };
}

function invalidText(): FrameFault {
  return {
    code: "WS_UTF8_INVALID",
    closeCode: CloseCode.INVALID_PAYLOAD,
    message: "Cannot decode message: its text is not valid UTF-8",
  };
}
