/**
 * The receiving half of the engine: frames to messages, with every rule on fragments, limits and
 * text. Control frames are passed on whole.
 * @module
 */

import { concatBytes, EMPTY_BYTES } from "../bytes.ts";
import {
  BINARY,
  CLOSE,
  CloseCode,
  CONTINUATION,
  decodeUtf8,
  decodeValidUtf8,
  FIN,
  type FrameFault,
  type FrameSink,
  protocolFault,
  RSV1,
  TEXT,
  Utf8Validator,
} from "../frames/mod.ts";
import { MessageAssembly } from "./assembly.ts";
import type { Deflation } from "./deflation.ts";
import type { DeliveryLine } from "./delivery_line.ts";
import type { Inflation } from "./inflation.ts";
import { invalidText, tooLargeHere } from "./message_faults.ts";

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
  /** Takes the end of a frame that does not end its message; where frames are asked for only. */
  onFrameEnd?(): void;
}

/** Where a receiver hands control frames. */
export interface ControlSink {
  /** Takes a whole control frame; the answer is a fault to stop with, or `null`. */
  onControl(opcode: number, payload: Uint8Array): FrameFault | null;
  /** Hears that all deliveries that had to wait are over. */
  onIdle(): void;
  /** Takes the fault of a delivery that had to wait. */
  onFault(fault: FrameFault): void;
}

/** What a message that is delivered whole may have at most. */
export interface MessageLimits {
  /** Bytes. */
  maxMessageBytes: number;
  /** Frames. */
  maxFragments: number;
  /** Payload bytes of one data frame, delivered whole or not. Default: `Infinity`. */
  maxFrameBytes?: number;
}

const WHOLE_BINARY = FIN | BINARY;

/** What deflate makes of a message at most: a little more than it was. */
function mostCompressed(bytes: number): number {
  return bytes + bytes / 256 + 1024;
}

function frameTooLarge(length: number, limit: number): FrameFault {
  return {
    code: "WS_FRAME_TOO_LARGE",
    closeCode: CloseCode.MESSAGE_TOO_BIG,
    message: `Cannot receive message: one of its frames has ${length} bytes, limit ${limit}`,
  };
}

/** Decodes a text message, which was validated already or is to be now. */
function decode(bytes: Uint8Array, validated = false): string | FrameFault {
  try {
    return (validated ? decodeValidUtf8(bytes) : decodeUtf8(bytes)) ?? invalidText();
  } catch {
    return tooLargeHere(); // longer than the runtime's strings can be
  }
}

/** Builds messages from frames. */
export class Receiver implements FrameSink {
  /** Whether messages that start from now on are delivered slice by slice. */
  streaming = false;
  /** Whether chunks are good during the call only. */
  lent = false;
  /** The order of deliveries, where a codec may take its time; else they take none. */
  readonly line: DeliveryLine | undefined;

  /** Whether messages are dropped instead of delivered; rules still hold. */
  #discarding = false;
  readonly #inflation: Inflation | undefined;
  readonly #sink: MessageSink;
  readonly #controlSink: ControlSink;
  readonly #limits: MessageLimits;
  #maxFrameBytes: number;
  /** What a message in a single frame may have. */
  readonly #plainBytes: number;
  #framewise = false;

  // The frame whose payload is being received.
  #control = false;
  #opcode = 0;
  #final = false;
  #controlPayload: Uint8Array = EMPTY_BYTES;

  // The message that its frames belong to.
  #inMessage = false;
  #text = false;
  #compressed = false;
  #streamed = false;
  #messageBytes = 0;
  #fragments = 0;
  #assembly: MessageAssembly | undefined;
  #validator: Utf8Validator | undefined;

  constructor(
    sink: MessageSink,
    controlSink: ControlSink,
    limits: MessageLimits,
    deflation?: Deflation,
  ) {
    this.#sink = sink;
    this.#controlSink = controlSink;
    this.#limits = limits;
    this.#maxFrameBytes = limits.maxFrameBytes ?? Infinity;
    this.#plainBytes = Math.min(this.#maxFrameBytes, limits.maxMessageBytes);
    if (deflation !== undefined) {
      this.line = deflation.line(
        () => controlSink.onIdle(),
        (fault) => controlSink.onFault(fault),
      );
      this.#inflation = deflation.input(sink, this.line, limits.maxMessageBytes);
    }
  }

  /**
   * Delivers frame by frame from now on: slice by slice, with the ends of frames. A frame is what is
   * put together then, so `maxMessageBytes` holds for each.
   */
  deliverFrames(): void {
    this.streaming = this.#framewise = true;
    this.#maxFrameBytes = Math.min(this.#maxFrameBytes, this.#limits.maxMessageBytes);
  }

  /** Lets go of a message that will not be finished, and of deliveries that wait. */
  clear(): void {
    this.#assembly = undefined;
    this.line?.clear();
    this.#inflation?.clear();
  }

