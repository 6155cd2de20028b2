/**
 * Keep-alive: regular pings, and notice when nobody is there any more.
 * @module
 */

import { EMPTY_BYTES } from "../bytes.ts";

/** What a heartbeat does and asks. */
export interface HeartbeatActions {
  /** Sends a ping. */
  ping(payload: Uint8Array): void;
  /** Whether silence proves nothing, because this side is not reading. */
  excused(): boolean;
  /** Bytes waiting to be sent: when they shrink, the peer is reading. */
  bufferedAmount(): number;
  /** The peer showed no sign of life in time. */
  dead(): void;
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
  readonly #actions: HeartbeatActions;
  #interval: ReturnType<typeof setInterval> | undefined;
  /** Runs while a ping of ours is out. */
  #deadline: ReturnType<typeof setTimeout> | undefined;
  #heard = false;
  #buffered = 0;

  constructor(intervalMs: number, timeoutMs: number, actions: HeartbeatActions) {
    this.#intervalMs = intervalMs;
    this.#timeoutMs = timeoutMs;
    this.#actions = actions;
  }

  /** Starts the first interval. */
  start(): void {
    this.#interval = setInterval(this.#beat, this.#intervalMs);
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
    return this.#heard || this.#actions.bufferedAmount() < this.#buffered;
  }

  readonly #beat = (): void => {
    if (this.#deadline !== undefined) {
      if (!this.#progress) return; // one ping at a time: the deadline of the last one decides
      clearTimeout(this.#deadline);
    }
    this.#heard = false;
    this.#deadline = setTimeout(this.#judge, this.#timeoutMs);
    this.#actions.ping(EMPTY_BYTES);
    this.#buffered = this.#actions.bufferedAmount();
  };

  readonly #judge = (): void => {
    this.#deadline = undefined;
    if (this.#progress) return;
    if (this.#actions.excused()) {
      this.#buffered = this.#actions.bufferedAmount();
      this.#deadline = setTimeout(this.#judge, this.#timeoutMs);
    } else {
      this.#actions.dead();
    }
  };
}
