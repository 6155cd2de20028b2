/**
 * Starts other programs: collects their output, bounds their time, leaves no orphan behind.
 * Every script here reaches Deno, Bun and Node through this file.
 */
import { BUN_VERSION, NODE_VERSIONS } from "./versions.ts";

/** How a program is started. */
export interface RunOptions {
  /** Working directory. Default: the repository's root. */
  cwd?: string;
  /** Extra environment variables. Default: none. */
  env?: Record<string, string>;
  /** Milliseconds after which the program and its children are killed. Default: 15 minutes. */
  timeoutMs?: number;
  /** Whether output is also shown as it comes. Default: false. */
  show?: boolean;
}

/** What a program did. */
export interface RunResult {
  /** The exit status; 124 when it ran out of time. */
  code: number;
  /** Standard output and standard error, in the order they came. */
  output: string;
}

/** The repository's root, as a path without a trailing slash. */
export const ROOT = decodeURIComponent(new URL("..", import.meta.url).pathname).replace(/\/$/, "");

/** How long the tests of one runtime may take, in milliseconds: many times a quiet run. */
export const SUITE_TIMEOUT_MS = 3_600_000;

/** How long any other program may take: a type check on a busy machine was seen to need five minutes. */
const TIMEOUT_MS = 900_000;

const running = new Set<number>();
const signals: Deno.Signal[] = ["SIGINT", "SIGTERM", "SIGHUP"];

/** Kills everything that was started when this process is told to stop. */
function onSignal(): void {
  for (const pid of running) kill_group(pid);
  Deno.exit(130);
}

function kill_group(pid: number): void {
  try {
    Deno.kill(-pid, "SIGKILL");
  } catch {
    // It ended by itself.
  }
}

/**
 * Variables that npx leaves in its child: they would send an inner npm to the wrong folder.
 * Registry, cache and proxy settings are kept.
 */
function inherited_env(): Record<string, string> {
  const env: Record<string, string> = {};
  const dropped =
    /^(npm_(package|lifecycle|command|node_execpath|execpath)|npm_config_(local_prefix|prefix|global_prefix|yes|call|package)|INIT_CWD)/;
  for (const [name, value] of Object.entries(Deno.env.toObject())) {
    if (!dropped.test(name)) env[name] = value;
  }
  return {
    ...env,
    NO_COLOR: "1",
    npm_config_loglevel: "error",
    npm_config_update_notifier: "false",
    npm_config_audit: "false",
    npm_config_fund: "false",
  };
}

/**
 * Runs a program to its end.
 *
 * @param command The program and its arguments.
 * @param options Where, how long, and whether to show the output.
 */
export async function run(command: string[], options: RunOptions = {}): Promise<RunResult> {
  if (running.size === 0) signals.forEach((signal) => Deno.addSignalListener(signal, onSignal));
  const child = new Deno.Command(command[0], {
    args: command.slice(1),
    cwd: options.cwd ?? ROOT,
    clearEnv: true,
    env: { ...inherited_env(), ...options.env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    detached: true, // a process group of its own, so that grandchildren can be killed with it
  }).spawn();
  running.add(child.pid);
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    kill_group(child.pid);
  }, options.timeoutMs ?? TIMEOUT_MS);

  const parts: string[] = [];
  const collect = async (stream: ReadableStream<Uint8Array>): Promise<void> => {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      parts.push(text);
      if (options.show) await write(text);
    }
  };
  const [status] = await Promise.all([
    // A grandchild that holds the pipes open would keep us waiting: it dies with its parent.
    child.status.then((status) => (kill_group(child.pid), status)),
    collect(child.stdout),
    collect(child.stderr),
  ]);
  clearTimeout(timer);
  running.delete(child.pid);
  if (running.size === 0) signals.forEach((signal) => Deno.removeSignalListener(signal, onSignal));
  if (timedOut) {
    parts.push(`\nkilled: no end after ${(options.timeoutMs ?? TIMEOUT_MS) / 1000} s\n`);
  }
  return { code: timedOut ? 124 : status.code, output: parts.join("") };
}

async function write(text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += await Deno.stdout.write(bytes.subarray(at));
}

/**
 * Runs a program that must succeed.
 *
 * @returns Its output.
 * @throws {Error} With the output, when its exit status is not 0.
 */
export async function run_or_throw(command: string[], options: RunOptions = {}): Promise<string> {
  const { code, output } = await run(command, options);
  if (code !== 0) throw new Error(`${command.join(" ")} ended with status ${code}:\n${output}`);
  return output;
}

const binaries = new Map<string, Promise<string>>();

/** Finds the executable that npx installs for a package, so that later starts skip npx. */
function binary_of(spec: string, probe: string[]): Promise<string> {
  let path = binaries.get(spec);
  if (path === undefined) {
    path = run_or_throw(["npx", "-y", spec, ...probe]).then((out) => {
      const line = out.trim().split("\n").at(-1);
      if (!line?.startsWith("PATH=")) throw new Error(`Cannot find ${spec}: ${out}`);
      return line.slice("PATH=".length);
    });
    binaries.set(spec, path);
  }
  return path;
}

/** Returns the path of the pinned Bun. */
export function bun(): Promise<string> {
  return binary_of(`bun@${BUN_VERSION}`, ["-e", "console.log('PATH=' + process.execPath)"]);
}

/**
 * Returns the path of a Node.js: the installed one when its major version fits, else the pinned one.
 *
 * @param major "20", "22", … Default: whatever is installed.
 * @throws {RangeError} When no version of that major is pinned.
 */
export async function node(major?: string): Promise<string> {
  const installed = (await run_or_throw(["node", "--version"])).trim();
  if (major === undefined || installed.startsWith(`v${major}.`)) return "node";
  const version = NODE_VERSIONS[major];
  if (version === undefined) {
    throw new RangeError(
      `Cannot run Node ${major}: expected one of ${Object.keys(NODE_VERSIONS).join(", ")}`,
    );
  }
  return binary_of(`node@${version}`, ["-p", "'PATH=' + process.execPath"]);
}
