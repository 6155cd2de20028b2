/**
 * The sending half of permessage-deflate: messages in, compressed frames into the output.
 *
 * @see RFC 7692, section 7.2.1
 * @module
 */

import type { PermessageDeflate } from "../extensions/mod.ts";
import { CONTINUATION, encodeUtf8, encodeUtf8Into, type FrameWriter, RSV1 } from "../frames/mod.ts";
import { writeFragments } from "./fragments.ts";
import type { SharedMessage } from "./shared_message.ts";

/** Strings of up to a third of this are encoded into memory that all connections share. */
const SCRATCH_BYTES = 65536;
let scratch: Uint8Array | undefined;

/** Who knows whether a message that took time may still be sent. */
export interface SendCheck {
  /** Throws if not. */
  checkStillOpen(): void;
}

/** Deflates messages into a {@linkcode FrameWriter}. */
export class DeflatedOutput {
  readonly #deflate: PermessageDeflate;
  readonly #output: FrameWriter;
  readonly #fragmentBytes: number;
  /** Of the message being sent in fragments: the opcode of its next frame, RSV1 included. */
  #nextOpcode: number | undefined;

  constructor(deflate: PermessageDeflate, output: FrameWriter, fragmentBytes: number) {
    this.#deflate = deflate;
    this.#fragmentBytes = fragmentBytes;
    this.#output = output;
  }

  /**
   * Encodes text that is to be compressed.
   *
   * @returns The bytes, good until the next call if compressing takes no time; `undefined` when
   * the text is to go as it is.
   */
  encode(text: string, compress: boolean | undefined): Uint8Array | undefined {
    const deflate = this.#deflate;
    const most = text.length * 3;
    if (!deflate.wants(most, compress)) return undefined;
    let bytes: Uint8Array;
    if (most > SCRATCH_BYTES || deflate.isSlow(most)) {
      bytes = encodeUtf8(text);
    } else {
      scratch ??= new Uint8Array(SCRATCH_BYTES);
      bytes = scratch.subarray(0, encodeUtf8Into(text, scratch));
    }
    return deflate.wants(bytes.length, compress) ? bytes : undefined;
  }

  /** Sends a whole message. */
  writeMessage(
    opcode: number,
    bytes: Uint8Array,
    keep: boolean,
    check: SendCheck,
  ): Promise<void> | void {
    const result = this.#deflate.deflate(bytes, true);
    if (!(result instanceof Promise)) return this.#write(opcode, bytes, keep, result, false);
    return result.then((packed) => {
      check.checkStillOpen();
      this.#write(opcode, bytes, keep, packed, true);
    });
  }

  #write(
    opcode: number,
    bytes: Uint8Array,
    keep: boolean,
    packed: Uint8Array,
    keepPacked: boolean,
  ): void {
    // What did not get smaller goes as it is, unless later messages may refer to it.
    if (packed.length >= bytes.length && !this.#deflate.bound) {
      writeFragments(this.#output, this.#fragmentBytes, opcode, bytes, keep);
    } else {
      writeFragments(this.#output, this.#fragmentBytes, RSV1 | opcode, packed, keepPacked);
    }
  }

  /** Sends a message that others get too. */
  writeShared(message: SharedMessage, masking: boolean, check: SendCheck): Promise<void> | void {
    const { opcode, payload } = message;
    if (this.#deflate.bound) return this.writeMessage(opcode, payload, true, check);
    const write = (packed: Uint8Array) => {
      const least = Math.min(packed.length, payload.length); // the one that goes
      if (masking || least > this.#fragmentBytes) this.#write(opcode, payload, true, packed, true);
      else if (packed.length >= payload.length) this.#output.writeEncoded(message.frame);
      else this.#output.writeEncoded(message.packedFrame(this.#deflate, packed));
    };
    const packed = message.packed(this.#deflate);
    if (!(packed instanceof Promise)) return write(packed);
    return packed.then((packed) => {
      check.checkStillOpen();
      write(packed);
    });
  }

  /** Begins a message that is sent in fragments. */
  begin(opcode: number, compress: boolean | undefined): void {
    this.#nextOpcode = this.#deflate.wants(Infinity, compress) ? RSV1 | opcode : undefined;
  }

  /** Whether the message being sent in fragments is compressed. */
  get inMessage(): boolean {
    return this.#nextOpcode !== undefined;
  }

  /** Sends a fragment; there may be none for a part of which the codec has given nothing yet. */
  writeFragment(bytes: Uint8Array, final: boolean, check: SendCheck): Promise<void> | void {
    const result = this.#deflate.deflate(bytes, final);
    if (!(result instanceof Promise)) return this.#writePart(result, final);
    return result.then((packed) => {
      check.checkStillOpen();
      this.#writePart(packed, final);
    });
  }

  #writePart(packed: Uint8Array, final: boolean): void {
    if (packed.length === 0 && !final) return;
    writeFragments(this.#output, this.#fragmentBytes, this.#nextOpcode!, packed, false, final);
    this.#nextOpcode = final ? undefined : CONTINUATION;
  }
}
