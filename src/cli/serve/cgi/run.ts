/**
 * A program that runs: its streams, its end, and the end of all that it started.
 * @module
 */

import { type ChildProcess, spawn } from "node:child_process";
import type { IncomingMessage } from "node:http";
import process from "node:process";
import { LineLog } from "./line_log.ts";
import type { Program } from "./programs.ts";

/**
 * How long the pipes of a program that is gone may stay open with nothing in them, in milliseconds:
 * somebody whom it started, and who left its group, may hold them for ever.
 */
const HELD_MS = 250;

/** How a program ended. */
export interface ProgramEnd {
  /** Its exit status; `null` when a signal ended it or it could not be started. */
  readonly status: number | null;
  /** The signal that ended it. */
  readonly signal: string | null;
  /** Why it could not be started. */
  readonly error?: Error & { code?: string };
}

/** Runs a program, without a shell and in a process group of its own. */
export class ProgramRun {
  /** Resolves when the program is gone; what it started may live on until {@linkcode kill}. */
  readonly ended: Promise<ProgramEnd>;
  readonly #child: ChildProcess;
  readonly #chunks: Uint8Array[] = [];
  #finished = false;
  #discards = false;
  #end: ProgramEnd | undefined;
  #wake: (() => void) | undefined;

  /**
   * Starts it.
   *
   * @param program The program.
   * @param environment All of its environment.
   * @param body The request, when a body belongs to it; it goes to the program's standard input.
   * @param onLine Takes lines of its standard error.
   * @throws {Error} If the runtime cannot even try.
   */
  constructor(
    program: Program,
    environment: Record<string, string>,
    body: IncomingMessage | undefined,
    onLine: (line: string) => void,
  ) {
    const child = spawn(program.file, [], {
      cwd: program.directory,
      env: environment,
      detached: true, // a group of its own, to be killed as one
      stdio: [body === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    });
    this.#child = child;
    this.ended = new Promise((resolve) => {
      const end = (end: ProgramEnd) => {
        if (this.#end !== undefined) return;
        this.#end = end;
        this.#killGroup(); // what it started in the background goes with it
        this.#watchPipes();
        resolve(end);
      };
      // "close" may never come, while somebody holds the pipes: it only stands in for "exit".
      child.once("exit", (status, signal) => end({ status, signal }));
      child.once("close", (status, signal) => end({ status, signal }));
      child.on("error", (error) => {
        if (child.pid === undefined) end({ status: null, signal: null, error });
      });
    });
    const lines = new LineLog(onLine);
    child.stderr?.on("error", ignore).on("data", (chunk: Uint8Array) => lines.push(chunk));
    child.stderr?.once("close", () => lines.end());
    const finish = () => this.#finish();
    child.stdout?.on("error", finish).once("end", finish).once("close", finish);
    child.stdout?.on("data", (chunk: Uint8Array) => {
      if (this.#discards) return;
      this.#chunks.push(chunk);
      child.stdout!.pause(); // one chunk at a time: whoever wants another asks for it
      this.#wake?.();
    });
    child.stdout?.pause();
    if (body !== undefined) this.#feed(body);
  }

  /**
   * Waits for a chunk of its standard output; one call at a time.
   *
   * @returns The chunk; `undefined` at the end.
   */
  async next(): Promise<Uint8Array | undefined> {
    while (this.#chunks.length === 0 && !this.#finished) {
      const woken = new Promise<void>((resolve) => this.#wake = resolve);
      this.#child.stdout?.resume();
      await woken;
      this.#wake = undefined;
    }
    return this.#chunks.shift();
  }

  /** Throws away what it still writes. */
  discard(): void {
    this.#chunks.length = 0;
    this.#discards = true;
    this.#child.stdout?.resume();
  }

  /** Kills the program and what it started, and ends its streams. */
  kill(): void {
    if (this.#end === undefined) this.#killGroup();
    this.#child.stdout?.destroy();
    this.#finish();
  }

  /** Only while the program was not waited for, or just now: its number may be another's later. */
  #killGroup(): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, "SIGKILL");
    } catch {
      // nobody is left
    }
  }

  #finish(): void {
    this.#finished = true;
    this.#wake?.();
  }

  /** Ends the reading of pipes that somebody outside of the group holds, when they are empty. */
  #watchPipes(): void {
    let quiet = 0;
    const timer = setInterval(() => {
      const { stdout, stderr } = this.#child;
      const waits = this.#discards || (this.#wake !== undefined && this.#chunks.length === 0);
      quiet = waits || this.#finished ? quiet + 1 : 0;
      // Twice, so that the loop has looked at the pipe in between, however late this came.
      if (quiet < 2) return;
      clearInterval(timer);
      stdout?.destroy();
      stderr?.destroy();
      this.#finish();
    }, HELD_MS);
    this.#child.stdout?.once("close", () => {
      if (this.#child.stderr?.destroyed ?? true) clearInterval(timer);
    });
  }

  /** Hands the body on as the program takes it; what it does not take is thrown away. */
  #feed(body: IncomingMessage): void {
    const stdin = this.#child.stdin;
    let open = stdin !== null;
    let whole = false;
    const abandon = () => {
      open = false;
      body.resume();
    };
    stdin?.on("error", abandon).once("close", abandon); // EPIPE: it does not read its input
    stdin?.on("drain", () => body.resume());
    body.on("data", (chunk: Uint8Array) => {
      if (open && !stdin!.write(chunk)) body.pause();
    });
    body.once("end", () => {
      whole = true;
      if (open) stdin!.end();
    });
    body.once("close", () => {
      if (open && !whole) stdin!.destroy(); // half a body came
    });
    body.on("error", ignore);
  }
}

function ignore(): void {}
