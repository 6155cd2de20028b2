/**
 * The load of `bench`: connections that keep a number of messages under way, and what comes back.
 * @module
 */

import { connect, type ConnectOptions } from "../../adapters/client.ts";
import type { WebSocketConnection } from "../../api/connection.ts";
import { type PreparedMessage, prepareMessage } from "../../api/prepared_message.ts";
import { Histogram } from "./histogram.ts";

/** What is to be done. */
export interface LoadPlan {
  readonly url: string;
  /** How each connection is opened. */
  readonly options: ConnectOptions;
  readonly connections: number;
  /** Messages that each connection has under way. */
  readonly depth: number;
  /** Their size, in bytes. */
  readonly size: number;
  readonly text: boolean;
  /** How long the load runs before anything counts, in milliseconds. */
  readonly warmUpMs: number;
  /** How long it counts, in milliseconds. */
  readonly durationMs: number;
}

/** What came of it. */
export interface LoadResult {
  /** How long was counted, in milliseconds: less than planned when it was stopped early. */
  readonly ms: number;
  /** Connections that were open when counting began. */
  readonly connections: number;
  /** Messages that came back while counting. */
  readonly messages: number;
  /** Connections that were lost or closed by the server before the end. */
  readonly lost: number;
  /** Messages that came back with another size or type than they had. */
  readonly wrong: number;
  /** How long messages were under way. */
  readonly latency: Histogram;
  /** Messages per second, one entry for each slice of the counted time. */
  readonly rates: readonly number[];
  /** How long a slice is, in milliseconds. */
  readonly sliceMs: number;
}

/** How many connections are being opened at once: more than a server's backlog would be refused. */
const OPENING_AT_ONCE = 64;
/** Into how many slices the counted time is cut. */
const SLICES = 60;
/** How long connections have for the closing handshake, in milliseconds. */
const CLOSE_TIMEOUT_MS = 2000;

/** Keeps the moments at which messages went, in the order in which their echoes come. */
class Moments {
  readonly #moments: Float64Array;
  #next = 0;
  #oldest = 0;

  constructor(most: number) {
    this.#moments = new Float64Array(most);
  }

  push(moment: number): void {
    this.#moments[this.#next] = moment;
    this.#next = (this.#next + 1) % this.#moments.length;
  }

  shift(): number {
    const moment = this.#moments[this.#oldest];
    this.#oldest = (this.#oldest + 1) % this.#moments.length;
    return moment;
  }
}

/** A load, from its first connection to the last close. */
export class Load {
  readonly #plan: LoadPlan;
  readonly #message: PreparedMessage;
  readonly #length: number;
  readonly #sockets: WebSocketConnection[] = [];
  readonly #opening = new AbortController();
  #opened = false;
  #latency = new Histogram();
  #counting = false;
  #ending = false;
  #countFrom = 0;
  #messages = 0;
  #lost = 0;
  #wrong = 0;
  readonly #slices: number[] = [];
  #wake: () => void = () => {};

  /** @param plan What to do. */
  constructor(plan: LoadPlan) {
    this.#plan = plan;
    this.#length = plan.size;
    const bytes = filler(plan.size);
    this.#message = prepareMessage(plan.text ? letters(bytes) : bytes);
  }

