/**
 * The `WebSocket` class of the WHATWG standard, over any opener.
 *
 * @see WHATWG WebSockets, section 3
 * @module
 */

import { bytesOf } from "../../bytes.ts";
import { WebSocketError } from "../../errors.ts";
import { CloseCode } from "../../frames/mod.ts";
import type { CloseInfo } from "../channel.ts";
import type { ConnectionCore } from "../connection_core.ts";
import { OPEN } from "../connection_info.ts";
import type { Message } from "../message_queue.ts";
import { noBinary } from "../sender.ts";
import { checkSubprotocols, parseUrl, validateClose } from "./arguments.ts";
import { BufferedBytes, textBytes } from "./buffered_bytes.ts";
import { EventHandlers } from "./event_handlers.ts";
import { closeEvent, errorEvent } from "./events.ts";
import {
  defineInterface,
  invalidState,
  isObject,
  toClampedShort,
  toDictionary,
  toDomString,
  toSequence,
  toUsvString,
} from "./idl.ts";
import { lasting } from "./lasting.ts";
import { MessageLine } from "./message_line.ts";
import { closedEarly, Opening } from "./opening.ts";
import type { Prepare, WebSocketBinaryType, WebSocketConstructor } from "./types.ts";

const STATES = { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 } as const;

/**
 * Makes a `WebSocket` class.
 *
 * @param prepare Checks what the constructor is given, and opens connections.
 * @returns The class.
 */
export function createWebSocketClass<Options extends object>(
  prepare: Prepare<Options>,
): WebSocketConstructor<Options & { signal?: AbortSignal }> {
  class WebSocket extends EventTarget {
    readonly #url: URL;
    readonly #origin: string;
    readonly #handlers: EventHandlers = new EventHandlers(this);
    readonly #opening: Opening;
    readonly #buffered = new BufferedBytes();
    readonly #line = new MessageLine((data) => this.#onMessage(data));
    #core: ConnectionCore | undefined;
    #state: number = STATES.CONNECTING;
    #binaryType: WebSocketBinaryType = "blob";

    constructor(url: string | URL, protocols: unknown = [], options: unknown = undefined) {
      super();
      if (arguments.length === 0) throw new TypeError("Cannot open WebSocket: no URL was given");
      const input = toUsvString(url);
      const offers = isIterable(protocols)
        ? toSequence(protocols, "protocols")
        : [toDomString(protocols)];
      const { signal, ...rest } = toDictionary(
        options as Options & { signal?: AbortSignal },
        "options",
      );
      const parsed = parseUrl(input);
      checkSubprotocols(offers);
      this.#url = parsed;
      this.#origin = `${parsed.protocol}//${parsed.host}`;
      this.#opening = new Opening({
        onOpen: (core) => this.#onOpen(core),
        onFailure: (error) => this.#onEnd({ closeCode: 1006, reason: "", wasClean: false }, error),
      }, signal);
      this.#opening.start(prepare, parsed.href, offers, rest as unknown as Options);
    }

    get url(): string {
      return this.#url.href;
    }

    get readyState(): number {
      const state = this.#state;
      if (state !== STATES.OPEN || this.#core!.readyState === OPEN) return state;
      // The peer's close frame came, but messages before it are still on their way to listeners.
      return this.#line.busy ? state : STATES.CLOSING;
    }

    get bufferedAmount(): number {
      return this.#buffered.amount;
    }

    get onopen(): unknown {
      return this.#handlers.get("open");
    }

    set onopen(value: unknown) {
      this.#handlers.set("open", value);
    }

    get onerror(): unknown {
      return this.#handlers.get("error");
    }

    set onerror(value: unknown) {
      this.#handlers.set("error", value);
    }

    get onclose(): unknown {
      return this.#handlers.get("close");
    }

    set onclose(value: unknown) {
      this.#handlers.set("close", value);
    }

    get extensions(): string {
      return this.#core?.info.extensions ?? "";
    }

    get protocol(): string {
      return this.#core?.info.protocol ?? "";
    }

    close(code: unknown = undefined, reason: unknown = undefined): void {
      this.#state; // whatever else `this` may be, nothing is converted for it
      const closeCode = code === undefined ? undefined : toClampedShort(code);
      const text = reason === undefined ? "" : toUsvString(reason);
      validateClose(closeCode, text);
      if (this.#state === STATES.CONNECTING) {
        this.#state = STATES.CLOSING;
        this.#opening.abandon(closedEarly());
      } else if (this.#state === STATES.OPEN) {
        this.#state = STATES.CLOSING;
        // A reason cannot go without a code.
        this.#core!.close(closeCode ?? (text === "" ? undefined : CloseCode.NORMAL), text);
      }
    }

    get onmessage(): unknown {
      return this.#handlers.get("message");
    }

    set onmessage(value: unknown) {
      this.#line.onListeners();
      this.#handlers.set("message", value);
    }

    get binaryType(): WebSocketBinaryType {
      return this.#binaryType;
    }

    set binaryType(value: unknown) {
      this.#state;
      const type = toDomString(value);
      if (type === "blob" || type === "arraybuffer") this.#binaryType = type;
    }

    send(data: unknown): void {
      const state = this.#state;
      if (arguments.length === 0) throw new TypeError("Cannot send: no data was given");
      const payload = toPayload(data);
      if (state === STATES.CONNECTING) {
        throw invalidState("Cannot send: the connection is not open yet");
      }
      const core = this.#core;
      if (state === STATES.OPEN && core!.readyState === OPEN) this.#send(core!, payload);
      else this.#buffered.addLost(payloadBytes(payload));
    }

    // The two that follow do what they always do, and tell of it.
    override addEventListener(
      type: string,
      _listener: EventListenerOrEventListenerObject | null,
    ): void {
      if (type === "message") this.#line.onListeners();
      Reflect.apply(super.addEventListener, this, arguments);
    }

    override removeEventListener(
      type: string,
      _listener: EventListenerOrEventListenerObject | null,
    ): void {
      if (type === "message") this.#line.onListeners();
      Reflect.apply(super.removeEventListener, this, arguments);
    }

    #send({ channel, sender }: ConnectionCore, payload: string | Uint8Array | Blob): void {
      // Said here, for nobody sees the promise. (No standard's version lacks it.)
      if (typeof payload !== "string" && !channel.capabilities.binary) {
        throw noBinary(channel.capabilities);
      }
      const before = sender.bufferedAmount;
      if (typeof payload === "string") {
        void sender.send(payload);
        const grown = sender.bufferedAmount - before;
        // With compression, or in line behind something else, the text itself is measured.
        const plain = this.extensions === "" && !sender.busy;
        this.#buffered.add(textBytes(payload, plain ? grown : 0), grown);
      } else if (payload instanceof Uint8Array) {
        void sender.send(lasting(payload, channel, sender));
        this.#buffered.add(payload.length, sender.bufferedAmount - before);
      } else {
        this.#buffered.add(payload.size, payload.size);
        sender.send(payload).catch((cause) => {
          if (!channel.open) return;
          channel.fail(
            new WebSocketError("Cannot send Blob: it cannot be read", {
              code: "WS_SEND_FAILED",
              closeCode: CloseCode.INTERNAL_ERROR,
              cause,
            }),
          );
        });
      }
    }

    #onOpen(core: ConnectionCore): void {
      this.#core = core;
      this.#state = STATES.OPEN;
      this.#buffered.bind(core);
      core.useCallbacks({
        message: (_, data) => this.#line.push(data),
        error: () => this.#buffered.freeze(),
        close: (_, info) => this.#onClosed(info),
      }, () => {});
      super.dispatchEvent(new Event("open"));
      // In a task of its own: whoever awaited the event has set its listeners by then.
      setTimeout(() => core.start(), 0);
    }

    #onMessage(data: Message): void {
      if (this.#state !== STATES.OPEN) return;
      super.dispatchEvent(
        new MessageEvent("message", {
          data: typeof data === "string"
            ? data
            : this.#binaryType === "blob"
            ? new Blob([data as Uint8Array<ArrayBuffer>])
            : arrayBufferOf(data),
          origin: this.#origin,
        }),
      );
    }

    #onClosed(info: CloseInfo): void {
      if (info.wasClean) this.#buffered.clear();
      else this.#buffered.freeze();
      this.#opening.release();
      setTimeout(() => this.#onEnd(info, info.error), 0);
    }

    #onEnd({ closeCode, reason, wasClean }: CloseInfo, error: Error | undefined): void {
      this.#state = STATES.CLOSED;
      if (error !== undefined) super.dispatchEvent(errorEvent(error));
      super.dispatchEvent(closeEvent(closeCode, reason, wasClean));
    }
  }

  defineInterface(WebSocket, "WebSocket", STATES);
  return WebSocket as unknown as WebSocketConstructor<Options & { signal?: AbortSignal }>;
}

