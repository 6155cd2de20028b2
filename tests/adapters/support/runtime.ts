/**
 * Where the tests run, and files beside them.
 * @module
 */

import { spawn } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import process from "node:process";
import { PATIENCE } from "../../support/patience.ts";

const versions = process.versions as Record<string, string | undefined>;

/** The runtime's name. */
export const RUNTIME: "node" | "deno" | "bun" = versions.bun !== undefined
  ? "bun"
  : versions.deno !== undefined
  ? "deno"
  : "node";

/** Its name and version, for the names of tests. */
export const RUNTIME_VERSION = `${RUNTIME} ${versions[RUNTIME]}`;

/** A certificate for localhost, 127.0.0.1 and ::1 that signs itself, and its key; PEM. */
export const CERT: string = read("cert.pem");
export const KEY: string = read("key.pem");

function read(name: string): string {
  return fs.readFileSync(new URL(`../../fixtures/${name}`, import.meta.url), "utf8");
}

/** What a program did. */
export interface ProgramResult {
  /** Its exit status; `null` when it had to be killed. */
  code: number | null;
  output: string;
}

/**
 * Runs a test program on this runtime until it ends by itself; kills it after `ms` milliseconds, times the
 * patience.
 *
 * @param name The file's name in `tests/adapters/programs/`, without its ending.
 */
export function runProgram(name: string, args: string[] = [], ms = 30_000): Promise<ProgramResult> {
  const ending = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const file = new URL(`../programs/${name}.${ending}`, import.meta.url).pathname;
  const flags = RUNTIME === "deno" ? ["run", "-A", "--no-config", "--no-lock", "--no-check"] : [];
  const child = spawn(process.execPath, [...flags, file, ...args]);
  let output = "";
  child.stdout.on("data", (chunk) => output += chunk);
  child.stderr.on("data", (chunk) => output += chunk);
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => child.kill("SIGKILL"), ms * PATIENCE);
    child.on("error", reject);
    child.on("close", (code) => {
      clearTimeout(timer);
      resolve({ code, output });
    });
  });
}

/** Whether this machine has the IPv6 loopback address. */
export function hasIpv6(): Promise<boolean> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once("error", () => resolve(false));
    server.listen(0, "::1", () => server.close(() => resolve(true)));
  });
}
