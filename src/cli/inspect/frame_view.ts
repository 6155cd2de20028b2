/**
 * Frames as `inspect` shows and records them: with the head of the payload, the inflated view of a
 * compressed message, and the meaning of a close code.
 *
 * @module
 */

import { zlibCodec } from "../../adapters/zlib/mod.ts";
import { MessageAssembly } from "../../api/dialect.ts";
import type { CodecInflater } from "../../api/mod.ts";
import { concatBytes } from "../../bytes.ts";
import { type FrameEvents, type FrameHeader, FrameReader } from "./frame_reader.ts";

/** Which way a frame goes. */
export type Direction = "client" | "server";

/** A frame that has passed whole. */
export interface SeenFrame extends FrameHeader {
  /** Who sent it. */
  readonly from: Direction;
  /** The start of the payload, unmasked. */
  readonly head: Uint8Array;
  /** The whole payload, where it is kept and not too large. */
  readonly payload: Uint8Array | undefined;
  /** With the last frame of a compressed message: what it inflates to, or why that is not shown. */
  readonly inflated?: { readonly bytes: number; readonly head: Uint8Array } | {
    readonly why: string;
  };
}

/** permessage-deflate as the response agreed on it, as far as inflating matters. */
export interface AgreedDeflate {
  readonly client: { readonly windowBits: number; readonly takeover: boolean };
  readonly server: { readonly windowBits: number; readonly takeover: boolean };
}

/** Messages that are larger, compressed or inflated, are not inflated. */
const MAX_MESSAGE_BYTES = 8 * 2 ** 20;

/**
 * Reads what a response agreed on.
 *
 * @param extensions The response's `Sec-WebSocket-Extensions`; `""` for none.
 */
export function readAgreement(extensions: string): AgreedDeflate | undefined {
  const [name, ...parameters] = extensions.split(";").map((part) => part.trim().toLowerCase());
  if (name !== "permessage-deflate") return undefined;
  const side = (who: Direction) => {
    const bits = parameters.find((part) => part.startsWith(`${who}_max_window_bits=`));
    const windowBits = Number(bits?.split("=")[1].replaceAll('"', "") ?? 15);
    return {
      windowBits: windowBits >= 8 && windowBits <= 15 ? windowBits : 15,
      takeover: !parameters.includes(`${who}_no_context_takeover`),
    };
  };
  return { client: side("client"), server: side("server") };
}

/** Sees the frames of one direction. */
export class FrameView implements FrameEvents {
  readonly #from: Direction;
  readonly #onFrame: (frame: SeenFrame) => void;
  readonly #headBytes: number;
  readonly #keepBytes: number;
  readonly #reader = new FrameReader(this);
  #inflater: CodecInflater | undefined;
  /** Why nothing is inflated any more. */
  #lost: string | undefined;

  #header!: FrameHeader;
  #head: Uint8Array[] = [];
  #headSize = 0;
  #kept: MessageAssembly | undefined;
  /** The compressed message under way, unless it is too large. */
  #compressed = false;
  #message: MessageAssembly | undefined;

  /**
   * @param from Whose frames they are.
   * @param onFrame Takes each.
   * @param headBytes How much of a payload `head` has.
   * @param keepBytes Payloads up to this size are kept whole; 0 for none.
   */
  constructor(
    from: Direction,
    onFrame: (frame: SeenFrame) => void,
    headBytes: number,
    keepBytes: number,
  ) {
    this.#from = from;
    this.#onFrame = onFrame;
    this.#headBytes = headBytes;
    this.#keepBytes = keepBytes;
  }

  /** Says what compression was agreed on. */
  set agreement(agreement: AgreedDeflate | undefined) {
    if (agreement === undefined) return;
    const { windowBits, takeover } = agreement[this.#from];
    this.#inflater = zlibCodec.createInflater(windowBits, takeover);
  }

  /** Takes bytes as they pass. */
  push(chunk: Uint8Array): void {
    this.#reader.push(chunk);
  }

  /** Whether the bytes so far end between two frames. */
  get atBoundary(): boolean {
    return this.#reader.atBoundary;
  }

  /** Lets go of the inflater. */
  release(): void {
    this.#inflater?.release();
    this.#inflater = undefined;
    this.#lost = "the connection is over";
  }

  onHeader(header: FrameHeader): void {
    this.#header = header;
    this.#head = [];
    this.#headSize = 0;
    this.#kept = header.length <= this.#keepBytes ? new MessageAssembly() : undefined;
    this.#kept?.announce(header.length);
    const opens = header.opcode === 1 || header.opcode === 2;
    if (opens) this.#compressed = header.rsv1 && this.#inflater !== undefined;
    if (opens) this.#message = this.#compressed ? new MessageAssembly() : undefined;
    if (header.opcode < 8) this.#grow(header.length);
  }

  onPayload(slice: Uint8Array): void {
    if (this.#headSize < this.#headBytes) {
      const head = slice.subarray(0, this.#headBytes - this.#headSize);
      this.#head.push(head);
      this.#headSize += head.length;
    }
    this.#kept?.push(slice);
    if (this.#header.opcode < 8) this.#message?.push(slice);
  }

  /** Makes room for a frame of the compressed message, or gives that up. */
  #grow(length: number): void {
    if (this.#message === undefined) return;
    if (this.#message.length + length > MAX_MESSAGE_BYTES) this.#message = undefined;
    else this.#message.announce(length);
  }

  onEnd(): void {
    const header = this.#header;
    const ends = header.opcode < 8 && header.fin && this.#compressed;
    this.#onFrame({
      ...header,
      from: this.#from,
      head: concatBytes(this.#head),
      payload: this.#kept?.take(),
      ...(ends ? { inflated: this.#inflate() } : {}),
    });
    if (!ends) return;
    this.#compressed = false;
    this.#message = undefined;
  }

  /** Inflates the message; what fails once, fails from then on, for a later one may refer to it. */
  #inflate(): NonNullable<SeenFrame["inflated"]> {
    if (this.#lost !== undefined) return { why: this.#lost };
    if (this.#message === undefined) return this.#lose("a message was too large");
    try {
      const message = this.#message.take();
      const inflater = this.#inflater!;
      inflater.push(message, true);
      const head: Uint8Array[] = [];
      let headSize = 0;
      let bytes = 0;
      for (let piece = inflater.pull(); piece !== null; piece = inflater.pull()) {
        bytes += piece.length;
        if (bytes > MAX_MESSAGE_BYTES) return this.#lose("a message inflated to too much");
        if (headSize >= this.#headBytes) continue;
        head.push(piece.slice(0, this.#headBytes - headSize));
        headSize += head.at(-1)!.length;
      }
      return { bytes, head: concatBytes(head) };
    } catch (error) {
      return this.#lose(error instanceof Error ? error.message : String(error));
    }
  }

  #lose(why: string): { why: string } {
    this.#lost = why;
    this.#inflater?.release();
    this.#inflater = undefined;
    return { why };
  }
}