  /** Drops messages from now on; rules still hold, but nothing is inflated for them. */
  discard(): void {
    this.#discarding = true;
    if (this.#inflation !== undefined) this.#inflation.discarding = true;
  }

  /** Takes a checked header from the parser. */
  onFrame(first: number, length: number): FrameFault | null {
    const opcode = first & 0x0f;
    this.#opcode = opcode;
    this.#control = opcode >= CLOSE;
    if (this.#control) return null;
    if (length > this.#maxFrameBytes) return frameTooLarge(length, this.#maxFrameBytes);
    this.#final = (first & FIN) !== 0;
    if (opcode === CONTINUATION) {
      if (!this.#inMessage) {
        return protocolFault(
          "WS_CONTINUATION_UNEXPECTED",
          "a continuation frame came without a message to continue",
        );
      }
    } else {
      if (this.#inMessage) {
        return protocolFault(
          "WS_CONTINUATION_EXPECTED",
          "a new message began before the fragmented one was finished",
        );
      }
      this.#inMessage = true;
      this.#text = opcode === TEXT;
      this.#compressed = (first & RSV1) !== 0;
      this.#streamed = this.streaming;
      this.#messageBytes = 0;
      this.#fragments = 0;
      if (this.#streamed) this.#start(this.#text ? "text" : "binary");
    }
    this.#fragments++;
    this.#messageBytes += length;
    // Slice by slice, a message takes no memory here, so no limit of size is needed.
    if (this.#streamed) return null;
    const { maxMessageBytes } = this.#limits;
    // What is compressed may be a little larger than what it stands for; the rest is up to a limit
    // on what it inflates to.
    const most = this.#compressed ? mostCompressed(maxMessageBytes) : maxMessageBytes;
    if (this.#messageBytes > most) {
      return {
        code: "WS_MESSAGE_TOO_LARGE",
        closeCode: CloseCode.MESSAGE_TOO_BIG,
        message:
          `Cannot receive message: it has at least ${this.#messageBytes} bytes, limit ${maxMessageBytes}`,
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

  /** Takes a whole message in one frame from the parser. */
  onWholeFrame(first: number, payload: Uint8Array): FrameFault | null {
    if (this.#inMessage || this.streaming || payload.length > this.#plainBytes) {
      return this.onFrame(first, payload.length) ?? this.onPayload(payload, true);
    }
    if (first === WHOLE_BINARY) return this.#handOut(this.own(payload));
    const text = decode(payload);
    return typeof text === "string" ? this.#handOut(text) : text;
  }

  /** Takes a slice of payload from the parser. */
  onPayload(slice: Uint8Array, last: boolean): FrameFault | null {
    if (this.#control) return this.#onControl(slice, last);
    const ends = last && this.#final;
    if (this.#streamed) {
      slice = this.own(slice);
      if (this.#compressed) return this.#onCompressedSlice(slice, ends);
      const fault = this.#onSlice(slice, ends);
      if (last && !ends && fault === null && this.#framewise && !this.#discarding) {
        this.#sink.onFrameEnd?.();
      }
      return fault;
    }
    if (ends && slice.length === this.#messageBytes) {
      // The usual case: the message is one frame, and all of it lies in this chunk.
      this.#inMessage = false;
      if (this.#fragments > 1) this.#resetText();
      return this.#deliver(this.own(slice), false);
    }
    if (this.#text && !this.#compressed && !this.#validate(slice, ends)) return invalidText();
    if (this.#assembly === undefined) {
      this.#assembly = new MessageAssembly();
      this.#assembly.announce(this.#messageBytes);
    }
    if (!this.#assembly.push(slice, this.lent)) return tooLargeHere();
    if (!ends) return null;
    this.#inMessage = false;
    const whole = this.#assembly.take();
    this.#assembly = undefined;
    return this.#deliver(whole, true);
  }

  /** Copies bytes out of a chunk that is lent. */
  own(bytes: Uint8Array): Uint8Array {
    return this.lent ? new Uint8Array(bytes) : bytes;
  }

  #deliver(bytes: Uint8Array, validated: boolean): FrameFault | null {
    if (this.#compressed) return this.#inflation!.deliver(bytes, this.#text);
    if (!this.#text) return this.#handOut(bytes);
    const text = decode(bytes, validated);
    return typeof text === "string" ? this.#handOut(text) : text;
  }

  #handOut(data: string | Uint8Array): FrameFault | null {
    if (this.line?.busy) return this.#inOrder(() => this.#sink.onMessage(data), data.length);
    if (!this.#discarding) this.#sink.onMessage(data);
    return null;
  }

  /** Delivers behind what waits already. */
  #inOrder(deliver: () => void, bytes: number): null {
    this.line!.deliver(() => {
      if (!this.#discarding) deliver();
      return null;
    }, bytes);
    return null;
  }

  #start(type: "text" | "binary"): void {
    if (this.line?.busy) this.#inOrder(() => this.#sink.onMessageStart(type), 0);
    else if (!this.#discarding) this.#sink.onMessageStart(type);
  }

  #onCompressedSlice(slice: Uint8Array, ends: boolean): FrameFault | null {
    if (ends) this.#inMessage = false;
    if (slice.length === 0 && !ends) return null;
    return this.#inflation!.deliverSlice(slice, this.#text, ends);
  }

  #onSlice(slice: Uint8Array, ends: boolean): FrameFault | null {
    if (this.#text && !this.#validate(slice, ends)) return invalidText();
    if (ends) this.#inMessage = false;
    const hand = () => {
      if (slice.length > 0) this.#sink.onMessageSlice(slice);
      if (ends && !this.#discarding) this.#sink.onMessageEnd();
    };
    if (this.line?.busy) return this.#inOrder(hand, slice.length);
    if (!this.#discarding) hand();
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
    const payload = concatBytes([this.#controlPayload, slice]);
    this.#controlPayload = last ? EMPTY_BYTES : payload;
    if (!last) return null;
    return this.#controlSink.onControl(this.#opcode, payload);
  }
}
