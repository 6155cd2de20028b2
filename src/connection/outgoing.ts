/**
 * The sending half of an engine: messages, fragments and control frames in, frames out.
 * @module
 */

import { concatBytes, EMPTY_BYTES } from "../bytes.ts";
import { WebSocketError } from "../errors.ts";
import type { PermessageDeflate } from "../extensions/mod.ts";
import {
  BINARY,
  CLOSE,
  CloseCode,
  CONTINUATION,
  encodeUtf8,
  FIN,
  type FrameFault,
  FrameWriter,
  MAX_CONTROL_BYTES,
  PING,
  PONG,
  TEXT,
} from "../frames/mod.ts";
import type { DeflatedOutput } from "./deflated_output.ts";
import type { Deflation } from "./deflation.ts";
import { writeFragments } from "./fragments.ts";
import type { ObservedFrames } from "./observed_frames.ts";
import type { SharedMessage } from "./shared_message.ts";

/** Whose sending half it is. */
export interface OutgoingOwner {
  /** The codec failed to compress a message: the connection cannot go on. */
  onCodecFailure(fault: FrameFault, cause: unknown): void;
}

/** Encodes what one side sends, in order, and knows what may be sent when. */
export class Outgoing {
  /** Frames to write, in order. */
  readonly writer: FrameWriter;
  readonly #owner: OutgoingOwner;
  readonly #masking: boolean;
  readonly #deflate: PermessageDeflate | undefined;
  readonly #deflated: DeflatedOutput | undefined;
  readonly #fragmentBytes: number;
  /** Whether close frames tell nothing. */
  readonly #silent: boolean;
  /** Whether the close frame has gone, which is the last one. */
  #closed = false;
  /** Whether the connection failed or was abandoned. */
  #over = false;
  /** Whether a fragmented message is begun and not finished, and whether that is a raw one. */
  #sending = false;
  #rawSending = false;

  // Pongs that wait because the peer does not read: only the latest is kept.
  #holdPongs = false;
  #heldPong: Uint8Array | undefined;

  /**
   * @param owner Who hears of failures.
   * @param masking Whether frames are masked: `true` on a client.
   * @param deflation permessage-deflate, as it was negotiated. Default: none.
   * @param observed Who sees every frame. Default: nobody.
   * @param fragmentBytes The most payload bytes of a data frame. Default: `Infinity`.
   * @param silent Whether close frames go without code and reason. Default: `false`.
   */
  constructor(
    owner: OutgoingOwner,
    masking: boolean,
    deflation?: Deflation,
    observed?: ObservedFrames,
    fragmentBytes = Infinity,
    silent = false,
  ) {
    this.#owner = owner;
    this.#fragmentBytes = fragmentBytes;
    this.#silent = silent;
    this.#masking = masking;
    this.#deflate = deflation?.transform;
    this.writer = observed?.writer(masking) ?? new FrameWriter(masking);
    this.#deflated = deflation?.output(this.writer, fragmentBytes);
  }

  /** Whether the close frame has gone. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Sends nothing more: the connection failed. */
  stop(): void {
    this.#over = true;
  }

