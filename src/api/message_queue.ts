/**
 * The default consumer: a bounded queue of whole messages, read by async iteration.
 * @module
 */

import type { WebSocketError } from "../errors.ts";

/** A message: a string for text, bytes for binary. */
export type Message = string | Uint8Array;

/** Takes what arrives on a connection; one consumer at a time. */
export interface MessageConsumer {
  /** Takes a whole message. */
  onMessage(data: Message): void;
  /** Takes the start of a message delivered slice by slice. */
  onMessageStart(type: "text" | "binary"): void;
  /** Takes a slice of it. */
  onMessageSlice(slice: Uint8Array): void;
  /** Takes the end of it. */
  onMessageEnd(): void;
  /** Takes the end of a frame that does not end its message; {@linkcode FrameConsumer} only. */
  onFrameEnd?(): void;
  /** Takes the end of everything; `error` when the connection failed. */
  onEnd(error: WebSocketError | undefined): void;
}

/** Holds the peer back, and lets it go on. */
export interface FlowControl {
  /** Stops delivery. */
  pause(): void;
  /** Goes on. */
  resume(): void;
}

/** What one queued message counts for beside its own size, in bytes. */
const MESSAGE_COST = 64;

/** Head room of the array before what was taken is cut off. */
const COMPACT_AT = 1024;

interface Waiter {
  resolve(result: IteratorResult<Message, undefined>): void;
  reject(error: unknown): void;
}

/** Keeps messages until they are asked for, and holds the peer back above the high-water mark. */
export class MessageQueue implements MessageConsumer, AsyncIterableIterator<Message, undefined> {
  readonly #flow: FlowControl;
  readonly #highWaterMark: number;
  #messages: Message[] = [];
  #head = 0;
  #size = 0;
  #paused = false;
  #waiters: Waiter[] = [];
  #ended = false;
  #error: WebSocketError | undefined;

  /**
   * @param flow What to hold back.
   * @param highWaterMark From how many bytes on.
   */
  constructor(flow: FlowControl, highWaterMark: number) {
    this.#flow = flow;
    this.#highWaterMark = highWaterMark;
  }

  onMessage(data: Message): void {
    if (this.#waiters.length > 0) {
      this.#waiters.shift()!.resolve({ value: data, done: false });
      return;
    }
    this.#messages.push(data);
    this.#size += data.length + MESSAGE_COST;
    if (this.#size > this.#highWaterMark && !this.#paused) {
      this.#paused = true;
      this.#flow.pause();
    }
  }

  // Messages are delivered whole while this is the consumer.
  onMessageStart(): void {}
  onMessageSlice(): void {}
  onMessageEnd(): void {}

  onEnd(error: WebSocketError | undefined): void {
    this.#ended = true;
    this.#error = error;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) this.#finish().then(waiter.resolve, waiter.reject);
  }

  /** Takes what is queued, for another consumer to go on with; that now holds the peer back. */
  take(): Message[] {
    const messages = this.#messages.slice(this.#head);
    this.#messages = [];
    this.#head = this.#size = 0;
    this.#paused = false;
    return messages;
  }

  /** Whether a reader waits for a message right now. */
  get awaited(): boolean {
    return this.#waiters.length > 0;
  }

  next(): Promise<IteratorResult<Message, undefined>> {
    if (this.#head < this.#messages.length) {
      return Promise.resolve({ value: this.#shift(), done: false });
    }
    if (this.#ended) return this.#finish();
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  /** Ends one loop; the connection stays open and a later loop goes on with the next message. */
  return(): Promise<IteratorResult<Message, undefined>> {
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #shift(): Message {
    const message = this.#messages[this.#head];
    this.#messages[this.#head++] = "";
    this.#size -= message.length + MESSAGE_COST;
    if (this.#head === this.#messages.length) {
      this.#messages.length = 0;
      this.#head = 0;
    } else if (this.#head >= COMPACT_AT) {
      this.#messages.splice(0, this.#head);
      this.#head = 0;
    }
    if (this.#size <= this.#highWaterMark / 2) this.#release();
    return message;
  }

  #release(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#flow.resume();
  }

  /** The end of the iteration: a failure is thrown once. */
  #finish(): Promise<IteratorResult<Message, undefined>> {
    const error = this.#error;
    this.#error = undefined;
    return error === undefined
      ? Promise.resolve({ value: undefined, done: true })
      : Promise.reject(error);
  }
}