  /** How much of the load is done, from 0 to 1, and the messages that came back so far. */
  get progress(): { share: number; messages: number } {
    if (!this.#counting) return { share: 0, messages: 0 };
    const ms = performance.now() - this.#countFrom;
    return { share: Math.min(1, ms / this.#plan.durationMs), messages: this.#messages };
  }

  /** Stops early: what has been counted is the result. */
  stop(): void {
    this.#ending = true;
    if (!this.#opened) this.#opening.abort(new Error("stopped")); // later it would cut connections
    this.#wake();
  }

  /**
   * Runs the load.
   *
   * @throws {HandshakeError} If a connection cannot be opened.
   * @throws {TypeError} If the URL or an option is wrong.
   */
  async run(): Promise<LoadResult> {
    const { warmUpMs, durationMs } = this.#plan;
    try {
      await this.#openAll();
      this.#opened = true;
      await this.#pause(warmUpMs);
      const connections = this.#sockets.length - this.#lost;
      this.#latency = new Histogram();
      this.#wrong = 0;
      this.#counting = true;
      this.#countFrom = performance.now();
      await this.#pause(durationMs);
      const ms = Math.min(
        performance.now() - this.#countFrom,
        this.#ending ? Infinity : durationMs,
      );
      this.#counting = false;
      const sliceMs = durationMs / SLICES;
      // The last slice is there only as far as it was run.
      const rates = Array.from(
        { length: Math.max(1, Math.floor(ms / sliceMs)) },
        (_, i) => (this.#slices[i] ?? 0) * 1000 / sliceMs,
      );
      return {
        ms,
        connections,
        messages: this.#messages,
        lost: this.#lost,
        wrong: this.#wrong,
        latency: this.#latency,
        rates,
        sliceMs,
      };
    } finally {
      this.#ending = true;
      await Promise.all(this.#sockets.map((socket) => socket.close()));
    }
  }

  async #openAll(): Promise<void> {
    let left = this.#plan.connections;
    let failed = false;
    const openSome = async () => {
      while (left-- > 0 && !this.#ending && !failed) {
        try {
          await this.#open();
        } catch (error) {
          failed = true; // the first one that fails tells for all
          throw error;
        }
      }
    };
    const openers = Math.min(OPENING_AT_ONCE, this.#plan.connections);
    const opened = await Promise.allSettled(Array.from({ length: openers }, openSome));
    if (this.#ending) return; // what was stopped may fail
    for (const one of opened) if (one.status === "rejected") throw one.reason;
  }

  async #open(): Promise<void> {
    const moments = new Moments(this.#plan.depth);
    const socket = await connect(this.#plan.url, {
      closeTimeoutMs: CLOSE_TIMEOUT_MS,
      maxMessageBytes: Math.max(this.#length, 1024) + 1024,
      signal: this.#opening.signal,
      ...this.#plan.options,
      onError: () => {},
      handler: {
        open: (socket) => {
          for (let i = 0; i < this.#plan.depth; i++) this.#send(socket, moments);
        },
        message: (socket, data) => this.#onMessage(socket, data, moments),
        close: () => {
          if (this.#ending) return;
          this.#lost++;
          if (this.#lost === this.#plan.connections) this.#wake(); // nothing more will come
        },
      },
    });
    this.#sockets.push(socket);
  }

  #send(socket: WebSocketConnection, moments: Moments): void {
    moments.push(performance.now());
    void socket.send(this.#message);
  }

  #onMessage(socket: WebSocketConnection, data: string | Uint8Array, moments: Moments): void {
    const now = performance.now();
    const sentAt = moments.shift();
    if (this.#counting) {
      this.#messages++;
      this.#latency.add(now - sentAt);
      const slice = Math.floor((now - this.#countFrom) * SLICES / this.#plan.durationMs);
      this.#slices[slice] = (this.#slices[slice] ?? 0) + 1;
    }
    if (data.length !== this.#length || (typeof data === "string") !== this.#plan.text) {
      this.#wrong++;
    }
    if (!this.#ending) this.#send(socket, moments);
  }

  /** Waits, unless it is stopped. */
  async #pause(ms: number): Promise<void> {
    if (this.#ending || this.#lost === this.#plan.connections) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      timer = setTimeout(resolve, ms);
    });
    clearTimeout(timer);
  }
}

/** Bytes that do not compress to nothing, the same in every run. */
function filler(size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let i = 0, state = 1; i < size; i++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

/** The same as text: the sixteen commonest letters, which compress to about half. */
function letters(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += "etaoinshrdlucmfw"[byte & 15];
  return text;
}
