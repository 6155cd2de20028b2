/**
 * Turns the pieces of a stream into fragments of one message.
 * @module
 */

import { bytesOf, concatBytes, EMPTY_BYTES, isBufferSource } from "../bytes.ts";
import { encodeUtf8, Utf8Validator } from "../frames/mod.ts";
import { describe } from "./options.ts";

/**
 * Encodes pieces as they come. The first piece decides the message's type where the caller did
 * not; a string piece may end inside a surrogate pair.
 */
export class FragmentEncoder {
  #type: "text" | "binary" | undefined;
  /** A high surrogate that ended the last piece and waits for its low one. */
  #carry = "";
  #validator: Utf8Validator | undefined;

  constructor(type: "text" | "binary" | undefined) {
    this.#type = type;
  }

  /** The message's type; a stream without any piece is binary. */
  get type(): "text" | "binary" {
    return this.#type ?? "binary";
  }

  /**
   * Encodes a piece.
   *
   * @throws {TypeError} If it is neither a string nor bytes, does not fit the message's type, or
   * makes the text invalid.
   */
  encode(piece: unknown): Uint8Array {
    if (typeof piece === "string") {
      this.#type ??= "text";
      return this.#encodeText(piece);
    }
    if (!isBufferSource(piece)) {
      throw new TypeError(
        `Cannot send stream: expected pieces of text or bytes, got ${describe(piece)}`,
      );
    }
    this.#type ??= "binary";
    const bytes = bytesOf(piece);
    if (this.#type === "text") {
      this.#validator ??= new Utf8Validator();
      if (!this.#validator.push(bytes)) throw notText();
    }
    // A half pair before bytes stays one: it goes first, as U+FFFD.
    return this.#carry === "" ? bytes : concatBytes([this.#takeCarry(), bytes]);
  }

  /**
   * Ends the message.
   *
   * @returns What was still held back; mostly nothing.
   * @throws {TypeError} If the text ends inside a character.
   */
  end(): Uint8Array {
    if (this.#validator?.complete === false) throw notText();
    return this.#carry === "" ? EMPTY_BYTES : this.#takeCarry();
  }

  #takeCarry(): Uint8Array {
    const carry = this.#carry;
    this.#carry = "";
    return encodeUtf8(carry);
  }

  #encodeText(piece: string): Uint8Array {
    // Bytes before it must have ended a character; so do strings.
    if (this.#validator?.complete === false && piece !== "") throw notText();
    let text = this.#carry + piece;
    this.#carry = "";
    const last = text.charCodeAt(text.length - 1);
    if (last >= 0xd800 && last <= 0xdbff) {
      this.#carry = text.slice(-1);
      text = text.slice(0, -1);
    }
    return encodeUtf8(text);
  }
}

function notText(): TypeError {
  return new TypeError("Cannot send stream as text: its bytes are not valid UTF-8");
}
