/**
 * A connection of draft 75 or 76 over a transport, either role: what a `WebSocketConnection` drives
 * in the engine's place.
 *
 * Output is gathered while a chunk is being received and written once at its end, or a tick after
 * it was sent. There are no masks, pings, fragments and close codes, and there is no binary.
 *
 * @module
 */

import { cutOnAbort } from "../api/aborted.ts";
import type { Channel, ChannelEvents, CloseInfo, ConnectionCapabilities } from "../api/channel.ts";
import { notOpen, type Role, type SharedMessage } from "../api/dialect.ts";
import type { ResolvedOptions } from "../api/options.ts";
import { noBinary } from "../api/no_binary.ts";
import { PatientTimer } from "../api/patient_timer.ts";
import type { Transport, TransportEvents } from "../api/transport.ts";
import { WebSocketError, type WebSocketErrorCode } from "../errors.ts";
import { HIXIE_CAPABILITIES, type HixieVersion } from "./hixie_capabilities.ts";
import { HixieInput } from "./hixie_input.ts";
import { HixieWriter } from "./hixie_writer.ts";

/** The opcode of a text message, as RFC 6455 has it. */
const TEXT = 1;

/** From this many gathered bytes on nothing is waited for. */
const FLUSH_BYTES = 256 * 1024;

/** Frames, closes and keeps the limits of one connection. */
export class HixieChannel implements Channel, TransportEvents {
  readonly capabilities: ConnectionCapabilities;

  readonly #transport: Transport;
  readonly #role: Role;
  readonly #options: ResolvedOptions;
  /** Whether there is a closing frame, as in draft 76. */
  readonly #closes: boolean;
  readonly #input: HixieInput;
  readonly #output: HixieWriter = new HixieWriter();
  #events!: ChannelEvents;

  #early: Uint8Array | undefined;
  #started = false;
  /** Whether the transport still holds what was written last. */
  #blocked = false;
  #flushDue = false;
  /** Whether a frame of ours is open. */
  #sending = false;

  #closeSent = false;
  #closeReceived = false;
  #failed = false;
  #peerEnded = false;
  #finished = false;
  #error: WebSocketError | undefined;
  #closeTimer: PatientTimer | undefined;
  /** Lets go of the signal. */
  #unwatch: (() => void) | undefined;

