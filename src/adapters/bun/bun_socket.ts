/**
 * Bun's server-side WebSocket, as it is in Bun 1.4.
 * @module
 */

import type { ConnectionCapabilities, LastWord } from "../../api/channel.ts";
import { WebSocketError, type WebSocketErrorCode } from "../../errors.ts";
import type { NativeEnd, NativeEvents, NativeSocket } from "../native/native_socket.ts";
import type { BunServerWebSocket } from "./bun_types.ts";

/** What Bun's own socket can do; tests/adapters/bun_test.ts shows each. */
export const BUN_CAPABILITIES: ConnectionCapabilities = Object.freeze({
  engine: "bun",
  binary: true,
  ping: true,
  pingEvents: true,
  receiveBackPressure: true,
  receiveStreaming: false,
  sendStreaming: false,
  closeCodes: true,
  allCloseCodes: true,
  terminate: true,
  protocolErrors: true,
  earlyMessageLimit: true,
  compression: false,
  frameEvents: false,
  closeAnswers: false,
  frameDelivery: false,
});

/** The same for a connection whose `maxMessageBytes` is below that of its server. */
export const BUN_CAPABILITIES_LATE_LIMIT: ConnectionCapabilities = Object.freeze({
  ...BUN_CAPABILITIES,
  earlyMessageLimit: false,
});

/**
 * What Bun 1.4 says of a peer's fault, as the reason of a close with 1006, and which one that is.
 * The peer gets the right close code from Bun.
 */
const FAULTS: Readonly<Record<string, WebSocketErrorCode>> = {
  "Received unexpected RSV1 bit": "WS_RSV1_UNEXPECTED",
  "Received unexpected RSV2 or RSV3 bit": "WS_RSV2_UNEXPECTED",
  "Received invalid opcode": "WS_OPCODE_RESERVED",
  "Received an incorrectly masked frame": "WS_MASK_MISSING",
  "Received fragmented control frame": "WS_CONTROL_FRAGMENTED",
  "Received too big control frame": "WS_CONTROL_TOO_LONG",
  "Received continuation frame outside a fragmented message": "WS_CONTINUATION_UNEXPECTED",
  "Received new message inside a fragmented message": "WS_CONTINUATION_EXPECTED",
  "Received invalid close payload": "WS_CLOSE_PAYLOAD_INVALID",
  "Received invalid close code": "WS_CLOSE_CODE_INVALID",
  "Received invalid UTF-8": "WS_UTF8_INVALID",
  "Received too big message": "WS_MESSAGE_TOO_LARGE",
  "Received message that does not fit in memory": "WS_MESSAGE_TOO_LARGE",
};

/** The close code that makes Bun 1.4 send an empty close frame; none at all makes it send 1000. */
const EMPTY_CLOSE = 1005;

/** Wraps an open `ServerWebSocket`. */
export class BunSocket implements NativeSocket {
  readonly capabilities: ConnectionCapabilities;
  readonly #socket: BunServerWebSocket;
  #events!: NativeEvents;
  /** From how many bytes on Bun is asked to compress; `Infinity` where it does not. */
  readonly #threshold: number;
  /** Whether something waited when Bun was last asked or told: else nothing does. */
  #waiting = false;
  /** The close that goes out when nothing waits any more. */
  #closing: { closeCode: number; reason: string } | undefined;

  /**
   * @param socket The socket, open.
   * @param capabilities What it can do under its server's limits.
   * @param threshold From how many bytes on to compress. Default: never.
   */
  constructor(
    socket: BunServerWebSocket,
    capabilities: ConnectionCapabilities,
    threshold = Infinity,
  ) {
    this.#socket = socket;
    this.#threshold = threshold;
    this.capabilities = threshold === Infinity
      ? capabilities
      : { ...capabilities, compression: true };
    socket.binaryType = "uint8array";
  }

  get bufferedAmount(): number {
    return this.#waiting ? this.#socket.getBufferedAmount() : 0;
  }

  attach(events: NativeEvents): void {
    this.#events = events;
  }

  // ------------------------------------------------------------------ sending

  sendText(text: string, compress?: boolean): boolean {
    const socket = this.#socket;
    if (this.#threshold === Infinity) return this.#sent(socket.send(text), text.length);
    return this.#sent(socket.send(text, this.#wants(text.length, compress)), text.length);
  }

  sendBytes(bytes: Uint8Array, compress?: boolean): boolean {
    const socket = this.#socket;
    // Without a second argument, be it `false`: with one, Bun 1.4 takes a tenth more time.
    if (this.#threshold === Infinity) return this.#sent(socket.send(bytes), bytes.length);
    return this.#sent(socket.send(bytes, this.#wants(bytes.length, compress)), bytes.length);
  }

  /** Bun compresses what it is asked to, where the client has agreed to that. */
  #wants(length: number, compress: boolean | undefined): boolean {
    return compress ?? length >= this.#threshold;
  }

  /** Reads what `send` answered: bytes sent, -1 when it waits, 0 when it was dropped. */
  #sent(answer: number, length: number): boolean {
    if (answer > 0) return true;
    if (answer < 0) this.#waiting = true;
    return answer < 0 || length === 0; // an empty message may answer 0 as well
  }

  ping(payload: Uint8Array): void {
    if (this.#socket.ping(payload) < 0) this.#waiting = true;
  }

  pong(payload: Uint8Array): void {
    if (this.#socket.pong(payload) < 0) this.#waiting = true;
  }

  /** Takes Bun's `drain`, which comes also when only a part has left. */
  onDrain(): void {
    const amount = this.#socket.getBufferedAmount();
    const waited = this.#waiting;
    this.#waiting = amount > 0;
    if (amount === 0 && this.#closing !== undefined) return this.#closeNow();
    if (waited) this.#events.onFlush(amount === 0);
  }

  // ------------------------------------------------------------------ leaving

  /**
   * Bun 1.4 forgets a socket that it closes, with all that waits and no deadline for it; so the
   * close frame waits here, and `terminate()` can still cut the connection.
   */
  close(closeCode: number | undefined, reason: string): void {
    this.#closing = { closeCode: closeCode ?? EMPTY_CLOSE, reason };
    if (this.bufferedAmount === 0) this.#closeNow();
  }

  #closeNow(): void {
    const { closeCode, reason } = this.#closing!;
    this.#socket.close(closeCode, reason);
  }

  /** Bun's own close does not wait for the peer; it would for bytes that the peer does not take. */
  terminate(last?: LastWord): void {
    if (last === undefined || this.#closing !== undefined || this.bufferedAmount > 0) {
      this.#socket.terminate();
    } else this.#socket.close(last.closeCode ?? EMPTY_CLOSE, last.reason);
  }

  /**
   * Takes Bun's `close`. After a close of ours it comes at once, with our own code: Bun 1.4 does
   * not wait for the peer's close frame.
   */
  onClose(closeCode: number, reason: string): void {
    this.#events.onClose(toEnd(closeCode, reason));
  }

  // ------------------------------------------------------------------ reading

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  release(): void {}
}

function toEnd(closeCode: number, reason: string): NativeEnd {
  if (closeCode !== 1006) return { closeCode, reason, wasClean: true };
  const why = reason === "" ? "the connection was lost" : reason;
  const code = FAULTS[reason] ?? "WS_CONNECTION_LOST";
  const error = new WebSocketError(`Cannot go on: ${why}`, { code });
  return { closeCode, reason: "", wasClean: false, error };
}
