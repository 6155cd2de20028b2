/**
 * Bytes in hexadecimal: as people write them, and as they like to see them.
 * @module
 */

const ROW_BYTES = 16;

/** How many rows a piece of a dump has. */
const PIECE_ROWS = 256;

/**
 * Reads bytes in hexadecimal; blanks may stand between them.
 *
 * @param text Such as `00ff 7f`.
 * @returns The bytes; `null` when it is not hexadecimal, or half a byte is left over.
 */
export function parseHex(text: string): Uint8Array | null {
  const digits = text.replace(/[ \t]+/g, "");
  if (digits.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(digits)) return null;
  const bytes = new Uint8Array(digits.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = parseInt(digits.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

/**
 * Shows bytes as rows of an offset, sixteen bytes in hexadecimal, and the same in ASCII.
 *
 * @param bytes The bytes.
 * @returns The rows in pieces of some hundred, each row with its line break; none for no bytes.
 */
export function* hexDump(bytes: Uint8Array): Generator<string, void> {
  let piece = "";
  for (let offset = 0, rows = 1; offset < bytes.length; offset += ROW_BYTES, rows++) {
    let hex = "", ascii = "";
    for (let i = 0; i < ROW_BYTES; i++) {
      if (i === ROW_BYTES / 2) hex += " ";
      const byte = bytes[offset + i];
      hex += byte === undefined ? "   " : ` ${byte.toString(16).padStart(2, "0")}`;
      if (byte !== undefined) ascii += byte > 0x1f && byte < 0x7f ? String.fromCharCode(byte) : ".";
    }
    piece += `${offset.toString(16).padStart(8, "0")} ${hex}  |${ascii}|\n`;
    if (rows % PIECE_ROWS !== 0) continue;
    yield piece;
    piece = "";
  }
  if (piece !== "") yield piece;
}
