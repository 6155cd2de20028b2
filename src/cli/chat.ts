/**
 * A room in which everyone hears everyone.
 * @module
 */

import type { WebSocketConnection } from "../api/connection.ts";
import type { Message } from "../api/message_queue.ts";

/** How long a member's buffer may stay full before the member is dropped, in milliseconds. */
const PATIENCE_MS = 5000;

/**
 * Hands every message to all members, the one who said it among them.
 *
 * Nobody waits for a slow member, and nothing piles up for one: a message that does not fit below
 * its high-water mark is not sent to it, and when none has fitted for five seconds it is dropped
 * with 1008.
 */
export class ChatRoom {
  /** Each member, with the time from which on its buffer has been full. */
  readonly #members: Map<WebSocketConnection, number | undefined> = new Map();
  readonly #patienceMs: number;

  /** @param patienceMs How long a member may be full, in milliseconds. Default: 5000. */
  constructor(patienceMs: number = PATIENCE_MS) {
    this.#patienceMs = patienceMs;
  }

  /** How many are in the room. */
  get size(): number {
    return this.#members.size;
  }

  /** Lets a member in until its connection ends. */
  join(socket: WebSocketConnection): void {
    this.#members.set(socket, undefined);
    socket.closed.then(() => this.#members.delete(socket));
  }

  /**
   * Says something to all.
   *
   * @param message Text or bytes.
   * @param name Who says it; put before text. Default: nobody.
   */
  say(message: Message, name = ""): void {
    const said = typeof message === "string" && name !== "" ? `${name}: ${message}` : message;
    const now = performance.now();
    for (const [socket, fullSince] of this.#members) {
      if (socket.trySend(said)) {
        if (fullSince !== undefined) this.#members.set(socket, undefined);
      } else if (fullSince === undefined) {
        this.#members.set(socket, now);
      } else if (now - fullSince >= this.#patienceMs) {
        this.#members.delete(socket);
        socket.close(1008, "too slow for this room");
      }
    }
  }
}
