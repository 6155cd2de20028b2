/**
 * The protocol without input, output and clock: bytes are fed, bytes are handed out.
 *
 * ```
 *  bytes from the peer ──> feed() ──> head? ──> engine ──> open, message, ping, pong, close
 *  bytes to the peer <── write <──────────────────┴── text(), binary(), ping(), close()
 * ```
 *
 * @module
 */

import { concatBytes } from "../../bytes.ts";
import {
  type ClosePayload,
  type Deflation,
  Engine,
  type EngineSink,
  type Role,
} from "../../connection/mod.ts";
import { HandshakeError, WebSocketError } from "../../errors.ts";
import { CLOSE } from "../../frames/mod.ts";
import type { CloseInfo } from "../channel.ts";
import { type DataFrame, FrameConsumer } from "../frame_consumer.ts";
import type { Message } from "../message_queue.ts";
import { describe, type ResolvedOptions } from "../options.ts";
import { type RawFrame, readRawFrame } from "./raw_frame.ts";

/**
 * What a driver tells, in order and at once, from within the calls that cause it. What one throws
 * comes out of that call; thrown while bytes are fed, it fails the connection with 1011.
 */
export interface DriverEvents {
  /** Takes bytes for the peer, which are the taker's to keep. Needed, unless `io` is used. */
  write?(bytes: Uint8Array): void;
  /** Nothing more will be written: end the byte stream. */
  end?(): void;
  /** The handshake is done. */
  open?(): void;
  /** A message came; bytes are yours to keep. */
  message?(data: Message): void;
  /** A data frame came; with this callback messages are not put together. Not with `compression`. */
  frame?(frame: DataFrame): void;
  /** A ping came; return `false` to suppress the pong. */
  ping?(payload: Uint8Array): unknown;
  /** A pong came. */
  pong?(payload: Uint8Array): void;
  /** The handshake or the connection failed; `close` follows. */
  error?(error: HandshakeError | WebSocketError): void;
  /** All is over; nothing is told after it. */
  close?(info: CloseInfo): void;
}

/** `idle` until `start()`, then as its name says. */
export type DriverState = "idle" | "connecting" | "open" | "closing" | "closed";

/** What both sides agreed on. */
export interface Agreement {
  readonly protocol: string;
  readonly extensions: string;
  readonly deflate?: Deflation | undefined;
}

/** How a driver comes to be open. */
export interface Opener {
  /** Begins, when the driver is started. */
  start(driver: DriverCore): void;
  /** Takes bytes until the driver is open. */
  feed(bytes: Uint8Array): void;
}

/** The bytes that may come before the handshake's answer is computed. */
const MAX_EARLY_BYTES = 1024 * 1024;

/** What openers may do with a driver, and its streams. */
export class DriverCore implements EngineSink {
  readonly events: DriverEvents;
  readonly options: ResolvedOptions;
  state: DriverState = "idle";
  protocol = "";
  extensions = "";
  /** Hear of output and messages as well: the streams. */
  onWrite: ((bytes: Uint8Array) => void) | undefined;
  onMessageToo: ((data: Message) => void) | undefined;
  readonly onOver: ((error: Error | undefined) => void)[] = [];
  onResume: (() => void) | undefined;
  /** Whether whoever reads the output has no room, where that is a stream; and a wait until it has. */
  full: (() => boolean) | undefined;
  room: (() => Promise<void> | void) | undefined;
  /** Wait for the driver to be open, or over. */
  readonly onOpen: (() => void)[] = [];

  readonly #role: Role;
  readonly #opener: Opener;
  readonly #frames: FrameConsumer | undefined;
  #engine: Engine | undefined;
  #early: Uint8Array[] = [];
  #earlyBytes = 0;
  #feeding = false;
  /** Whether the peer's bytes are over. */
  #ended = false;
  /** Whether `open` is being told: what is fed meanwhile comes after what came with the head. */
  #opening = false;
  #error: WebSocketError | HandshakeError | undefined;
  #pings: { payload: Uint8Array; onPong: () => void }[] = [];
  /** Sends that wait for one that takes time to compress. */
  #line: (() => Promise<void> | void)[] | undefined;

