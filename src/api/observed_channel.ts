/**
 * A channel under observation: what stands between a connection and its channel when somebody
 * wants to see messages and the end. Without an observer it is not there.
 *
 * @module
 */

import type { ClosePayload, SharedMessage } from "../connection/mod.ts";
import type { WebSocketError } from "../errors.ts";
import { TEXT } from "../frames/mod.ts";
import type {
  Channel,
  ChannelEvents,
  CloseInfo,
  ConnectionCapabilities,
  LastWord,
} from "./channel.ts";
import type { ConnectionTap } from "./connection_tap.ts";

/** Passes everything on, and reports it to a {@linkcode ConnectionTap}. */
export class ObservedChannel implements Channel, ChannelEvents {
  readonly #channel: Channel;
  readonly #tap: ConnectionTap;
  #events!: ChannelEvents;
  /** Whether the engine reports control frames itself. */
  readonly #frames: boolean;

  #failed = false;

  /** Of messages under way that are streamed: their bytes so far. */
  #sentBytes = 0;
  #receivedType: "text" | "binary" = "binary";
  #receivedBytes = 0;

  /**
   * @param channel What does it.
   * @param tap Where to report.
   */
  constructor(channel: Channel, tap: ConnectionTap) {
    this.#channel = channel;
    this.#tap = tap;
    this.#frames = channel.capabilities.frameEvents;
  }

  get capabilities(): ConnectionCapabilities {
    return this.#channel.capabilities;
  }

  get bufferedAmount(): number {
    return this.#channel.bufferedAmount;
  }

  get open(): boolean {
    return this.#channel.open;
  }

  bind(events: ChannelEvents): void {
    this.#events = events;
    this.#channel.bind(this);
  }

  start(): void {
    this.#channel.start();
  }

  // ------------------------------------------------------------------ sending

  sendText(text: string, compress?: boolean): Promise<void> | void {
    const sent = this.#channel.sendText(text, compress);
    return this.#whenSent(sent, () => this.#tap.message("out", "text", text));
  }

  sendBytes(
    bytes: Uint8Array,
    type: "text" | "binary",
    keep: boolean,
    compress?: boolean,
  ): Promise<void> | void {
    const sent = this.#channel.sendBytes(bytes, type, keep, compress);
    return this.#whenSent(sent, () => this.#tap.message("out", type, bytes));
  }

  sendShared(message: SharedMessage, compress?: boolean): Promise<void> | void {
    const sent = this.#channel.sendShared(message, compress);
    return this.#whenSent(sent, () => {
      if (message.opcode === TEXT) this.#tap.message("out", "text", message.text);
      else this.#tap.message("out", "binary", message.payload);
    });
  }

  sendFragment(
    bytes: Uint8Array,
    type: "text" | "binary",
    final: boolean,
    compress?: boolean,
  ): Promise<void> | void {
    const sent = this.#channel.sendFragment(bytes, type, final, compress);
    return this.#whenSent(sent, () => {
      this.#sentBytes += bytes.length;
      if (!final) return;
      const length = this.#sentBytes;
      this.#sentBytes = 0;
      this.#tap.message("out", type, undefined, length);
    });
  }

  /** Reports what was sent, and not what could not be. */
  #whenSent(sent: Promise<void> | void, report: () => void): Promise<void> | void {
    if (sent instanceof Promise) return sent.then(report);
    report();
  }

  isSlow(size: number, compress?: boolean): boolean {
    return this.#channel.isSlow(size, compress);
  }

  /** There is one where the channel has one. */
  get sendRaw(): Channel["sendRaw"] {
    return this.#channel.sendRaw?.bind(this.#channel);
  }

  ping(payload: Uint8Array): void {
    if (!this.#frames) this.#tap.control("out", "ping", payload);
    this.#channel.ping(payload);
  }

  pong(payload: Uint8Array): void {
    if (!this.#frames) this.#tap.control("out", "pong", payload);
    this.#channel.pong(payload);
  }

  // ------------------------------------------------------------------ leaving

  close(closeCode: number | undefined, reason: string): void {
    if (!this.#frames && this.open) this.#tap.closing("out", closeCode ?? 1005, reason);
    this.#channel.close(closeCode, reason);
  }

  terminate(error: WebSocketError, last?: LastWord): void {
    if (!this.#frames && last !== undefined && this.open) {
      this.#tap.closing("out", last.closeCode ?? 1005, last.reason ?? "");
    }
    this.#channel.terminate(error, last);
  }

  fail(error: WebSocketError): void {
    if (!this.#frames && this.open) this.#tap.closing("out", error.closeCode, error.reason);
    this.#channel.fail(error);
  }

  // ------------------------------------------------------------------ reading

  pause(): void {
    this.#channel.pause();
  }

  resume(): void {
    this.#channel.resume();
  }

  discardMessages(): void {
    this.#channel.discardMessages();
  }

  setStreaming(streaming: boolean): void {
    this.#channel.setStreaming(streaming);
  }

  deliverFrames(): void {
    this.#channel.deliverFrames?.();
  }

  // ---------------------------------------------------------------- receiving

  onMessage(data: string | Uint8Array): void {
    this.#tap.message("in", typeof data === "string" ? "text" : "binary", data);
    this.#events.onMessage(data);
  }

  onMessageStart(type: "text" | "binary"): void {
    this.#receivedType = type;
    this.#receivedBytes = 0;
    this.#events.onMessageStart(type);
  }

  onMessageSlice(slice: Uint8Array): void {
    this.#receivedBytes += slice.length;
    this.#events.onMessageSlice(slice);
  }

  onMessageEnd(): void {
    this.#tap.message("in", this.#receivedType, undefined, this.#receivedBytes);
    this.#events.onMessageEnd();
  }

  onFrameEnd(): void {
    this.#events.onFrameEnd();
  }

  onPing(payload: Uint8Array): boolean {
    if (!this.#frames) this.#tap.control("in", "ping", payload);
    return this.#events.onPing(payload);
  }

  onLatency(ms: number): void {
    this.#events.onLatency(ms);
  }

  onPong(payload: Uint8Array): void {
    if (!this.#frames) this.#tap.control("in", "pong", payload);
    this.#events.onPong(payload);
  }

  onFlush(): void {
    this.#events.onFlush();
  }

  onDrain(): void {
    this.#events.onDrain();
  }

  onClosing(close: ClosePayload): Uint8Array | void {
    if (!this.#frames) this.#tap.closing("in", close.closeCode, close.reason);
    return this.#events.onClosing(close);
  }

  onFailure(error: WebSocketError): void {
    this.#reportFailure(error);
    this.#events.onFailure(error);
  }

  #reportFailure(error: WebSocketError): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#tap.failed(error);
  }

  onClosed(info: CloseInfo): void {
    if (info.error !== undefined) this.#reportFailure(info.error); // cut: nothing has told so yet
    this.#tap.closed(info);
    this.#events.onClosed(info);
  }
}
