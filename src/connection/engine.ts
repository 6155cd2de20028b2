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

import { WEBSOCKET_ERROR_CODES, WebSocketError } from "../errors.ts";
import type { PermessageDeflate } from "../extensions/mod.ts";
import {
  BINARY,
  CLOSE,
  CloseCode,
  CONTINUATION,
  FIN,
  type FrameFault,
  FrameParser,
  FrameWriter,
  MAX_CONTROL_BYTES,
  PING,
  PONG,
  RSV1,
  TEXT,
} from "../frames/mod.ts";
import { type ClosePayload, readClosePayload, writeClosePayload } from "./close_payload.ts";
import { DeflatedOutput } from "./deflated_output.ts";
import { type FrameObserver, ObservedFrameSink, ObservedFrameWriter } from "./observed_frames.ts";
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
  /** Takes the peer's close frame; the answer, if one was due, is already in the output. */
  onPeerClose(close: ClosePayload): void;
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
  deflate?: PermessageDeflate | undefined;
  /** Who sees every frame. Default: nobody. */
  frameObserver?: FrameObserver | undefined;
}

/** Stands for an empty list: an idle engine holds none of its own. Nothing is ever added to it. */
const NONE: Uint8Array[] = [];

/** One WebSocket connection, either role, without I/O. */
export class Engine implements ControlSink {
  /** Frames to write, in order. */
  readonly output: FrameWriter;
  readonly #sink: EngineSink;
  readonly #masking: boolean;
  readonly #parser: FrameParser;
  readonly #receiver: Receiver;
  readonly #deflate: PermessageDeflate | undefined;
  readonly #deflated: DeflatedOutput | undefined;

  #closeSent = false;
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

  // Pongs that wait because the peer does not read: only the latest is kept.
  #holdPongs = false;
  #heldPong: Uint8Array | undefined;

  /** Whether a fragmented message of ours is begun and not finished. */
  #sending = false;

