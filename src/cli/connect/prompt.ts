/**
 * A line of the terminal that is edited at the bottom, while other lines appear above it.
 * @module
 */

import { createInterface, type Interface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import type { CliTerminal } from "../io.ts";

/** What a {@linkcode Prompt} is made with. */
export interface PromptOptions {
  /** What stands before the line. */
  readonly prompt: string;
  /** Earlier lines, the newest first. */
  readonly history: string[];
  /** What a line can be completed to with the tabulator. */
  readonly words: readonly string[];
  /** Takes each line. */
  onLine(line: string): void;
  /** Takes Ctrl-C. */
  onInterrupt(): void;
  /** Takes Ctrl-D on an empty line, or the terminal's end. */
  onEnd(): void;
}

/** A line editor: `node:readline`, which all three runtimes have. */
export class Prompt {
  readonly #output: Writable;
  readonly #editor: Interface;
  #closed = false;

  /**
   * Shows the prompt.
   *
   * @param terminal Where.
   * @param options What it does.
   */
  constructor(terminal: CliTerminal, options: PromptOptions) {
    this.#output = terminal.output as Writable;
    const { prompt, history, words } = options;
    const editor = createInterface({
      input: terminal.input as Readable,
      output: this.#output,
      terminal: true,
      prompt,
      history,
      historySize: Math.max(history.length, 1000),
      removeHistoryDuplicates: true,
      completer: (line: string): [string[], string] => [
        line === "" ? [] : words.filter((word) => word.startsWith(line)),
        line,
      ],
    });
    this.#editor = editor;
    editor.on("line", (line) => {
      options.onLine(line);
      if (!this.#closed) editor.prompt();
    });
    editor.on("SIGINT", () => options.onInterrupt());
    editor.on("close", () => {
      if (this.#closed) return;
      this.#closed = true;
      options.onEnd();
    });
    editor.prompt();
  }

  /**
   * Writes lines above the one that is being edited.
   *
   * @param text The lines, without the last line break.
   * @returns A promise for the moment to write more; `false` when the terminal is gone.
   */
  async print(text: string): Promise<boolean> {
    const output = this.#output;
    const lines = `${text}\n`;
    let room: boolean;
    if (this.#closed) room = output.write(lines);
    else {
      const editor = this.#editor as Interface & { prevRows?: number };
      const { rows } = editor.getCursorPos();
      // To the start of what is edited, and over it; then it is shown again, below.
      room = output.write(`\r${rows > 0 ? `\x1b[${rows}A` : ""}\x1b[J${lines}`);
      editor.prevRows = 0;
      editor.prompt(true);
    }
    if (output.destroyed) return false;
    if (!room && output.writableNeedDrain) {
      await new Promise<void>((resolve) => {
        const done = () => {
          for (const event of ["drain", "close", "error"]) output.removeListener(event, done);
          resolve();
        };
        for (const event of ["drain", "close", "error"]) output.once(event, done);
      });
    }
    return !output.destroyed;
  }

  /** Leaves the terminal as it was. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    // What was being typed stays above what follows.
    this.#output.write("\r\x1b[J");
    this.#editor.close();
  }
}
