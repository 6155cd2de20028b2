/**
 * The engine over a transport: what moves bytes, keeps time and decides when to write.
 *
 * Output is gathered while a chunk is being received and written once at its end. What is sent at
 * another time is written after a few idle turns of the microtask queue, so that a handler that
 * awaits between sends still shares one write. While the transport holds bytes back, output stays
 * here, in full buffers, and goes when it has drained.
 *
 * @module
 */

import {
  type ClosePayload,
  type Deflation,
  Engine,
  type EngineSink,
  type ObservedFrames,
  type Role,
  type SharedMessage,
} from "../connection/mod.ts";
import type { WebSocketError, WebSocketErrorCode } from "../errors.ts";
import type { FrameWriter } from "../frames/mod.ts";
import type { PermessageDeflate } from "../extensions/mod.ts";
import { cutOnAbort } from "./aborted.ts";
import type { Channel, ChannelEvents, ConnectionCapabilities, LastWord } from "./channel.ts";
import { EngineEnding } from "./engine_ending.ts";
import { DEFLATED_CAPABILITIES, ENGINE_CAPABILITIES } from "./engine_capabilities.ts";
import { type Beating, Heartbeat } from "./heartbeat.ts";
import { IdleContext } from "./idle_context.ts";
import { IdleFlush } from "./idle_flush.ts";
import type { ResolvedOptions } from "./options.ts";
import type { Transport, TransportEvents } from "./transport.ts";

/** From this many gathered bytes on nothing is waited for. */
const FLUSH_BYTES = 256 * 1024;

/** While more than this waits to be sent, only the latest ping is answered. */
const HOLD_PONGS_BYTES = 16 * 1024;

/** Drives an {@linkcode Engine} over a {@linkcode Transport}. */
export class EngineChannel implements Channel, EngineSink, TransportEvents, Beating {
  readonly capabilities: ConnectionCapabilities;

  readonly #engine: Engine;
  /** The engine's output: looked up once, for every send asks how much waits. */
  readonly #output: FrameWriter;
  readonly #transport: Transport;
  readonly #role: Role;
  readonly #options: ResolvedOptions;
  readonly #heartbeat: Heartbeat | undefined;
  readonly #deflate: PermessageDeflate | undefined;
  #events!: ChannelEvents;
  /** Whether somebody sees every frame, and may keep it. */
  readonly #observed: boolean;

  /** Bytes that came with the handshake. */
  #early: Uint8Array | undefined;
  /** Whether the transport may be read: not before the bytes that came with the handshake. */
  #started = false;
  /** Whether a chunk is being received: its end writes. */
  #receiving = false;
  /** Whether the engine asked not to be given more for now. */
  #held = false;
  /** Whether the transport still holds what was written last. */
  #blocked = false;
  /** Whether the peer's end of the byte stream was seen. */
  #peerEnded = false;
  /** Made when first needed. */
  #idleFlush: IdleFlush | undefined;

  /** Made when a compression context of the sending side is first used. */
  #idleContext: IdleContext | undefined;

  /** Lets go of the signal. */
  #unwatch: (() => void) | undefined;
  /** Made when the connection begins to end. */
  #ending: EngineEnding | undefined;
  #finished = false;

