/**
 * What a connection is made of, behind the face that users see: state, and what happens to it.
 *
 * ```
 *  user ──> WebSocketConnection ──> ConnectionCore ──> Channel ──> engine or native socket
 *                                       │  ▲
 *            handler, loops, streams <──┘  └── ChannelEvents
 * ```
 *
 * @module
 */

import { CloseCode } from "../frames/mod.ts";
import { type ClosePayload, notOpen, writeClosePayload } from "../connection/mod.ts";
import { WEBSOCKET_ERROR_CODES, WebSocketError } from "../errors.ts";
import { CallbackConsumer } from "./callback_consumer.ts";
import type { Channel, ChannelEvents, CloseInfo, LastWord } from "./channel.ts";
import type { ConnectionInfo } from "./connection_info.ts";
import { DrainWatch } from "./drain_watch.ts";
import { closeAnswer, type HandlerCallbacks } from "./handler.ts";
import { FrameConsumer } from "./frame_consumer.ts";
import {
  type FlowControl,
  type Message,
  type MessageConsumer,
  MessageQueue,
} from "./message_queue.ts";
import { MessageReader } from "./message_reader.ts";
import type { ResolvedOptions } from "./options.ts";
import type { ConnectionTap } from "./connection_tap.ts";
import { PingTracker } from "./ping_tracker.ts";
import { CLOSED, CLOSING, OPEN } from "./ready_state.ts";
import { Sender } from "./sender.ts";
import { whenSettled } from "./close_behind.ts";
import { WebSocketConnection } from "./connection.ts";

/** The state of one connection. */
export class ConnectionCore implements ChannelEvents, FlowControl {
  /** The face of this connection. */
  readonly socket: WebSocketConnection;
  readonly channel: Channel;
  readonly info: ConnectionInfo;
  readonly sender: Sender;
  readyState = OPEN;
  /** The last round trip that was measured, in milliseconds. */
  latencyMs: number | undefined;

  readonly #options: ResolvedOptions;
  // Made when first needed: an idle connection that callbacks serve needs none of them.
  #queue: MessageQueue | undefined;
  #pings: PingTracker | undefined;
  #closed: Promise<CloseInfo> | undefined;
  #closeInfo: CloseInfo | undefined;
  #reader: MessageReader | undefined;
  #consumer: MessageConsumer | undefined;
  #callbacks: HandlerCallbacks | undefined;
  #onError: ((error: unknown) => void) | undefined;
  /** Who wants the peer held back: the consumer, the user. */
  #consumerPaused = false;
  #userPaused = false;
  /** Whether this side asked for the end, so that a loop over messages ends quietly. */
  #leaving = false;
  /** Whether no message can come any more. */
  #ended = false;
  #failure: WebSocketError | undefined;
  #resolveClosed: ((info: CloseInfo) => void) | undefined;
  #onGone: ((socket: WebSocketConnection) => void) | undefined;

  /**
   * @param channel What it drives.
   * @param info What the handshake settled.
   * @param options Limits and deadlines.
   * @param tap Where to report what observers see. Default: nowhere.
   */
  constructor(
    channel: Channel,
    info: ConnectionInfo,
    options: ResolvedOptions,
    tap?: ConnectionTap,
  ) {
    if (tap !== undefined) channel = tap.observe(channel);
    this.channel = channel;
    this.info = info;
    this.#options = options;
    this.sender = new Sender(channel, options.highWaterMark, options.maxBufferedBytes);
    this.socket = new WebSocketConnection(this);
    channel.bind(this);
    tap?.opened(this.socket);
  }

  /** Pings that wait for their pong. */
  get pings(): PingTracker {
    return this.#pings ??= new PingTracker(this.#options.pingTimeoutMs);
  }

