/**
 * Compression against `ws`: speed and memory, with the defaults of each, without takeover in both,
 * and with takeover in both.
 *
 * `deno run -A tests/bench/deflate/main.ts [--runtime node|bun] [--rounds 5] [--ms 2000] [--memory]`
 *
 * Servers and load are processes of their own, each on its core where `taskset` is there; runs of
 * the libraries take turns, and the medians count.
 *
 * @module
 */

import { bun, node } from "../../../scripts/run.ts";
import { prepare_node_tests } from "../../../scripts/test_node.ts";

const MODES = ["defaults", "no takeover", "takeover"];

function option(name: string, standard: string): string {
  const at = Deno.args.indexOf(`--${name}`);
  return at < 0 ? standard : Deno.args[at + 1];
}

const runtime = option("runtime", "node");
const rounds = Number(option("rounds", "5"));
const ms = option("ms", "2000");
const connections = option("connections", "64");
const held = Number(option("held", "5000"));
const libraries = runtime === "bun" ? ["ours", "bun", "ws"] : ["ours", "ws"];

/** A process, line by line. */
class Program {
  readonly #process: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  #rest = "";

  constructor(command: string[], core: number, pinned: boolean) {
    const [file, ...args] = pinned ? ["taskset", "-c", String(core), ...command] : command;
    this.#process = new Deno.Command(file, { args, stdin: "piped", stdout: "piped" }).spawn();
    this.#lines = this.#process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  async line(): Promise<string> {
    while (!this.#rest.includes("\n")) {
      const { value, done } = await this.#lines.read();
      if (done) throw new Error(`a program ended early: ${this.#rest}`);
      this.#rest += value;
    }
    const end = this.#rest.indexOf("\n");
    const line = this.#rest.slice(0, end);
    this.#rest = this.#rest.slice(end + 1);
    return line;
  }

  async ask(): Promise<number[]> {
    const writer = this.#process.stdin.getWriter();
    await writer.write(new TextEncoder().encode("?\n"));
    writer.releaseLock();
    return (await this.line()).split(" ").map(Number);
  }

  async stop(): Promise<void> {
    await this.#process.stdin.close().catch(() => {});
    await this.#process.status;
  }
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

async function hasTaskset(): Promise<boolean> {
  try {
    return (await new Deno.Command("taskset", { args: ["-c", "1", "true"] }).output()).success;
  } catch {
    return false;
  }
}

const tests = await prepare_node_tests();
const folder = `${tests.folder}/tests/bench/deflate`;
const pinned = await hasTaskset();
const load = await node("20");
const flags = runtime === "bun" ? [] : ["--expose-gc"];
const server = runtime === "bun" ? await bun() : await node(runtime === "node" ? "20" : runtime);
const start = (library: string, mode: string) =>
  new Program([server, ...flags, `${folder}/server.js`, library, mode], 0, pinned);

/** What a run of one server comes to. */
interface Result {
  /** Messages per second. */
  rate: number;
  /** Bytes of a message of the server's. */
  size: number;
  /** Microseconds of the server's processor per message: less touched by what else runs here. */
  cpu: number;
}

async function rate(library: string, mode: string, inFlight: string): Promise<Result> {
  const under = start(library, mode);
  const args = [await under.line(), connections, inFlight, ms, mode];
  const clients = new Program([load, `${folder}/load.js`, ...args], 1, pinned);
  const [, before] = await under.ask();
  const { rate, size, all } = JSON.parse(await clients.line());
  const [, after] = await under.ask();
  await clients.stop();
  await under.stop();
  return { rate, size, cpu: (after - before) / all };
}

async function memory(library: string, mode: string): Promise<number> {
  const under = start(library, mode);
  const port = await under.line();
  const [before] = await under.ask();
  const args = [port, String(held), "10", "hold", mode];
  const clients = new Program([load, `${folder}/load.js`, ...args], 1, pinned);
  await clients.line();
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const [after] = await under.ask();
  await clients.stop();
  await under.stop();
  return (after - before) / held;
}

try {
  console.log(`${runtime}, ${connections} connections, 1 KiB of JSON, echo; pinned: ${pinned}`);
  for (const inFlight of rounds > 0 ? ["1", "16"] : []) {
    for (const mode of MODES) {
      const results: Record<string, Result[]> = {};
      for (let round = 0; round < rounds; round++) {
        for (const library of libraries) {
          (results[library] ??= []).push(await rate(library, mode, inFlight));
        }
      }
      const ours = median(results.ours.map(({ rate }) => rate));
      const ourCpu = median(results.ours.map(({ cpu }) => cpu));
      const parts = libraries.map((library) => {
        const theirs = median(results[library].map(({ rate }) => rate));
        const size = median(results[library].map(({ size }) => size));
        const cpu = median(results[library].map(({ cpu }) => cpu));
        const ratio = library === "ours"
          ? ""
          : ` (ours: ${(ours / theirs).toFixed(2)} ×, by processor time ${
            (cpu / ourCpu).toFixed(2)
          } ×)`;
        return `${library} ${theirs.toFixed(0)}/s, ${cpu.toFixed(1)} µs, ${
          size.toFixed(0)
        } B${ratio}`;
      });
      console.log(`${mode}, ${inFlight} in flight: ${parts.join("; ")}`);
    }
  }
  if (Deno.args.includes("--memory")) {
    for (const mode of MODES) {
      const parts: string[] = [];
      for (const library of libraries) {
        parts.push(`${library} ${((await memory(library, mode)) / 1000).toFixed(1)} kB`);
      }
      console.log(`memory per connection after ten messages, ${mode}: ${parts.join("; ")}`);
    }
  }
} finally {
  await Deno.remove(tests.folder, { recursive: true });
}
