/**
 * The `WebSocketStream` class of the WHATWG proposal, over any opener.
 *
 * @see The WebSocketStream interface, https://github.com/whatwg/websockets/pull/48
 * @module
 */

import { bytesOf } from "../bytes.ts";
import { WebSocketError } from "../errors.ts";
import { CloseCode } from "../frames/mod.ts";
import type { CloseInfo } from "./channel.ts";
import type { ConnectionCore } from "./connection_core.ts";
import { OPEN } from "./connection_info.ts";
import type { Message, MessageQueue } from "./message_queue.ts";
import { checkSubprotocols, parseUrl, validateClose } from "./websocket/arguments.ts";
import {
  defineInterface,
  invalidState,
  toDictionary,
  toEnforcedShort,
  toSequence,
  toUsvString,
} from "./websocket/idl.ts";
import { lasting } from "./websocket/lasting.ts";
import { closedEarly, Opening } from "./websocket/opening.ts";
import type { Prepare } from "./websocket/types.ts";

/** What the `opened` promise of a {@linkcode WebSocketStreamInstance} resolves to. */
export interface WebSocketOpenInfo {
  /** The messages; one that is not read in time holds the server back. */
  readable: ReadableStream<string | Uint8Array>;
  /** Sends each chunk as a message: a `BufferSource` as binary, anything else as text. */
  writable: WritableStream<string | ArrayBufferLike | ArrayBufferView>;
  /** The extensions in use; `""` for none. */
  extensions: string;
  /** The subprotocol that the server chose; `""` for none. */
  protocol: string;
}

/** How a connection is closed, or was. */
export interface WebSocketCloseInfo {
  /** The close code. Default: none, or 1000 when there is a reason. */
  closeCode?: number;
  /** The reason. Default: `""`. */
  reason?: string;
}

/** What every `WebSocketStream` takes, beside the options of its opener. */
export interface WebSocketStreamOptions {
  /** The subprotocols to offer. Default: none. */
  protocols?: Iterable<string>;
  /** Gives the opening up when aborted; does nothing once the connection is open. Default: none. */
  signal?: AbortSignal;
}

/** A `WebSocketStream` of the WHATWG proposal. */
export interface WebSocketStreamInstance {
  /** The URL, as the standard serialises it. */
  readonly url: string;
  /**
   * Resolves when the connection is open; rejects with a `WebSocketError`, whose `cause` tells more,
   * or with the reason that the signal was aborted with. Nobody needs to look at it.
   */
  readonly opened: Promise<WebSocketOpenInfo>;
  /**
   * Resolves when the connection was closed in order, to the server's code and reason; rejects when
   * it failed. Nobody needs to look at it.
   */
  readonly closed: Promise<Required<WebSocketCloseInfo>>;
  /**
   * Closes the connection; while opening, gives up.
   *
   * @param closeInfo A code, 1000 or 3000–4999, and a reason of at most 123 bytes. Default: neither.
   * @throws {DOMException} `InvalidAccessError` for another code, `SyntaxError` for a longer reason.
   */
  close(closeInfo?: WebSocketCloseInfo): void;
}

/** A `WebSocketStream` class. */
export interface WebSocketStreamConstructor<Options extends object> {
  /**
   * Starts to open a connection.
   *
   * @param url A ws:, wss:, http: or https: URL without a fragment; a relative one where the
   * program has a location.
   * @param options Subprotocols, a signal, header fields, TLS, limits and deadlines.
   * @throws {DOMException} `SyntaxError`, if the URL or a subprotocol is wrong.
   * @throws {TypeError} If an option does not exist or is wrong.
   * @throws {RangeError} If a number is out of range.
   */
  new (url: string | URL, options?: Options & WebSocketStreamOptions): WebSocketStreamInstance;
  /** The prototype of all instances. */
  readonly prototype: WebSocketStreamInstance;
}

/** A promise with its ends. */
class Deferred<T> {
  readonly promise: Promise<T>;
  resolve!: (value: T) => void;
  reject!: (error: unknown) => void;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    this.promise.catch(() => {}); // a server that is away must not end the process
  }
}

/**
 * Makes a `WebSocketStream` class.
 *
 * @param prepare Checks what the constructor is given, and opens connections.
 * @returns The class.
 */
