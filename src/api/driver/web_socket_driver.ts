/**
 * The face of a driver.
 * @module
 */

import { bytesOf, isBufferSource } from "../../bytes.ts";
import { writeClosePayload } from "../../connection/mod.ts";
import type { UpgradeRequest } from "../../handshake/mod.ts";
import { controlPayload } from "../connection.ts";
import type { Message } from "../message_queue.ts";
import { describe } from "../options.ts";
import type { Bytes } from "../sender.ts";
import type { DriverCore, DriverState } from "./driver.ts";
import type { RawFrame } from "./raw_frame.ts";

/** A pair of streams. */
export interface DriverSide<T> {
  /** What comes out. */
  readonly readable: ReadableStream<T>;
  /** What goes in. */
  readonly writable: WritableStream<T>;
}

/** What is known of the handshake. */
interface Shaken {
  readonly request?: UpgradeRequest | undefined;
  readonly headers?: Headers | undefined;
}

/**
 * One end of a WebSocket connection without input, output and clock. Made by `serverDriver()`,
 * `clientDriver()` and `plainDriver()`.
 */
export class WebSocketDriver {
  /** The version of the protocol. */
  readonly version: string = "13";

  readonly #core: DriverCore;
  readonly #shaken: Shaken;
  #io: DriverSide<Uint8Array> | undefined;
  #messages: DriverSide<Message> | undefined;

  /** Internal: see the functions that make drivers. */
  constructor(core: DriverCore, shaken: Shaken) {
    this.#core = core;
    this.#shaken = shaken;
  }

  /** Where it stands. */
  get state(): DriverState {
    return this.#core.state;
  }

  /** The subprotocol that both sides agreed on; `""` for none. */
  get protocol(): string {
    return this.#core.protocol;
  }

  /** The extensions in use; `""` for none. */
  get extensions(): string {
    return this.#core.extensions;
  }

  /** The opening request, on a server, once it is known. */
  get request(): UpgradeRequest | undefined {
    return this.#shaken.request;
  }

  /** The header fields of the server's answer, on a client, once they have come. */
  get responseHeaders(): Headers | undefined {
    return this.#shaken.headers;
  }

  /**
   * Begins: a client sends its request, a server answers the one it has, or waits for one. Bytes that
   * were fed before are read now. A second call does nothing.
   *
   * @throws {TypeError} If nobody takes the bytes that the driver writes.
   */
  start(): void {
    this.#core.start();
  }

  /**
   * Takes bytes from the peer. They are the driver's from then on: it unmasks in place, and messages
   * may be views of them.
   *
   * @throws {TypeError} If they are no `Uint8Array`.
   */
  feed(bytes: Uint8Array): void {
    this.#core.feed(bytes);
  }

  /** Takes the end of the peer's bytes. */
  feedEnd(): void {
    this.#core.feedEnd();
  }

  /**
   * Sends a text message.
   *
   * @param compress Whether to compress it, where that was agreed on. Default: by its size.
   * @returns `false` when the driver is not open.
   * @throws {TypeError} If it is no string.
   */
  text(text: string, compress?: boolean): boolean {
    if (typeof text !== "string") {
      throw new TypeError(`Cannot send: expected a string, got ${describe(text)}`);
    }
    return this.#core.send(text, compress);
  }

  /** Sends a binary message, as {@linkcode WebSocketDriver.text} does text; the bytes are copied. */
  binary(bytes: Bytes, compress?: boolean): boolean {
    if (!isBufferSource(bytes)) {
      throw new TypeError(`Cannot send: expected a BufferSource, got ${describe(bytes)}`);
    }
    return this.#core.send(bytesOf(bytes), compress);
  }

  /**
   * Sends a ping.
   *
   * @param payload At most 125 bytes. Default: none.
   * @param onPong Called when a pong has come for it or for a later one. Default: nobody.
   * @returns `false` when the driver is not open.
   */
  ping(payload: string | Bytes = "", onPong?: () => void): boolean {
    return this.#core.ping(controlPayload(payload), onPong);
  }

  /** Sends a pong that answers nothing, likewise. */
  pong(payload: string | Bytes = ""): boolean {
    return this.#core.pong(controlPayload(payload));
  }