  /**
   * @param transport The byte stream, after the opening handshake.
   * @param role Which end this is.
   * @param options Limits and deadlines.
   * @param early Bytes that came after the peer's HTTP head, in the same chunk.
   * @param deflate permessage-deflate, as it was negotiated. Default: none.
   * @param observed Who sees every frame. Default: nobody.
   */
  constructor(
    transport: Transport,
    role: Role,
    options: ResolvedOptions,
    early?: Uint8Array,
    deflate?: Deflation,
    observed?: ObservedFrames,
  ) {
    this.#transport = transport;
    this.#role = role;
    this.#options = options;
    this.#early = early;
    this.#observed = observed !== undefined;
    const { maxMessageBytes, maxFragments, maxFrameBytes, fragmentBytes, silentClose } = options;
    this.#deflate = deflate?.transform;
    this.capabilities = deflate === undefined ? ENGINE_CAPABILITIES : DEFLATED_CAPABILITIES;
    this.#engine = new Engine(this, {
      role,
      maxMessageBytes,
      maxFragments,
      maxFrameBytes,
      fragmentBytes,
      silentClose,
      deflate,
      observed,
    });
    this.#output = this.#engine.output;
    if (options.pingIntervalMs > 0) {
      this.#heartbeat = new Heartbeat(options.pingIntervalMs, options.pingTimeoutMs, this);
    }
  }

  get bufferedAmount(): number {
    const { pendingBytes } = this.#output;
    // While nothing holds it up, the transport has none of what was sent.
    return this.#blocked ? pendingBytes + this.#transport.bufferedBytes : pendingBytes;
  }

  /** Whether a silent peer may be one that is not listened to. */
  get deaf(): boolean {
    return this.#engine.paused || this.#held;
  }

  get open(): boolean {
    return this.#engine.open;
  }

  bind(events: ChannelEvents): void {
    this.#events = events;
    this.#transport.attach(this); // from now on for drains and closes; it is read from start() on
    if (!this.#observed) this.#transport.lend?.();
  }

  start(): void {
    if (this.#finished) return;
    if (this.open) this.#heartbeat?.start();
    const signal = this.#options.signal;
    this.#unwatch = cutOnAbort(signal, this);
    if (signal?.aborted) return;
    const early = this.#early;
    this.#early = undefined;
    if (early !== undefined && early.length > 0) this.onData(early);
    this.#started = true;
    if (this.#engine.paused) this.#transport.pause();
    else this.#transport.resume();
  }

  // ------------------------------------------------------------------ sending

  sendText(text: string, compress?: boolean): Promise<void> | void {
    return this.#afterDeflating(this.#engine.sendText(text, compress));
  }

  sendBytes(
    bytes: Uint8Array,
    type: "text" | "binary",
    keep: boolean,
    compress?: boolean,
  ): Promise<void> | void {
    return this.#afterDeflating(this.#engine.sendBytes(bytes, type, keep, compress));
  }

  sendShared(message: SharedMessage, compress?: boolean): Promise<void> | void {
    return this.#afterDeflating(this.#engine.sendShared(message, compress));
  }

  sendFragment(
    bytes: Uint8Array,
    type: "text" | "binary",
    final: boolean,
    compress?: boolean,
  ): Promise<void> | void {
    return this.#afterDeflating(this.#engine.sendFragment(bytes, type, final, compress));
  }

  isSlow(size: number, compress?: boolean): boolean {
    const deflate = this.#deflate;
    return deflate !== undefined && deflate.wants(size, compress) && deflate.isSlow(size);
  }

  #afterDeflating(sent: Promise<void> | void): Promise<void> | void {
    if (this.#deflate?.bound) {
      this.#idleContext ??= new IdleContext(
        this.#deflate.idleMs,
        () => this.#engine.restDeflater(),
      );
      this.#idleContext.use();
    }
    if (!(sent instanceof Promise)) return this.#afterSend();
    return sent.then(() => this.#afterSend());
  }

  sendRaw(first: number, payload: Uint8Array, masked?: boolean): void {
    this.#engine.sendRaw(first, payload, masked);
    if (!this.open) this.#startCloseTimer(); // that was a close frame, and no ping may follow it
    this.#afterSend();
  }

  ping(payload: Uint8Array): void {
    this.#engine.ping(payload);
    this.#afterSend();
  }

  pong(payload: Uint8Array): void {
    this.#engine.pong(payload);
    this.#afterSend();
  }

  close(closeCode: number | undefined, reason: string): void {
    if (this.#finished) return;
    this.#engine.close(closeCode, reason);
    this.discardMessages();
    this.#startCloseTimer();
    this.#flush();
  }

  fail(error: WebSocketError): void {
    this.#engine.fail(
      { code: error.code, closeCode: error.closeCode, message: error.message },
      error.cause,
    );
    this.#flush();
  }

  terminate(error: WebSocketError, last?: LastWord): void {
    if (this.#finished) return;
    // Behind bytes that the peer does not take, a last word would keep the connection.
    if (!this.#end.terminate(error, this.#blocked ? undefined : last)) return;
    this.#blocked = true;
    this.#heartbeat?.stop();
  }

  #afterSend(): void {
    if (this.#receiving || this.#blocked) return;
    if (this.#output.pendingBytes >= FLUSH_BYTES) return this.#flush();
    this.#idleFlush ??= new IdleFlush(this.#output, this.#transport, () => {
      if (!this.#receiving) this.#flush();
    });
    this.#idleFlush.schedule();
  }

  #flush(): void {
    if (this.#finished) return;
    const output = this.#output;
    if (!this.#blocked && output.pendingBytes > 0) {
      if (this.#transport.write(output.take())) {
        output.release();
        this.#events.onFlush();
      } else {
        this.#blocked = true;
      }
    }
    const state = this.#engine.state;
    if (state !== "closed" && state !== "failed") return;
    this.#startCloseTimer(); // at once, for a peer that does not read may keep it blocked
    this.#read(); // whoever paused it wants no more messages, but its end must be seen
    // RFC 6455 §7.1.1: the server closes the TCP connection first, the client waits for that. After
    // a failure what the peer still sends is read and dropped until its end, so that no reset
    // overtakes the close frame.
    const ours = state === "failed" || this.#role === "server" || this.#peerEnded;
    if (ours && !this.#blocked) this.#transport.end();
  }

  // ---------------------------------------------------- receiving: the transport

  onData(chunk: Uint8Array, lent?: boolean): void {
    this.#heartbeat?.alive();
    // Only where a drain will come to let them go: what else waits is written at the end of this.
    if (this.#blocked) this.#engine.holdPongs = this.bufferedAmount > HOLD_PONGS_BYTES;
    this.#receiving = true;
    try {
      this.#engine.receive(chunk, lent);
    } finally {
      this.#receiving = false;
    }
    this.#flush();
  }

  onEnd(): void {
    this.#peerEnded = true;
    this.#afterEnd();
  }

  /** The peer's bytes are over; what the engine holds while paused still counts. */
  #afterEnd(): void {
    if (this.#engine.inputEnded) this.#flush();
    else if (!this.#engine.paused && !this.#engine.busy) {
      this.#lose("WS_CONNECTION_LOST", "the peer ended the byte stream without a close frame");
    }
  }

  onDrain(): void {
    if (this.#ending?.cutting) return this.#transport.destroy();
    this.#blocked = false;
    this.#output.release();
    this.#heartbeat?.drained();
    this.#engine.holdPongs = false;
    this.#flush();
    if (this.#finished) return;
    this.#events.onFlush();
    if (!this.#blocked) this.#events.onDrain();
  }

  onClose(error?: unknown): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#heartbeat?.stop();
    this.#ending?.stop();
    this.#idleContext?.stop();
    this.#unwatch?.();
    const clean = this.#engine.state === "closed";
    if (!clean) {
      const why = "the byte stream closed before the close handshake";
      const lost = this.#end.lose("WS_CONNECTION_LOST", why, error);
      if (lost !== undefined) this.#events.onFailure(lost);
    }
    this.#engine.abandon();
    this.#events.onClosed(this.#end.info(clean));
  }

  onSilence(): void {
    const ms = this.#options.pingTimeoutMs;
    this.#lose("WS_PING_TIMEOUT", `the peer showed no sign of life for ${ms} ms after a ping`);
  }

  /** Cuts a connection that the peer or the network gave up. */
  #lose(code: WebSocketErrorCode, why: string): void {
    if (this.#finished) return;
    const lost = this.#end.lose(code, why);
    this.#engine.abandon();
    if (lost !== undefined) this.#events.onFailure(lost);
    this.#transport.destroy();
  }

  get #end(): EngineEnding {
    return this.#ending ??= new EngineEnding(this.#engine, this.#transport);
  }

  #startCloseTimer(): void {
    if (this.#finished) return;
    this.#heartbeat?.stop();
    const ms = this.#options.closeTimeoutMs;
    this.#end.startTimer(
      ms,
      () => this.#lose("WS_CLOSE_TIMEOUT", `no close frame came within ${ms} ms`),
    );
  }

  // ------------------------------------------------------- receiving: the engine

  onMessage(data: string | Uint8Array): void {
    this.#events.onMessage(data);
  }

  onMessageStart(type: "text" | "binary"): void {
    this.#events.onMessageStart(type);
  }

  onMessageSlice(slice: Uint8Array): void {
    this.#events.onMessageSlice(slice);
  }

  onMessageEnd(): void {
    this.#events.onMessageEnd();
  }

  onFrameEnd(): void {
    this.#events.onFrameEnd();
  }

  onPing(payload: Uint8Array): boolean {
    return this.#events.onPing(payload);
  }

  onPong(payload: Uint8Array): void {
    this.#heartbeat?.onPong(payload);
    this.#events.onPong(payload);
  }

  onLatency(ms: number): void {
    this.#events.onLatency(ms);
  }

  onPeerClose(close: ClosePayload): Uint8Array | void {
    return this.#events.onClosing(close);
  }

  onFailure(error: WebSocketError): void {
    this.#end.error ??= error;
    this.#events.onFailure(error);
  }

  onHold(hold: boolean): void {
    this.#held = hold;
    if (hold) this.#transport.pause();
    else if (!this.#engine.paused) this.#read();
  }

  onSettled(): void {
    if (this.#receiving) return; // its end writes
    this.#flush();
    if (this.#peerEnded && !this.#finished) this.#afterEnd();
  }

  // -------------------------------------------------------------------- reading

  pause(): void {
    this.#engine.pause();
    this.#transport.pause();
  }

  resume(): void {
    if (this.#engine.paused) this.#heartbeat?.excuse(); // it was not listened to until now
    this.#read();
    if (this.#receiving) return this.#engine.resume();
    this.#receiving = true;
    try {
      this.#engine.resume();
    } finally {
      this.#receiving = false;
    }
    this.#flush();
    if (this.#peerEnded) this.#afterEnd();
  }

  discardMessages(): void {
    this.#engine.discardMessages();
    this.#read();
  }

  #read(): void {
    if (this.#started && !this.#held) this.#transport.resume();
  }

  setStreaming(streaming: boolean): void {
    this.#engine.streaming = streaming;
  }

  deliverFrames(): void {
    this.#engine.deliverFrames();
  }
}
