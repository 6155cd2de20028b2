/**
 * Messages between the channel and their events.
 *
 * The standard fires each event in a task of its own: what a listener's promise set going runs
 * before the next event, and code that awaits one message and then listens for another misses none.
 * A task for each message would cost more than the message. So the first of a burst goes at once,
 * and those of the same chunk follow some turns of the microtask queue apart; and once many
 * messages went to the same listeners, which nobody can then be about to replace, all go at once.
 *
 * @module
 */

import type { Message } from "../message_queue.ts";

/** Turns between two messages: enough for some `await`s on top of each other. */
const TURNS = 6;

/** After how many messages to the same listeners all go at once. */
const CALM_MESSAGES = 64;

/** `then` on it is a turn of the microtask queue. */
const SETTLED: Promise<void> = Promise.resolve();

/** Hands messages out one by one. */
export class MessageLine {
  readonly #take: (data: Message) => void;
  #waiting: Message[] = [];
  #head = 0;
  #turns = 0;
  #running = false;
  /** Messages since the listeners changed. */
  #calm = 0;

  /** @param take Fires a message's event; must not throw. */
  constructor(take: (data: Message) => void) {
    this.#take = take;
  }

  /** Whether a message was handed out just now, or more wait. */
  get busy(): boolean {
    return this.#running;
  }

  /** Tells that listeners were added, removed or replaced. */
  onListeners(): void {
    this.#calm = 0;
  }

  /** Hands a message out, now or soon. */
  push(data: Message): void {
    if (this.#running) {
      this.#waiting.push(data);
    } else if (this.#calm >= CALM_MESSAGES) {
      this.#take(data);
    } else {
      this.#running = true;
      this.#next(data);
    }
  }

  #next(data: Message): void {
    this.#calm++;
    this.#turns = 0;
    this.#take(data);
    SETTLED.then(this.#turn);
  }

  readonly #turn = (): void => {
    if (++this.#turns < TURNS) {
      SETTLED.then(this.#turn);
    } else if (this.#head < this.#waiting.length) {
      const data = this.#waiting[this.#head];
      this.#waiting[this.#head++] = "";
      this.#next(data);
    } else {
      this.#running = false;
      this.#waiting.length = this.#head = 0;
    }
  };
}
