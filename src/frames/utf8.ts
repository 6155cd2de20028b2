/**
 * UTF-8: encoding, strict decoding, and validation that works on pieces.
 * @module
 */

const encoder: TextEncoder = new TextEncoder();
// A leading U+FEFF is part of the message (RFC 6455 knows no byte order mark), hence ignoreBOM.
const strictDecoder: TextDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const lossyDecoder: TextDecoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Encodes a string as UTF-8; unpaired surrogates become U+FFFD. */
export function encodeUtf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/**
 * Encodes a string as UTF-8 into `target`, which has room for it, from index `at` on, with U+FFFD
 * for unpaired surrogates. Returns the bytes written.
 */
export type TextWriter = (text: string, target: Uint8Array, at: number) => number;

const writeText: TextWriter = (text, target, at) =>
  encoder.encodeInto(text, target.subarray(at)).written;

let textWriter = writeText;

/**
 * Names who encodes strings into buffers from now on: a runtime may have a quicker way than the
 * web's, which needs a view for each string. That is for adapters to say.
 *
 * @param writer Does it. Default: a `TextEncoder`.
 * @returns What held before.
 */
export function useTextWriter(writer: TextWriter = writeText): TextWriter {
  const before = textWriter;
  textWriter = writer;
  return before;
}

/** Encodes a string into `target`, which has room for it, from `at` (0) on; returns the bytes. */
export function encodeUtf8Into(text: string, target: Uint8Array, at = 0): number {
  return textWriter(text, target, at);
}

/** What stands in the place of bytes that are no UTF-8. */
const REPLACEMENT = "\ufffd";

/** Decodes UTF-8 strictly; `null` when the bytes are not valid UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string | null {
  // A strict decoder is several times slower than a lossy one on Deno, and nowhere faster; and text
  // that has no replacement character has needed none.
  const text = lossyDecoder.decode(bytes);
  if (!text.includes(REPLACEMENT)) return text;
  try {
    return strictDecoder.decode(bytes);
  } catch {
    return null;
  }
}

/** Decodes bytes that a {@linkcode Utf8Validator} has passed; anything else is mended silently. */
export function decodeValidUtf8(bytes: Uint8Array): string {
  return lossyDecoder.decode(bytes);
}

/** Below this many bytes a word view costs more than it saves. */
const WORD_SCAN_BYTES = 64;

/** Returns the index of the first byte at or after `from` that is not ASCII, or `bytes.length`. */
function skipAscii(bytes: Uint8Array, from: number): number {
  const end = bytes.length;
  let i = from;
  if (end - i >= WORD_SCAN_BYTES) {
    while (((bytes.byteOffset + i) & 3) !== 0) {
      if (bytes[i] >= 0x80) return i;
      i++;
    }
    const words = new Int32Array(bytes.buffer, bytes.byteOffset + i, (end - i) >> 2);
    const last = words.length - 3;
    let w = 0;
    while (
      w < last && ((words[w] | words[w + 1] | words[w + 2] | words[w + 3]) & 0x80808080) === 0
    ) {
      w += 4;
    }
    i += w << 2;
  }
  while (i < end && bytes[i] < 0x80) i++;
  return i;
}

/**
 * Validates UTF-8 that arrives in pieces, and fails at the first byte that no valid
 * continuation of the text could have at its place.
 *
 * The ranges are those of the Unicode standard's table of well-formed sequences (also
 * RFC 3629 §4): no overlong forms, no surrogates, nothing above U+10FFFF.
 */
export class Utf8Validator {
  /** Continuation bytes still due. */
  #due = 0;
  /** The range that the next continuation byte must be in. */
  #low = 0x80;
  #high = 0xbf;

  /** Whether the text so far ends at a character boundary. */
  get complete(): boolean {
    return this.#due === 0;
  }

  /** Forgets the text so far. */
  reset(): void {
    this.#due = 0;
    this.#low = 0x80;
    this.#high = 0xbf;
  }

  /**
   * Checks the next piece of the text.
   *
   * @param bytes The piece; may be empty, may end inside a character.
   * @returns `false` when the piece holds a byte that cannot stand there.
   */
  push(bytes: Uint8Array): boolean {
    let due = this.#due;
    let low = this.#low;
    let high = this.#high;
    const end = bytes.length;
    for (let i = 0; i < end;) {
      if (due === 0) {
        i = skipAscii(bytes, i);
        if (i === end) break;
        const lead = bytes[i++];
        low = 0x80;
        high = 0xbf;
        if (lead >= 0xc2 && lead <= 0xdf) {
          due = 1;
        } else if (lead >= 0xe0 && lead <= 0xef) {
          due = 2;
          if (lead === 0xe0) low = 0xa0; // shorter forms exist below
          else if (lead === 0xed) high = 0x9f; // surrogates above
        } else if (lead >= 0xf0 && lead <= 0xf4) {
          due = 3;
          if (lead === 0xf0) low = 0x90;
          else if (lead === 0xf4) high = 0x8f; // U+10FFFF is the last
        } else {
          return false; // a stray continuation byte, C0, C1 or F5..FF
        }
      } else {
        const byte = bytes[i++];
        if (byte < low || byte > high) return false;
        low = 0x80;
        high = 0xbf;
        due--;
      }
    }
    this.#due = due;
    this.#low = low;
    this.#high = high;
    return true;
  }
}
