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
 * Sends a ping every interval, and gives the peer up when, after a ping, there was no sign of life
 * for the time allowed.
 *
 * Any byte from the peer is one: a peer that is busy sending a large message must not be cut
 * because its pong stands in a queue. So is any byte that leaves while others wait behind it: a
 * peer that is slow in reading cannot have seen the ping yet. What leaves while nothing waits proves
 * nothing, for the system takes it whether or not anybody is there.
 */
export class Heartbeat {
  readonly #intervalMs: number;
  readonly #timeoutMs: number;
  readonly #connection: Beating;
  #interval: ReturnType<typeof setInterval> | undefined;
  /** Runs while a ping of ours is out. */
  #deadline: ReturnType<typeof setTimeout> | undefined;
  #heard = false;
  /** Whether bytes have left since the deadline was set, and how many waited then. */
  #drained = false;
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

  /** Notes that the peer was heard. */
  alive(): void {
    this.#heard = true;
  }

  /** Notes that bytes have left which had to wait. */
  drained(): void {
    this.#drained = true;
  }

  #wait(): void {
    this.#heard = this.#drained = false;
    this.#buffered = this.#connection.bufferedAmount;
    this.#deadline = setTimeout(Heartbeat.#judge, this.#timeoutMs, this);
  }

  // Static, and given their heartbeat by the timer: a connection that is idle holds no closures.

  static #beat(this: void, heart: Heartbeat): void {
    if (heart.#deadline !== undefined) {
      if (!heart.#heard) return; // one ping at a time: the deadline of the last one decides
      clearTimeout(heart.#deadline);
    }
    heart.#wait(); // before the ping, which is not what it waits behind
    heart.#connection.ping(EMPTY_BYTES);
  }

  static #judge(this: void, heart: Heartbeat): void {
    heart.#deadline = undefined;
    if (heart.#heard) return;
    const { deaf, bufferedAmount } = heart.#connection;
    const reading = heart.#buffered > 0 && (heart.#drained || bufferedAmount < heart.#buffered);
    if (deaf || reading) heart.#wait();
    else heart.#connection.onSilence();
  }
}
