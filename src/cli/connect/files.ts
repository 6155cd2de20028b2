/**
 * The files of `connect`: one that is sent, one that takes messages, and the prompt's history.
 * @module
 */

import { closeSync, fstatSync, openSync, read, readFileSync, writeFileSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";

/** How much of a file is in memory at a time. */
const CHUNK_BYTES = 64 * 1024;

/** How many lines of history are kept, and how many characters of them. */
const HISTORY_LINES = 1000;
const HISTORY_CHARACTERS = 1024 * 1024;

/** Says in a few words why the system refused. */
function why(error: unknown): string {
  const { code, message } = error as { code?: string; message?: string };
  if (code === "ENOENT") return "there is no such file";
  if (code === "EISDIR") return "it is a folder";
  if (code === "EACCES" || code === "EPERM") return "it is not allowed";
  return message ?? String(error);
}

/**
 * Opens a file to be sent.
 *
 * @param path Where it is.
 * @returns Its bytes, read as they are asked for; cancelling closes the file.
 * @throws {Error} If it cannot be opened.
 */
export function fileStream(path: string): ReadableStream<Uint8Array> {
  let file: number | undefined;
  try {
    file = openSync(path, "r");
    if (fstatSync(file).isDirectory()) throw Object.assign(new Error(), { code: "EISDIR" });
  } catch (cause) {
    if (file !== undefined) closeSync(file);
    throw new Error(`Cannot send ${path}: ${why(cause)}`, { cause });
  }
  const fd = file;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const chunk = await readChunk(fd);
        if (chunk.length > 0) return controller.enqueue(chunk);
      } catch (cause) {
        closeSync(fd);
        throw new Error(`Cannot read ${path}: ${why(cause)}`, { cause });
      }
      closeSync(fd);
      controller.close();
    },
    cancel: () => closeSync(fd),
  }, { highWaterMark: 0 });
}

/** Reads on, from a pipe too; no bytes mean the end. */
function readChunk(fd: number): Promise<Uint8Array> {
  const buffer = new Uint8Array(CHUNK_BYTES);
  return new Promise((resolve, reject) => {
    read(fd, buffer, 0, CHUNK_BYTES, null, (error, bytes) => {
      if (error === null) resolve(buffer.subarray(0, bytes));
      else reject(error);
    });
  });
}

/** Where messages are written as they are. */
export class OutputFile {
  readonly #path: string;
  readonly #file: FileHandle;

  private constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  /**
   * Opens the file; what is in it stays until {@linkcode OutputFile.begin}.
   *
   * @throws {Error} If it cannot be opened.
   */
  static async open(path: string): Promise<OutputFile> {
    try {
      return new OutputFile(path, await open(path, "a"));
    } catch (cause) {
      throw new Error(`Cannot write --output ${path}: ${why(cause)}`, { cause });
    }
  }

  /** Drops what was in it. */
  async begin(): Promise<void> {
    await this.#file.truncate(0).catch(() => {}); // a pipe or a terminal has nothing to drop
  }

  /**
   * Appends bytes.
   *
   * @throws {Error} If the system does not take them.
   */
  async write(bytes: Uint8Array): Promise<void> {
    try {
      for (let at = 0; at < bytes.length;) {
        at += (await this.#file.write(bytes, at, bytes.length - at)).bytesWritten;
      }
    } catch (cause) {
      throw new Error(`Cannot write --output ${this.#path}: ${why(cause)}`, { cause });
    }
  }

  /** Closes the file. */
  async close(): Promise<void> {
    await this.#file.close().catch(() => {});
  }
}

/** What was typed before, in this run and, with a file, in earlier ones. */
export class History {
  readonly #path: string | undefined;
  #lines: string[] = [];

  /**
   * @param path The file; none keeps it in memory only.
   * @throws {Error} If the file is there and cannot be read.
   */
  constructor(path?: string) {
    this.#path = path;
    if (path === undefined) return;
    try {
      this.#lines = readFileSync(path, "utf8").slice(-HISTORY_CHARACTERS).split("\n")
        .filter((line) => line !== "");
    } catch (cause) {
      if ((cause as { code?: string }).code === "ENOENT") return;
      throw new Error(`Cannot read --history ${path}: ${why(cause)}`, { cause });
    }
    this.#trim();
  }

  /** The lines, the newest first. */
  get newestFirst(): string[] {
    return [...this.#lines].reverse();
  }

  /** Adds a line. */
  add(line: string): void {
    if (line.trim() === "" || line === this.#lines.at(-1)) return;
    this.#lines.push(line);
    this.#trim();
  }

  /**
   * Writes the file, for its owner's eyes only.
   *
   * @throws {Error} If it cannot be written.
   */
  save(): void {
    if (this.#path === undefined) return;
    try {
      writeFileSync(this.#path, this.#lines.map((line) => `${line}\n`).join(""), { mode: 0o600 });
    } catch (cause) {
      throw new Error(`Cannot write --history ${this.#path}: ${why(cause)}`, { cause });
    }
  }

  #trim(): void {
    if (this.#lines.length > HISTORY_LINES) this.#lines = this.#lines.slice(-HISTORY_LINES);
    let characters = this.#lines.reduce((sum, line) => sum + line.length + 1, 0);
    while (characters > HISTORY_CHARACTERS) characters -= this.#lines.shift()!.length + 1;
  }
}
