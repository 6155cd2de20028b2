/**
 * One connection of a reconnecting socket, from asking for its address to its end.
 *
 * ```
 *  address ──> connecting ──> resuming ──> ready ──> closing ──> over
 *     └────────────┴─────────────┴───────────┴── a failure ───────^
 * ```
 *
 * @module
 */

import { HandshakeError, WebSocketError } from "../../errors.ts";
import { Heartbeat } from "../heartbeat.ts";
import { PatientTimer } from "../patient_timer.ts";
import { parseUrl } from "../websocket/arguments.ts";
import type { WebSocketBinaryType } from "../websocket/types.ts";
import type { ResolvedReconnecting } from "./options.ts";
import type { QueuedMessage } from "./send_queue.ts";
import type { AttemptInfo, ConnectionEnd, PerAttempt, SocketLike } from "./socket_like.ts";

/** The value of a socket's `readyState` while messages can be sent. */
const OPEN = 1;

/** Where to connect. */
export interface Address {
  readonly url: PerAttempt<string | URL>;
  readonly protocols: PerAttempt<string | readonly string[] | undefined>;
}

/** Takes what a link reports. */
export interface LinkEvents {
  /** The connection can be used. */
  onReady(link: Link): void;
  /** A message came: after `onReady`, or before it while `resume` runs. */
  onMessage(event: MessageEvent): void;
  /** There is no connection, or none any more. Called once, and nothing is called after it. */
  onEnd(link: Link, end: ConnectionEnd): void;
}

/** Makes one connection and watches over it. No method throws, whatever the peer does. */
export class Link {
  /** The URL, when it is known. */
  url = "";
  /** When the connection could be used, by `performance.now()`; `undefined` before. */
  readySince: number | undefined;
  /** Whether the attempt failed by what every other one would fail by, too. */
  hopeless = false;

  readonly #address: Address;
  readonly #options: ResolvedReconnecting;
  readonly #resumes: boolean;
  /** `undefined` when nobody listens any more. */
  #events: LinkEvents | undefined;
  #socket: SocketLike | undefined;
  #controller: AbortController | undefined;
  #deadline: PatientTimer | undefined;
  #heartbeat: Heartbeat | undefined;
  #binaryType: WebSocketBinaryType = "blob";
  #opened = false;
  #closing = false;
  /** Whether the socket refused a message. */
  #broken = false;
  /** What the socket's "error" event told; its "close" event follows. */
  #cause: unknown;

  /**
   * @param address Where to connect.
   * @param options The socket's class, deadlines, `resume` and heartbeat.
   * @param resumes Whether `resume` is to run.
   * @param events Who is told.
   */
  constructor(
    address: Address,
    options: ResolvedReconnecting,
    resumes: boolean,
    events: LinkEvents,
  ) {
    this.#address = address;
    this.#options = options;
    this.#resumes = resumes;
    this.#events = events;
  }

  /** The socket, once it was made. */
  get socket(): SocketLike | undefined {
    return this.#socket;
  }

  /** Whether there is a connection, be it one that cannot be used yet. */
  get opened(): boolean {
    return this.#opened;
  }

