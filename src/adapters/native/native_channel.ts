/**
 * A runtime's own WebSocket as the channel of a connection: what the runtime lacks of limits,
 * deadlines and order is added here.
 *
 * ```
 *  ConnectionCore ──> NativeChannel ──> NativeSocket (Deno's or Bun's)
 *        ▲                │  ▲
 *        └─ ChannelEvents ┘  └─ NativeEvents
 * ```
 *
 * @module
 */

import { concatBytes } from "../../bytes.ts";
import type { SharedMessage } from "../../connection/mod.ts";
import { WEBSOCKET_ERROR_CODES, WebSocketError } from "../../errors.ts";
import { CloseCode, decodeValidUtf8, encodeUtf8, TEXT } from "../../frames/mod.ts";
import { cutOnAbort } from "../../api/aborted.ts";
import type {
  Channel,
  ChannelEvents,
  CloseInfo,
  ConnectionCapabilities,
  LastWord,
} from "../../api/channel.ts";
import { Heartbeat } from "../../api/heartbeat.ts";
import type { Message } from "../../api/message_queue.ts";
import type { ResolvedOptions } from "../../api/options.ts";
import { PatientTimer } from "../../api/patient_timer.ts";
import type { NativeEnd, NativeEvents, NativeSocket } from "./native_socket.ts";

/** From this many messages taken on, the array of held ones is cut. */
const COMPACT_AT = 1024;

/** What one held message counts for beside its own size, in bytes. */
const MESSAGE_COST = 64;

/** Drives a {@linkcode NativeSocket}. */
export class NativeChannel implements Channel, NativeEvents {
  readonly capabilities: ConnectionCapabilities;

  readonly #socket: NativeSocket;
  readonly #options: ResolvedOptions;
  readonly #heartbeat: Heartbeat | undefined;
  /** Up to this `length` no message, whatever its characters, is above `maxMessageBytes`. */
  readonly #safeLength: number;
  #events!: ChannelEvents;

  /** Whether messages can be sent: neither side has begun to leave. */
  #open = true;
  #started = false;
  #paused = false;
  /** Whether what comes is not wanted any more. */
  #dropping = false;
  /** Whether a message goes straight through: started, not paused, nothing held, not dropping. */
  #flowing = false;
  #finished = false;

  /** Messages that came while paused: a socket may be unable to stop, or does so late. */
  #held: Message[] = [];
  #taken = 0;
  #heldBytes = 0;
  #delivering = false;
  #socketPaused = false;

  /** Fragments of the message being sent, for no runtime's socket sends fragments. */
  #parts: Uint8Array[] = [];
  #partBytes = 0;

  #closeTimer: PatientTimer | undefined;
  /** Lets go of the signal. */
  #unwatch: (() => void) | undefined;
  #error: WebSocketError | undefined;

  /**
   * @param socket The socket, open, before it has reported anything.
   * @param options Limits and deadlines.
   */
  constructor(socket: NativeSocket, options: ResolvedOptions) {
    this.#socket = socket;
    this.#options = options;
    this.capabilities = socket.capabilities;
    this.#safeLength = Math.floor(options.maxMessageBytes / 3);
    if (options.pingIntervalMs > 0 && socket.capabilities.ping) {
      this.#heartbeat = new Heartbeat(options.pingIntervalMs, options.pingTimeoutMs, this);
    }
  }

  get bufferedAmount(): number {
    return this.#finished ? 0 : this.#socket.bufferedAmount;
  }

  get open(): boolean {
    return this.#open;
  }

  bind(events: ChannelEvents): void {
    this.#events = events;
    this.#socket.attach(this);
  }

