/**
 * The receiving half of the zlib codec.
 * @module
 */

import { concatBytes, EMPTY_BYTES } from "../../bytes.ts";
import { type CodecInflater, InflateError } from "../../extensions/mod.ts";
import { DataError, ZlibContext } from "./context.ts";
import { ContextPool, inTurn } from "./pool.ts";

/** Up to this much input, and this much output, is worked on at once; more goes off the loop. */
const SYNC_INPUT_BYTES = 65536;
const SYNC_OUTPUT_BYTES = 1 << 20;

/** The most output of one step. */
const STEP_BYTES = 65536;

/** RFC 7692 §7.2.2: "Append 4 octets of 0x00 0x00 0xff 0xff to the tail end of the payload". */
const TAIL = Uint8Array.of(0, 0, 0xff, 0xff);

/**
 * The same, then an empty final block, then a byte: where no later message goes on from here, zlib
 * must end at that block and leave the byte. If it does not, the message was cut short.
 */
const TAIL_AND_PROBE = Uint8Array.of(0, 0, 0xff, 0xff, 1, 0, 0, 0xff, 0xff, 0xff);
const PROBE_BYTES = 6;

const shared = new ContextPool("inflate", { windowBits: 15, chunkSize: STEP_BYTES });
let scratch_input: Uint8Array | undefined;
let scratch_output: Uint8Array | undefined;

/** Inflates with `node:zlib`. */
export class ZlibInflater implements CodecInflater {
  readonly #takeover: boolean;
  readonly #windowBits: number;
  /** With takeover: the context of all messages. Without: that of the message in work. */
  #context: ZlibContext | undefined;
  #running = false;
  #released = false;

  /** Compressed data, how far it is used up, and how many bytes of tail it ends with. */
  #data: Uint8Array = EMPTY_BYTES;
  #at = 0;
  #tailBytes = 0;
  /** Whether there may be more output for that data. */
  #more = false;
  /** Whether the message in work has had any data yet. */
  #begun = false;

  constructor(windowBits: number, takeover: boolean) {
    this.#takeover = takeover;
    // zlib wants 9 or more; more than the peer uses does no harm.
    this.#windowBits = Math.max(9, windowBits);
  }

  // ------------------------------------------------------------------ whole messages

