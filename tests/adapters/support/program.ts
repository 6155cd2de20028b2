/**
 * Test programs that run beside the test and are talked to.
 * @module
 */

import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { RUNTIME } from "./runtime.ts";
import { until } from "./waiting.ts";
import { PATIENCE } from "../../support/patience.ts";

/** A program that runs. */
export interface RunningProgram {
  readonly child: ChildProcess;
  /** What it has printed, line by line; of standard error too. */
  readonly lines: string[];
  /** Waits for a line that begins so, and gives the rest of it. */
  line(start: string, ms?: number): Promise<string>;
  /** Its exit status and when it ended, by `performance.now()`. */
  readonly ended: Promise<{ code: number | null; at: number }>;
}

/**
 * Starts a test program on this runtime; it is killed after `ms` milliseconds, times the patience, with status `null`.
 *
 * @param name The file's name in `tests/adapters/programs/`, without its ending.
 */
export function startProgram(name: string, args: string[] = [], ms = 30_000): RunningProgram {
  const ending = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const file = fileURLToPath(new URL(`../programs/${name}.${ending}`, import.meta.url));
  const flags = RUNTIME === "deno" ? ["run", "-A", "--no-config", "--no-lock", "--no-check"] : [];
  const child = spawn(process.execPath, [...flags, file, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const lines: string[] = [];
  for (const stream of [child.stdout!, child.stderr!]) {
    let partial = "";
    stream.setEncoding("utf8").on("data", (text: string) => {
      const whole = (partial + text).split("\n");
      partial = whole.pop()!;
      lines.push(...whole);
    });
  }
  const timer = setTimeout(() => child.kill("SIGKILL"), ms * PATIENCE);
  let over = false;
  const ended = new Promise<{ code: number | null; at: number }>((resolve) => {
    child.on("close", (code) => {
      clearTimeout(timer);
      over = true;
      resolve({ code, at: performance.now() });
    });
  });
  const line = async (start: string, waitMs = 15_000): Promise<string> => {
    const find = () => lines.find((it) => it.startsWith(start));
    await until(() => find() !== undefined || over, `line "${start}"`, waitMs);
    const found = find();
    if (found === undefined) throw new Error(`it ended without "${start}":\n${lines.join("\n")}`);
    return found.slice(start.length).trim();
  };
  return { child, lines, line, ended };
}
