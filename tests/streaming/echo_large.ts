/**
 * One large message through an echo: a server and a client, each a process of its own on the runtime
 * that runs this, and the memory that each of them took.
 *
 * @module
 */

import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** The memory of one process, in bytes. */
export interface SideMemory {
  /** When the message was about to be sent. */
  before: number;
  /** At most. */
  peak: number;
}

/** What came of it. */
export interface LargeEcho {
  /** Bytes that came back. */
  bytes: number;
  /** Whether they are those that were sent. */
  same: boolean;
  /** What was negotiated. */
  extensions: string;
  /** How long it took, in milliseconds. */
  ms: number;
  closeCode: number;
  wasClean: boolean;
  server: SideMemory;
  client: SideMemory;
}

const started = new Set<ChildProcess>();

/** Starts one of the programs. */
function start(name: string, args: string[]): { child: ChildProcess; output: Promise<string> } {
  const ending = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const file = fileURLToPath(new URL(`programs/${name}.${ending}`, import.meta.url));
  const flags = "deno" in process.versions
    ? ["run", "-A", "--no-config", "--no-lock", "--no-check"]
    : [];
  const child = spawn(process.execPath, [...flags, file, ...args], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  started.add(child);
  let output = "";
  child.stdout!.setEncoding("utf8").on("data", (text: string) => output += text);
  const ended = new Promise<string>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      started.delete(child);
      if (code === 0) resolve(output);
      else reject(new Error(`${name} ended with status ${code}: ${output}`));
    });
  });
  ended.catch(() => {}); // told to whoever waits for it
  return { child, output: ended };
}

/**
 * Sends a message of `size` bytes through an echo.
 *
 * @param size Its bytes.
 * @param compressed Whether it is compressed both ways.
 * @param timeoutMs When both processes are killed, in milliseconds.
 */
export async function echoLarge(
  size: number,
  compressed: boolean,
  timeoutMs: number,
): Promise<LargeEcho> {
  const how = compressed ? "compressed" : "plain";
  const timer = setTimeout(() => started.forEach((child) => child.kill("SIGKILL")), timeoutMs);
  try {
    const server = start("echo_server", [how]);
    const port = await Promise.race([
      new Promise<string>((resolve) => server.child.stdout!.once("data", resolve)),
      server.output,
    ]);
    const client = await start("echo_client", [port.trim(), how, String(size)]).output;
    server.child.stdin!.end();
    const memory = (await server.output).trim().split("\n").at(-1)!;
    const { before, peak, ...rest } = JSON.parse(client);
    return { ...rest, client: { before, peak }, server: JSON.parse(memory) };
  } finally {
    clearTimeout(timer);
    for (const child of started) child.kill("SIGKILL");
  }
}
