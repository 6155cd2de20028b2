/**
 * What a command touches of the process it runs in, so that it can also run without one.
 * @module
 */

import process from "node:process";

/** A terminal that a command can talk with. */
export interface CliTerminal {
  /** What is typed: a `Readable` of `node:stream`. */
  readonly input: object;
  /** The screen: a `Writable` of `node:stream`. */
  readonly output: object;
  /** Whether it may be coloured. */
  readonly colours: boolean;
}

/** The surroundings of a command: streams, signals and the way out. */
export interface CliIo {
  /** Standard input, in chunks of any size. */
  readonly input: AsyncIterable<Uint8Array | string>;
  /** Whether standard output is a terminal. */
  readonly outputIsTerminal: boolean;
  /** Whether standard error is a terminal: where progress is shown. */
  readonly errorIsTerminal: boolean;
  /** The terminal, where standard input and output are one that can edit lines. Default: none. */
  readonly terminal?: CliTerminal | undefined;
  /**
   * Writes to standard output.
   *
   * @returns A promise for the moment to write more; `false` when nobody reads it any more.
   */
  write(text: string): Promise<boolean>;
  /** Writes to standard error. */
  writeError(text: string): void;
  /** Stops reading standard input, so that it does not keep the process alive. */
  stopInput(): void;
  /**
   * Calls a function at each request to stop (Ctrl-C, SIGTERM) instead of ending the process.
   *
   * @returns A function that takes it back.
   */
  onInterrupt(listener: () => void): () => void;
  /** Ends the process at once. */
  exit(status: number): void;
}

/**
 * Signals that come closer together than this, in milliseconds, are one press of Ctrl-C: the
 * terminal sends it to all its programs, and "deno task" passes it on once more.
 */
const SAME_PRESS_MS = 300;

/** The surroundings of this process. */
export function processIo(): CliIo {
  const { stdout, stderr } = process;
  const input = new Input(process.stdin);
  let outputGone = false;
  const onOutputError = () => outputGone = true; // such as EPIPE, when "| head" has had enough
  stdout.on("error", onOutputError);
  stderr.on("error", () => {});
  return {
    input,
    outputIsTerminal: Boolean(stdout.isTTY),
    errorIsTerminal: Boolean(stderr.isTTY),
    terminal: terminalOf(process.stdin, stdout),
    async write(text) {
      if (outputGone || stdout.destroyed) return false;
      try {
        if (!stdout.write(text)) await drained(stdout);
      } catch {
        outputGone = true;
      }
      return !outputGone;
    },
    writeError(text) {
      try {
        stderr.write(text);
      } catch {
        // There is nobody left to tell.
      }
    },
    stopInput() {
      input.stop();
    },
    onInterrupt(listener) {
      let lastMs = -Infinity;
      const onSignal = () => {
        const nowMs = performance.now();
        if (nowMs - lastMs >= SAME_PRESS_MS) listener();
        lastMs = nowMs;
      };
      const signals = ["SIGINT", "SIGTERM"] as const;
      for (const signal of signals) process.on(signal, onSignal);
      return () => {
        for (const signal of signals) process.removeListener(signal, onSignal);
      };
    },
    exit(status) {
      process.exit(status);
    },
  };
}

/** The terminal, unless it knows nothing but lines; its user may not want colours. */
function terminalOf(
  input: typeof process.stdin,
  output: typeof process.stdout,
): CliTerminal | undefined {
  const { TERM, NO_COLOR = "" } = process.env;
  if (!input.isTTY || !output.isTTY || TERM === "dumb") return undefined;
  return { input, output, colours: NO_COLOR === "" };
}

/**
 * Standard input, read when asked and no further.
 *
 * Its own iterator cannot be stopped while it waits, and destroying it leaves Deno 2.9 waiting for
 * the next chunk before it exits; a paused one lets every runtime go.
 */
class Input implements AsyncIterable<Uint8Array | string> {
  readonly #stream: typeof process.stdin;
  readonly #chunks: (Uint8Array | string)[] = [];
  #ended = false;
  #failure: Error | undefined;
  #wake: () => void = () => {};

  constructor(stream: typeof process.stdin) {
    this.#stream = stream;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array | string> {
    this.#stream.on("data", (chunk: Uint8Array | string) => {
      this.#chunks.push(chunk);
      this.#stream.pause();
      this.#wake();
    });
    this.#stream.on("end", () => this.stop());
    this.#stream.on("error", (error: Error) => {
      this.#failure = error;
      this.stop();
    });
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) yield chunk;
      else if (this.#failure !== undefined) throw this.#failure;
      else if (this.#ended) return;
      else {
        const more = new Promise<void>((resolve) => this.#wake = resolve);
        this.#stream.resume();
        await more;
      }
    }
  }

  stop(): void {
    this.#ended = true;
    this.#stream.pause();
    this.#wake();
  }
}

/** The two events of a stream that end a wait. */
interface Drainable {
  once(event: string, listener: () => void): unknown;
  removeListener(event: string, listener: () => void): unknown;
}

function drained(stream: Drainable): Promise<void> {
  return new Promise((resolve) => {
    const events = ["drain", "error", "close"];
    const done = () => {
      for (const event of events) stream.removeListener(event, done);
      resolve();
    };
    for (const event of events) stream.once(event, done);
  });
}