  /** Gives the compression context back; the next message starts a new one. */
  restDeflater(): void {
    if (!this.#sending) this.#deflate?.restDeflater();
  }

  /**
   * Sends a text message.
   *
   * @param text The message.
   * @param compress Whether to compress it. Default: by its size.
   * @returns A promise when compressing takes time; nothing else may be sent until it settles.
   */
  sendText(text: string, compress?: boolean): Promise<void> | void {
    this.#checkSend();
    const bytes = this.#deflated?.encode(text, compress);
    if (bytes !== undefined) return this.#sendDeflated(TEXT, bytes, false);
    // At most three bytes for each UTF-16 unit.
    if (text.length * 3 > this.#fragmentBytes) this.#write(TEXT, encodeUtf8(text), true);
    else this.writer.writeText(FIN | TEXT, text);
  }

  /**
   * Sends a message that is given as bytes.
   *
   * @param bytes The payload; for text, valid UTF-8.
   * @param type What it is.
   * @param keep Whether the caller keeps `bytes` unchanged until written; see
   * {@linkcode FrameWriter.writeFrame}.
   * @param compress Whether to compress it. Default: by its size.
   * @returns As {@linkcode Outgoing.sendText}; `bytes` must stay unchanged until then.
   */
  sendBytes(
    bytes: Uint8Array,
    type: "text" | "binary",
    keep: boolean,
    compress?: boolean,
  ): Promise<void> | void {
    this.#checkSend();
    const opcode = type === "text" ? TEXT : BINARY;
    if (this.#deflate?.wants(bytes.length, compress)) {
      return this.#sendDeflated(opcode, bytes, keep);
    }
    if (bytes.length <= this.#fragmentBytes) this.writer.writeFrame(FIN | opcode, bytes, keep);
    else this.#write(opcode, bytes, keep);
  }

  #write(first: number, bytes: Uint8Array, keep: boolean, final = true): void {
    writeFragments(this.writer, this.#fragmentBytes, first, bytes, keep, final);
  }

  /**
   * Sends a message that other connections get too.
   *
   * @param message What all of them share.
   * @param compress Whether to compress it. Default: by its size.
   * @returns As {@linkcode Outgoing.sendText}.
   */
  sendShared(message: SharedMessage, compress?: boolean): Promise<void> | void {
    this.#checkSend();
    const { opcode, payload } = message;
    if (this.#deflate?.wants(payload.length, compress)) {
      return this.#whenDeflated(() => this.#deflated!.writeShared(message, this.#masking, this));
    }
    if (this.#masking || payload.length > this.#fragmentBytes) this.#write(opcode, payload, true);
    else this.writer.writeEncoded(message.frame);
  }

  #sendDeflated(opcode: number, bytes: Uint8Array, keep: boolean): Promise<void> | void {
    return this.#whenDeflated(() => this.#deflated!.writeMessage(opcode, bytes, keep, this));
  }

  /** Runs what deflates; a codec that fails takes this one connection with it. */
  #whenDeflated(run: () => Promise<void> | void): Promise<void> | void {
    let result: Promise<void> | void;
    try {
      result = run();
    } catch (error) {
      return Promise.reject(this.#codecFailed(error));
    }
    if (!(result instanceof Promise)) return;
    const sending = this.#sending;
    this.#sending = true;
    return result.then(() => {
      this.#sending = sending;
    }, (error) => {
      throw this.#codecFailed(error);
    });
  }

  #codecFailed(cause: unknown): unknown {
    if (cause instanceof WebSocketError) return cause;
    const message = "Cannot send message: the codec failed to compress it";
    const code = "WS_COMPRESSION_FAILED";
    const closeCode = CloseCode.INTERNAL_ERROR;
    this.#owner.onCodecFailure({ code, closeCode, message }, cause);
    return new WebSocketError(message, { code, closeCode, cause });
  }

  /**
   * Sends a fragment: the first one opens a message, the one with `final` ends it.
   *
   * @param bytes The fragment's payload.
   * @param type The message's type.
   * @param final Whether the message ends with it.
   * @param compress Whether to compress the message, said with its first fragment. Default: yes,
   * where that was negotiated.
   * @returns As {@linkcode Outgoing.sendText}.
   */
  sendFragment(
    bytes: Uint8Array,
    type: "text" | "binary",
    final: boolean,
    compress?: boolean,
  ): Promise<void> | void {
    if (!this.#sending || this.#rawSending) this.#checkSend();
    else this.#checkOpen();
    const opcode = this.#sending ? CONTINUATION : type === "text" ? TEXT : BINARY;
    const first = !this.#sending;
    this.#sending = !final;
    if (first) this.#deflated?.begin(opcode, compress);
    if (this.#deflated?.inMessage) {
      return this.#whenDeflated(() => this.#deflated!.writeFragment(bytes, final, this));
    }
    this.#write(opcode, bytes, false, final);
  }

  /**
   * Sends a frame as it is given, whatever rule it breaks. A message that it leaves open must be ended
   * by another one: until then nothing else of a message can be sent.
   *
   * @param first The first header byte: FIN, RSV1-3, opcode.
   * @param payload The payload, which is copied.
   * @param masked Whether it is masked. Default: as the role demands.
   */
  sendRaw(first: number, payload: Uint8Array, masked = this.#masking): void {
    this.checkStillOpen();
    const opcode = first & 0x0f;
    if (opcode < CLOSE) {
      if (this.#sending && !this.#rawSending) this.#checkSend();
      this.#sending = this.#rawSending = (first & FIN) === 0;
    }
    if (masked === this.#masking) this.writer.writeFrame(first, payload);
    else {
      const other = new FrameWriter(masked);
      other.writeFrame(first, payload);
      this.writer.writeEncoded(concatBytes(other.take()));
      other.release();
    }
    if (opcode === CLOSE) this.#closed = true;
  }

  /** Internal: throws unless a message that took time to compress may still be sent. */
  checkStillOpen(): void {
    if (this.#over) throw notOpen();
    this.#checkOpen();
  }

  /**
   * Sends a ping.
   *
   * @param payload At most 125 bytes.
   * @throws {RangeError} If the payload is longer.
   */
  ping(payload: Uint8Array): void {
    this.#sendControl(PING, payload);
  }

  /** Sends a pong that answers nothing (RFC 6455 §5.5.3: a unidirectional heartbeat). */
  pong(payload: Uint8Array): void {
    this.#sendControl(PONG, payload);
  }

  /** RFC 6455 §5.5.3: a pong for the most recent ping alone is enough when several wait. */
  answerPing(payload: Uint8Array): void {
    if (this.#closed) return;
    if (this.#holdPongs) this.#heldPong = new Uint8Array(payload);
    else this.writer.writeFrame(FIN | PONG, payload);
  }

  /** Says whether pongs wait (the peer does not read); the latest one goes when they no longer do. */
  set holdPongs(hold: boolean) {
    this.#holdPongs = hold;
    if (hold || this.#heldPong === undefined) return;
    const payload = this.#heldPong;
    this.#heldPong = undefined;
    this.answerPing(payload);
  }

  /** Sends the close frame, unless it has gone. */
  close(payload: Uint8Array): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#heldPong = undefined;
    this.writer.writeFrame(FIN | CLOSE, this.#silent ? EMPTY_BYTES : payload);
  }

  #sendControl(opcode: number, payload: Uint8Array): void {
    if (payload.length > MAX_CONTROL_BYTES) {
      throw new RangeError(
        `Cannot send control frame: payload is ${payload.length} bytes, limit ${MAX_CONTROL_BYTES}`,
      );
    }
    this.#checkOpen();
    this.writer.writeFrame(FIN | opcode, payload);
  }

  #checkOpen(): void {
    if (this.#closed) throw notOpen();
  }

  #checkSend(): void {
    this.#checkOpen();
    if (this.#sending) {
      throw new Error("Cannot send message: a fragmented message of this side is not finished");
    }
  }
}

/** Makes the error of a send on a connection that is no longer open. */
export function notOpen(): WebSocketError {
  return new WebSocketError("Cannot send: the connection is closing or closed", {
    code: "WS_NOT_OPEN",
  });
}
