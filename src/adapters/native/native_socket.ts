/**
 * What a runtime's own server-side WebSocket looks like to {@linkcode NativeChannel}.
 * @module
 */

import type { ConnectionCapabilities, LastWord } from "../../api/channel.ts";
import type { Message } from "../../api/message_queue.ts";
import type { WebSocketError } from "../../errors.ts";

/** How a native socket ended, in the runtime's words. */
export interface NativeEnd {
  /** The close code that the runtime reports. */
  readonly closeCode: number;
  /** The reason that it reports. */
  readonly reason: string;
  /** Whether it says that there was a closing handshake. */
  readonly wasClean: boolean;
  /** Why the connection was lost; absent when it was closed. */
  readonly error?: WebSocketError;
}

/** Takes what a native socket reports, synchronously and in order. */
export interface NativeEvents {
  /** Takes a message; bytes are the taker's to keep. */
  onMessage(data: Message): void;
  /** Takes a ping, which the runtime answers itself. */
  onPing(payload: Uint8Array): void;
  /** Takes a pong. */
  onPong(payload: Uint8Array): void;
  /** Tells that `bufferedAmount` is lower than it was; `empty` when all has left. */
  onFlush(empty: boolean): void;
  /** Tells that all is over. What comes after the first call is ignored. */
  onClose(end: NativeEnd): void;
}

/** A runtime's own open WebSocket. No method throws, whatever the peer did. */
export interface NativeSocket {
  /** What it can do. */
  readonly capabilities: ConnectionCapabilities;
  /** Bytes given to it that have not left. */
  readonly bufferedAmount: number;
  /** Names who is told; once. */
  attach(events: NativeEvents): void;
  /**
   * Sends a text message, compressed or not where it has the choice; `false` when the runtime
   * dropped it because too much waits.
   */
  sendText(text: string, compress?: boolean): boolean;
  /** Sends a binary message, copying it; likewise. */
  sendBytes(bytes: Uint8Array, compress?: boolean): boolean;
  /** Sends a ping, where it can. */
  ping(payload: Uint8Array): void;
  /** Sends a pong, where it can. */
  pong(payload: Uint8Array): void;
  /** Sends a close frame after what waits; without a code, an empty one. */
  close(closeCode: number | undefined, reason: string): void;
  /** Cuts the connection, or comes as near to that as it can, with a last word if it has a way. */
  terminate(last?: LastWord): void;
  /** Stops reading, where it can. */
  pause(): void;
  /** Goes on reading. */
  resume(): void;
  /** Lets go of timers: nobody listens any more. */
  release(): void;
}
