/**
 * Keep-alive: regular pings, and notice when nobody is there any more.
 * @module
 */

import { EMPTY_BYTES } from "../bytes.ts";

/** What a heartbeat does with, and asks of, its connection. */
export interface Beating {
  /** Sends a ping. */
  ping(payload: Uint8Array): void;
  /** Bytes waiting to be sent: when they shrink, the peer is reading. */
  readonly bufferedAmount: number;
  /** Whether silence proves nothing, because this side is not reading. */
  readonly deaf: boolean;
  /** The peer showed no sign of life in time. */
  onSilence(): void;
}

/**
 * Sends a ping every interval, and gives the peer up when, after a ping, neither a byte came from
 * it nor a byte left towards it for the time allowed.
 *
 * Any byte counts as life: a peer that is busy sending a large message, or slow in reading one,
 * must not be cut because its pong stands in a queue.
 */
export class Heartbeat {
  readonly #intervalMs: number;
  readonly #timeoutMs: number;
  readonly #connection: Beating;
  #interval: ReturnType<typeof setInterval> | undefined;
  /** Runs while a ping of ours is out. */
  #deadline: ReturnType<typeof setTimeout> | undefined;
  #heard = false;
  #buffered = 0;

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
  }

  /** Stops for good. */
  stop(): void {
    clearInterval(this.#interval);
    clearTimeout(this.#deadline);
    this.#interval = this.#deadline = undefined;
  }

  /** Notes a sign of life. */
  alive(): void {
    this.#heard = true;
  }

  get #progress(): boolean {
    return this.#heard || this.#connection.bufferedAmount < this.#buffered;
  }

  // Static, and given their heartbeat by the timer: a connection that is idle holds no closures.

  static #beat(this: void, heart: Heartbeat): void {
    if (heart.#deadline !== undefined) {
      if (!heart.#progress) return; // one ping at a time: the deadline of the last one decides
      clearTimeout(heart.#deadline);
    }
    heart.#heard = false;
    heart.#deadline = setTimeout(Heartbeat.#judge, heart.#timeoutMs, heart);
    heart.#connection.ping(EMPTY_BYTES);
    heart.#buffered = heart.#connection.bufferedAmount;
  }

  static #judge(this: void, heart: Heartbeat): void {
    heart.#deadline = undefined;
    if (heart.#progress) return;
    if (heart.#connection.deaf) {
      heart.#buffered = heart.#connection.bufferedAmount;
      heart.#deadline = setTimeout(Heartbeat.#judge, heart.#timeoutMs, heart);
    } else {
      heart.#connection.onSilence();
    }
  }
}