export function createWebSocketStreamClass<Options extends object>(
  prepare: Prepare<Options>,
): WebSocketStreamConstructor<Options> {
  class WebSocketStream {
    readonly #url: string;
    readonly #opened = new Deferred<WebSocketOpenInfo>();
    readonly #closed = new Deferred<Required<WebSocketCloseInfo>>();
    readonly #opening: Opening;
    #connection: StreamedConnection | undefined;

    constructor(url: string | URL, options: unknown = {}) {
      if (arguments.length === 0) throw new TypeError("Cannot open WebSocket: no URL was given");
      const input = toUsvString(url);
      const { protocols, signal, ...rest } = toDictionary(
        options as Options & WebSocketStreamOptions,
        "options",
      );
      const offers = protocols === undefined
        ? []
        : toSequence(protocols, 'option "protocols"').map(toUsvString);
      this.#url = parseUrl(input).href;
      checkSubprotocols(offers);
      this.#opening = new Opening({
        onOpen: (core) => {
          this.#opening.release(); // from now on the signal means nothing
          this.#connection = new StreamedConnection(core, this.#closed);
          this.#opened.resolve(this.#connection.info);
          core.start();
        },
        onFailure: (error) => {
          const reason = signal?.aborted ? signal.reason : openingFailed(error);
          this.#opened.reject(reason);
          this.#closed.reject(reason);
        },
      }, signal);
      this.#opening.start(prepare, this.#url, offers, rest as unknown as Options);
    }

    get url(): string {
      return this.#url;
    }

    // Web IDL: attributes that are promises reject where others throw.
    get opened(): Promise<WebSocketOpenInfo> {
      if (!(#opened in this)) return Promise.reject(wrongThis());
      return this.#opened.promise;
    }

    get closed(): Promise<Required<WebSocketCloseInfo>> {
      if (!(#closed in this)) return Promise.reject(wrongThis());
      return this.#closed.promise;
    }

    close(closeInfo: unknown = {}): void {
      const connection = this.#connection;
      const info = toDictionary(closeInfo as WebSocketCloseInfo, "closeInfo");
      const closeCode = info.closeCode === undefined
        ? undefined
        : toEnforcedShort(info.closeCode, "closeCode");
      const reason = info.reason === undefined ? "" : toUsvString(info.reason);
      validateClose(closeCode, reason);
      if (connection === undefined) this.#opening.abandon(closedEarly());
      else connection.close(closeCode, reason);
    }
  }

  defineInterface(WebSocketStream, "WebSocketStream");
  return WebSocketStream as unknown as WebSocketStreamConstructor<Options>;
}

/** An open connection as a pair of streams of messages. */
class StreamedConnection {
  readonly info: WebSocketOpenInfo;
  readonly #core: ConnectionCore;
  readonly #queue: MessageQueue;
  readonly #closed: Deferred<Required<WebSocketCloseInfo>>;
  #sink!: WritableStreamDefaultController;

  constructor(core: ConnectionCore, closed: Deferred<Required<WebSocketCloseInfo>>) {
    this.#core = core;
    this.#queue = core.useQueue();
    this.#closed = closed;
    this.info = {
      readable: new ReadableStream<Message>({
        pull: (controller) => this.#pull(controller),
        cancel: (reason) => this.#closeUsing(reason),
      }),
      writable: new WritableStream<unknown>({
        start: (controller) => void (this.#sink = controller),
        write: (chunk) => this.#write(chunk),
        close: () => this.#end(),
        abort: (reason) => this.#closeUsing(reason),
      }),
      extensions: core.info.extensions,
      protocol: core.info.protocol,
    };
    core.closed.then((info) => this.#onClosed(info));
  }

  close(closeCode: number | undefined, reason: string): void {
    // A reason cannot go without a code.
    this.#core.close(closeCode ?? (reason === "" ? undefined : CloseCode.NORMAL), reason);
  }

  async #pull(controller: ReadableStreamDefaultController<Message>): Promise<void> {
    try {
      const { value, done } = await this.#queue.next();
      if (!done) return controller.enqueue(value);
    } catch {
      // What failed is told by the end.
    }
    const error = failure(await this.#core.closed);
    if (error === undefined) controller.close();
    else controller.error(error);
  }

  /** Sends a chunk; resolves when there is room for more. */
  async #write(chunk: unknown): Promise<void> {
    const { readyState, channel, sender } = this.#core;
    const data = ArrayBuffer.isView(chunk) || chunk instanceof ArrayBuffer
      ? lasting(bytesOf(chunk as ArrayBuffer), channel, sender)
      : toUsvString(chunk);
    // Once the closing handshake has started, what is written goes nowhere; the end tells.
    if (readyState !== OPEN) return;
    try {
      await sender.send(data);
    } catch {
      const error = failure(await this.#core.closed);
      if (error !== undefined) throw error;
    }
  }

  /** Closes, and waits until that is done. */
  async #end(): Promise<void> {
    this.close(undefined, "");
    const error = failure(await this.#core.closed);
    if (error !== undefined) throw error;
  }

  /** "Close using reason": with the code and the reason of an error made for that, else without. */
  #closeUsing(reason: unknown): void {
    if (isWebSocketError(reason)) {
      try {
        validateClose(reason.closeCode ?? undefined, reason.reason);
        return this.close(reason.closeCode ?? undefined, reason.reason);
      } catch {
        // A code that came from a server, for instance.
      }
    }
    this.close(undefined, "");
  }

  #onClosed(info: CloseInfo): void {
    const error = failure(info);
    this.#sink.error(error ?? invalidState("Cannot write: the WebSocketStream is closed"));
    if (error !== undefined) return this.#closed.reject(error);
    this.#closed.resolve({ closeCode: info.closeCode, reason: info.reason });
  }
}

function wrongThis(): TypeError {
  return new TypeError("Cannot read attribute: this is not a WebSocketStream");
}

/** Makes the error of an opening that came to nothing. */
function openingFailed(cause: Error): WebSocketError {
  if (cause instanceof WebSocketError) return cause;
  return new WebSocketError(cause.message, { code: "WS_OPENING_FAILED", closeCode: 1006, cause });
}

/** Makes the error that the streams end with, each time the same; `undefined` for a clean end. */
function failure(info: CloseInfo): WebSocketError | undefined {
  if (info.wasClean) return undefined;
  let error = failures.get(info);
  if (error === undefined) {
    const { closeCode, reason, error: cause } = info;
    const code = cause?.code ?? "WS_CONNECTION_LOST";
    // The proposal: its close code is the one that the connection ended with, mostly 1006.
    error = new WebSocketError(cause?.message ?? "Cannot go on: the connection was lost", {
      code,
      closeCode,
      reason,
      cause,
    });
    failures.set(info, error);
  }
  return error;
}

const failures = new WeakMap<CloseInfo, WebSocketError>();

/** Tells a `WebSocketError`, ours or the platform's own. */
function isWebSocketError(
  reason: unknown,
): reason is Error & { closeCode: number | null; reason: string } {
  return reason instanceof WebSocketError ||
    (reason instanceof Error && reason.name === "WebSocketError" &&
      typeof (reason as WebSocketError).reason === "string");
}
