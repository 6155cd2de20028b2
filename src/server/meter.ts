/**
 * How fast one connection may send, and what happens when it is faster.
 * @module
 */

import type { ChannelEvents, CloseInfo } from "../api/channel.ts";
import type { WebSocketConnection } from "../api/connection.ts";
import { type ResolvedLimits, TokenBucket } from "./limits.ts";

/** The longest pause at once, in milliseconds: timers hold no more. */
const MAX_PAUSE_MS = 2 ** 31 - 1;

/** Whether limits say anything of messages. */
export function metersMessages(limits: ResolvedLimits): boolean {
  return limits.messagesPerSecond !== Infinity || limits.bytesPerSecond !== Infinity;
}

/** Counts what one connection sends. */
export class Meter {
  readonly #socket: WebSocketConnection;
  readonly #limits: ResolvedLimits;
  readonly #messages: TokenBucket | undefined;
  readonly #bytes: TokenBucket | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(socket: WebSocketConnection, limits: ResolvedLimits) {
    this.#socket = socket;
    this.#limits = limits;
    const { messagesPerSecond, messageBurst, bytesPerSecond, byteBurst } = limits;
    const now = performance.now();
    if (messagesPerSecond !== Infinity) {
      this.#messages = new TokenBucket(messagesPerSecond, messageBurst, now);
    }
    if (bytesPerSecond !== Infinity) this.#bytes = new TokenBucket(bytesPerSecond, byteBurst, now);
  }

  /**
   * Counts messages and bytes.
   *
   * @returns `false` when that was too much and the connection is being closed.
   */
  count(messages: number, bytes: number): boolean {
    const now = performance.now();
    // What has come is counted, and the debt is waited for: nothing is lost by pausing.
    this.#messages?.take(messages, now);
    this.#bytes?.take(bytes, now);
    const waitMs = Math.max(
      this.#messages?.waitMs(0, now) ?? 0,
      this.#bytes?.waitMs(0, now) ?? 0,
    );
    if (waitMs === 0) return true;
    const socket = this.#socket;
    if (this.#limits.onExcess === "close") {
      if (socket.readyState === 1) void socket.close(1008, "the peer sends too much");
      return false;
    }
    if (this.#timer !== undefined) return true;
    socket.pause();
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      socket.resume();
    }, Math.min(waitMs, MAX_PAUSE_MS));
    return true;
  }

  /** Leaves no timer behind. */
  stop(): void {
    clearTimeout(this.#timer);
  }
}

/** Stands between a channel and its connection, and counts what passes. */
export class MeteredEvents implements ChannelEvents {
  readonly #events: ChannelEvents;
  readonly #meter: Meter;

  constructor(events: ChannelEvents, meter: Meter) {
    this.#events = events;
    this.#meter = meter;
  }

  onMessage(data: string | Uint8Array): void {
    if (this.#meter.count(1, data.length)) this.#events.onMessage(data);
  }

  onMessageStart(type: "text" | "binary"): void {
    if (this.#meter.count(1, 0)) this.#events.onMessageStart(type);
  }

  onMessageSlice(slice: Uint8Array): void {
    if (this.#meter.count(0, slice.length)) this.#events.onMessageSlice(slice);
  }

  onMessageEnd(): void {
    this.#events.onMessageEnd();
  }

  onPing(payload: Uint8Array): boolean {
    return this.#meter.count(1, payload.length) && this.#events.onPing(payload);
  }

  onPong(payload: Uint8Array): void {
    this.#events.onPong(payload);
  }

  onFlush(): void {
    this.#events.onFlush();
  }

  onDrain(): void {
    this.#events.onDrain();
  }

  onClosing(close: Parameters<ChannelEvents["onClosing"]>[0]): void {
    this.#events.onClosing(close);
  }

  onFailure(error: Parameters<ChannelEvents["onFailure"]>[0]): void {
    this.#events.onFailure(error);
  }

  onClosed(info: CloseInfo): void {
    this.#meter.stop();
    this.#events.onClosed(info);
  }
}