  inflate(message: Uint8Array, limit: number, keep: boolean): Uint8Array | Promise<Uint8Array> {
    if (message.length === 0) return message; // not quite legal, and quite clear
    if (message.length > SYNC_INPUT_BYTES) {
      this.#load(concatBytes([message, this.#tail]), this.#tail.length);
      return this.#inflateLater(limit, [], 0);
    }
    scratch_input ??= new Uint8Array(SYNC_INPUT_BYTES + TAIL_AND_PROBE.length);
    scratch_input.set(message);
    scratch_input.set(this.#tail, message.length);
    const end = message.length + this.#tail.length;
    this.#load(scratch_input.subarray(0, end), this.#tail.length);
    const output = scratch_output ??= new Uint8Array(STEP_BYTES);
    const pieces: Uint8Array[] = [];
    for (let total = 0;;) {
      const size = this.#step(output);
      total += size;
      if (total > limit) throw this.#fail(tooLarge(limit));
      if (this.#more) {
        pieces.push(output.slice(0, size));
        // What is left of the probe alone holds little output, and is not worth a turn of the loop.
        if (total < SYNC_OUTPUT_BYTES || this.#at > end - this.#probeBytes) continue;
        this.#data = this.#data.slice(this.#at); // it lies in everybody's scratch
        this.#at = 0;
        return this.#inflateLater(limit, pieces, total);
      }
      this.#finish();
      if (pieces.length === 0) return keep ? output.slice(0, size) : output.subarray(0, size);
      pieces.push(output.subarray(0, size));
      return concatBytes(pieces);
    }
  }

  /** Goes on with a message off the loop. */
  async #inflateLater(limit: number, pieces: Uint8Array[], total: number): Promise<Uint8Array> {
    this.#running = true;
    try {
      await inTurn(async () => {
        while (this.#more && !this.#released) {
          const context = this.#context ??= this.#make();
          const end = this.#data.length - this.#probeBytes;
          await context.runLater(this.#data.subarray(this.#at, end), (piece) => {
            pieces.push(piece);
            total += piece.length;
            if (total > limit) throw tooLarge(limit);
          });
          const { left } = context;
          this.#at = end - left;
          if (left > 0) {
            this.#discard(); // its stream has ended, and cannot be used again
            this.#more = left !== TAIL.length;
          } else if (this.#takeover) {
            this.#more = false;
          } else {
            this.#step(scratch_output ??= new Uint8Array(STEP_BYTES)); // the probe, which is empty
          }
        }
      });
    } catch (error) {
      throw this.#fail(error);
    } finally {
      this.#running = false;
    }
    if (this.#released) this.#discard();
    this.#finish();
    return concatBytes(pieces);
  }

  // -------------------------------------------------------------- messages in parts

  push(part: Uint8Array, last: boolean): void {
    if (part.length > 0) this.#begun = true;
    if (last && !this.#begun) return; // see `inflate`
    if (last) this.#load(concatBytes([part, this.#tail]), this.#tail.length);
    else if (part.length > 0) this.#load(part, 0);
  }

  pull(): Uint8Array | null {
    const output = scratch_output ??= new Uint8Array(STEP_BYTES);
    while (this.#more) {
      const size = this.#step(output);
      if (size > 0) return output.slice(0, size);
    }
    if (this.#tailBytes > 0) this.#finish();
    else this.#data = EMPTY_BYTES; // a chunk of the connection's, which need not be kept
    return null;
  }

  // ---------------------------------------------------------------------- the steps

  get #tail(): Uint8Array {
    return this.#takeover ? TAIL : TAIL_AND_PROBE;
  }

  get #probeBytes(): number {
    return this.#takeover ? 0 : PROBE_BYTES;
  }

  #load(data: Uint8Array, tailBytes: number): void {
    this.#data = data;
    this.#at = 0;
    this.#tailBytes = tailBytes;
    this.#more = true;
  }

  /** Inflates at once as much as `output` has room for, and returns how much that is. */
  #step(output: Uint8Array): number {
    try {
      const context = this.#context ??= this.#make();
      const size = context.run(this.#data, this.#at, output, 0);
      const { left } = context;
      this.#at = this.#data.length - left;
      if (size < output.length) {
        this.#more = !this.#isUsedUp(left);
        // A final block of the peer's (RFC 7692 §7.2.3.4): what follows is a stream of its own.
        if (left > 0) context.reset();
      }
      return size;
    } catch (error) {
      throw this.#fail(error);
    }
  }

  /**
   * Tells whether the data is used up, where zlib stopped with room for more output.
   *
   * @param left Bytes of data that it left over: it does so only at the end of a final block.
   */
  #isUsedUp(left: number): boolean {
    if (this.#tailBytes === TAIL_AND_PROBE.length) {
      if (left === 0) throw new InflateError("corrupt", "the message was cut short");
      if (left === 1) return true;
    }
    return left === 0 || left === this.#tailBytes;
  }

  #make(): ZlibContext {
    this.#released = false;
    if (!this.#takeover) return shared.take();
    const windowBits = this.#windowBits;
    return new ZlibContext("inflate", { windowBits, chunkSize: 1 << Math.min(windowBits, 14) });
  }

  /** The message is over: without takeover its context goes back. */
  #finish(): void {
    this.#data = EMPTY_BYTES;
    this.#at = this.#tailBytes = 0;
    this.#more = this.#begun = false;
    if (this.#takeover || this.#context === undefined) return;
    shared.give(this.#context);
    this.#context = undefined;
  }

  #discard(): void {
    this.#context?.close();
    this.#context = undefined;
  }

  /** After an error nothing of the context is of use. */
  #fail(error: unknown): unknown {
    this.#discard();
    this.#finish();
    return error instanceof DataError ? new InflateError("corrupt", error.message) : error;
  }

  release(): void {
    this.#released = true;
    if (this.#running) return; // it is done when that is
    this.#discard();
    this.#finish();
  }
}

function tooLarge(limit: number): InflateError {
  return new InflateError("too large", `it inflates to more than ${limit} bytes`);
}
