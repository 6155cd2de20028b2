/**
 * Runs `serve` inside the test's process, on folders of its own.
 */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type CliIo, main } from "../../../src/cli/mod.ts";
import { until, within } from "../../adapters/support/waiting.ts";

/** A folder that goes when it is disposed of. */
export interface Folder extends AsyncDisposable {
  readonly path: string;
  /** Writes files, by their names. */
  write(files: Record<string, string | Uint8Array>): Promise<void>;
}

/** Makes a folder with files in it. */
export async function makeFolder(
  files: Record<string, string | Uint8Array> = {},
): Promise<Folder> {
  const path = await mkdtemp(join(tmpdir(), "fullduplex-"));
  const folder: Folder = {
    path,
    async write(files) {
      for (const [name, content] of Object.entries(files)) {
        await mkdir(dirname(join(path, name)), { recursive: true });
        await writeFile(join(path, name), content);
      }
    },
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  };
  await folder.write(files);
  return folder;
}

/** A server under test. */
export interface Served extends AsyncDisposable {
  /** The first port. */
  readonly port: number;
  readonly out: string;
  readonly log: string;
  /** Waits for a line of the log. */
  sees(pattern: RegExp): Promise<RegExpExecArray>;
  /** Presses Ctrl-C and waits for the end. */
  stop(): Promise<number>;
  /** Resolves to the exit status. */
  readonly ended: Promise<number>;
}

/** Starts `serve`; its first address is a free port unless the arguments say otherwise. */
export async function startServe(...args: string[]): Promise<Served> {
  let out = "", log = "";
  let interrupt: () => void = () => {};
  const io: CliIo = {
    input: (async function* () {})(),
    outputIsTerminal: false,
    errorIsTerminal: false,
    write: (text) => {
      out += text;
      return Promise.resolve(true);
    },
    writeError: (text) => log += text,
    stopInput() {},
    onInterrupt: (listener) => {
      interrupt = listener;
      return () => {};
    },
    exit() {},
  };
  const listens = args.some((arg) => /^--(port|listen|config)$/.test(arg));
  let over = false;
  const ended = main(["serve", ...listens ? [] : ["--port", "0"], ...args], io)
    .finally(() => over = true);
  await until(() => out.includes("listening") || over, "server", 20_000);
  if (over) throw new Error(`serve ended with ${await ended}: ${log}`);
  const served: Served = {
    port: Number(/:(\d+)(?=\s)/.exec(out)?.[1] ?? 0),
    ended,
    get out() {
      return out;
    },
    get log() {
      return log;
    },
    async sees(pattern) {
      await until(() => pattern.test(log), `line ${pattern} in\n${log}`, 15_000);
      return pattern.exec(log)!;
    },
    async stop() {
      interrupt();
      return await within(ended, "end of serve", 15_000);
    },
    async [Symbol.asyncDispose]() {
      await served.stop();
    },
  };
  return served;
}

/** What a raw HTTP request is answered with. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

/** Takes a raw HTTP answer apart. */
export function parseAnswer(text: string): Answer {
  const end = text.indexOf("\r\n\r\n");
  const [first, ...lines] = text.slice(0, end).split("\r\n");
  const headers = new Headers();
  for (const line of lines) {
    const colon = line.indexOf(":");
    headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return { status: Number(first.split(" ")[1]), headers, body: text.slice(end + 4) };
}