  constructor(role: Role, events: DriverEvents, options: ResolvedOptions, opener: Opener) {
    this.#role = role;
    this.events = events;
    this.options = options;
    this.#opener = opener;
    const { frame } = events;
    if (frame === undefined) return;
    this.#frames = new FrameConsumer(
      (it) => frame.call(events, it),
      (fault) => this.#engine!.fail(fault),
    );
  }

  start(): void {
    if (this.state !== "idle") return;
    if (this.events.write === undefined && this.onWrite === undefined) {
      throw new TypeError("Cannot start driver: nobody takes its bytes; give write, or use io");
    }
    this.state = "connecting";
    this.#opener.start(this);
    for (const bytes of this.#early.splice(0)) this.feed(bytes);
  }

  feed(bytes: Uint8Array): void {
    if (!(bytes instanceof Uint8Array)) {
      throw new TypeError(`Cannot feed: expected a Uint8Array, got ${describe(bytes)}`);
    }
    if (this.state === "closed") return;
    if (this.state === "idle" || this.#opening) return this.keep(bytes);
    const engine = this.#engine;
    if (engine === undefined) return this.#opener.feed(bytes);
    // A peer that pings and does not read gets the latest pong alone.
    if (this.full !== undefined) engine.holdPongs = this.full();
    this.#feed(() => engine.receive(bytes));
  }

  /** Runs what tells of messages, and writes what came of it. */
  #feed(receive: () => void): void {
    this.#feeding = true;
    try {
      receive();
    } catch (cause) {
      const message = "Cannot go on: a callback of the driver failed";
      this.#engine!.fail({ code: "WS_HANDLER_FAILED", closeCode: 1011, message }, cause);
      throw cause; // where it came from, too: what follows it in these bytes is lost
    } finally {
      this.#feeding = false;
      this.#flush();
    }
  }

  /** Whoever reads the output has room again. */
  drained(): void {
    if (this.#engine === undefined || this.state === "closed") return;
    this.#engine.holdPongs = false;
    this.#flush();
  }

  /** Keeps bytes that cannot be read yet, within bounds. */
  keep(bytes: Uint8Array): void {
    this.#earlyBytes += bytes.length;
    if (this.#earlyBytes <= MAX_EARLY_BYTES) return void this.#early.push(bytes);
    const message = "Cannot open: too many bytes came before the handshake was done";
    this.refused(new HandshakeError(message, { code: "WS_HANDSHAKE_TOO_LARGE" }));
  }

  feedEnd(): void {
    if (this.state === "closed") return;
    const message = "the byte stream ended without a close frame";
    if (this.#engine === undefined) {
      const code = "WS_CONNECT_FAILED";
      return this.refused(new HandshakeError(`Cannot open: ${message}`, { code }));
    }
    this.#ended = true;
    this.#flush();
  }

  /** Both directions of the byte stream are gone. */
  cut(why: string): void {
    if (this.state === "closed") return;
    if (this.#engine === undefined) return this.feedEnd();
    this.#fail(new WebSocketError(`Cannot go on: ${why}`, { code: "WS_CONNECTION_LOST" }));
    this.#engine.abandon();
    this.#over();
  }

  write(bytes: Uint8Array): void {
    this.onWrite?.(bytes);
    this.events.write?.(bytes);
  }

  /** The handshake is done. */
  opened({ protocol, extensions, deflate }: Agreement, rest: Uint8Array): void {
    if (this.state !== "connecting") return;
    this.protocol = protocol;
    this.extensions = extensions;
    this.state = "open";
    const { maxMessageBytes, maxFragments, maxFrameBytes, fragmentBytes, silentClose } =
      this.options;
    this.#engine = new Engine(this, {
      role: this.#role,
      ...{ maxMessageBytes, maxFragments, maxFrameBytes, fragmentBytes, silentClose, deflate },
    });
    if (this.#frames !== undefined) this.#engine.deliverFrames();
    this.#early.unshift(rest);
    this.#opening = true;
    for (const listener of this.onOpen.splice(0)) listener();
    try {
      this.events.open?.();
    } finally {
      this.#opening = false;
      for (const bytes of this.#early.splice(0)) if (bytes.length > 0) this.feed(bytes);
      this.#flush();
    }
  }

  /** The handshake failed. */
  refused(error: HandshakeError): void {
    if (this.state === "closed") return;
    this.#fail(error);
    this.#over();
  }

  #fail(error: HandshakeError | WebSocketError): void {
    if (this.#error !== undefined) return;
    this.#error = error;
    this.events.error?.(error);
  }

  // ------------------------------------------------------------------ sending

  send(data: Message, compress?: boolean): boolean {
    const engine = this.#engine;
    if (engine === undefined || this.state !== "open") return false;
    const kept = typeof data === "string" || this.#line === undefined ? data : data.slice();
    this.#run(() =>
      typeof kept === "string"
        ? engine.sendText(kept, compress)
        : engine.sendBytes(kept, "binary", false, compress)
    );
    return true;
  }

  ping(payload: Uint8Array, onPong?: () => void): boolean {
    if (this.state !== "open") return false;
    this.#engine!.ping(payload);
    if (onPong !== undefined) this.#pings.push({ payload: payload.slice(), onPong });
    this.#flush();
    return true;
  }

  pong(payload: Uint8Array): boolean {
    if (this.state !== "open") return false;
    this.#engine!.pong(payload);
    this.#flush();
    return true;
  }

  raw(frame: RawFrame): boolean {
    const { first, payload, masked } = readRawFrame(frame);
    if (this.state !== "open") return false;
    if ((first & 0x0f) === CLOSE) this.state = "closing";
    this.#run(() => this.#engine!.sendRaw(first, payload, masked));
    return true;
  }

  close(closeCode: number | undefined, reason: string): boolean {
    if (this.state !== "open") return false;
    this.state = "closing";
    this.#run(() => this.#engine!.close(closeCode, reason));
    return true;
  }

  /** Sends in order, also behind what takes time to compress. */
  #run(send: () => Promise<void> | void): void {
    if (this.#line !== undefined) return void this.#line.push(send);
    const sent = send();
    if (!(sent instanceof Promise)) return this.#flush();
    this.#line = [];
    // A codec that fails has failed the engine, and that has told.
    void sent.catch(() => {}).then(() => {
      const line = this.#line!;
      this.#line = undefined;
      this.#flush();
      for (const next of line) this.#runLater(next);
    });
  }

  /** What cannot be sent after all must not be missing unnoticed. */
  #runLater(send: () => Promise<void> | void): void {
    if (this.state === "closed") return;
    try {
      this.#run(send);
    } catch (cause) {
      const message = "Cannot send: what waited for the message before cannot follow it";
      this.#engine!.fail({ code: "WS_SEND_FAILED", closeCode: 1011, message }, cause);
      this.#flush();
    }
  }

  #flush(): void {
    if (this.#feeding || this.state === "closed") return;
    const engine = this.#engine!;
    const { output } = engine;
    if (output.pendingBytes > 0) {
      const bytes = concatBytes(output.take());
      output.release();
      this.write(bytes);
    }
    if (engine.state === "closed" || engine.state === "failed") return this.#over();
    // The peer's bytes are over; what the engine holds while paused, or inflates, still counts.
    if (!this.#ended || this.#opening || engine.paused || engine.busy) return;
    this.cut("the byte stream ended without a close frame");
  }

  #over(): void {
    if (this.state === "closed") return;
    const wasClean = this.#engine?.state === "closed";
    const { closeCode, reason } = this.#engine?.closeReceived ?? { closeCode: 1006, reason: "" };
    this.state = "closed";
    this.#early = [];
    const error = this.#error;
    for (const listener of [...this.onOver, ...this.onOpen.splice(0)]) listener(error);
    this.onResume?.();
    this.events.end?.();
    this.events.close?.({
      ...{ closeCode, reason, wasClean },
      ...(error instanceof WebSocketError ? { error } : {}),
    });
  }

  // ---------------------------------------------------------------- receiving

  get paused(): boolean {
    return this.#engine?.paused === true;
  }

  pause(): void {
    this.#engine?.pause();
  }

  resume(): void {
    const engine = this.#engine;
    if (engine === undefined || this.state === "closed") return;
    if (this.#feeding) engine.resume();
    else this.#feed(() => engine.resume());
    if (!engine.paused) this.onResume?.();
  }

  onMessage(data: Message): void {
    this.onMessageToo?.(data);
    this.events.message?.(data);
  }

  onMessageStart(type: "text" | "binary"): void {
    this.#frames?.onMessageStart(type);
  }

  onMessageSlice(slice: Uint8Array): void {
    this.#frames?.onMessageSlice(slice);
  }

  onFrameEnd(): void {
    this.#frames?.onFrameEnd();
  }

  onMessageEnd(): void {
    this.#frames?.onMessageEnd();
  }

  onPing(payload: Uint8Array): boolean {
    return this.events.ping?.(payload) !== false;
  }

  onPong(payload: Uint8Array): void {
    // RFC 6455 §5.5.3: a pong may answer the latest of several pings alone.
    const at = this.#pings.findIndex((ping) => isSame(ping.payload, payload));
    for (const { onPong } of this.#pings.splice(0, at + 1)) onPong();
    this.events.pong?.(payload);
  }

  onPeerClose(_close: ClosePayload): void {
    this.state = "closing";
  }

  onFailure(error: WebSocketError): void {
    this.#fail(error);
  }

  onSettled(): void {
    this.#flush();
  }
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}
