/**
 * The events of a reconnecting socket.
 * @module
 */

import type { WebSocketCloseEvent } from "../websocket/events.ts";
import type { ConnectionEnd } from "./socket_like.ts";

/** Tells that an attempt to connect begins. */
export class ConnectingEvent extends Event {
  /** 1 for the first attempt since the beginning or since the last stable connection. */
  readonly attempt: number;

  /** Makes the event. */
  constructor(attempt: number) {
    super("connecting");
    this.attempt = attempt;
  }
}

/** Tells that there is no connection, and when the next attempt begins. */
export class ReconnectingEvent extends Event {
  /** The number of the next attempt. */
  readonly attempt: number;
  /** How long until then, in milliseconds; `Infinity` while the platform is offline. */
  readonly delayMs: number;
  /** How the last connection, or the last attempt, ended. */
  readonly cause: ConnectionEnd;

  /** Makes the event. */
  constructor(attempt: number, delayMs: number, cause: ConnectionEnd) {
    super("reconnecting");
    this.attempt = attempt;
    this.delayMs = delayMs;
    this.cause = cause;
  }
}

/** Tells that there will be no further attempt, though this side did not ask for the end. */
export class GiveUpEvent extends Event {
  /** How many attempts failed in a row. */
  readonly attempts: number;
  /** How the last one ended. */
  readonly cause: ConnectionEnd;

  /** Makes the event. */
  constructor(attempts: number, cause: ConnectionEnd) {
    super("giveup");
    this.attempts = attempts;
    this.cause = cause;
  }
}

/** What the events of a reconnecting socket are, by their names. */
export interface ReconnectingEventMap {
  /** An attempt begins. */
  connecting: ConnectingEvent;
  /** There is a connection, and what waited has been handed to it. */
  open: Event;
  /** A message came. */
  message: MessageEvent;
  /** There is no connection; another attempt follows. */
  reconnecting: ReconnectingEvent;
  /** There will be no further attempt; `error` and `close` follow. */
  giveup: GiveUpEvent;
  /** It ends by a failure; `close` follows. */
  error: Event;
  /** All is over; once, and nothing follows. */
  close: WebSocketCloseEvent;
}

/**
 * Makes a `close` event, also where the platform has no class for it (Node before 23).
 *
 * @param end What it tells.
 */
export function closeEvent(end: ConnectionEnd): WebSocketCloseEvent {
  const { closeCode: code, reason, wasClean } = end;
  const init = { code, reason, wasClean };
  return typeof CloseEvent === "undefined"
    ? Object.assign(new Event("close"), init)
    : new CloseEvent("close", init);
}
