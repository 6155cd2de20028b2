/**
 * The log of `serve`: lines with a time and a level, on standard error or in a file that rotates.
 * @module
 */

import { closeSync, fstatSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { escapeControls } from "../text.ts";

/** The levels, the most important first. */
export const LEVELS = ["error", "warn", "info", "debug"] as const;

/** How important a line is. */
export type Level = typeof LEVELS[number];

/** The most of one line, in UTF-16 units. */
const LINE_LIMIT = 1000;

/** Writes lines that matter enough. */
export class Log {
  readonly #write: (line: string) => void;
  readonly #level: number;

  /**
   * @param write Takes each line, with its line break.
   * @param level The least important level that is written.
   */
  constructor(write: (line: string) => void, level: Level) {
    this.#write = write;
    this.#level = LEVELS.indexOf(level);
  }

  /** Whether lines of a level are written. */
  has(level: Level): boolean {
    return LEVELS.indexOf(level) <= this.#level;
  }

  /** Something is broken. */
  error(text: string): void {
    this.#line("error", text);
  }

  /** Something is odd. */
  warn(text: string): void {
    this.#line("warn", text);
  }

  /** What is going on: one line a request. */
  info(text: string): void {
    this.#line("info", text);
  }

  /** For those who look for a fault. */
  debug(text: string): void {
    this.#line("debug", text);
  }

  #line(level: Level, text: string): void {
    if (!this.has(level)) return;
    const whole = text.length > LINE_LIMIT ? `${text.slice(0, LINE_LIMIT)}…` : text;
    // What a peer sent must not end the line or move a terminal's cursor.
    this.#write(`${new Date().toISOString()} ${level.padEnd(5)} ${escapeControls(whole)}\n`);
  }
}

/** Tells an error in one line, with the place of a fault of syntax; with its stack for `debug`. */
export function showError(error: unknown, log: Log): string {
  if (typeof error !== "object" || error === null || !("message" in error)) return String(error);
  const { name, message, stack } = error as Error;
  if (log.has("debug") && stack) return stack;
  const [first] = String(message).trim().split("\n");
  const place = placeOf(error as Error);
  return `${name === "Error" ? "" : `${name}: `}${first}${place === "" ? "" : `, line ${place}`}`;
}

/** Where a module cannot be parsed: Deno and Bun tell, each in its own way; Node does not. */
function placeOf(error: Error & { position?: { line?: number; column?: number } | null }): string {
  const { position, message } = error;
  if (position?.line !== undefined) return `${position.line}:${position.column}`; // Bun
  return /\bat file:\S+?:(\d+:\d+)\s*$/.exec(message)?.[1] ?? ""; // Deno
}

/** A log file: when it is full it becomes `FILE.1`, that `FILE.2`, and so on. */
export class RotatingFile {
  readonly #path: string;
  readonly #maxBytes: number;
  readonly #count: number;
  readonly #onError: (error: unknown) => void;
  #file: number | undefined;
  #bytes = 0;
  #failed = false;

  /**
   * Opens the file; what is in it stays.
   *
   * @param path Where it is.
   * @param maxBytes How large it may become.
   * @param count How many old ones are kept.
   * @param onError Takes the first of the errors that occur in writing.
   * @throws {Error} If it cannot be opened.
   */
  constructor(path: string, maxBytes: number, count: number, onError: (error: unknown) => void) {
    this.#path = path;
    this.#maxBytes = maxBytes;
    this.#count = count;
    this.#onError = onError;
    this.#open();
  }

  /** Appends a line. */
  write(line: string): void {
    const bytes = new TextEncoder().encode(line);
    try {
      if (this.#bytes > 0 && this.#bytes + bytes.length > this.#maxBytes) this.#rotate();
      if (this.#file === undefined) return;
      writeSync(this.#file, bytes);
      this.#bytes += bytes.length;
      this.#failed = false;
    } catch (error) {
      if (!this.#failed) this.#onError(error);
      this.#failed = true;
    }
  }

  /** Closes the file. */
  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #open(): void {
    this.#file = openSync(this.#path, "a", 0o640);
    this.#bytes = fstatSync(this.#file).size;
  }

  #rotate(): void {
    this.close();
    rmSync(`${this.#path}.${this.#count}`, { force: true });
    for (let number = this.#count - 1; number >= 0; number--) {
      const from = number === 0 ? this.#path : `${this.#path}.${number}`;
      try {
        renameSync(from, `${this.#path}.${number + 1}`);
      } catch (error) {
        if ((error as { code?: string }).code !== "ENOENT") throw error;
      }
    }
    if (this.#count === 0) rmSync(this.#path, { force: true });
    this.#open();
  }
}
