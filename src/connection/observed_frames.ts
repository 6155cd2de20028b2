/**
 * Frames under observation: what stands between parser and receiver, and in place of the writer,
 * when somebody wants to see every frame. Without an observer neither is there.
 *
 * @module
 */

import {
  encodeUtf8,
  type FrameFault,
  type FrameSink,
  FrameWriter,
  headerSize,
} from "../frames/mod.ts";

/** Hears of every frame of an engine. Its methods must not throw. */
export interface FrameObserver {
  /** Whether payloads of data frames are wanted now; else they may be left out. */
  readonly wantsPayloads: boolean;
  /**
   * Takes a header: of a frame that is coming and kept the rules so far, or of one that is sent.
   *
   * @param sent Whether this side sends it.
   * @param first The first header byte: FIN, RSV1-3, opcode.
   * @param length Payload bytes.
   * @param masked Whether it is masked.
   */
  onFrame(sent: boolean, first: number, length: number, masked: boolean): void;
  /**
   * Takes a slice of that frame's payload, not masked; compressed where RSV1 says so.
   *
   * @param bytes A view, good during the call only.
   * @param last Whether the frame ends with it.
   */
  onFramePayload(sent: boolean, bytes: Uint8Array, last: boolean): void;
}

/** Shows frames to an observer on their way from the parser to a sink. */
class ObservedFrameSink implements FrameSink {
  readonly #sink: FrameSink;
  readonly #observer: FrameObserver;
  readonly #masked: boolean;

  /**
   * @param sink Where frames go.
   * @param observer Who sees them first.
   * @param masked Whether the peer masks.
   */
  constructor(sink: FrameSink, observer: FrameObserver, masked: boolean) {
    this.#sink = sink;
    this.#observer = observer;
    this.#masked = masked;
  }

  onFrame(first: number, length: number): FrameFault | null {
    this.#observer.onFrame(false, first, length, this.#masked);
    return this.#sink.onFrame(first, length);
  }

  onPayload(slice: Uint8Array, last: boolean): FrameFault | null {
    this.#observer.onFramePayload(false, slice, last);
    return this.#sink.onPayload(slice, last);
  }

  onWholeFrame(first: number, payload: Uint8Array): FrameFault | null {
    // In two steps: a frame that the sink refuses by its header is shown without its payload.
    return this.onFrame(first, payload.length) ?? this.onPayload(payload, true);
  }
}

/** A writer that shows every frame to an observer. */
class ObservedFrameWriter extends FrameWriter {
  readonly #observer: FrameObserver;
  readonly #masked: boolean;
  /** Whether the frame being written was shown. */
  #shown = false;

  /**
   * @param masking Whether frames are masked: `true` on a client.
   * @param observer Who sees them.
   */
  constructor(masking: boolean, observer: FrameObserver) {
    super(masking);
    this.#observer = observer;
    this.#masked = masking;
  }

  override writeFrame(first: number, payload: Uint8Array, keep = false): void {
    this.#shown = true;
    this.#observer.onFrame(true, first, payload.length, this.#masked);
    this.#observer.onFramePayload(true, payload, true);
    super.writeFrame(first, payload, keep);
  }

  override writeEncoded(frame: Uint8Array): void {
    const payload = frame.subarray(headerSize(frame[1]));
    this.#observer.onFrame(true, frame[0], payload.length, false);
    this.#observer.onFramePayload(true, payload, true);
    super.writeEncoded(frame);
  }

  override writeText(first: number, text: string): number {
    if (this.#observer.wantsPayloads) {
      const payload = encodeUtf8(text);
      this.writeFrame(first, payload, true); // nobody else holds it
      return payload.length;
    }
    this.#shown = false;
    const length = super.writeText(first, text); // which may call writeFrame()
    if (!this.#shown) this.#observer.onFrame(true, first, length, this.#masked);
    return length;
  }
}

/** What an engine is given to show its frames; it imports this by its types only. */
export class ObservedFrames {
  readonly #observer: FrameObserver;

  /**
   * @param observer Who sees every frame.
   */
  constructor(observer: FrameObserver) {
    this.#observer = observer;
  }

  /** Makes what stands between the parser and a sink. */
  sink(sink: FrameSink, masked: boolean): FrameSink {
    return new ObservedFrameSink(sink, this.#observer, masked);
  }

  /** Makes the writer. */
  writer(masking: boolean): FrameWriter {
    return new ObservedFrameWriter(masking, this.#observer);
  }
}
