/**
 * The server's end of an EventSource: a response body that events are written to.
 * @module
 */

import { unwatchAbort, watchAbort } from "../api/abort_watch.ts";
import { describe } from "../api/options.ts";
import { handled, rejected } from "../api/sender.ts";
import { concatBytes } from "../bytes.ts";
import { WebSocketError, type WebSocketErrorCode } from "../errors.ts";
import {
  type EventOptions,
  formatComment,
  formatEvent,
  formatRetry,
  readLastEventId,
} from "./event_stream.ts";

/** How an event stream ended. */
export interface EventSourceClose {
  /** Who ended it: `close()` and failures of this side, or the client by leaving. */
  readonly by: "server" | "client";
  /** Why it was cut; absent when it was closed, or the client left. */
  readonly error?: WebSocketError;
}

/** What an application does with an event stream, as callbacks. */
// deno-lint-ignore no-explicit-any -- see WebSocketConnection
export interface EventSourceCallbacks<Data = any> {
  /** The stream is open: events can be sent. */
  open?(source: EventSourceConnection<Data>): unknown;
  /** Everything sent has been taken, after some of it had to wait. */
  drain?(source: EventSourceConnection<Data>): unknown;
  /** All is over. */
  close?(source: EventSourceConnection<Data>, info: EventSourceClose): unknown;
}

/** Limits of a stream, checked and with their defaults. */
export interface EventSourceLimits {
  /** How often an idle stream gets a comment, in milliseconds; 0 for never. */
  readonly pingIntervalMs: number;
  /** From how many waiting bytes on `send()` waits. */
  readonly highWaterMark: number;
  /** The most bytes that may wait. */
  readonly maxBufferedBytes: number;
  /** How long a client may take nothing, in milliseconds; 0 for ever. */
  readonly stallTimeoutMs: number;
  /** How long `close()` waits, in milliseconds. */
  readonly closeTimeoutMs: number;
  /** Closes the stream. */
  readonly signal: AbortSignal | undefined;
}

const SENT: Promise<void> = Promise.resolve();
const PING = new TextEncoder().encode(":\n\n");
const encoder = new TextEncoder();

/** Chunks up to this size are joined before they are handed over. */
const CHUNK_BYTES = 64 * 1024;

/**
 * An open event stream to one client, in the manner of a `WebSocketConnection` that can only send.
 *
 * Made by `upgradeEventSource()` and its siblings, never with `new`.
 *
 * @typeParam Data The type of {@linkcode EventSourceConnection.data}.
 */
// deno-lint-ignore no-explicit-any -- see WebSocketConnection
export class EventSourceConnection<Data = any> {
  /** Yours: whatever belongs to this stream. */
  data!: Data;
  /** The request that opened it. */
  readonly request: Request;
  /** The id of the last event that the client has seen; `""` for none. */
  readonly lastEventId: string;
  /** Internal: the response's body. */
  readonly body: ReadableStream<Uint8Array>;

  readonly #limits: EventSourceLimits;
  readonly #callbacks: EventSourceCallbacks;
  readonly #onError: (error: unknown) => void;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #readyState = 1;
  /** Lets the runtime's read of the body go on; there while it waits for something to send. */
  #pulled: (() => void) | undefined;
  #flushing = false;
  /** Whether some of it had to wait. */
  #waited = false;
  #waiters: { resolve(): void; reject(error: unknown): void }[] = [];
  #takenAt = 0;
  #startTimer: ReturnType<typeof setTimeout> | undefined;
  #pingTimer: ReturnType<typeof setInterval> | undefined;
  #stallTimer: ReturnType<typeof setTimeout> | undefined;
  #closeTimer: ReturnType<typeof setTimeout> | undefined;
  readonly #closed: Promise<EventSourceClose>;
  #resolveClosed!: (info: EventSourceClose) => void;

