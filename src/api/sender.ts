/**
 * The sending side of a connection: order, back-pressure, and messages that take time to send.
 *
 * Strings and bytes go to the channel at once. While a `Blob` or a stream is being sent, whatever
 * is sent after it waits in line.
 *
 * @module
 */

import { bytesOf, isBufferSource } from "../bytes.ts";
import { notOpen } from "../connection/mod.ts";
import { WebSocketError } from "../errors.ts";
import { BY_REFERENCE_BYTES, CloseCode, encodeUtf8 } from "../frames/mod.ts";
import { unwatchAbort, watchAbort } from "./abort_watch.ts";
import type { Channel } from "./channel.ts";
import type { DrainWatch } from "./drain_watch.ts";
import { FragmentEncoder } from "./fragment_encoder.ts";
import { checkOptionNames, describe } from "./options.ts";
import { PreparedMessage, sharedOf } from "./prepared_message.ts";
import { type Bytes, checkMessageOptions, checkSendable, checkText } from "./sendable.ts";
import { utf8Length } from "./seen_message.ts";
import { nextCut, StreamSource } from "./stream_source.ts";

export type { Bytes };

/** What can be sent: a string as text; bytes, a `Blob` or a byte stream as binary. */
export type Sendable =
  | string
  | Bytes
  | Blob
  | ReadableStream<string>
  | ReadableStream<Uint8Array>
  | PreparedMessage;

/** Options of one `send()`. */
export interface SendOptions {
  /** The message's type. Default: `"text"` for strings, `"binary"` for the rest. */
  type?: "text" | "binary";
  /**
   * Whether to compress the message, where both sides agreed on compression. Default: from
   * `thresholdBytes` on, and streams always.
   */
  compress?: boolean;
  /**
   * Gives up when aborted. What stands in line is not sent. A stream that is being sent is given up
   * as if its source had failed. What else is not in line any more is sent all the same.
   */
  signal?: AbortSignal;
}

const SEND_OPTION_NAMES = ["type", "compress", "signal"];

/** After this many bytes of a stream the event loop gets a turn, even if nothing has to wait. */
const TURN_BYTES = 1024 * 1024;

/** Already resolved, and shared: a send below the high-water mark allocates no promise. */
const SENT: Promise<void> = Promise.resolve();

/** What can be sent, with streams locked. */
type Loaded = string | Bytes | Blob | PreparedMessage | StreamSource;

interface Waiter {
  /** Resolves when no more than this many bytes wait. */
  readonly below: number;
  resolve(): void;
  reject(error: unknown): void;
}

/** Stands for no waiters: an idle sender holds no list. Nothing is ever added to it. */
const NOBODY: Waiter[] = [];

/** Sends messages over a channel in order. */
export class Sender {
  readonly #channel: Channel;
  readonly #highWaterMark: number;
  readonly #maxBufferedBytes: number;
  /** The last of the sends that take time; `undefined` while none does. */
  #line: Promise<void> | undefined;
  /** Bytes of messages that wait in line. */
  #lineBytes = 0;
  #waiters: Waiter[] = NOBODY;
  /** The stream being sent, to be cancelled when the connection ends. */
  #source: StreamSource | undefined;
  #closing = false;
  /** Who tells of drains; `undefined` where nobody wants to know. */
  drains: DrainWatch | undefined;

  constructor(channel: Channel, highWaterMark: number, maxBufferedBytes: number) {
    this.#channel = channel;
    this.#highWaterMark = highWaterMark;
    this.#maxBufferedBytes = maxBufferedBytes;
  }

  /** Bytes given to send that have not left yet. */
  get bufferedAmount(): number {
    return this.#channel.bufferedAmount + this.#lineBytes;
  }

  /** Whether sends still wait in line. */
  get busy(): boolean {
    return this.#line !== undefined;
  }

  /** Refuses further sends; those in line still go. */
  close(): void {
    this.#closing = true;
  }