  start(): void {
    if (this.#finished) return;
    this.#started = true;
    if (this.#open) this.#heartbeat?.start();
    const signal = this.#options.signal;
    this.#unwatch = cutOnAbort(signal, this);
    if (signal?.aborted) return;
    if (!this.#paused) this.resume();
  }

  // ------------------------------------------------------------------ sending

  isSlow(): boolean {
    return false;
  }

  sendText(text: string, compress?: boolean): void {
    if (this.#open && !this.#socket.sendText(text, compress)) this.#overflow();
  }

  sendBytes(
    bytes: Uint8Array,
    type: "text" | "binary",
    _keep?: boolean,
    compress?: boolean,
  ): void {
    if (type === "text") this.sendText(decodeValidUtf8(bytes), compress);
    else if (this.#open && !this.#socket.sendBytes(bytes, compress)) this.#overflow();
  }

  sendShared(message: SharedMessage, compress?: boolean): void {
    if (message.opcode === TEXT) this.sendText(message.text, compress);
    else this.sendBytes(message.payload, "binary", true, compress);
  }

  sendFragment(
    bytes: Uint8Array,
    type: "text" | "binary",
    final: boolean,
    compress?: boolean,
  ): void {
    if (!this.#open) return;
    this.#partBytes += bytes.length;
    if (this.#partBytes > this.#options.maxBufferedBytes) {
      this.#parts = [];
      return this.fail(
        new WebSocketError(
          "Cannot send stream: this runtime's socket sends a message whole, and it is above " +
            `maxBufferedBytes (${this.#options.maxBufferedBytes})`,
          { code: "WS_SEND_BUFFER_FULL", closeCode: CloseCode.INTERNAL_ERROR },
        ),
      );
    }
    if (!final) {
      // Copied: the piece is the application's, which may fill it anew before the message is whole.
      if (bytes.length > 0) this.#parts.push(bytes.slice());
      return;
    }
    this.#parts.push(bytes);
    const whole = this.#parts.length === 1 ? bytes : concatBytes(this.#parts);
    this.#parts = [];
    this.#partBytes = 0;
    this.sendBytes(whole, type, false, compress);
  }

  ping(payload: Uint8Array): void {
    if (this.#open) this.#socket.ping(payload);
  }

  pong(payload: Uint8Array): void {
    if (this.#open) this.#socket.pong(payload);
  }

  /** The runtime held so much that it dropped a message: the peer must not miss it unnoticed. */
  #overflow(): void {
    if (!this.#open) return; // not dropped, but closed by the attempt
    const error = new WebSocketError("Cannot send: the runtime holds too much for this peer", {
      code: "WS_SEND_BUFFER_FULL",
    });
    this.#lose(error);
  }

  // ------------------------------------------------------------------ leaving

  close(closeCode: number | undefined, reason: string): void {
    if (this.#finished || !this.#open) return;
    this.#leave();
    this.#socket.close(closeCode, reason);
  }

  fail(error: WebSocketError): void {
    if (this.#finished || this.#error !== undefined) return;
    const tellPeer = this.#open;
    this.#error = error;
    this.#leave();
    this.#events.onFailure(error);
    if (this.#finished) return; // the application cut it in its callback
    if (tellPeer) this.#socket.close(error.closeCode, WEBSOCKET_ERROR_CODES[error.code]);
  }

  terminate(error: WebSocketError, last?: LastWord): void {
    if (this.#finished) return;
    this.#error ??= error;
    this.#leave();
    this.#socket.terminate(last); // Bun reports the end from in here
    this.#finish({
      closeCode: CloseCode.ABNORMAL,
      reason: "",
      wasClean: false,
      error: this.#error,
    });
  }

  onSilence(): void {
    const ms = this.#options.pingTimeoutMs;
    this.#lose(
      new WebSocketError(
        `Cannot go on: the peer showed no sign of life for ${ms} ms after a ping`,
        { code: "WS_PING_TIMEOUT" },
      ),
    );
  }

  /** Cuts a connection that the peer or the network gave up. */
  #lose(error: WebSocketError): void {
    if (this.#finished) return;
    if (this.#error === undefined) {
      this.#error = error;
      this.#leave();
      this.#events.onFailure(error);
    }
    this.terminate(error);
  }

  /** Ends what an open connection does; the deadline for the rest starts. */
  #leave(): void {
    this.#open = false;
    this.discardMessages();
    this.#heartbeat?.stop();
    const ms = this.#options.closeTimeoutMs;
    this.#closeTimer ??= new PatientTimer(ms, () => {
      this.#lose(
        new WebSocketError(`Cannot go on: no close frame came within ${ms} ms`, {
          code: "WS_CLOSE_TIMEOUT",
        }),
      );
    });
  }

  // ---------------------------------------------------------------- receiving

  onMessage(data: Message): void {
    this.#heartbeat?.alive();
    if (this.#flowing && data.length <= this.#safeLength) this.#events.onMessage(data);
    else if (!this.#dropping) this.#onMessageWithCare(data);
  }

  #onMessageWithCare(data: Message): void {
    const limit = this.#options.maxMessageBytes;
    if (data.length > this.#safeLength) {
      const size = typeof data !== "string" || data.length > limit
        ? data.length
        : encodeUtf8(data).length;
      if (size > limit) return this.#refuse("WS_MESSAGE_TOO_LARGE", CloseCode.MESSAGE_TOO_BIG);
    }
    if (this.#flowing) return this.#events.onMessage(data);
    this.#held.push(data);
    this.#heldBytes += data.length + MESSAGE_COST;
    if (this.#heldBytes > this.#options.maxBufferedBytes) {
      return this.#refuse("WS_RECEIVE_BUFFER_FULL", CloseCode.POLICY_VIOLATION);
    }
    // Only now, so that a pause that is over before anything came costs no system call.
    if (!this.#socketPaused) {
      this.#socketPaused = true;
      this.#socket.pause();
    }
  }

  #refuse(code: "WS_MESSAGE_TOO_LARGE" | "WS_RECEIVE_BUFFER_FULL", closeCode: number): void {
    const { maxMessageBytes, maxBufferedBytes } = this.#options;
    const limit = code === "WS_MESSAGE_TOO_LARGE"
      ? `a message is larger than maxMessageBytes (${maxMessageBytes})`
      : `more than maxBufferedBytes (${maxBufferedBytes}) came while nobody took messages`;
    this.fail(new WebSocketError(`Cannot receive: ${limit}`, { code, closeCode }));
  }

  onPing(payload: Uint8Array): void {
    this.#heartbeat?.alive();
    if (this.#open) this.#events.onPing(payload);
  }

  onPong(payload: Uint8Array): void {
    this.#heartbeat?.alive();
    this.#heartbeat?.onPong(payload);
    if (this.#open) this.#events.onPong(payload);
  }

  onLatency(ms: number): void {
    this.#events.onLatency(ms);
  }

  onFlush(empty: boolean): void {
    if (this.#finished) return;
    this.#heartbeat?.drained();
    this.#events.onFlush();
    if (empty && !this.#finished) this.#events.onDrain();
  }

  onClose(end: NativeEnd): void {
    if (this.#finished) return;
    this.#open = false;
    // What came before the end is not lost, even if a pause had kept it.
    this.#deliver(true);
    if (this.#finished) return;
    if (this.#error === undefined && end.error !== undefined) {
      this.#error = end.error;
      this.#events.onFailure(end.error);
    }
    const { closeCode, reason, wasClean } = end;
    if (this.#error !== undefined) {
      const error = this.#error;
      return this.#finish({ closeCode: CloseCode.ABNORMAL, reason: "", wasClean: false, error });
    }
    this.#events.onClosing({ closeCode, reason });
    this.#finish({ closeCode, reason, wasClean });
  }

  #finish(info: CloseInfo): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#open = this.#flowing = false;
    this.#dropping = true;
    this.#heartbeat?.stop();
    this.#closeTimer?.stop();
    this.#unwatch?.();
    this.#socket.release();
    this.#events.onClosed(info);
  }

  // ------------------------------------------------------------------ reading

  /** Whether silence proves nothing, because this side is not reading. */
  get deaf(): boolean {
    return this.#socketPaused;
  }

  pause(): void {
    this.#paused = true;
    this.#flowing = false;
  }

  resume(): void {
    this.#paused = false;
    if (!this.#started || this.#dropping || this.#flowing || this.#delivering) return;
    this.#deliver(false);
    if (this.#paused || this.#dropping) return;
    this.#flowing = true;
    this.#resumeSocket();
  }

  /** Hands out what is held, in order; a taker may pause again at any message. */
  #deliver(evenPaused: boolean): void {
    this.#delivering = true;
    try {
      while (this.#taken < this.#held.length && (evenPaused || !this.#paused)) {
        const data = this.#held[this.#taken++];
        this.#heldBytes -= data.length + MESSAGE_COST;
        this.#events.onMessage(data);
      }
    } finally {
      this.#delivering = false;
    }
    if (this.#taken < this.#held.length && this.#taken < COMPACT_AT) return;
    this.#held = this.#held.slice(this.#taken);
    this.#taken = 0;
  }

  #resumeSocket(): void {
    if (!this.#socketPaused) return;
    this.#socketPaused = false;
    this.#heartbeat?.excuse(); // it was not listened to until now
    this.#socket.resume();
  }

  discardMessages(): void {
    this.#dropping = true;
    this.#flowing = false;
    this.#held = [];
    this.#taken = this.#heldBytes = 0;
    this.#resumeSocket(); // its end must be seen
  }

  setStreaming(): void {
    // A runtime's socket delivers messages whole, and so does this channel.
  }
}
