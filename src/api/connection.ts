/**
 * The connection that users hold, the same on every runtime and transport.
 * @module
 */

import { bytesOf, EMPTY_BYTES, isBufferSource } from "../bytes.ts";
import { encodeUtf8, MAX_CONTROL_BYTES } from "../frames/mod.ts";
import { notOpen, writeClosePayload } from "../connection/mod.ts";
import type { UpgradeRequest } from "../handshake/mod.ts";
import type { CloseInfo, ConnectionCapabilities, LastWord } from "./channel.ts";
import type { ConnectionCore } from "./connection_core.ts";
import type { Message } from "./message_queue.ts";
import type { StreamedMessage } from "./message_reader.ts";
import { checkOptionNames, describe } from "./options.ts";
import type { PreparedMessage } from "./prepared_message.ts";
import type { Bytes, Sendable, SendOptions } from "./sender.ts";

/** Internal: finds what a connection is made of. */
export let coreOf: (socket: WebSocketConnection) => ConnectionCore;

/**
 * An open WebSocket connection.
 *
 * Messages are read by async iteration (or {@linkcode WebSocketConnection.messages}, or
 * {@linkcode WebSocketConnection.readable}, or a handler's `message` callback) and sent with
 * {@linkcode WebSocketConnection.send}. Connections are made by the adapters, by `connect()`,
 * `acceptWebSocket()` and `connectWebSocket()`, never with `new`.
 *
 * @typeParam Data The type of {@linkcode WebSocketConnection.data}.
 *
 * @example
 * ```ts
 * import type { WebSocketConnection } from "@fullduplex/ws";
 *
 * export async function echo(socket: WebSocketConnection): Promise<void> {
 *   for await (const message of socket) await socket.send(message);
 * }
 * ```
 *
 * @see RFC 6455
 */
// deno-lint-ignore no-explicit-any -- `data` is the application's: any, as a property bag must be
export class WebSocketConnection<Data = any> implements AsyncIterable<Message> {
  /** Yours: whatever belongs to this connection. */
  data!: Data;

  static {
    coreOf = (socket) => socket.#core;
  }

  readonly #core: ConnectionCore;
  #readable: ReadableStream<Message> | undefined;
  #writable: WritableStream<Sendable> | undefined;

  /** Internal: connections are made by adapters. */
  constructor(core: ConnectionCore) {
    this.#core = core;
  }

  /** The subprotocol that both sides agreed on; `""` for none. */
  get protocol(): string {
    return this.#core.info.protocol;
  }

  /** The extensions in use, as in the `Sec-WebSocket-Extensions` header; `""` for none. */
  get extensions(): string {
    return this.#core.info.extensions;
  }

  /** The URL that was asked for. */
  get url(): string {
    const { url, request } = this.#core.info;
    // The WebSocket URL that a request stands for: http: becomes ws:, https: becomes wss:.
    return url ?? request!.url.replace(/^http/, "ws");
  }

  /** The opening request; `undefined` on a client. */
  get request(): UpgradeRequest | undefined {
    return this.#core.info.request;
  }

  /** The header fields of the server's response; `undefined` on a server. */
  get responseHeaders(): Headers | undefined {
    return this.#core.info.responseHeaders;
  }

  /** The peer's address; `undefined` where the transport does not know it. */
  get remoteAddress(): string | undefined {
    return this.#core.info.remoteAddress;
  }

  /** What this connection can do on this runtime. */
  get capabilities(): ConnectionCapabilities {
    return this.#core.channel.capabilities;
  }

  /** 1 while open, 2 while closing, 3 when closed: the WHATWG numbers. */
  get readyState(): number {
    return this.#core.readyState;
  }

  /** Bytes given to `send()` that have not left for the network yet. */
  get bufferedAmount(): number {
    return this.#core.sender.bufferedAmount;
  }

  /**
   * The round trip of the last ping that was answered, in milliseconds: one of the heartbeat's, which
   * go out every `pingIntervalMs`, or one of {@linkcode WebSocketConnection.ping}. `undefined` until
   * there was one, and always where `capabilities.ping` is `false`.
   */
  get latencyMs(): number | undefined {
    return this.#core.latencyMs;
  }

  /** Resolves, and never rejects, when all is over; tells how the connection ended. */
  get closed(): Promise<CloseInfo> {
    return this.#core.closed;
  }

  // ------------------------------------------------------------------ sending

