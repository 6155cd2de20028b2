/**
 * Python's `websockets`, where it is installed (Debian: python3-websockets).
 * @module
 */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Inbox, within } from "../adapters/support/waiting.ts";

/** A Python that has `websockets`. */
export interface PythonWebSockets {
  /** The interpreter. */
  command: string;
  /** The package's version. */
  version: string;
}

/** Finds a Python that has it: the first in PATH may be another than Debian's. */
export function findPython(): PythonWebSockets | undefined {
  for (const command of ["python3", "/usr/bin/python3"]) {
    const found = spawnSync(command, ["-c", "import websockets; print(websockets.__version__)"]);
    if (found.status === 0) return { command, version: String(found.stdout).trim() };
  }
}

const PEER = fileURLToPath(new URL("peers/python_peer.py", import.meta.url));

/** Starts the peer; its lines of output go to the inbox. */
function start(command: string, args: string[]): {
  child: ChildProcess;
  lines: Inbox<string>;
  ended: Promise<string>;
} {
  const child = spawn(command, [PEER, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const lines = new Inbox<string>();
  let output = "";
  let partial = "";
  child.stdout!.setEncoding("utf8").on("data", (text: string) => {
    const whole = (partial + text).split("\n");
    partial = whole.pop()!;
    whole.forEach((line) => lines.push(line));
    output += text;
  });
  child.stderr!.setEncoding("utf8").on("data", (text: string) => output += text);
  return {
    child,
    lines,
    ended: new Promise((resolve) => child.on("close", () => resolve(output))),
  };
}

/** Runs one case of the client and returns what it saw. */
export async function runPythonClient(
  command: string,
  name: string,
  url: string,
  deflate: boolean,
): Promise<Record<string, unknown>> {
  const { child, ended } = start(command, [name, url, deflate ? "deflate" : "plain"]);
  try {
    const output = await within(ended, `end of the case ${name}`, 30_000);
    try {
      return JSON.parse(output);
    } catch {
      throw new Error(`the case ${name} failed:\n${output}`);
    }
  } finally {
    child.kill("SIGKILL");
  }
}

/** A server that does what text messages say; see python_peer.py. */
export async function startPythonServer(command: string, deflate: boolean): Promise<{
  url: string;
  /** How each connection ended. */
  nextEnd(): Promise<{ code: number; reason: string }>;
  stop(): Promise<void>;
}> {
  const { child, lines, ended } = start(command, ["serve", deflate ? "deflate" : "plain"]);
  const port = await within(
    Promise.race([
      lines.next("port", 20_000),
      ended.then((output) => Promise.reject(new Error(`it did not start:\n${output}`))),
    ]),
    "port",
    20_000,
  );
  return {
    url: `ws://127.0.0.1:${Number(port)}/`,
    nextEnd: async () => JSON.parse(await lines.next("end of a connection")),
    async stop() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}
