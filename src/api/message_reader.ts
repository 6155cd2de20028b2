/**
 * The consumer behind `messages()`: every message as a stream, so that none sits whole in memory.
 * @module
 */

import type { WebSocketError } from "../errors.ts";
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

  onMessage(data: Message): void {
    const type = typeof data === "string" ? "text" : "binary";
    const body = new Body(type, this.#flow);
    body.pushWhole(data);
    this.#announce(body.message);
  }

  onMessageStart(type: "text" | "binary"): void {
    this.#body = new Body(type, this.#flow);
    this.#announce(this.#body.message);
  }

  onMessageSlice(slice: Uint8Array): void {
    this.#body?.push(slice);
  }

  onMessageEnd(): void {
    this.#body?.end();
    this.#body = undefined;
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
      if (this.#ready.length === 0) this.#flow.resume();
      return this.#hand(message);
    }
    if (this.#ended) return this.#finish();
    this.#flow.resume();
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
    this.#flow.pause();
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
  readonly #flow: FlowControl;
  readonly #decoder: TextDecoder | undefined;
  #controller!: ReadableStreamDefaultController<Message>;
  /** Whether the reader gave the rest up. */
  #cancelled = false;

  constructor(type: "text" | "binary", flow: FlowControl) {
    this.#flow = flow;
    if (type === "text") this.#decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    const body = new ReadableStream<Message>({
      start: (controller) => {
        this.#controller = controller;
      },
      pull: () => this.#flow.resume(),
      cancel: () => {
        this.#cancelled = true;
        this.#flow.resume();
      },
    }, { highWaterMark: BODY_HIGH_WATER_MARK, size: (piece) => piece?.length ?? 0 });
    this.message = { type, body } as StreamedMessage;
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
    this.#controller.error(error ?? new DOMException("The connection was closed", "AbortError"));
  }

  #enqueue(piece: Message): void {
    if (this.#cancelled || piece.length === 0) return;
    this.#controller.enqueue(piece);
    if (this.#controller.desiredSize! <= 0) this.#flow.pause();
  }
}
