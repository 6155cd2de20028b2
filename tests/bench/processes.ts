/**
 * The processes of a run: servers and loads, each pinned to a core of its own where that is possible.
 * @module
 */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import process from "node:process";
import type { LoadConfig } from "./load/load.ts";
import type { LoadResult, Round } from "./load/rounds.ts";

/** The core of what is measured, and the core of what drives it. */
export const MEASURED_CORE = 0;
export const DRIVING_CORE = 1;

/** A program to start. */
export interface Program {
  /** The executable and its arguments. */
  command: readonly string[];
  /** Variables beside those of this process. Default: none. */
  env?: Record<string, string>;
  /** The core to pin it to. Default: any. */
  core?: number;
}

/** What a server's process holds, in bytes. */
export interface Memory {
  rss: number;
  heapUsed: number;
  external: number;
  arrayBuffers: number;
}

/** A server that runs. */
export interface RunningServer {
  port: number;
  pid: number;
  /** Collects garbage, where it can, and tells what is left. */
  memory(): Promise<Memory>;
  stop(): Promise<void>;
}

let taskset: boolean | undefined;

/** Whether programs can be pinned to cores here. */
export function canPin(): boolean {
  return taskset ??= spawnSync("taskset", ["-c", `${DRIVING_CORE}`, "true"]).status === 0;
}

const children = new Set<ChildProcess>();

/** Ends everything that is still running. */
export function killAll(): void {
  for (const child of children) child.kill("SIGKILL");
}

/** Starts a program with its pipes. */
function start({ command, env, core }: Program): ChildProcess {
  const [file, ...args] = core !== undefined && canPin()
    ? ["taskset", "-c", `${core}`, ...command]
    : command;
  const child = spawn(file, args, {
    env: { ...process.env, NO_COLOR: "1", ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  child.stdin!.on("error", () => {}); // it may be gone already
  children.add(child);
  child.on("close", () => children.delete(child));
  return child;
}

/** Starts a program of the caller's own kind. */
export function startProgram(program: Program): { child: ChildProcess; lines: Lines } {
  const child = start(program);
  return { child, lines: new Lines(child) };
}

/** Reads lines of a child's output; rejects with what it said when it ends before. */
export class Lines {
  readonly ended: Promise<number | null>;
  #lines: string[] = [];
  #partial = "";
  #errors = "";
  #over = false;
  #wake: (() => void) | undefined;

  constructor(child: ChildProcess) {
    child.stdout!.setEncoding("utf8").on("data", (text: string) => {
      const lines = (this.#partial + text).split("\n");
      this.#partial = lines.pop()!;
      this.#lines.push(...lines);
      this.#wake?.();
    });
    child.stderr!.setEncoding("utf8").on("data", (text: string) => {
      this.#errors = (this.#errors + text).slice(-4000);
    });
    this.ended = new Promise((resolve) => {
      child.on("error", (error) => this.#errors += error);
      child.on("close", (code) => {
        this.#over = true;
        this.#wake?.();
        resolve(code);
      });
    });
  }

  /** Waits for a line that begins so, and returns the rest of it. */
  async find(start: string, ms: number): Promise<string> {
    const deadline = Date.now() + ms;
    for (;;) {
      while (this.#lines.length > 0) {
        const line = this.#lines.shift()!;
        if (line.startsWith(start)) return line.slice(start.length);
      }
      if (this.#over) throw new Error(`a program ended without "${start}": ${this.#errors}`);
      const left = deadline - Date.now();
      if (left <= 0) throw new Error(`no "${start}" in ${ms} ms: ${this.#errors}`);
      let timer: ReturnType<typeof setTimeout> | undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        timer = setTimeout(resolve, left);
      });
      clearTimeout(timer);
    }
  }
}

/** Starts a server and waits until it listens. */
export async function startServer(program: Program): Promise<RunningServer> {
  const child = start(program);
  const lines = new Lines(child);
  try {
    const port = Number(await lines.find("PORT ", 20_000));
    const pid = child.pid!;
    return {
      port,
      pid,
      async memory() {
        child.stdin!.write("memory\n");
        const heap = JSON.parse(await lines.find("MEMORY ", 20_000));
        return { rss: residentBytes(pid), ...heap };
      },
      async stop() {
        child.stdin!.end();
        const timer = setTimeout(() => child.kill("SIGKILL"), 2000);
        await lines.ended;
        clearTimeout(timer);
      },
    };
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
}

/** A load (or a client, which takes and gives the same) whose connections are open. */
export interface RunningLoad {
  run(round: Round): Promise<LoadResult>;
  stop(): Promise<void>;
}

/** Starts a load and waits until its connections are open. */
export async function startLoad(program: Program, config: LoadConfig): Promise<RunningLoad> {
  const child = start({ ...program, command: [...program.command, JSON.stringify(config)] });
  const lines = new Lines(child);
  try {
    await lines.find("READY", 60_000);
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
  return {
    async run(round) {
      child.stdin!.write(`${JSON.stringify(round)}\n`);
      return JSON.parse(`{${await lines.find("{", round.warmUpMs + round.measureMs + 60_000)}`);
    },
    async stop() {
      child.kill("SIGKILL");
      await lines.ended;
    },
  };
}

/** Runs one round of a load. */
export async function runLoad(
  program: Program,
  config: LoadConfig,
  round: Round,
): Promise<LoadResult> {
  const load = await startLoad(program, config);
  try {
    return await load.run(round);
  } finally {
    await load.stop();
  }
}

/** Runs a program to its end and tells how long that took, in milliseconds, and what it printed. */
export async function timeProgram(program: Program): Promise<{ ms: number; output: string }> {
  const from = performance.now();
  const child = start(program);
  let output = "";
  child.stdout!.setEncoding("utf8").on("data", (text: string) => output += text);
  let errors = "";
  child.stderr!.setEncoding("utf8").on("data", (text: string) => errors += text);
  const code = await new Promise((resolve) => child.on("close", resolve));
  if (code !== 0) throw new Error(`${program.command.join(" ")} ended with ${code}: ${errors}`);
  return { ms: performance.now() - from, output };
}

/** The memory of a process that is in RAM; Linux only, else NaN. */
function residentBytes(pid: number): number {
  try {
    const match = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "latin1"));
    return Number(match![1]) * 1024;
  } catch {
    return NaN;
  }
}
