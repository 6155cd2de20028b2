/**
 * A WebSocket made of numbered records, whichever way they travel: what both sides share.
 *
 * ```
 *  ConnectionCore ──> NativeChannel ──> RecordSocket ──> Outbox ──> requests or responses
 *        ▲                │  ▲              │
 *        └─ ChannelEvents ┘  └─ NativeEvents ┴── Inbox <── lines
 * ```
 *
 * @module
 */

import type { NativeEnd, NativeEvents, NativeSocket } from "../../adapters/native/native_socket.ts";
import type { ConnectionCapabilities, LastWord } from "../../api/channel.ts";
import type { ResolvedOptions } from "../../api/options.ts";
import { WebSocketError, type WebSocketErrorCode } from "../../errors.ts";
import { Inbox } from "./inbox.ts";
import { Outbox } from "./outbox.ts";
import {
  encodeBinary,
  encodeClose,
  type EncodedPart,
  encodeText,
  type SequencedRecord,
} from "./records.ts";

/** What a connection by fallback can do, on either side. */
export const FALLBACK_CAPABILITIES: ConnectionCapabilities = Object.freeze({
  engine: "fallback",
  binary: true,
  ping: false,
  pingEvents: false,
  receiveBackPressure: true,
  receiveStreaming: false,
  sendStreaming: false,
  closeCodes: true,
  allCloseCodes: true,
  terminate: true,
  protocolErrors: false,
  earlyMessageLimit: true,
  compression: false,
  frameEvents: false,
  closeAnswers: false,
  frameDelivery: false,
});

/** Numbers, order and the closing handshake. What carries the records is the subclass's. */
export abstract class RecordSocket implements NativeSocket {
  readonly capabilities: ConnectionCapabilities = FALLBACK_CAPABILITIES;

  protected readonly outbox: Outbox;
  protected readonly inbox: Inbox;
  /** Whether the channel wants nothing more for now. */
  protected paused = false;
  /** Whether our close record is in the outbox. */
  protected closeSent = false;
  /** Whether the other side's has come. */
  protected closeReceived = false;
  /** Whether the channel has been told of the end. */
  protected ended = false;

  #events!: NativeEvents;
  readonly #waiting = new Set<() => void>();

  /** @param options The limits. */
  constructor(options: ResolvedOptions) {
    this.outbox = new Outbox(options.maxBufferedBytes);
    this.inbox = new Inbox(options.maxMessageBytes);
  }

  /** Tells the subclass that the outbox has got more. */
  protected abstract onOutput(): void;

  /** Tells the subclass that nothing is to go on. */
  protected abstract onCut(): void;

  get bufferedAmount(): number {
    return this.outbox.bufferedAmount;
  }

  attach(events: NativeEvents): void {
    this.#events = events;
  }

  // ------------------------------------------------------------------ sending

  sendText(text: string): boolean {
    return this.#send(encodeText(text));
  }

  sendBytes(bytes: Uint8Array): boolean {
    return this.#send(encodeBinary(bytes));
  }

  #send(parts: readonly EncodedPart[]): boolean {
    if (this.closeSent || this.outbox.full) return false;
    this.outbox.push(parts);
    this.onOutput();
    return true;
  }

  // There is no such thing here, as `capabilities` says.
  ping(): void {}
  pong(): void {}

  /**
   * Takes what the other side has received.
   *
   * @returns `false` when it cannot have received that.
   */
  protected acknowledge(ack: number): boolean {
    const before = this.outbox.acked;
    if (!this.outbox.ack(ack)) return false;
    if (ack > before && !this.ended) this.#events.onFlush(this.outbox.empty);
    return true;
  }

  // ------------------------------------------------------------------ closing

  close(closeCode: number | undefined, reason: string): void {
    if (this.closeSent) return;
    this.closeSent = true;
    this.outbox.push([encodeClose(closeCode, reason)]);
    this.onOutput();
  }

  /** There is no way to say a last word for certain, so that none is said. */
  terminate(_last?: LastWord): void {
    this.onCut();
  }

  release(): void {
    this.ended = true;
    this.#resume();
  }

  /** Reports the loss of the other side. */
  protected lose(code: WebSocketErrorCode, why: string, cause?: unknown): void {
    if (!this.ended) {
      const error = new WebSocketError(`Cannot go on: ${why}`, { code, cause });
      this.#end({ closeCode: 1006, reason: "", wasClean: false, error });
    }
    this.onCut();
  }

  #end(end: NativeEnd): void {
    if (this.ended) return;
    this.ended = true;
    this.#events.onClose(end);
    this.#resume();
  }

  // ---------------------------------------------------------------- receiving

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    this.#resume();
  }

  #resume(): void {
    for (const go of [...this.#waiting]) if (this.#waiting.delete(go)) go();
  }

  /** Calls back once when the channel wants messages again, or all is over. */
  protected onceResumed(callback: () => void): void {
    this.#waiting.add(callback);
  }

  /** Lets go of such a callback. */
  protected forget(callback: () => void): void {
    this.#waiting.delete(callback);
  }

  /**
   * Takes a record.
   *
   * @returns `false` when it is not the next one and not a known one, or does not fit.
   */
  protected take(record: SequencedRecord): boolean {
    const taken = this.inbox.take(record);
    if (taken === "gap" || taken === "misfit") return false;
    if (taken === "known" || this.closeReceived) return true;
    if (typeof taken === "object") {
      if (!this.ended) this.#events.onMessage(taken.message);
    } else if (record.type === "close") this.#onClose(record.closeCode, record.reason);
    return true;
  }

  /** The other side is done; it is answered with what it said. */
  #onClose(closeCode: number, reason: string): void {
    this.closeReceived = true;
    this.close(closeCode === 1005 ? undefined : closeCode, reason);
    this.#end({ closeCode, reason, wasClean: true });
  }
}
