/**
 * A room in which everyone hears everyone.
 * @module
 */

import type { WebSocketConnection } from "../api/connection.ts";
import type { Message } from "../api/message_queue.ts";

/** How many bytes may wait for a member before a speaker waits too; below its high-water mark. */
const BEHIND_BYTES = 128 * 1024;

/** How often a speaker who waits looks again, in milliseconds. */
const LOOK_MS = 5;

/** How patient a {@linkcode ChatRoom} is. */
export interface Patience {
  /** How long a speaker waits for a member who is behind, in milliseconds. Default: 500. */
  readonly holdMs: number;
  /** How long a member may then stay behind, in milliseconds. Default: 5000. */
  readonly dropMs: number;
}

/**
 * Hands every message to all members, the one who said it among them.
 *
 * A speaker is held back for a moment while a member is behind, so that members who read hear
 * everything. A member who does not catch up in that time is not waited for again: it misses
 * messages until it has caught up, and when it has not after five seconds it is dropped with 1008.
 * So nobody blocks the others, and no more than one message above the limit waits for anyone.
 */
export class ChatRoom {
  /** Each member, with the time since when it is not waited for. */
  readonly #members: Map<WebSocketConnection, number | undefined> = new Map();
  readonly #patience: Patience;

  /** @param patience How long members are waited for. */
  constructor(patience: Patience = { holdMs: 500, dropMs: 5000 }) {
    this.#patience = patience;
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
   * @returns A promise for the moment when it is said.
   */
  async say(message: Message, name = ""): Promise<void> {
    const said = typeof message === "string" && name !== "" ? `${name}: ${message}` : message;
    const deadlineMs = performance.now() + this.#patience.holdMs;
    let behind = this.#behind();
    while (behind.length > 0 && performance.now() < deadlineMs) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      behind = this.#behind();
    }
    // Nothing is awaited from here on: whoever is not behind now has room for this message.
    for (const socket of behind) this.#members.set(socket, performance.now());
    for (const [socket, sinceMs] of this.#members) {
      if (socket.bufferedAmount <= BEHIND_BYTES) {
        this.#members.set(socket, undefined);
        socket.trySend(said);
      } else if (performance.now() - sinceMs! >= this.#patience.dropMs) {
        this.#members.delete(socket);
        socket.close(1008, "too slow for this room");
      }
    }
  }

  /** The members who are behind and still waited for. */
  #behind(): WebSocketConnection[] {
    const behind: WebSocketConnection[] = [];
    for (const [socket, sinceMs] of this.#members) {
      if (sinceMs === undefined && socket.bufferedAmount > BEHIND_BYTES) behind.push(socket);
    }
    return behind;
  }
}
