/**
 * The protocol engine: one WebSocket connection as a synchronous state machine.
 *
 * ```
 *  bytes in ──> receive() ──> parser ──> engine ──> sink (messages, pings, close, failure)
 *                                          │
 *  sendText(), ping(), close() … ──────────┴──> output (a FrameWriter) ──> bytes out
 * ```
 *
 * It does no I/O and knows no clock. It never throws on what a peer sent; it throws on misuse.
 * Whoever owns it feeds chunks, and after every call writes what `output` has gathered.
 *
 * @module
 */

import { WebSocketError, WIRE_REASONS } from "../errors.ts";
import {
  CLOSE,
  type FrameFault,
  FrameParser,
  type FrameWriter,
  PONG,
  RSV1,
} from "../frames/mod.ts";
import { type ClosePayload, readClosePayload, writeClosePayload } from "./close_payload.ts";
import type { Deflation } from "./deflation.ts";
import type { ObservedFrames } from "./observed_frames.ts";
import { Outgoing, type OutgoingOwner } from "./outgoing.ts";
import { type ControlSink, type MessageLimits, type MessageSink, Receiver } from "./receiver.ts";
import type { SharedMessage } from "./shared_message.ts";

/** Which end of the connection an engine is. */
export type Role = "server" | "client";

/** `open`; `closing`: one close frame went; `closed`: both did; `failed`: the peer broke a rule. */
export type EngineState = "open" | "closing" | "closed" | "failed";

/** Where an engine hands what it receives, synchronously and in order. */
export interface EngineSink extends MessageSink {
  /** Takes a ping; `false` suppresses the pong. */
  onPing(payload: Uint8Array): boolean;
  /** Takes a pong. */
  onPong(payload: Uint8Array): void;
  /**
   * Takes the peer's close frame. What it returns, a payload of {@linkcode writeClosePayload}, is the
   * answer, if one is due; else the peer gets back what it sent.
   */
  onPeerClose(close: ClosePayload): Uint8Array | void;
  /** Takes the peer's breach of a rule; a close frame that says so is already in the output. */
  onFailure(error: WebSocketError): void;
  /** Hears that no more should be read for now, or that reading can go on; with compression only. */
  onHold?(hold: boolean): void;
  /** Hears that messages were delivered outside of `receive()`: there may be output; likewise. */
  onSettled?(): void;
}

/** Options of an {@linkcode Engine}. */
export interface EngineOptions extends MessageLimits {
  /** Which end this is; it decides who masks. */
  role: Role;
  /** permessage-deflate, as it was negotiated. Default: none. */
  deflate?: Deflation | undefined;
  /** The most payload bytes of a data frame that is sent. Default: `Infinity`. */
  fragmentBytes?: number;
  /** Whether close frames go without code and reason. Default: `false`. */
  silentClose?: boolean | undefined;
  /** Who sees every frame. Default: nobody. */
  observed?: ObservedFrames | undefined;
}

/** Stands for an empty list: an idle engine holds none of its own. Nothing is ever added to it. */
const NONE: Uint8Array[] = [];

/** One WebSocket connection, either role, without I/O. */
export class Engine implements ControlSink, OutgoingOwner {
  readonly #sink: EngineSink;
  readonly #outgoing: Outgoing;
  readonly #parser: FrameParser;
  readonly #receiver: Receiver;
  readonly #deflate: Deflation | undefined;

  #closeReceived: ClosePayload | undefined;
  /** Whether the peer's close frame came, but waits behind deliveries. */
  #closeWaits = false;
  #failed = false;

  // Receiving. `#rest` holds chunks that came, or were left, while reading was paused.
  #receiving = false;
  #paused = false;
  #rest: Uint8Array[] = NONE;
  /** Whether the sink was told to hold reading. */
  #held = false;

