/**
 * Text that comes from a peer, made safe for a terminal and for one line.
 * @module
 */

/** How much of a peer's text one line shows, in UTF-16 units. */
const LINE_LIMIT = 200;

/**
 * Escapes what would move a terminal's cursor, change its title or start a new line: control
 * characters (C0, DEL, C1), line separators and the marks that turn the writing direction.
 *
 * @param text Any text.
 * @param kept Characters to leave alone. Default: none.
 */
export function escapeControls(text: string, kept = ""): string {
  // deno-lint-ignore no-control-regex -- control characters are the point
  return text.replace(/[\0-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (character) => {
    if (kept.includes(character)) return character;
    if (character === "\n") return "\\n";
    if (character === "\r") return "\\r";
    if (character === "\t") return "\\t";
    const code = character.charCodeAt(0);
    return code < 256
      ? `\\x${code.toString(16).padStart(2, "0")}`
      : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}

/** Makes one line of bounded length out of any text. */
export function oneLine(text: string): string {
  const line = escapeControls(text.trim());
  return line.length > LINE_LIMIT ? `${line.slice(0, LINE_LIMIT)}…` : line;
}

/** Shows a close code with its reason: `1000`, `4001 "busy"`. */
export function showClose(closeCode: number, reason: string): string {
  return reason === "" ? String(closeCode) : `${closeCode} "${oneLine(reason)}"`;
}

/** Shows a number of things: `1 byte`, `2 bytes`. */
export function count(number: number, thing: string): string {
  return `${number} ${thing}${number === 1 ? "" : "s"}`;
}
