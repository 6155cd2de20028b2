/**
 * How fast one connection may send, and what happens when it is faster.
 * @module
 */

import type { WebSocketConnection } from "../api/connection.ts";
import type {
  ConnectionObserver,
  ObservedConnection,
  ObservedControl,
  ObservedFrame,
  ObservedMessage,
} from "../api/observer.ts";
import { type ResolvedLimits, TokenBucket } from "./limits.ts";

/** The longest pause at once, in milliseconds: timers hold no more. */
const MAX_PAUSE_MS = 2 ** 31 - 1;

/** The lowest opcode of a control frame. */
const CLOSE = 8;

/**
 * Makes an observer that holds connections to the limits on messages and bytes. Where frames are
 * seen, those count, so that a message counts while it comes; else whole messages do.
 *
 * @returns The observer; `undefined` when there are no such limits.
 */
export function meterMessages(limits: ResolvedLimits): ConnectionObserver | undefined {
  if (limits.messagesPerSecond === Infinity && limits.bytesPerSecond === Infinity) return undefined;
  const meters = new WeakMap<ObservedConnection, Meter>();
  return {
    open(connection: ObservedConnection) {
      meters.set(connection, new Meter(connection.socket!, limits));
    },
    frame(connection: ObservedConnection, { direction, opcode, fin, length }: ObservedFrame) {
      if (direction === "out" || opcode >= CLOSE) return;
      meters.get(connection)?.count(fin ? 1 : 0, length);
    },
    message(connection: ObservedConnection, { direction, data }: ObservedMessage) {
      if (direction === "out" || connection.socket!.capabilities.frameEvents) return;
      meters.get(connection)?.count(1, data?.length ?? 0);
    },
    control(connection: ObservedConnection, { direction, type, payload }: ObservedControl) {
      if (direction === "in" && type === "ping") meters.get(connection)?.count(1, payload.length);
    },
    close(connection: ObservedConnection) {
      meters.get(connection)?.stop();
    },
  };
}

/** Counts what one connection sends. */
class Meter {
  readonly #socket: WebSocketConnection;
  readonly #closes: boolean;
  readonly #messages: TokenBucket | undefined;
  readonly #bytes: TokenBucket | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(socket: WebSocketConnection, limits: ResolvedLimits) {
    this.#socket = socket;
    this.#closes = limits.onExcess === "close";
    const { messagesPerSecond, messageBurst, bytesPerSecond, byteBurst } = limits;
    const now = performance.now();
    if (messagesPerSecond !== Infinity) {
      this.#messages = new TokenBucket(messagesPerSecond, messageBurst, now);
    }
    if (bytesPerSecond !== Infinity) this.#bytes = new TokenBucket(bytesPerSecond, byteBurst, now);
  }

  /** Counts messages and bytes, and closes the connection or stops reading it for a while. */
  count(messages: number, bytes: number): void {
    const socket = this.#socket;
    const waitMs = this.#take(messages, bytes);
    // While it is paused, what had been read already is owed like the rest.
    if (waitMs === 0 || this.#timer !== undefined || socket.readyState !== 1) return;
    socket.pause();
    if (this.#closes) {
      // Not here: what an observer does is hidden from the other observers.
      return queueMicrotask(() => void socket.close(1008, "the peer sends too much"));
    }
    this.#timer = setTimeout(this.#onTimer, Math.min(waitMs, MAX_PAUSE_MS));
  }

  /** Takes what came, also into debt, and tells how long that is to be waited for. */
  #take(messages: number, bytes: number): number {
    const now = performance.now();
    this.#messages?.take(messages, now);
    this.#bytes?.take(bytes, now);
    return this.#debtMs(now);
  }

  #debtMs(now: number): number {
    return Math.max(this.#messages?.waitMs(0, now) ?? 0, this.#bytes?.waitMs(0, now) ?? 0);
  }

  readonly #onTimer = (): void => {
    const waitMs = this.#debtMs(performance.now());
    if (waitMs >= 1) {
      this.#timer = setTimeout(this.#onTimer, Math.min(waitMs, MAX_PAUSE_MS));
      return;
    }
    this.#timer = undefined;
    this.#socket.resume();
  };

  /** Leaves no timer behind. */
  stop(): void {
    clearTimeout(this.#timer);
  }
}