  /**
   * Sends a message. Order is kept; nothing needs to be awaited for that.
   *
   * A `ReadableStream` goes out as one fragmented message, piece by piece as they come; it is locked
   * at once, and read no faster than the peer takes it. When it fails before its first piece, the
   * promise rejects with its error and nothing was sent. After that the peer must not take the message
   * for whole: the connection fails as well, with 1011 and `WS_SEND_FAILED`, whose `cause` is the same
   * error. Large bytes may go out by reference: leave them unchanged until the promise resolves.
   *
   * The promise resolves while no more than `highWaterMark` bytes wait to be sent, so awaiting it
   * keeps memory bounded. It rejects when the connection is no longer open; a rejection that
   * nobody looks at does no harm.
   *
   * @param data A string (text), or bytes, a `Blob` or a stream; or a message that is prepared for
   * many connections.
   * @param options The type, whether to compress, and a signal to give up waiting.
   * @returns A promise for the moment to send more.
   * Rejects with a `NotSupportedError`, for bytes, where `capabilities.binary` is `false`.
   * @throws {TypeError} If `data` or an option is not of the kinds named.
   *
   * @example
   * ```ts
   * import type { WebSocketConnection } from "@fullduplex/ws";
   *
   * export async function countdown(socket: WebSocketConnection): Promise<void> {
   *   for (let n = 3; n > 0; n--) await socket.send(String(n));
   *   await socket.send(new Uint8Array([0x67, 0x6f]), { type: "text" });
   * }
   * ```
   */
  send(data: Sendable, options?: SendOptions): Promise<void> {
    return this.#core.sender.send(data, options);
  }

  /**
   * Sends a message only if that fits below the high-water mark right now.
   *
   * @param data A string, or bytes, which are copied, or a prepared message.
   * @returns `false` when nothing was sent: too much waits, or the connection is not open.
   * @throws {TypeError} If `data` is neither.
   */
  trySend(data: string | Bytes | PreparedMessage): boolean {
    return this.#core.sender.trySend(data);
  }

  /**
   * Sends a ping and waits for its pong.
   *
   * @param payload At most 125 bytes. Default: a few bytes of its own.
   * @returns The round trip, in milliseconds. Rejects with a `WebSocketError` when no pong came
   * within `pingTimeoutMs` or the connection ended, and with a `NotSupportedError` where
   * `capabilities.ping` is `false`; a rejection that nobody looks at does no harm.
   * @throws {TypeError} If the payload is neither a string nor bytes.
   * @throws {RangeError} If the payload is too long.
   */
  ping(payload?: string | Bytes): Promise<number> {
    const { channel, pings } = this.#core;
    const bytes = payload === undefined ? pings.nextPayload() : controlPayload(payload);
    if (!channel.capabilities.ping) return quiet(Promise.reject(noPing()));
    if (!channel.open) return quiet(Promise.reject(notOpen()));
    const pong = quiet(pings.wait(bytes));
    channel.ping(bytes);
    return pong;
  }

  /**
   * Sends a pong that answers no ping: a heartbeat that expects no answer.
   *
   * @param payload At most 125 bytes. Default: none.
   * @throws {TypeError} If the payload is neither a string nor bytes.
   * @throws {RangeError} If the payload is too long.
   * @throws {DOMException} `NotSupportedError`, where `capabilities.ping` is `false`.
   * @see RFC 6455, section 5.5.3
   */
  pong(payload?: string | Bytes): void {
    const bytes = payload === undefined ? EMPTY_BYTES : controlPayload(payload);
    const { channel } = this.#core;
    if (!channel.capabilities.ping) throw noPing();
    if (channel.open) channel.pong(bytes);
  }

  /**
   * Closes the connection: sends what is still in line, then a close frame, and waits for the
   * peer's. Messages that arrive after this call are dropped.
   *
   * @param closeCode 1000–1003, 1007–1014 or 3000–4999; `null` for none, which the peer sees as
   * 1005. Default: 1000.
   * @param reason At most 123 bytes of UTF-8. Default: `""`.
   * @returns The same promise as `closed`.
   * @throws {TypeError} If an argument has the wrong type, or a reason comes without a code.
   * @throws {RangeError} If the code must not be sent, or the reason is too long.
   */
  close(closeCode: number | null = 1000, reason = ""): Promise<CloseInfo> {
    const sent = closeCode ?? undefined;
    this.#checkClose(sent, reason); // before anything has changed
    this.#core.close(sent, reason);
    return this.#core.closed;
  }

