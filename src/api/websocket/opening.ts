/**
 * An opening that can be given up: what `WebSocket` and `WebSocketStream` share before they are open.
 * @module
 */

import { WebSocketError } from "../../errors.ts";
import { unwatchAbort, watchAbort } from "../abort_watch.ts";
import { handshakeAborted } from "../aborted.ts";
import type { ConnectionCore } from "../connection_core.ts";
import { wrongOption } from "../describe.ts";
import { isAbortSignal } from "../options.ts";
import type { OpeningOptions, Prepare } from "./types.ts";

/** Takes what becomes of an {@linkcode Opening}. */
export interface OpeningEvents {
  /** Takes the connection, which is not started yet. */
  onOpen(core: ConnectionCore): void;
  /** Takes the reason why there is none. Called instead of `onOpen`, and once. */
  onFailure(error: Error): void;
}

/** Options of `connect()` that have another place, or none. */
const NOT_HERE = ["protocols", "handler", "onError"];

/** Opens a connection, and tells in a task of its own how that went. */
export class Opening {
  readonly #events: OpeningEvents;
  readonly #controller = new AbortController();
  readonly #signal: AbortSignal | undefined;
  #settled = false;

  /**
   * @param events Who is told; never before the constructor's caller is done.
   * @param signal The user's signal. Default: none.
   */
  constructor(events: OpeningEvents, signal?: AbortSignal) {
    this.#events = events;
    this.#signal = signal;
  }

  /**
   * Checks everything and starts.
   *
   * @throws {TypeError} If an option is wrong.
   * @throws {RangeError} If a number is out of range.
   */
  start<Options extends object>(
    prepare: Prepare<Options>,
    url: string,
    protocols: string[],
    options: Options,
  ): void {
    if (this.#signal !== undefined && !isAbortSignal(this.#signal)) {
      throw wrongOption("signal", "an AbortSignal", this.#signal);
    }
    for (const name of NOT_HERE) {
      if (name in options) {
        throw new TypeError(`Cannot use option "${name}": it does not exist here`);
      }
    }
    const { signal } = this.#controller;
    const own: Options & OpeningOptions = { ...options, protocols, signal };
    const open = prepare(url, own);
    if (this.#signal !== undefined) {
      if (this.#signal.aborted) this.#onAbort();
      else watchAbort(this.#signal, this.#onAbort);
    }
    open().then((core) => {
      if (this.#settled) return discard(core);
      // A task, as the standard says: whoever made the socket has listened to it by then.
      setTimeout(() => {
        if (this.#settled) return discard(core);
        if (signal.aborted) {
          discard(core);
          return this.fail(handshakeAborted(signal));
        }
        this.#settled = true;
        this.#events.onOpen(core);
      }, 0);
    }, (error) => this.fail(error instanceof Error ? error : new Error(String(error))));
  }

  /** Gives up: whatever is under way is cut. */
  abandon(error: Error): void {
    this.fail(error);
    this.#controller.abort(error);
  }

  /** Tells of a failure, soon. */
  fail(error: Error): void {
    if (this.#settled) return;
    this.#settled = true;
    this.release();
    setTimeout(() => this.#events.onFailure(error), 0);
  }

  /** Cuts the connection as the signal does; for one that is open. */
  readonly #onAbort = (): void => {
    this.#controller.abort(this.#signal!.reason);
  };

  /** Lets go of the user's signal. */
  release(): void {
    if (this.#signal !== undefined) unwatchAbort(this.#signal, this.#onAbort);
  }
}

/** Cuts a connection that came too late. */
function discard(core: ConnectionCore): void {
  core.terminate();
}

/** Makes the error of an opening that the application gave up. */
export function closedEarly(): WebSocketError {
  return new WebSocketError("Cannot open: close() was called before the connection was open", {
    code: "WS_CLOSED_BY_APPLICATION",
  });
}
