/**
 * The events of a `WebSocket`: the platform's classes, and ones of the same shape where it lacks them.
 *
 * @see WHATWG WebSockets, section 3.3; HTML, section 8.1.4.6
 * @module
 */

import { defineInterface, toClampedShort, toDictionary, toDomString, toUsvString } from "./idl.ts";

/** A close event. */
export interface WebSocketCloseEvent extends Event {
  /** Whether the closing handshake was completed. */
  readonly wasClean: boolean;
  /** The server's close code; 1005 when its frame had none, 1006 when no close frame came. */
  readonly code: number;
  /** The server's reason; may be empty. */
  readonly reason: string;
}

/** An error event. */
export interface WebSocketErrorEvent extends Event {
  /** What went wrong, as a sentence. */
  readonly message: string;
  /** The cause: a `HandshakeError` before the connection was open, then a `WebSocketError`. */
  // deno-lint-ignore no-explicit-any -- as the DOM has it
  readonly error: any;
  /** Always empty here. */
  readonly filename: string;
  /** Always 0 here. */
  readonly lineno: number;
  /** Always 0 here. */
  readonly colno: number;
}

/** The standard's `EventInit`, for users whose compiler knows no DOM. */
interface BaseInit {
  bubbles?: boolean;
  cancelable?: boolean;
  composed?: boolean;
}

interface CloseInit extends BaseInit {
  wasClean?: boolean;
  code?: number;
  reason?: string;
}

interface ErrorInit extends BaseInit {
  message?: string;
  error?: unknown;
  filename?: string;
  lineno?: number;
  colno?: number;
}

type EventClass<Made extends Event, Init> = new (type: string, init?: Init) => Made;

/** `CloseEvent` for runtimes without one (Node.js before 23). */
export class OwnCloseEvent extends Event implements WebSocketCloseEvent {
  readonly #init: Required<Omit<CloseInit, keyof BaseInit>>;

  constructor(type: string, init?: CloseInit) {
    super(type, init);
    const { wasClean, code = 0, reason = "" } = toDictionary(init, "CloseEventInit");
    this.#init = {
      wasClean: Boolean(wasClean),
      code: toClampedShort(code),
      reason: toUsvString(reason),
    };
  }

  get wasClean(): boolean {
    return this.#init.wasClean;
  }

  get code(): number {
    return this.#init.code;
  }

  get reason(): string {
    return this.#init.reason;
  }
}

/** `ErrorEvent` for runtimes without one (Node.js). */
export class OwnErrorEvent extends Event implements WebSocketErrorEvent {
  readonly #init: Required<Omit<ErrorInit, keyof BaseInit>>;

  constructor(type: string, init?: ErrorInit) {
    super(type, init);
    const { message = "", error, filename = "", lineno = 0, colno = 0 } = toDictionary(
      init,
      "ErrorEventInit",
    );
    this.#init = {
      message: toDomString(message),
      error,
      filename: toUsvString(filename),
      lineno: Number(lineno) >>> 0,
      colno: Number(colno) >>> 0,
    };
  }

  get message(): string {
    return this.#init.message;
  }

  get error(): unknown {
    return this.#init.error;
  }

  get filename(): string {
    return this.#init.filename;
  }

  get lineno(): number {
    return this.#init.lineno;
  }

  get colno(): number {
    return this.#init.colno;
  }
}

defineInterface(OwnCloseEvent, "CloseEvent");
defineInterface(OwnErrorEvent, "ErrorEvent");

interface Platform {
  CloseEvent?: EventClass<WebSocketCloseEvent, CloseInit>;
  ErrorEvent?: EventClass<WebSocketErrorEvent, ErrorInit>;
}

/** Looked at when an event is made: Node 24 loads all of its own client to have a `CloseEvent`. */
const platform = globalThis as Platform;
let CloseEventClass: EventClass<WebSocketCloseEvent, CloseInit> | undefined;
let ErrorEventClass: EventClass<WebSocketErrorEvent, ErrorInit> | undefined;

/** Makes a close event. */
export function closeEvent(code: number, reason: string, wasClean: boolean): WebSocketCloseEvent {
  CloseEventClass ??= platform.CloseEvent ?? OwnCloseEvent;
  return new CloseEventClass("close", { wasClean, code, reason });
}

/** Makes an error event that carries its cause. */
export function errorEvent(error: Error): WebSocketErrorEvent {
  ErrorEventClass ??= platform.ErrorEvent ?? OwnErrorEvent;
  return new ErrorEventClass("error", { error, message: error.message });
}