  /** Sends a message; see `WebSocketConnection.send`. */
  send(data: Sendable, options?: SendOptions): Promise<void> {
    if (this.#line !== undefined || options !== undefined) return this.#sendSlowly(data, options);
    if (typeof data === "string" && !this.#isSlowText(data)) {
      const refused = this.#refusal();
      return refused ?? this.#sendText(data);
    }
    if (data instanceof Uint8Array && !this.#channel.isSlow(data.length)) {
      const refused = this.#refusal();
      return refused ?? this.#sendBytes(data, "binary");
    }
    if (
      data instanceof PreparedMessage && !this.#channel.isSlow(data.byteLength, data.compress)
    ) {
      const refused = this.#refusal();
      return refused ?? this.#sendPrepared(data);
    }
    return this.#sendSlowly(data, options);
  }

  /** Sends a message unless that would have to wait; see `WebSocketConnection.trySend`. */
  trySend(data: string | Bytes | PreparedMessage): boolean {
    const prepared = data instanceof PreparedMessage;
    if (typeof data !== "string" && !prepared && !isBufferSource(data)) {
      throw new TypeError(
        "Cannot send: expected a string, a BufferSource or a PreparedMessage, got " +
          describe(data),
      );
    }
    if (this.#line !== undefined || this.#closing || !this.#channel.open) return false;
    if (this.#channel.bufferedAmount > this.#highWaterMark) {
      this.drains?.rise();
      return false;
    }
    const text = typeof data === "string" || (prepared && data.type === "text");
    if (!text && !this.#channel.capabilities.binary) return false;
    const size = typeof data === "string" ? data.length * 3 : data.byteLength;
    const slow = typeof data === "string"
      ? this.#isSlowText(data)
      : this.#channel.isSlow(size, prepared ? data.compress : undefined);
    if (slow) {
      const own = prepared || typeof data === "string" ? data : new Uint8Array(bytesOf(data));
      this.#getInLine(size, own, {});
      return true;
    }
    const sent = prepared
      ? this.#channel.sendShared(sharedOf(data), data.compress)
      : typeof data === "string"
      ? this.#channel.sendText(data)
      : this.#channel.sendBytes(bytesOf(data), "binary", false);
    if (sent instanceof Promise) handled(sent);
    if (this.drains !== undefined) this.#noteHigh(this.drains);
    return true;
  }

  /** Lets those go on who waited for what has left now. */
  onFlush(): void {
    if (this.drains !== undefined && this.#channel.bufferedAmount === 0) this.drains.empty();
    if (this.#waiters.length === 0) return;
    const buffered = this.#channel.bufferedAmount;
    const waiters = this.#waiters;
    this.#waiters = NOBODY;
    for (const waiter of waiters) {
      if (buffered <= waiter.below) waiter.resolve();
      else this.#addWaiter(waiter);
    }
  }

  /** Ends everything that waits: the connection is over. */
  onClosed(error: WebSocketError): void {
    this.drains?.stop();
    const waiters = this.#waiters;
    this.#waiters = NOBODY;
    for (const waiter of waiters) waiter.reject(error);
    this.#source?.cancel(error);
  }

  /** Waits for the sends in line. */
  async settled(): Promise<void> {
    while (this.#line !== undefined) await this.#line;
  }

  /** Why nothing can be sent now, as a promise; `undefined` when it can. */
  #refusal(): Promise<void> | undefined {
    if (!this.#channel.open || this.#closing) return rejected(notOpen());
    const buffered = this.bufferedAmount;
    if (buffered <= this.#maxBufferedBytes) return undefined;
    const error = new WebSocketError(
      `Cannot send: ${buffered} bytes wait already, limit ${this.#maxBufferedBytes}`,
      { code: "WS_SEND_BUFFER_FULL" },
    );
    this.#channel.terminate(error);
    return rejected(error);
  }

  /** Whether text takes a promise to compress; its bytes are counted where its length cannot tell. */
  #isSlowText(text: string, compress?: boolean): boolean {
    const channel = this.#channel;
    return channel.isSlow(text.length * 3, compress) &&
      (channel.isSlow(text.length, compress) || channel.isSlow(utf8Length(text), compress));
  }

  #sendText(text: string, compress?: boolean): Promise<void> {
    const sent = this.#channel.sendText(text, compress);
    return this.#whenSent(sent, this.#highWaterMark);
  }

  #sendBytes(bytes: Uint8Array, type: "text" | "binary", compress?: boolean): Promise<void> {
    const sent = this.#channel.sendBytes(bytes, type, true, compress);
    // A large payload went by reference: its promise resolves when its memory is free again.
    return this.#whenSent(sent, bytes.length >= BY_REFERENCE_BYTES ? 0 : this.#highWaterMark);
  }

  #sendPrepared(message: PreparedMessage, compress = message.compress): Promise<void> {
    const sent = this.#channel.sendShared(sharedOf(message), compress);
    return this.#whenSent(sent, this.#highWaterMark);
  }

  /** Waits for what takes time to be sent, and then for room. */
  #whenSent(sent: Promise<void> | void, below: number): Promise<void> {
    return sent instanceof Promise
      ? handled(sent.then(() => this.#untilBelow(below)))
      : this.#untilBelow(below);
  }

  /** A handler may look at `bufferedAmount` itself, and wait for a drain when that is too much. */
  #noteHigh(drains: DrainWatch): void {
    if (this.#channel.bufferedAmount > this.#highWaterMark) drains.rise();
  }

  #untilBelow(below: number): Promise<void> {
    if (this.drains !== undefined) this.#noteHigh(this.drains);
    if (this.#channel.bufferedAmount <= below) return SENT;
    return handled(
      new Promise((resolve, reject) => this.#addWaiter({ below, resolve, reject })),
    );
  }

  #addWaiter(waiter: Waiter): void {
    if (this.#waiters === NOBODY) this.#waiters = [waiter];
    else this.#waiters.push(waiter);
  }

  #sendSlowly(data: Sendable, options: SendOptions = {}): Promise<void> {
    checkOptionNames(options, SEND_OPTION_NAMES);
    const { type, signal } = options;
    checkMessageOptions(options);
    const prepared = data instanceof PreparedMessage;
    if (prepared && (type ?? data.type) !== data.type) {
      throw new TypeError(`Cannot use option "type": the message was prepared as ${data.type}`);
    }
    const size = prepared ? data.byteLength : checkSendable(data, type);
    const compress = options.compress ?? (prepared ? data.compress : undefined);
    const refused = signal?.aborted ? rejected(signal.reason) : this.#refusal();
    if (refused !== undefined) {
      // Taken all the same: else nobody would close the file behind it.
      if (data instanceof ReadableStream) {
        refused.catch((error) => data.cancel(error)).catch(() => {});
      }
      return refused;
    }
    const quick = typeof data === "string"
      ? !this.#isSlowText(data, compress)
      : (prepared || isBufferSource(data)) && !this.#channel.isSlow(size, compress);
    // Locked now, not when its turn comes: until then it must not be read, or skipped, elsewhere.
    const loaded = data instanceof ReadableStream ? new StreamSource(data) : data;
    const sent = quick && this.#line === undefined
      ? this.#dispatch(loaded, options)
      : this.#getInLine(size, loaded, options);
    return signal === undefined ? sent : handled(untilAborted(sent, signal));
  }

  /** Sends what was checked already. */
  #dispatch(data: Loaded, options: SendOptions): Promise<void> {
    const { type, compress } = options;
    if (typeof data === "string") {
      return type === "binary"
        ? this.#sendBytes(encodeUtf8(data), "binary", compress)
        : this.#sendText(data, compress);
    }
    if (data instanceof PreparedMessage) return this.#sendPrepared(data, compress);
    if (isBufferSource(data)) return this.#sendBytes(bytesOf(data), type ?? "binary", compress);
    return data instanceof StreamSource
      ? this.#sendStream(data, options)
      : this.#sendBlob(data as Blob, type, compress);
  }

  /** Sends when all that stands in line before is done. */
  #getInLine(size: number, data: Loaded, options: SendOptions): Promise<void> {
    const { signal } = options;
    this.#lineBytes += size;
    const sent = (this.#line ?? SENT).then(() => {
      if (!signal?.aborted && this.#channel.open) return this.#dispatch(data, options);
      const error = signal?.aborted ? signal.reason : notOpen();
      if (data instanceof StreamSource) data.cancel(error); // nobody will read it any more
      throw error;
    }).finally(() => {
      this.#lineBytes -= size;
      if (this.#line === settled) this.#line = undefined;
    });
    const settled: Promise<void> = sent.catch(() => {});
    this.#line = settled;
    return handled(sent);
  }

  async #sendBlob(
    blob: Blob,
    type: "text" | "binary" | undefined,
    compress: boolean | undefined,
  ): Promise<void> {
    const bytes = new Uint8Array(await blob.arrayBuffer());
    if (type === "text") checkText(bytes);
    if (!this.#channel.open) throw notOpen();
    await this.#sendBytes(bytes, type ?? "binary", compress);
  }

  /** Sends a stream as one fragmented message, each piece as it comes. */
  async #sendStream(source: StreamSource, options: SendOptions): Promise<void> {
    const { signal, compress } = options;
    const encoder = new FragmentEncoder(options.type);
    const giveUp = () => source.cancel(signal!.reason);
    let begun = false;
    let turnBytes = 0;
    this.#source = source;
    if (signal !== undefined) watchAbort(signal, giveUp);
    try {
      for (let done = false; !done;) {
        const piece = await source.read();
        done = piece.done;
        const bytes = done ? encoder.end() : encoder.encode(piece.value);
        if (bytes.length === 0 && !done) continue;
        for (let at = 0, end: number; at < bytes.length || done; at = end) {
          if (signal?.aborted) throw signal.reason;
          if (!this.#channel.open) throw notOpen();
          end = nextCut(bytes, at, encoder.type);
          const final = done && end === bytes.length;
          const cut = bytes.subarray(at, end);
          const sent = this.#channel.sendFragment(cut, encoder.type, final, compress);
          begun = true; // not before: a channel may refuse the message's type
          await sent;
          await this.#untilBelow(this.#highWaterMark);
          if (final) break;
        }
        // A source that always has more and a peer that takes all would leave time for no one else.
        turnBytes += bytes.length;
        if (turnBytes >= TURN_BYTES) {
          turnBytes = 0;
          await new Promise((resolve) => setTimeout(resolve, 0));
        }
      }
    } catch (cause) {
      source.cancel(cause);
      // A message that has begun cannot be taken back: the peer must not take it for whole.
      if (begun && this.#channel.open) {
        this.#channel.fail(
          new WebSocketError("Cannot send message: its source failed after the first fragment", {
            code: "WS_SEND_FAILED",
            closeCode: CloseCode.INTERNAL_ERROR,
            cause,
          }),
        );
      }
      throw cause;
    } finally {
      this.#source = undefined;
      if (signal !== undefined) unwatchAbort(signal, giveUp);
    }
  }
}

/** Makes a rejected promise that does no harm when nobody looks at it: a peer may just have left. */
export function rejected(error: unknown): Promise<void> {
  return handled(Promise.reject(error));
}

/** Lets a promise reject without harm when nobody looks at it. */
export function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

function untilAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    watchAbort(signal, abort);
    promise.then(resolve, reject).finally(() => unwatchAbort(signal, abort));
  });
}
