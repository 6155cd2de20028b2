/**
 * How a connection of the engine ends: the last word, the deadline, and why. Made when that begins,
 * so that a connection that is open holds none of it.
 *
 * @module
 */

import { type Engine, writeClosePayload } from "../connection/mod.ts";
import { WebSocketError, type WebSocketErrorCode } from "../errors.ts";
import type { CloseInfo, LastWord } from "./channel.ts";
import { PatientTimer } from "./patient_timer.ts";
import type { Transport } from "./transport.ts";

/** How long the close frame of `terminate()` may take to leave, in milliseconds. */
const LAST_WORD_MS = 1000;

/** The end of one connection. */
export class EngineEnding {
  /** Why it failed; the first reason counts. */
  error: WebSocketError | undefined;
  /** Whether nothing is waited for but that the last word leaves. */
  cutting = false;

  readonly #engine: Engine;
  readonly #transport: Transport;
  #timer: PatientTimer | undefined;

  /**
   * @param engine Whose end it is.
   * @param transport What is cut.
   */
  constructor(engine: Engine, transport: Transport) {
    this.#engine = engine;
    this.#transport = transport;
  }

  /**
   * Starts the deadline of the closing handshake, once.
   *
   * @param timeoutMs How long it may take, in milliseconds.
   * @param onSilence Takes that no close frame came in time. One that came, or a failure, is only
   * waited for until the transport has ended, which is then cut.
   */
  startTimer(timeoutMs: number, onSilence: () => void): void {
    this.#timer ??= new PatientTimer(timeoutMs, () => {
      const { state } = this.#engine;
      if (state === "closed" || state === "failed") this.#transport.destroy();
      else onSilence();
    });
  }

  /** Lets go of the timer. */
  stop(): void {
    this.#timer?.stop();
  }

  /**
   * Cuts the connection, unless a last word has to leave before that.
   *
   * @param error Why.
   * @param last What to say; it must be possible to write it. Default: nothing.
   * @returns Whether it is on its way.
   */
  terminate(error: WebSocketError, last: LastWord | undefined): boolean {
    if (this.#engine.state !== "closed") {
      this.error ??= error;
      this.#engine.abandon(last && writeClosePayload(last.closeCode, last.reason));
      const { output } = this.#engine;
      if (output.pendingBytes > 0 && !this.#transport.write(output.take())) {
        this.#timer?.stop();
        this.#timer = new PatientTimer(LAST_WORD_MS, () => this.#transport.destroy());
        this.cutting = true;
        return true;
      }
    }
    this.#transport.destroy();
    return false;
  }

  /**
   * Takes that the peer or the network gave the connection up.
   *
   * @returns The error, to be told; `undefined` when there was one before.
   */
  lose(code: WebSocketErrorCode, why: string, cause?: unknown): WebSocketError | undefined {
    if (this.error !== undefined) return undefined;
    return this.error = withoutStack(() =>
      new WebSocketError(`Cannot go on: ${why}`, { code, cause })
    );
  }

  /** How it ended; `clean` when both sides have said that they close. */
  info(clean: boolean): CloseInfo {
    const { closeCode, reason } = this.#engine.closeReceived ?? { closeCode: 1006, reason: "" };
    return clean || this.error === undefined
      ? { closeCode, reason, wasClean: clean }
      : { closeCode, reason, wasClean: false, error: this.error };
  }
}

/**
 * Makes an error without frames on its stack. What the peer or the network did comes out of the event
 * loop, so there would be none of the application's; and where peers are cut by the thousand, walking
 * the stack took 8 % of all that a connection costs on Node 20, its handshake included.
 */
function withoutStack<E extends Error>(make: () => E): E {
  const { stackTraceLimit: limit } = Error as { stackTraceLimit?: number };
  // Not every host has the limit, and an application may have frozen it.
  const limited = typeof limit === "number" && Reflect.set(Error, "stackTraceLimit", 0);
  try {
    return make();
  } finally {
    if (limited) Reflect.set(Error, "stackTraceLimit", limit);
  }
}
