/**
 * Deno's server-side WebSocket, as it is in Deno 2.9.
 * @module
 */

import type { ConnectionCapabilities, LastWord } from "../../api/channel.ts";
import { WebSocketError, type WebSocketErrorCode } from "../../errors.ts";
import type { NativeEvents, NativeSocket } from "../native/native_socket.ts";
import type { DenoWebSocket } from "./deno_types.ts";

/** What Deno's own socket can do; tests/adapters/deno_test.ts shows each. */
export const DENO_CAPABILITIES: ConnectionCapabilities = Object.freeze({
  engine: "deno",
  binary: true,
  ping: false,
  pingEvents: false,
  receiveBackPressure: false,
  receiveStreaming: false,
  sendStreaming: false,
  closeCodes: true,
  // A browser's WebSocket refuses most codes, and Deno's does so too on a client only.
  allCloseCodes: true,
  terminate: false,
  protocolErrors: false,
  earlyMessageLimit: false,
  compression: false,
  frameEvents: false,
  closeAnswers: false,
  frameDelivery: false,
});

/** What Deno 2.9 says of a peer's fault, and which one that is; the peer gets no close code. */
const FAULTS: Readonly<Record<string, WebSocketErrorCode>> = {
  "Invalid value": "WS_OPCODE_RESERVED",
  "Invalid UTF-8": "WS_UTF8_INVALID",
  "Invalid close code": "WS_CLOSE_CODE_INVALID",
  "Invalid close frame": "WS_CLOSE_PAYLOAD_INVALID",
  "Invalid continuation frame": "WS_CONTINUATION_UNEXPECTED",
  "Control frame must not be fragmented": "WS_CONTROL_FRAGMENTED",
  "Frame too large": "WS_MESSAGE_TOO_LARGE", // above 64 MiB, whatever the options say
  "No response from ping frame.": "WS_PING_TIMEOUT", // of `idleTimeout`
};

/** How soon to look again whether bytes have left, in milliseconds: the first time, and at most. */
const FIRST_LOOK_MS = 1;
const SLOWEST_LOOK_MS = 64;

/** Wraps an open socket of `Deno.upgradeWebSocket`. */
export class DenoSocket implements NativeSocket {
  readonly capabilities: ConnectionCapabilities = DENO_CAPABILITIES;
  readonly #socket: DenoWebSocket;
  readonly #watchAbove: number;
  #events!: NativeEvents;

  /** At most so many bytes were given since nothing was seen to wait. */
  #given = 0;
  #watch: ReturnType<typeof setTimeout> | undefined;
  #lookAfterMs = FIRST_LOOK_MS;
  #seenAmount = 0;
  /** The close that goes out when nothing waits any more. */
  #closing: { closeCode: number | undefined; reason: string } | undefined;

  /**
   * @param socket The socket, open.
   * @param watchAbove From how many waiting bytes on somebody may wait for them to leave.
   */
  constructor(socket: DenoWebSocket, watchAbove: number) {
    this.#socket = socket;
    this.#watchAbove = watchAbove;
    socket.binaryType = "arraybuffer";
  }

  /** Deno counts what it has not written; it says 0 once the socket is closing. */
  get bufferedAmount(): number {
    return this.#socket.bufferedAmount;
  }

  attach(events: NativeEvents): void {
    this.#events = events;
    const socket = this.#socket;
    let lost: WebSocketError | undefined;
    socket.addEventListener("message", ({ data }) => {
      events.onMessage(typeof data === "string" ? data : new Uint8Array(data));
    });
    socket.addEventListener("error", ({ message = "", error }) => {
      const code = FAULTS[message] ?? "WS_CONNECTION_LOST";
      lost = new WebSocketError(`Cannot go on: ${message || "the connection was lost"}`, {
        code,
        cause: error ?? undefined,
      });
    });
    // Deno closes with code 0 and without an "error" when a message of the peer's crosses our close
    // frame, and with 1005 and wasClean when the peer just ends the bytes after it. After an
    // idleTimeout there are two "close" events, of which the channel takes the first.
    socket.addEventListener("close", ({ code, reason, wasClean }) => {
      events.onClose(
        lost === undefined
          ? { closeCode: code === 0 ? 1006 : code, reason, wasClean }
          : { closeCode: 1006, reason: "", wasClean: false, error: lost },
      );
    });
  }

  // ------------------------------------------------------------------ sending

  sendText(text: string): boolean {
    this.#socket.send(text);
    if ((this.#given += text.length * 3) > this.#watchAbove) this.#startWatch();
    return true;
  }

  sendBytes(bytes: Uint8Array): boolean {
    this.#socket.send(bytes);
    if ((this.#given += bytes.length) > this.#watchAbove) this.#startWatch();
    return true;
  }

  /**
   * Deno has no event for bytes that have left. Where so many wait that somebody may be waiting for
   * them, a timer looks: at once, then ever more seldom while nothing moves, and not at all when
   * nothing waits.
   */
  #startWatch(): void {
    if (this.#watch !== undefined) return;
    this.#given = this.#seenAmount = this.bufferedAmount;
    if (this.#seenAmount <= this.#watchAbove) return;
    this.#lookAfterMs = FIRST_LOOK_MS;
    this.#watch = setTimeout(DenoSocket.#look, this.#lookAfterMs, this);
  }

  static #look(this: void, self: DenoSocket): void {
    const amount = self.bufferedAmount;
    const moved = amount < self.#seenAmount;
    self.#given = self.#seenAmount = amount;
    self.#lookAfterMs = moved ? FIRST_LOOK_MS : Math.min(self.#lookAfterMs * 2, SLOWEST_LOOK_MS);
    self.#watch = amount === 0 ? undefined : setTimeout(DenoSocket.#look, self.#lookAfterMs, self);
    if (amount === 0 && self.#closing !== undefined) return self.#closeNow();
    if (moved) self.#events.onFlush(amount === 0);
  }

  release(): void {
    clearTimeout(this.#watch);
    this.#watch = undefined;
  }

  ping(): void {
    // Deno sends pings of its own only: see `idleTimeout`.
  }

  pong(): void {
    // Deno answers pings itself.
  }

  // ------------------------------------------------------------------ leaving

  /**
   * Deno 2.9 drops all that waits, be it the close frame alone, when after `close()` it comes upon
   * a message: one that it has read already is enough. So the close waits until nothing waits,
   * and at least for a turn of the loop, in which messages still come to be dropped.
   */
  close(closeCode: number | undefined, reason: string): void {
    this.#closing = { closeCode, reason };
    this.#seenAmount = this.bufferedAmount;
    this.#watch ??= setTimeout(DenoSocket.#look, 0, this);
  }

  #closeNow(): void {
    const { closeCode, reason } = this.#closing!;
    if (closeCode === undefined) this.#socket.close();
    else this.#socket.close(closeCode, reason);
  }

  /** Deno cannot cut a server's socket: the peer is told to leave, and nobody listens any more. */
  terminate(last?: LastWord): void {
    const { closeCode, reason = "" } = last ?? {};
    this.#closing ??= { closeCode, reason };
    this.#closeNow();
  }

  // ------------------------------------------------------------------ reading

  pause(): void {
    // Deno reads on; the channel holds what comes.
  }

  resume(): void {}
}