  /**
   * @param version Which draft.
   * @param transport The byte stream, after the opening handshake.
   * @param role Which end this is.
   * @param options Limits and deadlines.
   * @param early Bytes that came after the handshake, in the same chunk.
   */
  constructor(
    version: HixieVersion,
    transport: Transport,
    role: Role,
    options: ResolvedOptions,
    early: Uint8Array,
  ) {
    this.capabilities = HIXIE_CAPABILITIES[version];
    this.#transport = transport;
    this.#role = role;
    this.#options = options;
    this.#early = early;
    this.#closes = version === "hixie-76";
    this.#input = new HixieInput(this.#closes, options, {
      onCloseFrame: () => this.#onCloseFrame(),
      onFault: ({ code, message }) => this.#fail(code, message),
    });
  }

  get bufferedAmount(): number {
    return this.#output.pendingBytes + this.#transport.bufferedBytes;
  }

  get open(): boolean {
    return !this.#closeSent && !this.#inputEnded;
  }

  /** Whether nothing that still arrives can matter. */
  get #inputEnded(): boolean {
    return this.#failed || this.#closeReceived;
  }

  /** Whether both directions are done with; draft 75 has but the end of the bytes to say so. */
  get #over(): boolean {
    return this.#failed || (this.#closeSent && (this.#closeReceived || !this.#closes));
  }

  bind(events: ChannelEvents): void {
    this.#events = events;
    this.#input.sink = events;
    this.#transport.attach(this);
  }

  start(): void {
    if (this.#finished) return;
    const { signal } = this.#options;
    this.#unwatch = cutOnAbort(signal, this);
    if (signal?.aborted) return;
    const early = this.#early;
    this.#early = undefined;
    if (early !== undefined && early.length > 0) this.onData(early);
    this.#started = true;
    if (this.#input.paused) this.#transport.pause();
    else this.#transport.resume();
  }

  // ------------------------------------------------------------------ sending

  sendText(text: string): void {
    this.#checkSend();
    this.#output.writeText(text);
    this.#afterSend();
  }

  sendBytes(bytes: Uint8Array, type: "text" | "binary"): Promise<void> | void {
    this.#checkSend();
    if (type === "binary") return Promise.reject(noBinary(this.capabilities));
    this.#output.begin();
    this.#output.write(bytes);
    this.#output.end();
    this.#afterSend();
  }

  sendShared(message: SharedMessage): Promise<void> | void {
    return this.sendBytes(message.payload, message.opcode === TEXT ? "text" : "binary");
  }

  /** The fragments of a message make one frame, which is only ended with the last of them. */
  sendFragment(bytes: Uint8Array, type: "text" | "binary", final: boolean): void {
    if (!this.open) throw notOpen();
    if (type === "binary") throw noBinary(this.capabilities); // before anything of it has gone
    if (!this.#sending) this.#output.begin();
    this.#output.write(bytes);
    this.#sending = !final;
    if (final) this.#output.end();
    this.#afterSend();
  }

  isSlow(): boolean {
    return false;
  }

  // `capabilities.ping` is false: nobody calls these.
  ping(): void {}
  pong(): void {}

  #checkSend(): void {
    if (!this.open) throw notOpen();
    if (this.#sending) {
      throw new Error("Cannot send message: a streamed message of this side is not finished");
    }
  }

  #afterSend(): void {
    if (this.#input.running || this.#blocked) return;
    if (this.#output.pendingBytes >= FLUSH_BYTES) return this.#flush();
    if (this.#flushDue) return;
    this.#flushDue = true;
    if (this.#transport.defer !== undefined) this.#transport.defer(this.#flushNow);
    else queueMicrotask(this.#flushNow);
  }

  readonly #flushNow = (): void => {
    this.#flushDue = false;
    if (!this.#input.running) this.#flush();
  };

  #flush(): void {
    if (this.#finished) return;
    if (!this.#blocked && this.#output.pendingBytes > 0) {
      this.#blocked = !this.#transport.write(this.#output.take());
      if (!this.#blocked) this.#events.onFlush();
    }
    if (!this.#over) return;
    this.#startCloseTimer();
    this.#read(); // whoever paused it wants no more messages, but its end must be seen
    // As in RFC 6455, the server ends the byte stream first. In draft 75 whoever closes does.
    const ours = this.#failed || !this.#closes || this.#role === "server" || this.#peerEnded;
    if (ours && !this.#blocked) this.#transport.end();
  }

  // ------------------------------------------------------------------ closing

  /** There is no code and no reason in these drafts: both are dropped. */
  close(): void {
    if (this.#finished) return;
    this.#sendClose();
    this.discardMessages();
    this.#startCloseTimer();
    this.#flush();
  }

  fail(error: WebSocketError): void {
    this.#fail(error.code, error.message, error.cause);
    this.#flush();
  }

  terminate(error: WebSocketError): void {
    if (this.#finished) return;
    if (!this.#over) {
      this.#error ??= error;
      this.#abandon();
    }
    this.#transport.destroy();
  }

  /** Says that no more comes; an open frame stays open, so that the peer drops it. */
  #sendClose(): void {
    if (this.#closeSent) return;
    this.#closeSent = true;
    if (this.#closes && !this.#sending) this.#output.writeClose();
  }

  #onCloseFrame(): void {
    this.#closeReceived = true;
    this.#sendClose();
    this.#events.onClosing({ closeCode: 1005, reason: "" });
  }

  #fail(code: WebSocketErrorCode, message: string, cause?: unknown): void {
    if (this.#inputEnded) return;
    this.#failed = true;
    this.#input.stop();
    this.#sendClose();
    this.#error ??= new WebSocketError(message, { code, cause });
    this.#events.onFailure(this.#error);
  }

  #abandon(): void {
    this.#failed = true;
    this.#input.stop();
    this.#output.discard();
  }

  #startCloseTimer(): void {
    if (this.#closeTimer !== undefined || this.#finished) return;
    const { closeTimeoutMs } = this.#options;
    this.#closeTimer = new PatientTimer(closeTimeoutMs, () => {
      if (this.#over && this.#closes) this.#transport.destroy();
      else this.#lose("WS_CLOSE_TIMEOUT", `the peer did not close within ${closeTimeoutMs} ms`);
    });
  }

  // ---------------------------------------------------- receiving: the transport

  onData(chunk: Uint8Array): void {
    if (this.#inputEnded) return;
    this.#input.push(chunk);
    if (!this.#input.paused && !this.#input.running) this.#receive();
  }

  #receive(): void {
    this.#input.run();
    this.#flush();
  }

  onEnd(): void {
    this.#peerEnded = true;
    this.#afterEnd();
  }

  /** The peer's bytes are over; what waits here while paused still counts. */
  #afterEnd(): void {
    if (this.#inputEnded) return this.#flush();
    if (this.#input.paused) return;
    if (this.#closes || !(this.#input.idle || this.#closeSent)) {
      return this.#lose("WS_CONNECTION_LOST", "the peer ended the byte stream without closing");
    }
    // Draft 75 has no other way to close.
    this.#closeReceived = true;
    this.#sendClose();
    this.#events.onClosing({ closeCode: 1006, reason: "" });
    this.#flush();
  }

  onDrain(): void {
    this.#blocked = false;
    this.#flush();
    if (this.#finished) return;
    this.#events.onFlush();
    if (!this.#blocked) this.#events.onDrain();
  }

  onClose(cause?: unknown): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#closeTimer?.stop();
    this.#unwatch?.();
    const done = this.#over && !this.#failed;
    if (!done && this.#error === undefined) {
      this.#error = lost("WS_CONNECTION_LOST", "the byte stream closed before its end", cause);
      this.#events.onFailure(this.#error);
    }
    this.#abandon();
    this.#events.onClosed(this.#closeInfo(done));
  }

  #closeInfo(done: boolean): CloseInfo {
    const wasClean = done && this.#closes;
    const closeCode = this.#closes && this.#closeReceived ? 1005 : 1006;
    return done || this.#error === undefined
      ? { closeCode, reason: "", wasClean }
      : { closeCode, reason: "", wasClean, error: this.#error };
  }

  /** Cuts a connection that the peer or the network gave up. */
  #lose(code: WebSocketErrorCode, why: string): void {
    if (this.#finished) return;
    const first = this.#error === undefined;
    this.#error ??= lost(code, why);
    this.#abandon();
    if (first) this.#events.onFailure(this.#error);
    this.#transport.destroy();
  }

  // ------------------------------------------------------------------ reading

  pause(): void {
    this.#input.pause();
    this.#transport.pause();
  }

  resume(): void {
    this.#input.resume();
    this.#read();
    if (this.#input.running) return;
    this.#receive();
    if (this.#peerEnded && !this.#finished) this.#afterEnd();
  }

  discardMessages(): void {
    this.#input.discard();
    if (this.#input.paused) this.resume();
    else this.#read();
  }

  #read(): void {
    if (this.#started) this.#transport.resume();
  }

  setStreaming(streaming: boolean): void {
    this.#input.streaming = streaming;
  }
}

function lost(code: WebSocketErrorCode, why: string, cause?: unknown): WebSocketError {
  return new WebSocketError(`Cannot go on: ${why}`, { code, cause });
}
