/**
 * The connections of one run of `connect`, one after the other.
 * @module
 */

import { connect as open, HandshakeError } from "../../adapters/client.ts";
import type { WebSocketConnection } from "../../api/connection.ts";
import { UsageError } from "../arguments.ts";
import { count, oneLine } from "../text.ts";
import { Arrivals } from "./arrivals.ts";
import { fileStream, type OutputFile } from "./files.ts";
import type { Target } from "./target.ts";
import type { View } from "./view.ts";

/** What the exit status says. */
export const STATUS = { clean: 0, failed: 1, usage: 2, refused: 3, late: 124, interrupted: 130 };

/** What a {@linkcode Client} does with messages. */
export interface ClientOptions {
  /** Close after this many of them. Default: never. */
  readonly count: number | undefined;
  /** Where they are written. Default: they are shown. */
  readonly output: OutputFile | undefined;
}

/** Opens, reads and closes connections, and knows with which status it all ended. */
export class Client {
  /** Resolves with the exit status when the last connection is over. */
  readonly ended: Promise<number>;
  /** The open connection, or the last one. */
  socket: WebSocketConnection | undefined;
  /** When the last message came, as `performance.now()` tells. */
  lastMs = 0;
  /** What went over the connection. */
  arrivals: Arrivals;
  /** Whether the user has stopped reading. */
  paused = false;

  readonly #view: View;
  readonly #options: ClientOptions;
  #target: Target;
  #end!: (status: number) => void;
  #dialling: AbortController | undefined;
  /** Resolves when the present connection was read to its end. */
  #reading: Promise<void> = Promise.resolve();
  #status = STATUS.clean;
  /** Whether the run goes on after the connection's end, for another one may follow. */
  #stays = false;
  #quits = false;
  /** Whether one connection is being closed for another. */
  #changes = false;
  #received = 0;

