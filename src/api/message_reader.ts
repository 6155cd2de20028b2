/**
 * The consumer behind `messages()`: every message as a stream, so that none sits whole in memory.
 * @module
 */

import { WebSocketError } from "../errors.ts";
import type { FlowControl, Message, MessageConsumer } from "./message_queue.ts";

/**
 * A message whose payload can be read while it arrives. Streams can be iterated over on every
 * server runtime, which not every version of TypeScript's DOM types knows.
 */
export type StreamedMessage = {
  /** What kind of message it is. */
  readonly type: "text";
  /** Its text, in pieces that never split a character. */
  readonly body: ReadableStream<string> & AsyncIterable<string>;
} | {
  /** What kind of message it is. */
  readonly type: "binary";
  /** Its bytes. */
  readonly body: ReadableStream<Uint8Array> & AsyncIterable<Uint8Array>;
};

type Result = IteratorResult<StreamedMessage, undefined>;

interface Waiter {
  resolve(result: Result): void;
  reject(error: unknown): void;
}

/** Bytes (or characters) of a body that may wait for its reader before the peer is held back. */
const BODY_HIGH_WATER_MARK = 65536;

/** Hands messages out one after the other, each as a stream. */
export class MessageReader
  implements MessageConsumer, AsyncIterableIterator<StreamedMessage, undefined> {
  readonly #flow: FlowControl;
  /** Messages that have begun and that nobody asked for yet. */
  #ready: StreamedMessage[] = [];
  #waiters: Waiter[] = [];
  /** The body of the message that is arriving. */
  #body: Body | undefined;
  #held = false;
  /** The message that was handed out last. */
  #last: StreamedMessage | undefined;
  #ended = false;
  #error: WebSocketError | undefined;

  /**
   * @param flow What to hold back.
   * @param earlier Messages that came whole before this consumer took over.
   */
  constructor(flow: FlowControl, earlier: readonly Message[]) {
    this.#flow = flow;
    for (const data of earlier) this.onMessage(data);
  }

  /** While a message waits that nobody asked for, or the one arriving is not being read. */
  get #mustHold(): boolean {
    return this.#ready.length > 0 || this.#body?.full === true;
  }

  readonly #update = (): void => {
    const hold = this.#mustHold;
    if (hold === this.#held) return;
    this.#held = hold;
    if (hold) this.#flow.pause();
    else this.#flow.resume();
  };

  onMessage(data: Message): void {
    const type = typeof data === "string" ? "text" : "binary";
    const body = new Body(type, this.#update);
    body.pushWhole(data);
    this.#announce(body.message);
  }

  onMessageStart(type: "text" | "binary"): void {
    this.#body = new Body(type, this.#update);
    this.#announce(this.#body.message);
  }

  onMessageSlice(slice: Uint8Array): void {
    this.#body?.push(slice);
    this.#update();
  }

  onMessageEnd(): void {
    this.#body?.end();
    this.#body = undefined;
    this.#update();
  }

  onEnd(error: WebSocketError | undefined): void {
    this.#ended = true;
    this.#error = error;
    this.#body?.fail(error);
    this.#body = undefined;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) this.#finish().then(waiter.resolve, waiter.reject);
  }

  async next(): Promise<Result> {
    // Whoever goes on without reading a body to its end does not want the rest of it.
    const last = this.#last;
    this.#last = undefined;
    if (last !== undefined && !last.body.locked) await last.body.cancel().catch(() => {});
    const message = this.#ready.shift();
    if (message !== undefined) {
      this.#update();
      return this.#hand(message);
    }
    if (this.#ended) return this.#finish();
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  /** Ends one loop; the connection stays open and a later loop goes on with the next message. */
  return(): Promise<Result> {
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #announce(message: StreamedMessage): void {
    const waiter = this.#waiters.shift();
    if (waiter !== undefined) return waiter.resolve(this.#hand(message));
    this.#ready.push(message);
    this.#update();
  }

  #hand(message: StreamedMessage): Result {
    this.#last = message;
    return { value: message, done: false };
  }

  #finish(): Promise<Result> {
    const error = this.#error;
    this.#error = undefined;
    return error === undefined
      ? Promise.resolve({ value: undefined, done: true })
      : Promise.reject(error);
  }
}

/** The writing end of one message's stream. */
class Body {
  readonly message: StreamedMessage;
  readonly #decoder: TextDecoder | undefined;
  #controller!: ReadableStreamDefaultController<Message>;
  /** Whether the reader gave the rest up. */
  #cancelled = false;

  /**
   * @param type What kind of message it is.
   * @param onChange Is called when the reader has taken something, or gave the rest up.
   */
  constructor(type: "text" | "binary", onChange: () => void) {
    if (type === "text") this.#decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    const body = new ReadableStream<Message>({
      start: (controller) => {
        this.#controller = controller;
      },
      pull: onChange,
      cancel: () => {
        this.#cancelled = true;
        onChange();
      },
    }, { highWaterMark: BODY_HIGH_WATER_MARK, size: (piece) => piece?.length ?? 0 });
    this.message = { type, body } as StreamedMessage;
  }

  /** Whether as much waits for the reader as may. */
  get full(): boolean {
    return !this.#cancelled && this.#controller.desiredSize! <= 0;
  }

  push(slice: Uint8Array): void {
    this.#enqueue(this.#decoder?.decode(slice, { stream: true }) ?? slice);
  }

  pushWhole(data: Message): void {
    this.#enqueue(data);
    this.#controller.close();
  }

  end(): void {
    if (!this.#cancelled) this.#controller.close();
  }

  /** Ends a message of which the rest will never come. */
  fail(error: WebSocketError | undefined): void {
    if (this.#cancelled) return;
    this.#controller.error(
      error ?? new WebSocketError("Cannot read message: the connection was closed in its midst", {
        code: "WS_MESSAGE_INCOMPLETE",
      }),
    );
  }

  #enqueue(piece: Message): void {
    if (this.#cancelled || piece.length === 0) return;
    this.#controller.enqueue(piece);
  }
}
