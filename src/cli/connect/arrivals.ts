/**
 * What came over a connection: how much, and in which order.
 * @module
 */

import type { ConnectionObserver } from "../../api/observer.ts";

/** How many pings and pongs may wait to be shown; more are left out. */
const WAITING_CONTROLS = 100;

/** A ping or a pong that waits to be shown. */
interface Control {
  readonly type: "ping" | "pong";
  readonly payload: Uint8Array;
  /** After how many messages it came. */
  readonly after: number;
}

/**
 * Counts what goes over a connection, and hands out the pings and pongs that came. A message may
 * wait to be shown while they do not: each is held back until its turn.
 */
export class Arrivals {
  /** Messages that came, and their bytes. */
  messagesIn = 0;
  bytesIn = 0;
  /** Messages that were sent, and their bytes. */
  messagesOut = 0;
  bytesOut = 0;
  /** Sees the connection. */
  readonly observer: ConnectionObserver;

  readonly #show: (type: "ping" | "pong", payload: Uint8Array) => void;
  readonly #controls: Control[] = [];
  #shown = 0;

  /** @param show Shows a ping or a pong. */
  constructor(show: (type: "ping" | "pong", payload: Uint8Array) => void) {
    this.#show = show;
    this.observer = {
      wants: (event) => event === "message",
      message: (_, { direction, length }) => {
        const isIn = direction === "in";
        this[isIn ? "messagesIn" : "messagesOut"]++;
        this[isIn ? "bytesIn" : "bytesOut"] += length;
      },
      control: (_, { direction, type, payload }) => {
        if (direction === "out" || type === "close") return;
        if (this.#controls.length >= WAITING_CONTROLS) return;
        this.#controls.push({ type, payload: payload.slice(), after: this.messagesIn });
        this.#showUpTo(this.#shown);
      },
    };
  }

  /** Takes note that one more message was shown. */
  messageShown(): void {
    this.#showUpTo(++this.#shown);
  }

  /** Shows what still waits, for nothing comes before it any more. */
  finish(): void {
    this.#showUpTo(Infinity);
  }

  #showUpTo(shown: number): void {
    while (this.#controls.length > 0 && this.#controls[0].after <= shown) {
      const { type, payload } = this.#controls.shift()!;
      this.#show(type, payload);
    }
  }
}
