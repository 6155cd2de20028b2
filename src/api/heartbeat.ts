/**
 * Keep-alive: regular pings, and notice when nobody is there any more.
 * @module
 */

import { EMPTY_BYTES } from "../bytes.ts";
import { LAST_LOOK_MS } from "./patient_timer.ts";

/** What a heartbeat does with, and asks of, its connection. */
export interface Beating {
  /** Sends a ping. */
  ping(payload: Uint8Array): void;
  /** Sends a pong that answers nothing, where there is such a thing. */
  pong?(payload: Uint8Array): void;
  /** Bytes waiting to be sent: when they shrink, the peer is reading. */
  readonly bufferedAmount: number;
  /** Whether silence proves nothing, because this side is not reading. */
  readonly deaf: boolean;
  /** The peer showed no sign of life in time. */
  onSilence(): void;
  /** A ping was answered after so many milliseconds; told where pongs are given to the heartbeat. */
  onLatency?(ms: number): void;
}

/**
 * Lets the process end although a timer runs, where the runtime has such a thing. A connection that
 * is alive keeps it running by its socket; one without is not worth waiting for.
 *
 * @param timer What `setTimeout` or `setInterval` returned.
 */
export function unref(timer: unknown): void {
  (timer as { unref?(): void }).unref?.();
}

/**
 * Sends a ping every interval, and gives the peer up when, after a ping, there was no sign of life
 * for the time allowed.
 *
 * Any byte from the peer is one: a peer that is busy sending a large message must not be cut
 * because its pong stands in a queue. So is any byte that leaves while others wait behind it: a
 * peer that is slow in reading cannot have seen the ping yet. What leaves while nothing waits proves
 * nothing, for the system takes it whether or not anybody is there. And what came in time must
 * have been read, and a peer may share the machine that stood still: when the time is over this looks
 * once more, for as long as it is late itself, but for no longer than the time allowed.
 */
export class Heartbeat {
  readonly #intervalMs: number;
  readonly #timeoutMs: number;
  readonly #connection: Beating;
  #interval: ReturnType<typeof setInterval> | undefined;
  /** Runs while a ping of ours is out. */
  #deadline: ReturnType<typeof setTimeout> | undefined;
  /** When it is due; 0 when it has passed, and the last look runs. */
  #dueAt = 0;
  #heard = false;
  /** When bytes have left since the deadline was set (0: not yet), and how many waited then. */
  #drainedAt = 0;
  #buffered = 0;
  /** The number of the last ping, which is its payload. */
  #count = 0;
  /** The ping being measured, and when it went; 0 for none. */
  #measured = 0;
  #measuredAt = 0;

  /**
   * @param intervalMs How often to ping, in milliseconds.
   * @param timeoutMs How long silence may last after a ping, in milliseconds.
   * @param connection Whose heartbeat it is.
   */
  constructor(intervalMs: number, timeoutMs: number, connection: Beating) {
    this.#intervalMs = intervalMs;
    this.#timeoutMs = timeoutMs;
    this.#connection = connection;
  }

  /** Starts the first interval. */
  start(): void {
    this.#interval = setInterval(Heartbeat.#beat, this.#intervalMs, this);
    unref(this.#interval);
  }

  /** Stops for good. */
  stop(): void {
    clearInterval(this.#interval);
    clearTimeout(this.#deadline);
    this.#interval = this.#deadline = undefined;
  }

  /** Notes that the peer was heard. */
  alive(): void {
    this.#heard = true;
  }

  /** Notes that the peer could not be heard until now: its pong may have waited for this side. */
  excuse(): void {
    this.#heard = true;
    this.#measuredAt = 0;
  }

  /** Notes that bytes have left which had to wait. */
  drained(): void {
    this.#drainedAt = performance.now();
  }

  /** Takes a pong; one to a later ping answers those before it as well (RFC 6455 §5.5.3). */
  onPong(payload: Uint8Array): void {
    if (payload.length !== 1 || this.#measuredAt === 0) return;
    if (((payload[0] - this.#measured) & 255) > ((this.#count - this.#measured) & 255)) return;
    const ms = performance.now() - this.#measuredAt;
    this.#measuredAt = 0;
    this.#connection.onLatency?.(ms);
  }

  #wait(ms = this.#timeoutMs): void {
    this.#heard = false;
    this.#drainedAt = 0;
    this.#buffered = this.#connection.bufferedAmount;
    this.#dueAt = performance.now() + ms;
    this.#setDeadline(ms);
  }

  #setDeadline(ms: number): void {
    this.#deadline = setTimeout(Heartbeat.#judge, ms, this);
    unref(this.#deadline);
  }

  /** One ping at a time: the deadline of the last one decides. */
  #beatUnheard(): void {
    const { deaf, bufferedAmount } = this.#connection;
    // The peer's pings wait unread on this side, so it must hear in another way that we are there.
    if (deaf && bufferedAmount === 0) this.#connection.pong?.(EMPTY_BYTES);
  }

  // Static, and given their heartbeat by the timer: a connection that is idle holds no closures.

  static #beat(this: void, heart: Heartbeat): void {
    if (heart.#deadline !== undefined) {
      if (!heart.#heard) return heart.#beatUnheard();
      clearTimeout(heart.#deadline);
    }
    heart.#wait(); // before the ping, which is not what it waits behind
    heart.#count = (heart.#count + 1) & 255;
    if (heart.#measuredAt === 0 && !heart.#connection.deaf) {
      heart.#measured = heart.#count;
      heart.#measuredAt = performance.now();
    }
    heart.#connection.ping(Uint8Array.of(heart.#count));
  }

  static #judge(this: void, heart: Heartbeat): void {
    heart.#deadline = undefined;
    if (heart.#heard) return;
    const { deaf, bufferedAmount } = heart.#connection;
    if (deaf) return heart.#wait();
    if (heart.#dueAt > 0) {
      const lateMs = Math.ceil(performance.now() - heart.#dueAt);
      heart.#dueAt = 0;
      return heart.#setDeadline(Math.max(LAST_LOOK_MS, Math.min(lateMs, heart.#timeoutMs)));
    }
    if (heart.#buffered > 0) {
      // The time allowed runs from the last moment at which the peer was seen to read.
      if (heart.#drainedAt > 0) {
        const leftMs = heart.#drainedAt + heart.#timeoutMs - performance.now();
        if (leftMs > 0) return heart.#wait(Math.ceil(leftMs));
      } else if (bufferedAmount < heart.#buffered) return heart.#wait();
    }
    heart.#connection.onSilence();
  }
}