  /** Begins the attempt. */
  async start(attempt: number): Promise<void> {
    const { connectTimeoutMs } = this.#options;
    this.#controller = new AbortController();
    this.#setDeadline(connectTimeoutMs, () =>
      this.#fail(
        new HandshakeError(`Cannot connect: no connection within ${connectTimeoutMs} ms`, {
          code: "WS_HANDSHAKE_TIMEOUT",
        }),
      ));
    try {
      const info: AttemptInfo = { attempt, signal: this.#controller.signal };
      let { url, protocols } = this.#address;
      if (typeof url === "function") url = await url(info);
      if (this.#events === undefined) return;
      if (typeof protocols === "function") protocols = await protocols(info);
      if (this.#events === undefined) return;
      let { socketOptions } = this.#options;
      if (typeof socketOptions === "function") socketOptions = await socketOptions(info);
      if (this.#events === undefined) return;
      this.url = parseUrl(String(url)).href;
      this.#connect(protocols, socketOptions);
    } catch (cause) {
      // A class throws on wrong arguments only, and those that are no functions stay as they are.
      this.hopeless = [this.#address.url, this.#address.protocols, this.#options.socketOptions]
        .every((value) => typeof value !== "function");
      this.#fail(failedAttempt(cause));
    }
  }

  #connect(protocols: string | readonly string[] = [], socketOptions?: object): void {
    const { WebSocket } = this.#options;
    const socket = socketOptions === undefined
      ? new WebSocket(this.url, protocols)
      : new WebSocket(this.url, protocols, socketOptions);
    this.#socket = socket;
    this.setBinaryType(this.#binaryType);
    // They stay for the socket's life: one of `ws` ends the process when its error has no listener.
    socket.addEventListener("open", () => this.#onOpen());
    socket.addEventListener("message", (event: MessageEvent) => this.#onMessage(event));
    socket.addEventListener("error", (event: { error?: unknown }) => this.#cause ??= event.error);
    socket.addEventListener("close", (event: CloseEvent) => this.#onClose(event));
  }

  #onOpen(): void {
    if (this.#events === undefined) return this.#closeSocket(); // dropped, and opened all the same
    if (this.#opened) return;
    this.#opened = true;
    this.#controller = undefined; // the functions that had its signal have been heard
    const { resume, connectTimeoutMs } = this.#options;
    if (!this.#resumes || resume === undefined) return this.#onReady();
    this.#setDeadline(
      connectTimeoutMs,
      () => this.#fail(resumeFailed(new Error(`it did not finish within ${connectTimeoutMs} ms`))),
    );
    try {
      const result = resume(this.#socket!);
      if (!isThenable(result)) return this.#onReady();
      result.then(() => this.#onReady(), (cause) => this.#fail(resumeFailed(cause)));
    } catch (cause) {
      this.#fail(resumeFailed(cause));
    }
  }

  #onReady(): void {
    if (this.#events === undefined || this.#closing) return;
    this.#deadline?.stop();
    this.readySince = performance.now();
    const { heartbeat } = this.#options;
    if (heartbeat !== undefined) {
      this.#heartbeat = new Heartbeat(heartbeat.intervalMs, heartbeat.timeoutMs, this);
      this.#heartbeat.start();
    }
    this.#events.onReady(this);
  }

  #onMessage(event: MessageEvent): void {
    this.#heartbeat?.alive();
    if (this.#opened) this.#events?.onMessage(event);
  }

  #onClose(event: CloseEvent): void {
    const { reason } = event;
    const closeCode = event.code || 1006; // Deno 2.9 says 0 for a connection that was cut
    const wasClean = event.wasClean && this.#opened;
    if (wasClean) return this.#end({ closeCode, reason, wasClean });
    const error = this.#opened ? lost(closeCode, reason, this.#cause) : failedAttempt(this.#cause);
    this.#end({ closeCode, reason, wasClean, error });
  }

  /** Chooses what binary messages arrive as. */
  setBinaryType(type: WebSocketBinaryType): void {
    this.#binaryType = type;
    if (this.#socket !== undefined) this.#socket.binaryType = type;
  }

  /**
   * Sends a message.
   *
   * @returns `false` when the connection does not take it, for it is not ready or about to end.
   */
  send(message: QueuedMessage): boolean {
    const socket = this.#socket;
    if (this.readySince === undefined || this.#broken || socket?.readyState !== OPEN) return false;
    try {
      socket.send(message);
      return true;
    } catch (cause) {
      this.#broken = true;
      // What a socket has no way to send, such as bytes in a draft of text alone, waits for nothing.
      this.hopeless = cause instanceof DOMException && cause.name === "NotSupportedError";
      // Not now: what a listener sends then must come after this message, which is to wait.
      queueMicrotask(() => this.#fail(lost(1006, "", cause)));
      return false;
    }
  }

  /** Starts the closing handshake; `onEnd` follows in time. Arguments are valid. */
  close(code: number | undefined, reason: string | undefined): void {
    const { closeTimeoutMs } = this.#options;
    this.#closing = true;
    this.#heartbeat?.stop();
    this.#setDeadline(closeTimeoutMs, () =>
      this.#fail(
        new WebSocketError(`Cannot go on: no close frame came within ${closeTimeoutMs} ms`, {
          code: "WS_CLOSE_TIMEOUT",
        }),
      ));
    this.#closeSocket(code, reason);
  }

  /** Lets go of the connection: it is closed, and nobody is told anything of it any more. */
  drop(code?: number, reason?: string): void {
    if (this.#events === undefined) return;
    this.#release();
    this.#closeSocket(code, reason);
  }

  #closeSocket(code?: number, reason?: string): void {
    try {
      if (code === undefined) this.#socket?.close();
      else this.#socket?.close(code, reason);
    } catch {
      // It does not take what the standard allows; there is nothing else to be tried.
    }
  }

  #fail(error: Error): void {
    const events = this.#events;
    this.drop();
    events?.onEnd(this, { closeCode: 1006, reason: "", wasClean: false, error });
  }

  #end(end: ConnectionEnd): void {
    const events = this.#events;
    this.#release();
    events?.onEnd(this, end);
  }

  #release(): void {
    this.#events = undefined;
    this.#deadline?.stop();
    this.#heartbeat?.stop();
    this.#controller?.abort();
  }

  #setDeadline(ms: number, onLate: () => void): void {
    this.#deadline?.stop();
    this.#deadline = new PatientTimer(ms, onLate);
  }

  // ------------------------------------------------------- for the heartbeat

  /** Sends the heartbeat's message, which stands for a ping. */
  ping(): void {
    try {
      this.send(this.#options.heartbeat!.makeMessage());
    } catch (cause) {
      this.#fail(
        new WebSocketError("Cannot go on: the heartbeat's message could not be made", {
          code: "WS_HANDLER_FAILED",
          cause,
        }),
      );
    }
  }

  /** Bytes that wait in the socket. */
  get bufferedAmount(): number {
    return this.#socket?.bufferedAmount ?? 0;
  }

  /** Never: a socket cannot be told to stop reading. */
  get deaf(): boolean {
    return false;
  }

  /** Takes that nothing came in time. */
  onSilence(): void {
    const { timeoutMs } = this.#options.heartbeat!;
    this.#fail(
      new WebSocketError(`Cannot go on: nothing came within ${timeoutMs} ms of a heartbeat`, {
        code: "WS_PING_TIMEOUT",
      }),
    );
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | undefined)?.then === "function";
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

function failedAttempt(cause: unknown): HandshakeError {
  if (cause instanceof HandshakeError) return cause;
  const why = cause === undefined ? "the attempt failed" : messageOf(cause);
  return new HandshakeError(`Cannot connect: ${why}`, { code: "WS_CONNECT_FAILED", cause });
}

function lost(closeCode: number, reason: string, cause: unknown): WebSocketError {
  if (cause instanceof WebSocketError) return cause;
  const why = cause === undefined ? "the connection was lost" : messageOf(cause);
  return new WebSocketError(`Cannot go on: ${why}`, {
    code: "WS_CONNECTION_LOST",
    closeCode,
    reason,
    cause,
  });
}

function resumeFailed(cause: unknown): WebSocketError {
  return new WebSocketError(`Cannot go on: resume() failed: ${messageOf(cause)}`, {
    code: "WS_HANDLER_FAILED",
    cause,
  });
}
