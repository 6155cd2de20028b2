/**
 * A platform's own client-side WebSocket, as the WHATWG standard has it.
 * @module
 */

import type { ConnectionCapabilities, LastWord } from "../../api/channel.ts";
import { WebSocketError } from "../../errors.ts";
import type { NativeEvents, NativeSocket } from "../native/native_socket.ts";

/** What a standard WebSocket can do; tests/adapters/browser_test.ts shows it. */
export const BROWSER_CAPABILITIES: ConnectionCapabilities = Object.freeze({
  engine: "browser",
  binary: true,
  ping: false,
  pingEvents: false,
  receiveBackPressure: false,
  receiveStreaming: false,
  sendStreaming: false,
  closeCodes: true,
  allCloseCodes: false,
  terminate: false,
  protocolErrors: false,
  earlyMessageLimit: false,
  compression: false,
  frameEvents: false,
  closeAnswers: false,
  frameDelivery: false,
});

/** How soon to look again whether bytes have left, in milliseconds: the first time, and at most. */
const FIRST_LOOK_MS = 2;
const SLOWEST_LOOK_MS = 64;

/** Wraps an open WebSocket whose messages are array buffers. */
export class BrowserSocket implements NativeSocket {
  readonly capabilities: ConnectionCapabilities = BROWSER_CAPABILITIES;
  readonly #socket: WebSocket;
  readonly #watchAbove: number;
  #events!: NativeEvents;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #lookAfterMs = FIRST_LOOK_MS;
  #lastAmount = 0;

  /**
   * @param socket The socket, open, with `binaryType` `"arraybuffer"`.
   * @param watchAbove From how many waiting bytes on somebody may wait for them to leave.
   */
  constructor(socket: WebSocket, watchAbove: number) {
    this.#socket = socket;
    this.#watchAbove = watchAbove;
  }

  /** Bytes that have not left. After the end the standard keeps counting; the channel does not. */
  get bufferedAmount(): number {
    return this.#socket.bufferedAmount;
  }

  attach(events: NativeEvents): void {
    this.#events = events;
    const socket = this.#socket;
    socket.addEventListener("message", ({ data }) => {
      events.onMessage(typeof data === "string" ? data : new Uint8Array(data as ArrayBuffer));
    });
    // An "error" event says nothing that the "close" event after it does not.
    socket.addEventListener("close", ({ code, reason, wasClean }) => {
      if (wasClean) return events.onClose({ closeCode: code, reason, wasClean });
      const error = new WebSocketError("Cannot go on: the connection was lost", {
        code: "WS_CONNECTION_LOST",
      });
      events.onClose({ closeCode: 1006, reason: "", wasClean, error });
    });
  }

  // ------------------------------------------------------------------ sending

  sendText(text: string): boolean {
    this.#socket.send(text);
    this.#watch(text.length);
    return true;
  }

  sendBytes(bytes: Uint8Array): boolean {
    this.#socket.send(bytes as Uint8Array<ArrayBuffer>);
    this.#watch(bytes.length);
    return true;
  }

  /**
   * There is no event for bytes that have left, so that a timer looks, as long as many wait, or the
   * rest of a large message does: whoever sent that waits for all of it.
   */
  #watch(sentBytes: number): void {
    const amount = this.bufferedAmount;
    if (this.#timer !== undefined || amount === 0) return;
    if (amount <= this.#watchAbove && sentBytes <= this.#watchAbove) return;
    this.#lastAmount = amount;
    this.#lookAfterMs = FIRST_LOOK_MS;
    this.#timer = setTimeout(() => this.#look(), FIRST_LOOK_MS);
  }

  #look(): void {
    const amount = this.bufferedAmount;
    const moved = amount < this.#lastAmount;
    this.#lastAmount = amount;
    this.#lookAfterMs = moved ? FIRST_LOOK_MS : Math.min(2 * this.#lookAfterMs, SLOWEST_LOOK_MS);
    this.#timer = amount === 0 ? undefined : setTimeout(() => this.#look(), this.#lookAfterMs);
    if (moved) this.#events.onFlush(amount === 0);
  }

  release(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  ping(): void {
    // The standard has no pings.
  }

  pong(): void {
    // The platform answers pings itself.
  }

  // ------------------------------------------------------------------ leaving

  /** The standard sends 1000 and 3000–4999 only: 1009, say, goes out as 4009. */
  close(closeCode: number | undefined, reason: string): void {
    if (closeCode === undefined) return this.#socket.close();
    const sendable = closeCode === 1000 || closeCode >= 3000;
    this.#socket.close(sendable ? closeCode : closeCode + 3000, reason);
  }

  /** No connection can be cut: the peer is told to leave, and nobody listens any more. */
  terminate(last: LastWord = {}): void {
    this.close(last.closeCode, last.reason ?? "");
  }

  // ------------------------------------------------------------------ reading

  pause(): void {
    // The platform reads on; the channel holds what comes.
  }

  resume(): void {}
}