  constructor(sink: EngineSink, options: EngineOptions) {
    const server = options.role === "server";
    this.#sink = sink;
    this.#deflate = options.deflate;
    this.#receiver = new Receiver(sink, this, options, options.deflate);
    this.#masking = !server;
    const observer = options.frameObserver;
    this.output = observer === undefined
      ? new FrameWriter(this.#masking)
      : new ObservedFrameWriter(this.#masking, observer);
    if (options.deflate !== undefined) {
      this.#deflated = new DeflatedOutput(options.deflate, this.output);
    }
    const frames = observer === undefined
      ? this.#receiver
      : new ObservedFrameSink(this.#receiver, observer, server);
    this.#parser = new FrameParser(frames, {
      masked: server,
      // RFC 7692 §6: RSV1 on the first frame of a message says that it is compressed.
      allowedRsv: options.deflate === undefined ? 0 : RSV1,
    });
  }

  /** Where the connection stands. */
  get state(): EngineState {
    if (this.#failed) return "failed";
    if (this.#closeSent && this.#closeReceived !== undefined) return "closed";
    return this.#closeSent || this.#closeReceived !== undefined ? "closing" : "open";
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

  /** Whether reading is paused. */
  get paused(): boolean {
    return this.#paused;
  }

  // ---------------------------------------------------------------- receiving

  /**
   * Takes bytes from the peer. The engine owns `chunk` from then on: it unmasks in place, and
   * messages handed out may be views of it.
   */
  receive(chunk: Uint8Array): void {
    if (this.inputEnded || this.#closeWaits) return;
    if (this.#paused || this.#receiving || this.#full) {
      if (this.#rest === NONE) this.#rest = [chunk];
      else this.#rest.push(chunk);
    } else {
      this.#receiving = true;
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

  /** Stops receiving for good, without a word to the peer. */
  abandon(): void {
    this.#failed = true;
    this.#rest = NONE;
    this.#receiver.clear();
    this.#deflate?.release();
    this.#parser.stop();
    this.output.discard();
  }

  /** Gives the sending side's compression context back; the next message starts a new one. */
  restDeflater(): void {
    if (!this.#sending) this.#deflate?.restDeflater();
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
        if (this.#rest === NONE) this.#rest = [chunk.subarray(at)];
        else this.#rest.unshift(chunk.subarray(at));
        return;
      }
    }
  }

  /** Internal: the receiver found a control frame. */
  onControl(opcode: number, payload: Uint8Array): FrameFault | null {
    if (opcode === CLOSE) return this.#onClose(payload);
    if (opcode === PONG) this.#sink.onPong(payload);
    else if (this.#sink.onPing(payload)) this.#answerPing(payload);
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
    // RFC 6455 §5.5.1: "the endpoint typically echos the status code it received"; the reason goes
    // with it, so that the peer's close event shows what it said.
    if (!this.#closeSent) this.#sendClose(payload);
    this.#sink.onPeerClose(close);
    return null;
  }

  /** RFC 6455 §5.5.3: a pong for the most recent ping alone is enough when several wait. */
  #answerPing(payload: Uint8Array): void {
    if (this.#closeSent) return;
    if (this.#holdPongs) this.#heldPong = new Uint8Array(payload);
    else this.output.writeFrame(FIN | PONG, payload);
  }

  /** Says whether pongs wait (the peer does not read); the latest one goes when they no longer do. */
  set holdPongs(hold: boolean) {
    this.#holdPongs = hold;
    if (hold || this.#heldPong === undefined) return;
    const payload = this.#heldPong;
    this.#heldPong = undefined;
    this.#answerPing(payload);
  }

  // ------------------------------------------------------------------ sending

  /**
   * Sends a text message.
   *
   * @param text The message.
   * @param compress Whether to compress it. Default: by its size.
   * @returns A promise when compressing takes time; nothing else may be sent until it settles.
   */
  sendText(text: string, compress?: boolean): Promise<void> | void {
    this.#checkSend();
    const bytes = this.#deflated?.encode(text, compress);
    if (bytes !== undefined) return this.#sendDeflated(TEXT, bytes, false);
    this.output.writeText(FIN | TEXT, text);
  }

  /**
   * Sends a message that is given as bytes.
   *
   * @param bytes The payload; for text, valid UTF-8.
   * @param type What it is.
   * @param keep Whether the caller keeps `bytes` unchanged until written; see
   * {@linkcode FrameWriter.writeFrame}.
   * @param compress Whether to compress it. Default: by its size.
   * @returns As {@linkcode Engine.sendText}; `bytes` must stay unchanged until then.
   */
  sendBytes(
    bytes: Uint8Array,
    type: "text" | "binary",
    keep: boolean,
    compress?: boolean,
  ): Promise<void> | void {
    this.#checkSend();
    const opcode = type === "text" ? TEXT : BINARY;
    if (this.#deflate?.wants(bytes.length, compress)) {
      return this.#sendDeflated(opcode, bytes, keep);
    }
    this.output.writeFrame(FIN | opcode, bytes, keep);
  }

  /**
   * Sends a message that other connections get too.
   *
   * @param message What all of them share.
   * @param compress Whether to compress it. Default: by its size.
   * @returns As {@linkcode Engine.sendText}.
   */
  sendShared(message: SharedMessage, compress?: boolean): Promise<void> | void {
    this.#checkSend();
    const { opcode, payload } = message;
    if (this.#deflate?.wants(payload.length, compress)) {
      return this.#whenDeflated(() => this.#deflated!.writeShared(message, this.#masking, this));
    }
    if (this.#masking) this.output.writeFrame(FIN | opcode, payload, true);
    else this.output.writeEncoded(message.frame);
  }

  #sendDeflated(opcode: number, bytes: Uint8Array, keep: boolean): Promise<void> | void {
    return this.#whenDeflated(() => this.#deflated!.writeMessage(opcode, bytes, keep, this));
  }

  /** Runs what deflates; a codec that fails takes this one connection with it. */
  #whenDeflated(run: () => Promise<void> | void): Promise<void> | void {
    let result: Promise<void> | void;
    try {
      result = run();
    } catch (error) {
      return Promise.reject(this.#codecFailed(error));
    }
    if (!(result instanceof Promise)) return;
    const sending = this.#sending;
    this.#sending = true;
    return result.then(() => {
      this.#sending = sending;
    }, (error) => {
      throw this.#codecFailed(error);
    });
  }

  #codecFailed(cause: unknown): unknown {
    if (cause instanceof WebSocketError) return cause;
    const message = "Cannot send message: the codec failed to compress it";
    const code = "WS_COMPRESSION_FAILED";
    const closeCode = CloseCode.INTERNAL_ERROR;
    this.fail({ code, closeCode, message }, cause);
    this.#sink.onSettled?.();
    return new WebSocketError(message, { code, closeCode, cause });
  }

  /**
   * Sends a fragment: the first one opens a message, the one with `final` ends it.
   *
   * @param bytes The fragment's payload.
   * @param type The message's type.
   * @param final Whether the message ends with it.
   * @param compress Whether to compress the message, said with its first fragment. Default: yes,
   * where that was negotiated.
   * @returns As {@linkcode Engine.sendText}.
   */
  sendFragment(
    bytes: Uint8Array,
    type: "text" | "binary",
    final: boolean,
    compress?: boolean,
  ): Promise<void> | void {
    if (!this.#sending) this.#checkSend();
    else this.#checkOpen();
    const opcode = this.#sending ? CONTINUATION : type === "text" ? TEXT : BINARY;
    const first = !this.#sending;
    this.#sending = !final;
    if (first) this.#deflated?.begin(opcode, compress);
    if (this.#deflated?.inMessage) {
      return this.#whenDeflated(() => this.#deflated!.writeFragment(bytes, final, this));
    }
    this.output.writeFrame((final ? FIN : 0) | opcode, bytes);
  }

  /** Internal: throws unless a message that took time to compress may still be sent. */
  checkStillOpen(): void {
    if (this.#failed) throw notOpen();
    this.#checkOpen();
  }

  /**
   * Sends a ping.
   *
   * @param payload At most 125 bytes.
   * @throws {RangeError} If the payload is longer.
   */
  ping(payload: Uint8Array): void {
    this.#sendControl(PING, payload);
  }

  /** Sends a pong that answers nothing (RFC 6455 §5.5.3: a unidirectional heartbeat). */
  pong(payload: Uint8Array): void {
    this.#sendControl(PONG, payload);
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
    const payload = writeClosePayload(closeCode, reason);
    if (!this.#closeSent) this.#sendClose(payload);
  }

  /**
   * Fails the connection (RFC 6455 §7.1.7): tells the peer why and reads no more.
   *
   * @param fault What is wrong.
   * @param cause The error behind it, if there is one.
   */
  fail(fault: FrameFault, cause?: unknown): void {
    if (this.inputEnded) return;
    this.#failed = true;
    this.#rest = NONE;
    this.#receiver.clear();
    this.#parser.stop();
    const reason = WEBSOCKET_ERROR_CODES[fault.code];
    if (!this.#closeSent) this.#sendClose(writeClosePayload(fault.closeCode, reason));
    this.#sink.onFailure(
      new WebSocketError(fault.message, {
        code: fault.code,
        closeCode: fault.closeCode,
        reason,
        cause: cause ?? fault.cause,
      }),
    );
  }

  #sendClose(payload: Uint8Array): void {
    this.#closeSent = true;
    this.#heldPong = undefined;
    this.output.writeFrame(FIN | CLOSE, payload);
  }

  #sendControl(opcode: number, payload: Uint8Array): void {
    if (payload.length > MAX_CONTROL_BYTES) {
      throw new RangeError(
        `Cannot send control frame: payload is ${payload.length} bytes, limit ${MAX_CONTROL_BYTES}`,
      );
    }
    this.#checkOpen();
    this.output.writeFrame(FIN | opcode, payload);
  }

  #checkOpen(): void {
    if (this.#closeSent) throw notOpen();
  }

  #checkSend(): void {
    this.#checkOpen();
    if (this.#sending) {
      throw new Error("Cannot send message: a fragmented message of this side is not finished");
    }
  }
}

/** Makes the error of a send on a connection that is no longer open. */
export function notOpen(): WebSocketError {
  return new WebSocketError("Cannot send: the connection is closing or closed", {
    code: "WS_NOT_OPEN",
  });
}
