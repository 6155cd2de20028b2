/**
 * A WebSocket over as many connections as it takes.
 * @module
 */

import { unwatchAbort, watchAbort } from "../abort_watch.ts";
import { parseUrl, validateClose } from "../websocket/arguments.ts";
import type { WebSocketBinaryType } from "../websocket/types.ts";
import type { Bytes } from "../sendable.ts";
import { toClampedShort } from "../websocket/idl.ts";
import { Backoff } from "./backoff.ts";
import { closeEvent, ConnectingEvent, GiveUpEvent, ReconnectingEvent } from "./events.ts";
import { ReconnectingEventTarget } from "./event_target.ts";
import { type Address, Link, type LinkEvents } from "./link.ts";
import {
  type ReconnectingOptions,
  type ResolvedReconnecting,
  resolveReconnecting,
} from "./options.ts";
import { SendQueue, sizeOf, toMessage } from "./send_queue.ts";
import type { ConnectionEnd, PerAttempt } from "./socket_like.ts";

const CONNECTING = 0;
const OPEN = 1;
const CLOSING = 2;
const CLOSED = 3;

/** The end of what was closed while there was no connection. */
const NOT_CONNECTED: ConnectionEnd = { closeCode: 1006, reason: "", wasClean: false };

/**
 * A WebSocket that connects again when its connection is lost, with the face of the standard one.
 *
 * - `readyState` is 0 whenever there is no connection but one is wanted: it may go from 1 back to 0.
 * - `send()` may be called at any time. What cannot be sent yet waits, up to `maxQueuedBytes`, and
 *   goes out in order. What was handed to a connection that is then lost may or may not have
 *   arrived: only your protocol can tell (number the messages, and ask in `resume`).
 * - `close` comes once, at the very end: after `close()`, after a clean close by the server, or
 *   when it gives up. A lost connection is a `reconnecting` event.
 *
 * @example
 * ```ts
 * import { serve } from "@fullduplex/ws/serve";
 * import { ReconnectingWebSocket } from "@fullduplex/ws/client";
 *
 * await using server = await serve({ message: (socket, data) => socket.send(data) }, { port: 0 });
 * const socket = new ReconnectingWebSocket(server.url);
 * socket.send("hello"); // waits for the connection
 * socket.addEventListener("reconnecting", ({ attempt, delayMs, cause }) => {
 *   console.log(`lost (${cause.closeCode}); attempt ${attempt} follows in ${delayMs} ms`);
 * });
 * await new Promise((resolve) => socket.onmessage = ({ data }) => resolve(console.log(data)));
 * socket.close();
 * ```
 *
 * @see WHATWG WebSockets, section 3
 */
export class ReconnectingWebSocket extends ReconnectingEventTarget {
  /** The value of `readyState` while there is no connection but one is wanted. */
  static readonly CONNECTING: 0 = CONNECTING;
  /** The value of `readyState` while messages go straight to a connection. */
  static readonly OPEN: 1 = OPEN;
  /** The value of `readyState` after `close()`, until all is over. */
  static readonly CLOSING: 2 = CLOSING;
  /** The value of `readyState` when all is over. */
  static readonly CLOSED: 3 = CLOSED;
  /** The same as the class's. */
  readonly CONNECTING: 0 = CONNECTING;
  /** The same as the class's. */
  readonly OPEN: 1 = OPEN;
  /** The same as the class's. */
  readonly CLOSING: 2 = CLOSING;
  /** The same as the class's. */
  readonly CLOSED: 3 = CLOSED;

  readonly #address: Address;
  readonly #options: ResolvedReconnecting;
  readonly #backoff: Backoff;
  readonly #queue: SendQueue;
  readonly #events: LinkEvents;
  readonly #onOffline = () => this.#goOffline();
  readonly #onOnline = () => this.#goOnline();
  readonly #onAbort = () => this.#abort();

  #readyState: 0 | 1 | 2 | 3 = CONNECTING;
  #url = "";
  #binaryType: WebSocketBinaryType = "blob";
  /** The connection, or the attempt to make one. */
  #link: Link | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #offline = false;
  /** Whether the next attempt waits for the platform to be online. */
  #waitsForNetwork = false;
  /** Whether there has been an attempt. */
  #begun = false;
  /** Whether there has been a connection. */
  #connectedBefore = false;
  /** How many attempts in a row have failed. */
  #failures = 0;
  /** The bytes given to `send()` when it was too late. */
  #lateBytes = 0;

