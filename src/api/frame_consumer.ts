/**
 * The consumer behind the `frame` callback: data frames one by one, in the place of messages.
 * @module
 */

import { MessageAssembly } from "../connection/assembly.ts";
import { tooLargeHere } from "../connection/message_faults.ts";
import type { FrameFault } from "../frames/mod.ts";
import { EMPTY_BYTES } from "../bytes.ts";
import type { MessageConsumer } from "./message_queue.ts";

/** A data frame, as it was framed by the peer. */
export interface DataFrame {
  /** The type of the message that it belongs to. */
  readonly type: "text" | "binary";
  /** What it carries, yours to keep. Text is UTF-8, and may end in the midst of a character. */
  readonly payload: Uint8Array;
  /** Whether its message begins with it. */
  readonly first: boolean;
  /** Whether its message ends with it. */
  readonly final: boolean;
}

/** Puts the slices of each frame together, and hands them on. */
export class FrameConsumer implements MessageConsumer {
  readonly #onFrame: (frame: DataFrame) => void;
  readonly #onFault: (fault: FrameFault) => void;
  #type: "text" | "binary" = "binary";
  #first = true;
  #failed = false;
  /** What came of the frame: the only slice, or all of them. */
  #payload: Uint8Array = EMPTY_BYTES;
  #assembly: MessageAssembly | undefined;

  /**
   * @param onFrame Takes each frame.
   * @param onFault Takes that the runtime has no memory for one: the connection cannot go on.
   */
  constructor(onFrame: (frame: DataFrame) => void, onFault: (fault: FrameFault) => void) {
    this.#onFrame = onFrame;
    this.#onFault = onFault;
  }

  // Whole messages do not come while this is the consumer.
  onMessage(): void {}

  onMessageStart(type: "text" | "binary"): void {
    this.#type = type;
    this.#first = true;
  }

  onMessageSlice(slice: Uint8Array): void {
    if (this.#failed) return;
    if (this.#payload.length === 0 && this.#assembly === undefined) {
      this.#payload = slice;
      return;
    }
    if (this.#assembly === undefined) {
      this.#assembly = new MessageAssembly();
      this.#assembly.push(this.#payload);
    }
    if (this.#assembly.push(slice)) return;
    this.#failed = true;
    this.#assembly = undefined;
    this.#onFault(tooLargeHere());
  }

  onFrameEnd(): void {
    this.#hand(false);
  }

  onMessageEnd(): void {
    this.#hand(true);
  }

  #hand(final: boolean): void {
    if (this.#failed) return;
    const payload = this.#assembly?.take() ?? this.#payload;
    const first = this.#first;
    this.#assembly = undefined;
    this.#payload = EMPTY_BYTES;
    this.#first = false;
    this.#onFrame({ type: this.#type, payload, first, final });
  }

  onEnd(): void {}
}