  /**
   * Sends a frame as it is given, for tests of a peer; see `sendRawFrame()`.
   *
   * @returns `false` when the driver is not open.
   * @throws {TypeError} If the frame is none.
   * @throws {RangeError} If its opcode is out of range.
   */
  frame(frame: RawFrame): boolean {
    return this.#core.raw(frame);
  }

  /**
   * Starts the closing handshake.
   *
   * @param closeCode 1000–1003, 1007–1014 or 3000–4999; `null` for none. Default: 1000.
   * @param reason At most 123 bytes of UTF-8. Default: `""`.
   * @returns `false` when the driver is not open.
   * @throws {TypeError} If an argument has the wrong type, or a reason comes without a code.
   * @throws {RangeError} If the code must not be sent, or the reason is too long.
   */
  close(closeCode: number | null = 1000, reason = ""): boolean {
    writeClosePayload(closeCode ?? undefined, reason);
    return this.#core.close(closeCode ?? undefined, reason);
  }

  /** Stops telling of messages; bytes that are fed are kept meanwhile, so feed no more. */
  pause(): void {
    this.#core.pause();
  }

  /** Goes on. */
  resume(): void {
    this.#core.resume();
  }

  /** The side of the bytes as streams, to be piped to a socket and from it; ask before `start()`. */
  get io(): DriverSide<Uint8Array> {
    return this.#io ??= ioOf(this.#core);
  }

  /** The side of the messages as streams; who does not read holds the bytes of `io` back. */
  get messages(): DriverSide<Message> {
    return this.#messages ??= messagesOf(this.#core);
  }
}

function ioOf(core: DriverCore): DriverSide<Uint8Array> {
  let wake: (() => void) | undefined;
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  const readable = new ReadableStream<Uint8Array>({
    start: (it) => void (controller = it),
    pull: () => {
      core.drained();
      wake?.();
    },
    cancel: () => {
      core.onWrite = () => {}; // there is nobody to take it
      wake?.();
      core.cut("nobody takes its bytes any more");
    },
  }, { highWaterMark: 65536, size: (bytes) => bytes?.length ?? 0 });
  core.onWrite = (bytes) => {
    if (core.state !== "closed") controller.enqueue(bytes);
  };
  core.onOver.push(() => {
    wake?.();
    try {
      controller.close();
    } catch {
      // It was cancelled.
    }
  });
  core.full = () => controller.desiredSize !== null && controller.desiredSize <= 0;
  core.room = () =>
    core.full!() && core.state !== "closed" ? new Promise((resolve) => wake = resolve) : undefined;
  const writable = new WritableStream<Uint8Array>({
    async write(bytes) {
      core.feed(bytes);
      while (core.paused && core.state !== "closed") {
        await new Promise<void>((resolve) => core.onResume = resolve);
      }
    },
    close: () => core.feedEnd(),
    abort: () => core.cut("the byte stream failed"),
  });
  return { readable, writable };
}

function messagesOf(core: DriverCore): DriverSide<Message> {
  let controller!: ReadableStreamDefaultController<Message>;
  const readable = new ReadableStream<Message>({
    start: (it) => void (controller = it),
    pull: () => core.resume(),
    cancel: () => void core.close(1000, ""),
  }, { highWaterMark: 65536, size: (data) => data?.length ?? 0 });
  core.onMessageToo = (data) => {
    if (core.state === "closed") return;
    try {
      controller.enqueue(data);
    } catch {
      return; // it was cancelled
    }
    if (controller.desiredSize! <= 0) core.pause();
  };
  core.onOver.push((error) => {
    try {
      if (error === undefined) controller.close();
      else controller.error(error);
    } catch {
      // It was cancelled.
    }
  });
  const writable = new WritableStream<Message>({
    async write(data) {
      if (core.state === "idle" || core.state === "connecting") {
        await new Promise<void>((resolve) => core.onOpen.push(resolve));
      }
      await core.room?.();
      if (typeof data !== "string" && !(data instanceof Uint8Array)) {
        throw new TypeError(`Cannot send: expected a string or bytes, got ${describe(data)}`);
      }
      if (!core.send(data)) throw new Error("Cannot send: the driver is not open");
    },
    close: () => void core.close(1000, ""),
    abort: () => void core.close(1001, ""),
  });
  return { readable, writable };
}