  /**
   * Begins to connect.
   *
   * @param url Where to connect, or a function that is asked before each attempt, with a new token
   * for instance; its rejection is a failed attempt.
   * @param protocols The subprotocols to offer, or a function likewise. Default: none.
   * @param options Delays, deadlines, limits and hooks.
   * @throws {DOMException} `SyntaxError`, if the URL is wrong.
   * @throws {TypeError} If an option is wrong, or the platform has no WebSocket.
   * @throws {RangeError} If a number is out of range.
   */
  constructor(
    url: PerAttempt<string | URL>,
    protocols?: PerAttempt<string | readonly string[] | undefined>,
    options: ReconnectingOptions = {},
  ) {
    super();
    if (typeof url !== "function") this.#url = url = parseUrl(String(url)).href;
    this.#options = resolveReconnecting(options);
    this.#address = { url, protocols };
    const { initialDelayMs, backoffFactor, maxDelayMs, maxQueuedBytes, signal } = this.#options;
    this.#backoff = new Backoff(initialDelayMs, backoffFactor, maxDelayMs);
    this.#queue = new SendQueue(maxQueuedBytes);
    this.#events = {
      onReady: (link) => this.#onReady(link),
      onMessage: (event) => this.#onMessage(event),
      onEnd: (link, end) => this.#onEnd(link, end),
    };
    if (this.#options.pauseWhenOffline) {
      globalThis.addEventListener?.("offline", this.#onOffline);
      globalThis.addEventListener?.("online", this.#onOnline);
    }
    if (signal !== undefined) watchAbort(signal, this.#onAbort);
    // A moment later, so that whoever made it can listen first.
    queueMicrotask(() => {
      if (signal?.aborted) this.#abort();
      else if (!this.#begun && this.#readyState === CONNECTING) this.#connect();
    });
  }

  // -------------------------------------------------------------------- state

  /** The URL of the latest attempt; `""` as long as a function has not told it. */
  get url(): string {
    return this.#url;
  }

  /** 0 while there is no connection but one is wanted, 1 while there is one, 2 closing, 3 closed. */
  get readyState(): 0 | 1 | 2 | 3 {
    return this.#readyState;
  }

  /** Bytes given to `send()` that have not left: those that wait here, and the connection's own. */
  get bufferedAmount(): number {
    return this.#lateBytes + this.#queue.bytes + (this.#link?.bufferedAmount ?? 0);
  }

  /** The subprotocol of the present connection; `""` for none. */
  get protocol(): string {
    return this.#link?.socket?.protocol ?? "";
  }

  /** The extensions of the present connection; `""` for none. */
  get extensions(): string {
    return this.#link?.socket?.extensions ?? "";
  }

  /** What binary messages arrive as, on this and on later connections. Default: `"blob"`. */
  get binaryType(): WebSocketBinaryType {
    return this.#binaryType;
  }

  set binaryType(type: WebSocketBinaryType) {
    if (type !== "blob" && type !== "arraybuffer") return; // as the standard has it
    this.#binaryType = type;
    this.#link?.setBinaryType(type);
  }

  // ------------------------------------------------------------------ sending

  /**
   * Sends a message; without a connection it waits for the next one.
   *
   * @param data A string, bytes (copied if they have to wait) or a `Blob`.
   * @throws {DOMException} `QuotaExceededError`, if more than `maxQueuedBytes` would wait; what
   * waits already still goes out.
   */
  send(data: string | Bytes | Blob): void {
    const message = toMessage(data);
    // Behind what waits: a connection that is about to end takes no more, and then nothing passes.
    if (this.#readyState === OPEN && this.#queue.length === 0 && this.#link?.send(message)) return;
    if (this.#readyState >= CLOSING) {
      this.#lateBytes += sizeOf(message); // as the standard has it: nobody takes it any more
      return;
    }
    if (this.#queue.push(message)) return;
    throw new DOMException(
      `Cannot send: there is no connection, and more than maxQueuedBytes ` +
        `(${this.#options.maxQueuedBytes}) would wait for one`,
      "QuotaExceededError",
    );
  }

  // ------------------------------------------------------------------ leaving

  /**
   * Closes the connection, and connects no more. What waits for a connection is not sent any more,
   * and stays in `bufferedAmount`.
   *
   * @param code 1000 or 3000–4999. Default: none.
   * @param reason At most 123 bytes of UTF-8. Default: none.
   * @throws {DOMException} `InvalidAccessError`, if the code cannot be sent; `SyntaxError`, if the
   * reason is too long.
   */
  close(code?: number, reason?: string): void {
    code = checkClose(code, reason);
    if (this.#readyState >= CLOSING) return;
    this.#readyState = CLOSING;
    this.#stopWaiting();
    this.#forgetQueue();
    if (this.#link?.opened) return this.#link.close(code, reason);
    this.#link?.drop();
    this.#link = undefined;
    queueMicrotask(() => this.#finish(NOT_CONNECTED));
  }

  /**
   * Connects anew, at once: instead of waiting any longer, or instead of the present connection,
   * which is closed. What waits is sent on the new one.
   *
   * @param code The close code for the present connection: 1000 or 3000–4999. Default: none.
   * @param reason At most 123 bytes of UTF-8. Default: none.
   * @throws {DOMException} `InvalidStateError`, after `close()` or the end; else as `close()`.
   */
  reconnect(code?: number, reason?: string): void {
    code = checkClose(code, reason);
    if (this.#readyState >= CLOSING) {
      throw new DOMException("Cannot reconnect: it was closed for good", "InvalidStateError");
    }
    this.#link?.drop(code, reason);
    this.#failures = 0;
    this.#backoff.reset();
    this.#connect();
  }

  #abort(): void {
    if (this.#readyState === CLOSED) return;
    this.#link?.drop();
    this.#link = undefined;
    this.#finish(NOT_CONNECTED);
  }

  // --------------------------------------------------------------- connecting

  #connect(): void {
    this.#stopWaiting();
    this.#begun = true;
    this.#readyState = CONNECTING;
    const link = new Link(this.#address, this.#options, this.#connectedBefore, this.#events);
    link.setBinaryType(this.#binaryType);
    this.#link = link;
    const attempt = this.#failures + 1;
    this.dispatchEvent(new ConnectingEvent(attempt));
    if (this.#link === link) link.start(attempt); // unless a listener decided otherwise
  }

  #onReady(link: Link): void {
    this.#url = link.url;
    this.#connectedBefore = true;
    this.#readyState = OPEN;
    this.#queue.drain((message) => this.#link?.send(message) ?? false);
    if (this.#link === link) this.dispatchEvent(new Event("open"));
  }

  #onMessage({ data, origin = "" }: MessageEvent): void {
    if (this.#readyState >= CLOSING) return; // as the standard has it
    this.dispatchEvent(new MessageEvent("message", { data, origin }));
  }

  #onEnd(link: Link, end: ConnectionEnd): void {
    this.#link = undefined;
    if (this.#readyState === CLOSING) return this.#finish(end);
    this.#readyState = CONNECTING;
    const { stableAfterMs, maxAttempts, shouldReconnect } = this.#options;
    if (link.readySince !== undefined && performance.now() - link.readySince >= stableAfterMs) {
      this.#failures = 0;
      this.#backoff.reset();
    } else this.#failures++;
    try {
      const again = shouldReconnect(end);
      if (typeof again !== "boolean") {
        throw new TypeError("Cannot go on: shouldReconnect() must return a boolean");
      }
      if (this.#readyState !== CONNECTING || this.#link !== undefined) return; // it decided itself
      if (link.hopeless) return this.#giveUp(end);
      if (!again) return end.wasClean ? this.#finish(end) : this.#giveUp(end);
    } catch (error) {
      return this.#giveUp({
        ...end,
        error: error instanceof Error ? error : new Error(`${error}`),
      });
    }
    if (this.#failures >= maxAttempts) return this.#giveUp(end);
    this.#wait(end);
  }

  // ------------------------------------------------------------------ waiting

  #wait(cause: ConnectionEnd): void {
    const delayMs = this.#offline ? Infinity : this.#backoff.next();
    if (this.#offline) this.#waitsForNetwork = true;
    else this.#timer = setTimeout(() => this.#connect(), delayMs);
    this.dispatchEvent(new ReconnectingEvent(this.#failures + 1, delayMs, cause));
  }

  #stopWaiting(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waitsForNetwork = false;
  }

  #goOffline(): void {
    this.#offline = true;
    if (this.#timer === undefined) return; // a connection that there is may well stay
    this.#stopWaiting();
    this.#waitsForNetwork = true;
  }

  #goOnline(): void {
    this.#offline = false;
    if (this.#waitsForNetwork || this.#timer !== undefined) this.#connect();
  }

  // ------------------------------------------------------------------- ending

  #giveUp(end: ConnectionEnd): void {
    this.#finish(end, new GiveUpEvent(this.#failures, end));
  }

  #finish(end: ConnectionEnd, giveUp?: GiveUpEvent): void {
    if (this.#readyState === CLOSED) return;
    this.#readyState = CLOSED;
    this.#stopWaiting();
    this.#forgetQueue();
    globalThis.removeEventListener?.("offline", this.#onOffline);
    globalThis.removeEventListener?.("online", this.#onOnline);
    if (this.#options.signal !== undefined) unwatchAbort(this.#options.signal, this.#onAbort);
    if (giveUp !== undefined) {
      this.dispatchEvent(giveUp);
      this.dispatchEvent(new Event("error"));
    }
    this.dispatchEvent(closeEvent(end));
  }

  #forgetQueue(): void {
    this.#lateBytes += this.#queue.bytes;
    this.#queue.clear();
  }
}

/** Checks a code and a reason as the standard does, and returns the code as it is sent. */
function checkClose(code: number | undefined, reason: string | undefined): number | undefined {
  const sent = code === undefined ? undefined : toClampedShort(code);
  validateClose(sent, `${reason ?? ""}`);
  return sent;
}