  constructor(sink: EngineSink, options: EngineOptions) {
    const server = options.role === "server";
    this.#sink = sink;
    this.#deflate = options.deflate;
    this.#receiver = new Receiver(sink, this, options, options.deflate);
    const { deflate, observed, fragmentBytes, silentClose } = options;
    this.#outgoing = new Outgoing(this, !server, deflate, observed, fragmentBytes, silentClose);
    const frames = observed?.sink(this.#receiver, server) ?? this.#receiver;
    this.#parser = new FrameParser(frames, {
      masked: server,
      // RFC 7692 §6: RSV1 on the first frame of a message says that it is compressed.
      allowedRsv: options.deflate === undefined ? 0 : RSV1,
    });
  }

  /** Frames to write, in order. */
  get output(): FrameWriter {
    return this.#outgoing.writer;
  }

  /** Where the connection stands. */
  get state(): EngineState {
    if (this.#failed) return "failed";
    const closeSent = this.#outgoing.closed;
    if (closeSent && this.#closeReceived !== undefined) return "closed";
    return closeSent || this.#closeReceived !== undefined ? "closing" : "open";
  }

  /** Whether it is `open`: no close frame went or came, and no rule was broken. */
  get open(): boolean {
    return !this.#failed && !this.#outgoing.closed && this.#closeReceived === undefined;
  }

  /** The peer's close frame, once it has come. */
  get closeReceived(): ClosePayload | undefined {
    return this.#closeReceived;
  }

  /** Whether nothing that still arrives can matter: the peer's close frame came, or it failed. */
  get inputEnded(): boolean {
    return this.#failed || this.#closeReceived !== undefined;
  }

  /** Whether deliveries wait for a message that is being inflated. */
  get busy(): boolean {
    return this.#receiver.line?.busy === true;
  }

  /** Whether messages that start from now on are delivered slice by slice. */
  set streaming(streaming: boolean) {
    this.#receiver.streaming = streaming;
  }

  /** Delivers data frames one by one from now on; not where messages are compressed. */
  deliverFrames(): void {
    this.#receiver.deliverFrames();
  }

  /** Whether reading is paused. */
  get paused(): boolean {
    return this.#paused;
  }

  // ---------------------------------------------------------------- receiving

  /**
   * Takes bytes from the peer. The engine owns `chunk` from then on: it unmasks in place, and
   * messages handed out may be views of it.
   *
   * @param chunk The bytes.
   * @param lent Whether the engine owns them during the call only, and copies what it keeps. Default:
   * `false`.
   */
  receive(chunk: Uint8Array, lent = false): void {
    if (this.inputEnded || this.#closeWaits) return;
    if (this.#paused || this.#receiving || this.#full) {
      if (this.#rest.length === 0) this.#rest = []; // `NONE` is shared
      this.#rest.push(lent ? new Uint8Array(chunk) : chunk);
    } else {
      this.#receiving = true;
      this.#receiver.lent = lent;
      try {
        this.#feed(chunk);
        while (this.#rest.length > 0 && !this.#paused && !this.#full) {
          this.#feed(this.#rest.shift()!);
        }
      } finally {
        this.#receiving = false;
      }
    }
    if (this.#full && !this.#held) {
      this.#held = true;
      this.#sink.onHold?.(true);
    }
  }

  /** Whether so many deliveries wait that nothing more is parsed. */
  get #full(): boolean {
    return this.#receiver.line?.full === true;
  }

  /** Internal: no delivery waits any more. */
  onIdle(): void {
    if (this.#held) {
      this.#held = false;
      this.#sink.onHold?.(false);
    }
    this.#goOn();
    this.#sink.onSettled?.();
  }

  /** Internal: a delivery that had to wait found a fault. */
  onFault(fault: FrameFault): void {
    this.fail(fault);
    this.#sink.onSettled?.();
  }

  #goOn(): void {
    if (this.#paused || this.#receiving || this.#full) return;
    if (this.#rest.length > 0) this.receive(this.#rest.shift()!);
  }

  /** Stops delivery after the slice being delivered; what arrives is kept for later. */
  pause(): void {
    this.#paused = true;
    this.#parser.stop();
    if (this.#receiver.line !== undefined) this.#receiver.line.paused = true;
  }

  /** Goes on with what was kept, then with what arrives. */
  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    const { line } = this.#receiver;
    if (line !== undefined) {
      line.paused = false;
      line.run();
    }
    this.#goOn();
  }

  /**
   * Stops receiving for good and drops the output.
   *
   * @param last The payload of a close frame to be all of it. Default: no word to the peer.
   */
  abandon(last?: Uint8Array): void {
    this.#fail();
    this.#deflate?.transform.release();
    this.output.discard();
    if (last !== undefined) this.#outgoing.close(last);
  }

  /** Gives the sending side's compression context back; the next message starts a new one. */
  restDeflater(): void {
    this.#outgoing.restDeflater();
  }

  /** Drops messages from now on and looks only for the peer's close frame and its pings. */
  discardMessages(): void {
    this.#receiver.discard();
    this.resume();
  }

  #feed(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      const next = this.#parser.push(chunk, at);
      if (typeof next !== "number") return this.fail(next);
      at = next;
      if (this.inputEnded || this.#closeWaits) {
        this.#rest = NONE;
        return;
      }
      if (this.#paused && at < chunk.length) {
        this.#rest = [this.#receiver.own(chunk.subarray(at)), ...this.#rest];
        return;
      }
    }
  }

  /** Internal: the receiver found a control frame. */
  onControl(opcode: number, payload: Uint8Array): FrameFault | null {
    if (opcode === CLOSE) return this.#onClose(payload);
    if (opcode === PONG) this.#sink.onPong(payload);
    else if (this.#sink.onPing(payload)) this.#outgoing.answerPing(payload);
    return null;
  }

  #onClose(payload: Uint8Array): FrameFault | null {
    const close = readClosePayload(payload);
    if ("message" in close) return close;
    this.#parser.stop();
    const { line } = this.#receiver;
    if (line?.busy) {
      // What came before it is still on its way to the application, which may yet answer.
      this.#closeWaits = true;
      const answer = payload.slice();
      return line.deliver(() => this.#takeClose(close, answer), 0);
    }
    return this.#takeClose(close, payload);
  }

  #takeClose(close: ClosePayload, payload: Uint8Array): null {
    this.#closeReceived = close;
    const answer = this.#sink.onPeerClose(close);
    if (this.#failed) return null; // the application cut it in its callback
    // RFC 6455 §5.5.1: "the endpoint typically echos the status code it received"; the reason goes
    // with it, so that the peer's close event shows what it said.
    this.#outgoing.close(answer ?? payload);
    return null;
  }

  /** Says whether pongs wait (the peer does not read); the latest one goes when they no longer do. */
  set holdPongs(hold: boolean) {
    this.#outgoing.holdPongs = hold;
  }

  // ------------------------------------------------------------------ sending

  /** Sends a text message; see {@linkcode Outgoing.sendText}. */
  sendText(text: string, compress?: boolean): Promise<void> | void {
    return this.#outgoing.sendText(text, compress);
  }

  /** Sends a message that is given as bytes; see {@linkcode Outgoing.sendBytes}. */
  sendBytes(
    bytes: Uint8Array,
    type: "text" | "binary",
    keep: boolean,
    compress?: boolean,
  ): Promise<void> | void {
    return this.#outgoing.sendBytes(bytes, type, keep, compress);
  }

  /** Sends a message that other connections get too; see {@linkcode Outgoing.sendShared}. */
  sendShared(message: SharedMessage, compress?: boolean): Promise<void> | void {
    return this.#outgoing.sendShared(message, compress);
  }

  /** Sends a fragment of a message; see {@linkcode Outgoing.sendFragment}. */
  sendFragment(
    bytes: Uint8Array,
    type: "text" | "binary",
    final: boolean,
    compress?: boolean,
  ): Promise<void> | void {
    return this.#outgoing.sendFragment(bytes, type, final, compress);
  }

  /** Sends a frame as it is given, for tests of a peer; see {@linkcode Outgoing.sendRaw}. */
  sendRaw(first: number, payload: Uint8Array, masked?: boolean): void {
    this.#outgoing.sendRaw(first, payload, masked);
  }

  /** Sends a ping; see {@linkcode Outgoing.ping}. */
  ping(payload: Uint8Array): void {
    this.#outgoing.ping(payload);
  }

  /** Sends a pong that answers nothing; see {@linkcode Outgoing.pong}. */
  pong(payload: Uint8Array): void {
    this.#outgoing.pong(payload);
  }

  /**
   * Starts the closing handshake; does nothing when a close frame has gone already.
   *
   * @param closeCode The code; `undefined` for none.
   * @param reason At most 123 bytes of UTF-8. Default: `""`.
   * @throws {TypeError} If an argument has the wrong type.
   * @throws {RangeError} If the code must not be sent, or the reason is too long.
   */
  close(closeCode?: number, reason = ""): void {
    this.#outgoing.close(writeClosePayload(closeCode, reason));
  }

  /**
   * Fails the connection (RFC 6455 §7.1.7): tells the peer why and reads no more.
   *
   * @param fault What is wrong.
   * @param cause The error behind it, if there is one.
   */
  fail(fault: FrameFault, cause?: unknown): void {
    if (this.inputEnded) return;
    this.#fail();
    const reason = WIRE_REASONS[fault.code as keyof typeof WIRE_REASONS] ?? "";
    this.#outgoing.close(writeClosePayload(fault.closeCode, reason));
    this.#sink.onFailure(
      new WebSocketError(fault.message, {
        code: fault.code,
        closeCode: fault.closeCode,
        reason,
        cause: cause ?? fault.cause,
      }),
    );
  }

  /** Takes nothing more, and sends nothing more but what is in the output. */
  #fail(): void {
    this.#failed = true;
    this.#rest = NONE;
    this.#outgoing.stop();
    this.#receiver.clear();
    this.#parser.stop();
  }

  /** Internal: the codec failed to compress a message. */
  onCodecFailure(fault: FrameFault, cause: unknown): void {
    this.fail(fault, cause);
    this.#sink.onSettled?.();
  }
}