  /**
   * Cuts the connection at once, without a closing handshake.
   *
   * @param last What to tell the peer before that, in a close frame: `{ closeCode: 1002, reason }`, or
   * `{}` for none of both. It goes out only if it can at once, in the place of all that waits to be
   * sent, and is not answered. Default: nothing is sent.
   * @throws {TypeError} If it is no such object.
   * @throws {RangeError} If the code must not be sent, or the reason is too long.
   */
  terminate(last?: LastWord): void {
    if (last !== undefined) {
      checkOptionNames(last, ["closeCode", "reason"]);
      this.#checkClose(last.closeCode, last.reason);
    }
    this.#core.terminate(last);
  }

  #checkClose(closeCode: number | undefined, reason: string | undefined): void {
    writeClosePayload(closeCode, reason); // throws on misuse
    const { allCloseCodes } = this.capabilities;
    if (allCloseCodes || closeCode === undefined || closeCode === 1000 || closeCode >= 3000) return;
    throw new RangeError(
      `Cannot close: code ${closeCode} cannot be sent on this runtime's socket; ` +
        "allowed are 1000 and 3000-4999",
    );
  }

  /** Closes the connection and waits until all is over; for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  // ---------------------------------------------------------------- receiving

  /**
   * Iterates over the messages, each whole. The loop ends when the connection was closed in order,
   * and throws a `WebSocketError` when it failed or was lost.
   *
   * While nobody takes messages and `highWaterMark` bytes of them wait, the socket is not read.
   *
   * @throws {DOMException} `InvalidStateError`, if messages go elsewhere already.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Message> {
    return this.#core.useQueue();
  }

  /**
   * Iterates over the messages, each as a stream that can be read while it arrives. What was not
   * read of a message when the next one is asked for is skipped, and so is the rest of a body that was
   * cancelled. A body errors with a `WebSocketError` when the connection ends before the message
   * does. `maxMessageBytes` and `maxFragments` do not apply: no message is ever whole in memory.
   *
   * @throws {DOMException} `InvalidStateError`, if messages go elsewhere already.
   *
   * @example
   * ```ts
   * import type { WebSocketConnection } from "@fullduplex/ws";
   *
   * export async function measure(socket: WebSocketConnection): Promise<void> {
   *   for await (const message of socket.messages()) {
   *     let size = 0;
   *     for await (const piece of message.body) size += piece.length;
   *     await socket.send(`${message.type}: ${size}`);
   *   }
   * }
   * ```
   */
  messages(): AsyncIterableIterator<StreamedMessage> {
    return this.#core.useReader();
  }

  /** The messages as a stream, made when first asked for; cancelling it closes the connection. */
  get readable(): ReadableStream<Message> {
    if (this.#readable === undefined) {
      const queue = this.#core.useQueue();
      this.#readable = new ReadableStream<Message>({
        pull: async (controller) => {
          const { value, done } = await queue.next();
          if (done) controller.close();
          else controller.enqueue(value);
        },
        cancel: async () => {
          await this.close();
        },
      }, { highWaterMark: 0 });
    }
    return this.#readable;
  }

  /** A stream that sends each chunk as a message, made when first asked for; ending it closes. */
  get writable(): WritableStream<Sendable> {
    const leave = async () => {
      await this.close();
    };
    this.#writable ??= new WritableStream<Sendable>({
      write: (data) => this.send(data),
      close: leave,
      abort: leave,
    });
    return this.#writable;
  }

  /** Stops reading from the peer, which is held back once the buffers between are full. */
  pause(): void {
    this.#core.pauseReading();
  }

  /** Goes on reading. */
  resume(): void {
    this.#core.resumeReading();
  }
}

/** Checks and encodes the payload of a ping or pong. */
/** Internal: checks the payload of a ping or pong. */
export function controlPayload(payload: string | Bytes): Uint8Array {
  if (typeof payload !== "string" && !isBufferSource(payload)) {
    throw new TypeError(
      `Cannot send control frame: expected a string or a BufferSource, got ${describe(payload)}`,
    );
  }
  const bytes = typeof payload === "string" ? encodeUtf8(payload) : bytesOf(payload);
  if (bytes.length > MAX_CONTROL_BYTES) {
    throw new RangeError(
      `Cannot send control frame: payload is ${bytes.length} bytes, limit ${MAX_CONTROL_BYTES}`,
    );
  }
  return bytes;
}

function noPing(): DOMException {
  return new DOMException(
    "Cannot ping: this connection has no way to send one",
    "NotSupportedError",
  );
}

/** Marks a promise so that a rejection nobody looks at does not end the process. */
function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
