/**
 * Observers: who wants to see what connections do, without a part in it.
 *
 * ```
 *  opening handshake ──┐
 *  ObservedChannel ────┼──> ConnectionTap ──> Observers ──> your observers
 *  engine's frames ────┘    (one each)        (one list)
 * ```
 *
 * @module
 */

import type { HandshakeError, WebSocketError } from "../errors.ts";
import type { UpgradeRequest } from "../handshake/mod.ts";
import type { CloseInfo } from "./channel.ts";
import type { WebSocketConnection } from "./connection.ts";

/** `"in"`: from the peer; `"out"`: from this side. */
export type Direction = "in" | "out";

/** The connection that an event belongs to; the same object for all of its events. */
export interface ObservedConnection {
  /** A number that no other connection of this process has, from 1 on. */
  readonly id: number;
  /** Which end this is. */
  readonly role: "server" | "client";
  /** The URL that was asked for; `""` before a request was read. */
  readonly url: string;
  /** The opening request, on a server. */
  readonly request: UpgradeRequest | undefined;
  /** The peer's address, where it is known. */
  readonly remoteAddress: string | undefined;
  /** The connection itself, once it is open. */
  readonly socket: WebSocketConnection | undefined;
}

/** A head of the opening handshake. */
export interface ObservedHead {
  /** Who sent it. */
  readonly direction: Direction;
  /** The request's method; `undefined` for a response. */
  readonly method: string | undefined;
  /** The response's status; `undefined` for a request. */
  readonly status: number | undefined;
  /** The header fields, secrets and all. */
  readonly headers: Headers;
}

/** The header of a frame. */
export interface ObservedFrame {
  /** Who sent it. */
  readonly direction: Direction;
  /** 0 continuation, 1 text, 2 binary, 8 close, 9 ping, 10 pong. */
  readonly opcode: number;
  /** Whether it ends its message. */
  readonly fin: boolean;
  /** Whether its message is compressed, said with the first frame. */
  readonly rsv1: boolean;
  /** Always `false` for now: no extension uses it. */
  readonly rsv2: boolean;
  /** Always `false` for now: no extension uses it. */
  readonly rsv3: boolean;
  /** Whether it is masked on the wire. */
  readonly masked: boolean;
  /** Payload bytes, as on the wire. */
  readonly length: number;
}

/** A control frame, whole. */
export interface ObservedControl {
  /** Who sent it. */
  readonly direction: Direction;
  /** What it is. */
  readonly type: "close" | "ping" | "pong";
  /** At most 125 bytes: a view, good during the call only. */
  readonly payload: Uint8Array;
}

/** A message that came or was sent. */
export interface ObservedMessage {
  /** Who sent it. */
  readonly direction: Direction;
  /** What it is. */
  readonly type: "text" | "binary";
  /** Its bytes, uncompressed. */
  readonly length: number;
  /**
   * The message: good during the call only, and never to be changed. `undefined` for one that was
   * streamed, of which nobody ever had the whole.
   */
  readonly data: string | Uint8Array | undefined;
}

/** What a close frame said. */
export interface ObservedClosing {
  /** Who sent it. */
  readonly direction: Direction;
  /** The code; 1005 for none. */
  readonly closeCode: number;
  /** The reason; may be empty. */
  readonly reason: string;
}

/** How a connection ended. */
export interface ObservedClose extends CloseInfo {
  /** The code that this side sent; `undefined` when it sent no close frame. */
  readonly sentCode: number | undefined;
  /** The reason that this side sent; may be empty. */
  readonly sentReason: string;
  /** How long it was open, in milliseconds. */
  readonly durationMs: number;
}

/** A plain HTTP request that `serve()` has answered. */
export interface ObservedHttp {
  /** The method. */
  readonly method: string;
  /** The request target: path and query. */
  readonly target: string;
  /** The response's status. */
  readonly status: number;
  /** The client's address, where it is known. */
  readonly remoteAddress: string | undefined;
  /** The client's name for itself; `""` for none. */
  readonly userAgent: string;
  /** From the request's head to the response's end, in milliseconds. */
  readonly durationMs: number;
  /** Whether the response was sent to its end. */
  readonly complete: boolean;
}

/** What became of a server. */
export interface ObservedEndpoint {
  /** What happened; `failed`: the system reported an error after it listened. */
  readonly state: "listening" | "closing" | "closed" | "failed";
  /** Where it listens. */
  readonly url: string;
  /** The error, when it failed. */
  readonly error?: unknown;
}

/** The events that are frequent, and that an observer can decline from moment to moment. */
export type FrequentEvent = "frame" | "framePayload" | "message";

/**
 * Sees what connections do: the `observer` option of servers and clients. `createLog()` and
 * `createMetrics()` of `./server` make some; any object with some of these methods will do.
 *
 * Methods are called synchronously, in the order in which things happen. What one throws goes to
 * `onError`, the first time, and changes nothing else. What an observer itself does with a
 * connection is not shown to it.
 *
 * Frames are seen where this library's engine runs; a runtime's own socket (`./deno`, `./bun`) does
 * not show them: `socket.capabilities.frameEvents` tells. There `frame`, `framePayload` and
 * `roundTrip` are never called, and `control` only for what passes through the API.
 *
 * @example
 * ```ts
 * import type { ConnectionObserver } from "@fullduplex/ws";
 *
 * export const observer: ConnectionObserver = {
 *   open: ({ id, url }) => console.log(id, "opened", url),
 *   close: ({ id }, { closeCode }) => console.log(id, "closed with", closeCode),
 * };
 * ```
 */
export interface ConnectionObserver {
  /** Tells whether a frequent event is wanted now; asked each time. Default: it is. */
  wants?(event: FrequentEvent): boolean;
  /** A head of the opening handshake came or goes. */
  handshake?(connection: ObservedConnection, head: ObservedHead): unknown;
  /** The opening handshake is done; it took so many milliseconds. */
  open?(connection: ObservedConnection, durationMs: number): unknown;
  /** The opening handshake failed: refused by either side, malformed, late or lost. */
  refuse?(connection: ObservedConnection, error: HandshakeError, durationMs: number): unknown;
  /** A frame starts to come, or goes. One whose header breaks a rule is an `error` alone. */
  frame?(connection: ObservedConnection, frame: ObservedFrame): unknown;
  /** A slice of its payload, not masked: a view, good during the call only. Text comes as bytes. */
  framePayload?(connection: ObservedConnection, frame: ObservedFrame, bytes: Uint8Array): unknown;
  /** A control frame came or goes. */
  control?(connection: ObservedConnection, control: ObservedControl): unknown;
  /** A ping was answered after so many milliseconds. */
  roundTrip?(connection: ObservedConnection, ms: number): unknown;
  /** A message came and is about to be delivered, or was sent. */
  message?(connection: ObservedConnection, message: ObservedMessage): unknown;
  /** A close frame came or goes. */
  closing?(connection: ObservedConnection, closing: ObservedClosing): unknown;
  /** The connection failed; `close` follows. */
  error?(connection: ObservedConnection, error: WebSocketError): unknown;
  /** All is over. */
  close?(connection: ObservedConnection, close: ObservedClose): unknown;
  /** `serve()` has answered a plain HTTP request. */
  http?(http: ObservedHttp): unknown;
  /** A server of `serve()` starts or stops. */
  endpoint?(endpoint: ObservedEndpoint): unknown;
}