  /**
   * @param target Where to connect first.
   * @param view Where to show what happens.
   * @param options What to do with messages.
   */
  constructor(target: Target, view: View, options: ClientOptions) {
    this.#target = target;
    this.#view = view;
    this.#options = options;
    this.arrivals = this.#makeArrivals();
    this.ended = new Promise((resolve) => this.#end = resolve);
  }

  /** Whether messages can be sent. */
  get isOpen(): boolean {
    return this.socket?.readyState === 1;
  }

  /**
   * Opens the first connection. When there is none, the run is over.
   *
   * @throws {UsageError} If the URL or an option is wrong.
   */
  async start(): Promise<void> {
    if (!await this.#open(this.#target)) this.#end(this.#status);
  }

  /**
   * Closes the present connection and opens another; when there is none, the run goes on.
   *
   * @param url Where to. Default: the same again.
   */
  async connect(url?: string): Promise<void> {
    if (this.#dialling !== undefined || this.#changes) {
      return this.#view.failed(new Error("still busy with another connection"));
    }
    this.#changes = true;
    try {
      await this.close();
      if (this.#quits) return;
      const target = url === undefined ? this.#target : this.#target.to(url);
      if (await this.#open(target)) this.#target = target;
    } catch (error) {
      this.#status = STATUS.usage;
      this.#view.failed(error);
    } finally {
      this.#changes = false;
    }
    if (this.#quits && this.socket === undefined) this.#end(this.#status);
  }

  /**
   * Closes the present connection, and stays for the next one.
   *
   * @throws {RangeError} If the code or the reason cannot be sent.
   */
  async close(closeCode = 1000, reason = ""): Promise<void> {
    if (this.socket === undefined) return;
    const closing = this.socket.close(closeCode, reason);
    this.#stays = true;
    await closing;
    await this.#reading;
  }

  /** Ends the run: closes the connection, or gives up opening it. */
  quit(): void {
    this.#quits = true;
    this.#stays = false;
    this.#dialling?.abort();
    if (this.socket === undefined && this.#dialling === undefined) this.#end(this.#status);
    this.socket?.close(1000);
  }

  /** Ends the run with another status than the connection's end calls for. */
  fail(status: number): void {
    this.#status = status;
    this.quit();
  }

  /** Stops reading, or goes on. */
  pause(paused: boolean): void {
    this.paused = paused;
    if (paused) this.socket?.pause();
    else this.socket?.resume();
  }

  /** Sends a file as a binary message, and says when that failed. */
  async sendFile(path: string): Promise<boolean> {
    try {
      const body = fileStream(path);
      await this.socket!.send(body);
      return true;
    } catch (error) {
      if (error instanceof Error && error.message.includes(path)) this.#view.failed(error);
      else if (this.isOpen) this.#view.failed(error);
      return false;
    }
  }

  #makeArrivals(): Arrivals {
    return new Arrivals((type, payload) => this.#view.control(type, payload));
  }

  /** Opens a connection and starts to read; says why when there is none. */
  async #open(target: Target): Promise<boolean> {
    const [url, options] = target.arguments;
    const dialling = this.#dialling = new AbortController();
    this.arrivals = this.#makeArrivals();
    try {
      this.socket = await open(url, {
        ...options,
        signal: dialling.signal,
        observer: this.arrivals.observer,
      });
    } catch (error) {
      if (error instanceof TypeError) throw new UsageError(oneLine(error.message));
      this.#status = statusOf(error);
      this.#view.failed(error);
      return false;
    } finally {
      this.#dialling = undefined;
    }
    this.#stays = false;
    this.paused = false;
    this.#status = STATUS.clean;
    this.lastMs = performance.now();
    this.#view.opened(this.socket);
    this.#reading = this.#read(this.socket);
    return true;
  }

  /** Reads until the connection ends; then the run is over, unless the user wants to go on. */
  async #read(socket: WebSocketConnection): Promise<void> {
    try {
      await (this.#options.output === undefined
        ? this.#show(socket)
        : this.#save(socket, this.#options.output));
    } catch (error) {
      this.#status = STATUS.failed;
      this.#view.failed(error);
    }
    socket.close(1000);
    const info = await socket.closed;
    this.arrivals.finish();
    this.#view.closed(info);
    this.socket = undefined;
    // Draft 75 has no closing handshake: nothing went wrong is all that can be said.
    const clean = info.wasClean || socket.capabilities.engine === "hixie-75";
    if (!clean || info.error !== undefined) this.#status ||= STATUS.failed;
    if (this.#stays) return;
    const { count: wanted } = this.#options;
    if (wanted !== undefined && this.#received < wanted && this.#status === STATUS.clean) {
      this.#view.failed(new Error(`${count(this.#received, "message")} of ${wanted} came`));
      this.#status = STATUS.failed;
    }
    this.#end(this.#status);
  }

  /** Shows every message, until the connection ends or there is reason to end it. */
  async #show(socket: WebSocketConnection): Promise<void> {
    const messages = socket[Symbol.asyncIterator]();
    for (;;) {
      // How it ended is for `closed` to tell.
      const { value, done } = await messages.next().catch(() => OVER);
      if (done) return;
      const shown = this.#view.message(value);
      this.arrivals.messageShown();
      if (!await shown || this.#enough()) return;
    }
  }

  /** Writes every message to the file, piece by piece. */
  async #save(socket: WebSocketConnection, output: OutputFile): Promise<void> {
    await output.begin();
    const encoder = new TextEncoder();
    const messages = socket.messages();
    for (;;) {
      const { value, done } = await messages.next().catch(() => OVER);
      if (done) return;
      const body = (value.body as ReadableStream<string | Uint8Array>).getReader();
      let bytes = 0;
      for (;;) {
        const piece = await body.read().catch(() => undefined);
        if (piece === undefined) return;
        if (piece.done) break;
        const chunk = typeof piece.value === "string" ? encoder.encode(piece.value) : piece.value;
        await output.write(chunk);
        bytes += chunk.length;
        this.lastMs = performance.now();
      }
      const shown = this.#view.saved(value.type, bytes);
      this.arrivals.messageShown();
      if (!await shown || this.#enough()) return;
    }
  }

  /** Counts a message; tells whether it was the last one wanted. */
  #enough(): boolean {
    this.lastMs = performance.now();
    return ++this.#received === this.#options.count;
  }
}

const OVER = { value: undefined, done: true } as const;

/** The exit status when there is no connection. */
function statusOf(error: unknown): number {
  if (!(error instanceof HandshakeError)) return STATUS.failed;
  if (error.code === "WS_HANDSHAKE_TIMEOUT") return STATUS.late;
  return error.code === "WS_HANDSHAKE_REFUSED" || error.code === "WS_REDIRECT_REFUSED"
    ? STATUS.refused
    : STATUS.failed;
}
