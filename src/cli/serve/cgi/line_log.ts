/**
 * Lines of what a program writes to its standard error, with bounds.
 * @module
 */

/** The most bytes of a line; the rest of it is left out. */
const LINE_BYTES = 500;

/** The most lines of one run. */
const MAX_LINES = 100;

/** Splits bytes into lines. */
export class LineLog {
  readonly #onLine: (line: string) => void;
  readonly #bytes = new Uint8Array(LINE_BYTES);
  #length = 0;
  #cut = false;
  #lines = 0;

  /** @param onLine Takes each line that is not empty, without its line break. */
  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  /** Takes bytes, split anywhere. */
  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length && this.#lines <= MAX_LINES) {
      const end = chunk.indexOf(0x0a, at);
      const piece = chunk.subarray(at, end < 0 ? chunk.length : end);
      const taken = piece.subarray(0, LINE_BYTES - this.#length);
      this.#bytes.set(taken, this.#length);
      this.#length += taken.length;
      this.#cut ||= taken.length < piece.length;
      if (end < 0) return;
      this.end();
      at = end + 1;
    }
  }

  /** Ends the line that has begun. */
  end(): void {
    const text = new TextDecoder().decode(this.#bytes.subarray(0, this.#length)).trimEnd();
    const cut = this.#cut ? "…" : "";
    this.#length = 0;
    this.#cut = false;
    if (text + cut === "" || this.#lines > MAX_LINES) return;
    if (++this.#lines > MAX_LINES) this.#onLine("(it writes more, which is not logged)");
    else this.#onLine(text + cut);
  }
}