function isIterable(value: unknown): boolean {
  if (!isObject(value)) return false;
  const method = (value as Iterable<unknown>)[Symbol.iterator];
  return method !== undefined && method !== null;
}

/**
 * Converts to `(BufferSource or Blob or USVString)`.
 *
 * @throws {TypeError} If it is a view of shared memory or of a buffer that can change its size, for
 * which Web IDL needs a leave that the standard does not give.
 */
function toPayload(data: unknown): string | Uint8Array | Blob {
  if (typeof data === "string") return data;
  const view = ArrayBuffer.isView(data);
  if (view || data instanceof ArrayBuffer) {
    const buffer = (view ? data.buffer : data) as ArrayBuffer & { resizable?: boolean };
    if (!(buffer instanceof ArrayBuffer) || buffer.resizable) {
      throw new TypeError("Cannot send: the bytes are in a shared or resizable buffer");
    }
    return bytesOf(data as ArrayBuffer);
  }
  return data instanceof Blob ? data : toUsvString(data);
}

function payloadBytes(payload: string | Uint8Array | Blob): number {
  if (typeof payload === "string") return textBytes(payload);
  return payload instanceof Uint8Array ? payload.length : payload.size;
}

/** The bytes as a buffer of their own. */
function arrayBufferOf(bytes: Uint8Array): ArrayBuffer {
  const { buffer, byteLength } = bytes;
  const own = byteLength === buffer.byteLength ? buffer : bytes.slice().buffer;
  return own as ArrayBuffer;
}
