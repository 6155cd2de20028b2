/**
 * Runs the command line as a program of its own, on the runtime that runs the tests.
 */
import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { PATIENCE } from "../support/patience.ts";

/** How a run ended. */
export interface CliResult {
  /** The exit status; `null` when a signal ended it. */
  status: number | null;
  stdout: string;
  stderr: string;
}

/** A run that is under way. */
export interface CliRun {
  child: ChildProcess;
  /** Sends a signal. (On Deno 2.9 `child.kill()` hides the status of a child that handles it.) */
  signal(name: "SIGINT" | "SIGTERM"): void;
  /** What has been printed so far. */
  readonly stdout: string;
  readonly stderr: string;
  /** Waits until standard output (or error) matches, and returns the match. */
  sees(pattern: RegExp, stream?: "stdout" | "stderr"): Promise<RegExpExecArray>;
  ended: Promise<CliResult>;
}

const DEADLINE_MS = 60_000 * PATIENCE;

/** The program and the arguments that start the command line. */
export function cliCommand(args: string[]): [program: string, ...args: string[]] {
  // On Node the tests are JavaScript, and so is what they test.
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const script = fileURLToPath(new URL(`../../src/cli/mod.${extension}`, import.meta.url));
  const runtime = "deno" in process.versions
    ? ["run", "-A", "--no-config", "--no-lock", "--no-check"]
    : [];
  return [process.execPath, ...runtime, script, ...args];
}

/** Starts the command line; whatever it does, it is gone after a minute, times the patience. */
export function startCli(...args: string[]): CliRun {
  const [program, ...rest] = cliCommand(args);
  const child = spawn(program, rest, {
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...process.env, NO_COLOR: "1" },
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), DEADLINE_MS);
  const printed = { stdout: "", stderr: "" };
  const listeners = new Set<() => void>();
  const tell = () => listeners.forEach((listener) => listener());
  for (const name of ["stdout", "stderr"] as const) {
    child[name]!.setEncoding("utf8");
    child[name]!.on("data", (text: string) => {
      printed[name] += text;
      tell();
    });
  }
  child.stdin!.on("error", () => {}); // it may be gone before it has read everything
  let over = false;
  const ended = new Promise<CliResult>((resolve) => {
    child.on("close", (status) => {
      clearTimeout(timer);
      over = true;
      tell();
      resolve({ status, ...printed });
    });
  });
  return {
    child,
    ended,
    signal: (name) => void process.kill(child.pid!, name),
    get stdout() {
      return printed.stdout;
    },
    get stderr() {
      return printed.stderr;
    },
    sees(pattern, stream = "stdout") {
      return new Promise((resolve, reject) => {
        const look = () => {
          const match = pattern.exec(printed[stream]);
          if (match === null && !over) return;
          listeners.delete(look);
          if (match !== null) return resolve(match);
          reject(new Error(`${stream} never had ${pattern}:\n${printed.stdout}${printed.stderr}`));
        };
        listeners.add(look);
        look();
      });
    },
  };
}

/** Runs the command line to its end. */
export function runCli(args: string[], input = ""): Promise<CliResult> {
  const run = startCli(...args);
  run.child.stdin!.end(input);
  return run.ended;
}

/** Starts `start` on a free port. */
export async function startServer(...args: string[]): Promise<CliRun & { port: number }> {
  const run = startCli("start", "--port", "0", ...args);
  const [, port] = await run.sees(/wss?:\/\/localhost:(\d+)\/time.*\n/);
  const { child, ended, signal, sees } = run;
  return {
    child,
    ended,
    signal,
    sees: sees.bind(run),
    port: Number(port),
    get stdout() {
      return run.stdout;
    },
    get stderr() {
      return run.stderr;
    },
  };
}