  /** How the connection ends. */
  get closed(): Promise<CloseInfo> {
    const info = this.#closeInfo;
    return this.#closed ??= info === undefined
      ? new Promise((resolve) => this.#resolveClosed = resolve)
      : Promise.resolve(info);
  }

  /** Names who keeps a list of connections and must hear of this one's end. */
  set onGone(onGone: (socket: WebSocketConnection) => void) {
    this.#onGone = onGone;
  }

  /** Starts the flow. */
  start(): void {
    this.channel.start();
  }

  /** Hands what happens to callbacks. */
  useCallbacks(callbacks: HandlerCallbacks, onError: (error: unknown) => void): void {
    this.#callbacks = callbacks;
    this.#onError = onError;
    const { drain } = callbacks;
    if (drain !== undefined) {
      this.sender.drains = new DrainWatch(() => this.call(drain, undefined));
    }
    if (callbacks.frame !== undefined) return this.#useFrames(callbacks.frame, callbacks);
    if (callbacks.message !== undefined) this.#consumer = new CallbackConsumer(this, callbacks);
    this.call(callbacks.open, undefined);
    // Callbacks that want no messages must not make the peer wait until somebody takes them.
    this.#consumer ??= new CallbackConsumer(this, callbacks);
  }

  /** Hands data frames to a callback, in the place of messages. */
  #useFrames(frame: NonNullable<HandlerCallbacks["frame"]>, callbacks: HandlerCallbacks): void {
    this.#consumer = new FrameConsumer(
      (it) => this.call(frame, it),
      ({ code, closeCode, message }) =>
        this.channel.fail(new WebSocketError(message, { code, closeCode })),
    );
    if (!this.channel.capabilities.frameDelivery) {
      return this.handlerFailed(
        new DOMException(
          "Cannot use handler: frames cannot be had one by one " +
            (this.info.extensions === "" ? "on this runtime's socket" : "with compression"),
          "NotSupportedError",
        ),
      );
    }
    this.channel.deliverFrames?.();
    this.call(callbacks.open, undefined);
  }

  /** Calls a callback; what it throws, or what its promise rejects with, fails the connection. */
  call<Value>(
    callback: ((socket: WebSocketConnection, value: Value) => unknown) | undefined,
    value: Value,
  ): unknown {
    if (callback === undefined) return undefined;
    try {
      const result = callback.call(this.#callbacks, this.socket, value);
      if (result instanceof Promise) result.catch((error) => this.handlerFailed(error));
      return result;
    } catch (error) {
      this.handlerFailed(error);
      return undefined;
    }
  }

  /** Takes the error of a handler: the peer is told 1011, the application sees the error. */
  handlerFailed(cause: unknown): void {
    // A handler that stumbles over the end of its own connection has done nothing wrong.
    if (cause instanceof WebSocketError && this.readyState !== OPEN) return;
    if (this.readyState === OPEN) {
      this.#leave();
      this.channel.fail(
        new WebSocketError("Cannot go on: the handler failed", {
          code: "WS_HANDLER_FAILED",
          closeCode: CloseCode.INTERNAL_ERROR,
          cause,
        }),
      );
    }
    this.#onError?.(cause);
  }

  /** Names where a handler's errors go. */
  set onError(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  // ------------------------------------------------------------------- leaving

  /** Starts the closing handshake after what was sent; `undefined` for a frame without a code. */
  close(closeCode: number | undefined, reason: string): void {
    if (this.readyState !== OPEN) return;
    this.#leave();
    this.sender.close();
    if (this.sender.busy) {
      this.channel.discardMessages();
      const close = () => this.channel.close(closeCode, reason);
      void whenSettled(this.sender, this.channel, this.#options.closeTimeoutMs).then(close);
    } else this.channel.close(closeCode, reason);
  }

  /** Notes that a close frame went out as a raw frame. */
  closeSent(): void {
    if (this.readyState === OPEN) this.#leave();
    this.sender.close();
  }

  /** Cuts the connection, after a close frame if there is a last word. */
  terminate(last?: LastWord): void {
    if (this.readyState === CLOSED) return;
    this.#leave();
    this.channel.terminate(
      new WebSocketError("Cannot go on: this side cut the connection", { code: "WS_TERMINATED" }),
      last,
    );
  }

  #leave(): void {
    this.#leaving = true;
    this.readyState = CLOSING;
  }

  // ----------------------------------------------------------------- consumers

  /** The queue, as the one that takes messages. */
  useQueue(): MessageQueue {
    if (this.#queue === undefined) {
      if (this.#consumer !== undefined) throw taken();
      this.#queue = new MessageQueue(this, this.#options.highWaterMark);
      this.#consumer = this.#queue;
      if (this.#ended) this.#queue.onEnd(this.#endError());
    }
    if (this.#consumer !== this.#queue) throw taken();
    return this.#queue;
  }

  /** The streaming reader, as the one that takes messages. */
  useReader(): MessageReader {
    if (this.#reader !== undefined) return this.#reader;
    const queue = this.useQueue();
    if (queue.awaited) throw taken();
    this.#reader = new MessageReader(this, queue.take());
    this.#consumer = this.#reader;
    if (this.#ended) this.#reader.onEnd(this.#endError());
    else this.channel.setStreaming(true);
    return this.#reader;
  }

  /** For the consumer: holds the peer back. */
  pause(): void {
    this.#consumerPaused = true;
    this.channel.pause();
  }

  /** For the consumer: lets the peer go on, unless the user holds it back as well. */
  resume(): void {
    this.#consumerPaused = false;
    if (!this.#userPaused) this.channel.resume();
  }

  /** For the user: holds the peer back. */
  pauseReading(): void {
    if (this.readyState !== OPEN) return;
    this.#userPaused = true;
    this.channel.pause();
  }

  /** For the user: lets the peer go on, unless messages wait already. */
  resumeReading(): void {
    this.#userPaused = false;
    if (!this.#consumerPaused) this.channel.resume();
  }

  #endError(): WebSocketError | undefined {
    return this.#leaving ? undefined : this.#failure;
  }

  #endMessages(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#consumer?.onEnd(this.#endError());
  }

  // -------------------------------------------------------------- what happens

  onMessage(data: Message): void {
    // Whoever has not said how messages are to be read gets them from a queue.
    (this.#consumer ?? this.useQueue()).onMessage(data);
  }

  onMessageStart(type: "text" | "binary"): void {
    this.#consumer?.onMessageStart(type);
  }

  onMessageSlice(slice: Uint8Array): void {
    this.#consumer?.onMessageSlice(slice);
  }

  onMessageEnd(): void {
    this.#consumer?.onMessageEnd();
  }

  onFrameEnd(): void {
    this.#consumer?.onFrameEnd?.();
  }

  onPing(payload: Uint8Array): boolean {
    return this.call(this.#callbacks?.ping, payload) !== false;
  }

  onPong(payload: Uint8Array): void {
    this.latencyMs = this.#pings?.onPong(payload) ?? this.latencyMs;
    this.call(this.#callbacks?.pong, payload);
  }

  onLatency(ms: number): void {
    this.latencyMs = ms;
  }

  onFlush(): void {
    this.sender.onFlush();
  }

  onDrain(): void {
    this.sender.drains?.stop();
    this.call(this.#callbacks?.drain, undefined);
  }

  onClosing(close: ClosePayload): Uint8Array | void {
    const passive = this.readyState === OPEN;
    if (passive) this.readyState = CLOSING;
    this.#endMessages();
    const callbacks = this.#callbacks;
    if (passive && callbacks?.closing !== undefined) return this.#askForAnswer(callbacks, close);
  }

  /** Lets the handler choose the answer to the peer's close; a handler that fails answers 1011. */
  #askForAnswer(callbacks: HandlerCallbacks, close: ClosePayload): Uint8Array | void {
    try {
      return closeAnswer(callbacks.closing!(this.socket, close), this.channel.capabilities);
    } catch (error) {
      this.#onError?.(error);
      return writeClosePayload(
        CloseCode.INTERNAL_ERROR,
        WEBSOCKET_ERROR_CODES.WS_HANDLER_FAILED,
      );
    }
  }

  onFailure(error: WebSocketError): void {
    this.#failure ??= error;
    if (this.readyState === OPEN) this.readyState = CLOSING;
    this.#endMessages();
    this.call(this.#callbacks?.error, error);
  }

  onClosed(info: CloseInfo): void {
    // Cut by the signal or for want of a reader: nothing has told so yet.
    if (info.error !== undefined && this.#failure === undefined && !this.#leaving) {
      this.onFailure(info.error);
    }
    this.readyState = CLOSED;
    this.#failure ??= info.error;
    this.#endMessages();
    const error = this.#failure ?? notOpen();
    this.#pings?.fail(error);
    this.sender.onClosed(error);
    this.call(this.#callbacks?.close, info);
    this.#closeInfo = info;
    this.#resolveClosed?.(info);
    this.#onGone?.(this.socket);
  }
}

function taken(): DOMException {
  return new DOMException(
    "Cannot read messages: something else reads them already (a message callback, messages(), " +
      "or a loop that waits)",
    "InvalidStateError",
  );
}

/**
 * Starts a connection a turn of the loop later, so that whoever awaited it has the time to choose
 * how its first message is delivered.
 */
export function startSoon(core: ConnectionCore): WebSocketConnection {
  setTimeout(() => core.start(), 0);
  return core.socket;
}
