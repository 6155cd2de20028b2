/**
 * A message that goes to many connections: encoded once, framed once, and compressed once for each
 * agreement that its receivers have.
 *
 * @module
 */

import type { PermessageDeflate } from "../extensions/mod.ts";
import { decodeValidUtf8, encodeFrame, encodeUtf8, FIN, RSV1 } from "../frames/mod.ts";

/** A compressed form, or how it comes to be. */
interface Packed {
  /** One of the connections that can have it. */
  readonly of: PermessageDeflate;
  /** The compressed payload. */
  payload: Uint8Array | Promise<Uint8Array>;
  /** The frame around it, once one was asked for. */
  frame: Uint8Array | undefined;
}

/** What the receivers of one message share. Nothing in it is ever changed. */
export class SharedMessage {
  /** TEXT or BINARY. */
  readonly opcode: number;
  /** The bytes, valid UTF-8 for text. */
  readonly payload: Uint8Array;
  #text: string | undefined;
  #frame: Uint8Array | undefined;
  #packed: Packed[] = [];

  /**
   * @param opcode TEXT or BINARY.
   * @param data The message; bytes belong to it from now on, and for text are valid UTF-8.
   */
  constructor(opcode: number, data: string | Uint8Array) {
    this.opcode = opcode;
    if (typeof data === "string") this.#text = data;
    this.payload = typeof data === "string" ? encodeUtf8(data) : data;
  }

  /** The payload as a string; of text only. */
  get text(): string {
    return this.#text ??= decodeValidUtf8(this.payload);
  }

  /** The unmasked frame, uncompressed. */
  get frame(): Uint8Array {
    return this.#frame ??= encodeFrame(FIN | this.opcode, this.payload);
  }

  /**
   * The compressed payload for a connection, the same for all that agreed on the same.
   *
   * @param deflate The connection's own, without context takeover.
   */
  packed(deflate: PermessageDeflate): Uint8Array | Promise<Uint8Array> {
    return this.#find(deflate).payload;
  }

  /** The unmasked frame around {@linkcode SharedMessage.packed}, when that has settled. */
  packedFrame(deflate: PermessageDeflate, payload: Uint8Array): Uint8Array {
    const found = this.#find(deflate);
    return found.frame ??= encodeFrame(FIN | RSV1 | this.opcode, payload);
  }

  #find(deflate: PermessageDeflate): Packed {
    for (const packed of this.#packed) if (packed.of.packsAlike(deflate)) return packed;
    const result = deflate.deflateShared(this.payload);
    const found: Packed = { of: deflate, payload: result, frame: undefined };
    if (result instanceof Promise) {
      found.payload = result.then((payload) => found.payload = payload, (error) => {
        // Who comes later tries again.
        this.#packed = this.#packed.filter((other) => other !== found);
        throw error;
      });
    }
    this.#packed.push(found);
    return found;
  }
}