  /** Internal: streams are made by `upgradeEventSource()` and its siblings. */
  constructor(
    request: Request,
    first: string,
    limits: EventSourceLimits,
    callbacks: EventSourceCallbacks,
    onError: (error: unknown) => void,
  ) {
    this.request = request;
    this.lastEventId = readLastEventId(request.headers.get("last-event-id"));
    this.#limits = limits;
    this.#callbacks = callbacks;
    this.#onError = onError;
    this.#closed = new Promise((resolve) => this.#resolveClosed = resolve);
    this.body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
      },
      pull: () => this.#pull(),
      cancel: () => this.#end({ by: "client" }),
    }, { highWaterMark: 0 });
    this.#push(encoder.encode(first)); // at once, so that the client sees the head
    if (limits.signal !== undefined) watchAbort(limits.signal, this.#onAbort);
    if (limits.signal?.aborted) this.#onAbort();
    // The runtime cancels the body when the client leaves, but not one that it never took.
    this.#startTimer = setTimeout(
      () => this.#cut("WS_CONNECTION_LOST", "nobody took the response"),
      limits.closeTimeoutMs,
    );
  }

  /** The URL that was asked for. */
  get url(): string {
    return this.request.url;
  }

  /** 1 while open, 2 while closing, 3 when closed, as of a `WebSocketConnection`. */
  get readyState(): number {
    return this.#readyState;
  }

  /** Bytes given to `send()` that the runtime has not taken yet. */
  get bufferedAmount(): number {
    return this.#queuedBytes;
  }

  /** Resolves, and never rejects, when all is over; tells who ended it. */
  get closed(): Promise<EventSourceClose> {
    return this.#closed;
  }

  // ------------------------------------------------------------------ sending

  /**
   * Sends an event. Order is kept; nothing needs to be awaited for that.
   *
   * @param data The data; line ends of any kind arrive as LF.
   * @param options The event's name and id. Default: none.
   * @returns A promise that resolves while no more than `highWaterMark` bytes wait, and rejects
   * when the stream is over; a rejection that nobody looks at does no harm.
   * @throws {TypeError} If something is no string, or a name or id has a CR, LF or NUL in it.
   */
  send(data: string, options: EventOptions = {}): Promise<void> {
    return this.#write(formatEvent(data, options));
  }

  /**
   * Sends an event only if no more than `highWaterMark` bytes wait right now.
   *
   * @param data The data.
   * @param options The event's name and id. Default: none.
   * @returns `false` when nothing was sent: too much waits, or the stream is over.
   * @throws {TypeError} As {@linkcode EventSourceConnection.send}.
   */
  trySend(data: string, options: EventOptions = {}): boolean {
    const text = formatEvent(data, options);
    if (this.#readyState !== 1 || this.#queuedBytes > this.#limits.highWaterMark) return false;
    this.#write(text);
    return true;
  }

  /**
   * Sends a comment, which the client ignores.
   *
   * @param text The comment. Default: `""`.
   * @returns As {@linkcode EventSourceConnection.send}.
   */
  comment(text = ""): Promise<void> {
    return this.#write(formatComment(String(text)));
  }

  /**
   * Tells the client how long to wait before it reconnects.
   *
   * @param ms Milliseconds.
   * @returns As {@linkcode EventSourceConnection.send}.
   * @throws {RangeError} If it is no integer from 0 on.
   */
  retry(ms: number): Promise<void> {
    if (!Number.isSafeInteger(ms) || ms < 0) {
      const got = typeof ms === "number" ? ms : describe(ms);
      throw new RangeError(`Cannot send retry: expected an integer from 0 on, got ${got}`);
    }
    return this.#write(formatRetry(ms));
  }

  #write(text: string): Promise<void> {
    if (this.#readyState !== 1) return rejected(notOpen());
    this.#push(encoder.encode(text));
    const { highWaterMark, maxBufferedBytes } = this.#limits;
    if (this.#queuedBytes > maxBufferedBytes) {
      this.#cut("WS_SEND_BUFFER_FULL", `more than ${maxBufferedBytes} bytes wait to be sent`);
      return rejected(notOpen());
    }
    if (this.#queuedBytes <= highWaterMark) return SENT;
    this.#waited = true;
    return handled(new Promise((resolve, reject) => this.#waiters.push({ resolve, reject })));
  }

  #push(bytes: Uint8Array): void {
    this.#queue.push(bytes);
    this.#queuedBytes += bytes.length;
    if (this.#pulled === undefined) {
      this.#watchStall();
    } else if (!this.#flushing) {
      // A little later: what is sent in one go is handed over in one piece.
      this.#flushing = true;
      queueMicrotask(() => {
        this.#flushing = false;
        if (this.#pulled !== undefined && this.#queue.length > 0) this.#hand();
      });
    }
  }

  /** The runtime wants something to send: gives it what there is, or lets it wait. */
  #pull(): Promise<void> | void {
    clearTimeout(this.#startTimer);
    this.#pingTimer ??= this.#startPings();
    if (this.#queue.length > 0) return this.#hand();
    return new Promise((resolve) => this.#pulled = resolve);
  }

  /** Hands queued chunks over. */
  #hand(): void {
    let size = 0;
    let count = 0;
    while (count < this.#queue.length && (count === 0 || size < CHUNK_BYTES)) {
      size += this.#queue[count++].length;
    }
    const parts = this.#queue.splice(0, count);
    this.#queuedBytes -= size;
    this.#takenAt = performance.now();
    const pulled = this.#pulled;
    this.#pulled = undefined;
    this.#controller.enqueue(parts.length === 1 ? parts[0] : concatBytes(parts));
    pulled?.();
    if (this.#queuedBytes <= this.#limits.highWaterMark) {
      for (const waiter of this.#waiters.splice(0)) waiter.resolve();
    }
    if (this.#queue.length > 0) return;
    if (this.#readyState === 2) this.#finish();
    else if (this.#waited) {
      this.#waited = false;
      this.#call(() => this.#callbacks.drain?.(this));
    }
  }

  #startPings(): ReturnType<typeof setInterval> | undefined {
    const { pingIntervalMs } = this.#limits;
    if (pingIntervalMs === 0 || this.#readyState === 3) return undefined;
    return setInterval(() => {
      // While something waits, the connection is not idle; a ping more would only wait as well.
      if (this.#readyState === 1 && this.#queuedBytes === 0) this.#push(PING);
    }, pingIntervalMs);
  }

  /** Gives a client up that takes nothing for too long. */
  #watchStall(): void {
    const { stallTimeoutMs } = this.#limits;
    // Not before the first pull: until then it is not the client that makes it wait.
    if (this.#takenAt === 0 || this.#readyState === 3) return;
    if (this.#stallTimer !== undefined || stallTimeoutMs === 0) return;
    const since = performance.now();
    this.#stallTimer = setTimeout(() => {
      this.#stallTimer = undefined;
      if (this.#queuedBytes === 0) return;
      if (this.#takenAt > since) return this.#watchStall();
      this.#cut("WS_PING_TIMEOUT", `the client took nothing for ${stallTimeoutMs} ms`);
    }, stallTimeoutMs);
  }

  // ------------------------------------------------------------------ leaving

  /**
   * Ends the response when all that was sent has been taken, at the latest after `closeTimeoutMs`.
   * The client will reconnect; to stop it, answer its next request with status 204.
   *
   * @returns The same promise as `closed`.
   */
  close(): Promise<EventSourceClose> {
    if (this.#readyState !== 1) return this.#closed;
    this.#readyState = 2;
    if (this.#queue.length === 0) {
      this.#finish();
    } else {
      const { closeTimeoutMs } = this.#limits;
      this.#closeTimer = setTimeout(
        () => this.#cut("WS_CLOSE_TIMEOUT", `what was sent did not leave in ${closeTimeoutMs} ms`),
        closeTimeoutMs,
      );
    }
    return this.#closed;
  }

  /** Ends the stream at once; what waits is dropped. */
  terminate(): void {
    this.#cut("WS_TERMINATED", "this side cut the stream");
  }

  /** Closes the stream and waits until all is over; for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  readonly #onAbort = (): void => void this.close();

  #finish(): void {
    this.#pulled?.();
    this.#controller.close();
    this.#end({ by: "server" });
  }

  #cut(code: WebSocketErrorCode, why: string, cause?: unknown): void {
    if (this.#readyState === 3) return;
    const error = new WebSocketError(`Cannot go on: ${why}`, { code, cause });
    this.#controller.error(error);
    this.#end({ by: "server", error });
  }

  #end(info: EventSourceClose): void {
    if (this.#readyState === 3) return;
    this.#readyState = 3;
    clearTimeout(this.#startTimer);
    clearInterval(this.#pingTimer);
    clearTimeout(this.#stallTimer);
    clearTimeout(this.#closeTimer);
    if (this.#limits.signal !== undefined) unwatchAbort(this.#limits.signal, this.#onAbort);
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#pulled?.();
    this.#pulled = undefined;
    for (const waiter of this.#waiters.splice(0)) waiter.reject(notOpen());
    this.#call(() => this.#callbacks.close?.(this, info));
    this.#resolveClosed(info);
  }

  /** Internal: calls back; what is thrown, or rejected, cuts the stream. */
  call(callback: () => unknown): void {
    this.#call(callback);
  }

  #call(callback: () => unknown): void {
    const failed = (error: unknown) => {
      // Who stumbles over the end of the stream has done nothing wrong.
      if (error instanceof WebSocketError && this.#readyState !== 1) return;
      this.#cut("WS_HANDLER_FAILED", "the handler failed", error);
      this.#onError(error);
    };
    try {
      const result = callback();
      if (result instanceof Promise) result.catch(failed);
    } catch (error) {
      failed(error);
    }
  }
}

function notOpen(): WebSocketError {
  return new WebSocketError("Cannot send: the event stream is closing or closed", {
    code: "WS_NOT_OPEN",
  });
}
