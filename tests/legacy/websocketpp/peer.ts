/**
 * WebSocket++ as a peer: a small C++ program of ours, compiled where its headers and a compiler are.
 * @module
 */

import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { ByteStreamPair } from "../../../src/api/stream_transport.ts";
import { within } from "../../adapters/support/waiting.ts";
import { repository_root } from "../../house/repository_root.ts";

const SOURCE = fileURLToPath(new URL("peer.cpp", import.meta.url));
const HEADER = "#include <websocketpp/version.hpp>\n";

/** Why it cannot be compiled here; `undefined` when it can. */
export function missing(): string | undefined {
  const flags = ["-std=c++11", "-fsyntax-only", "-x", "c++", "-"];
  const { status, error } = spawnSync("g++", flags, { input: HEADER });
  if (error !== undefined) return "g++ is not installed here";
  return status === 0 ? undefined : "WebSocket++ is not installed here (libwebsocketpp-dev)";
}

/**
 * Compiles the program, once for each state of its source.
 *
 * @returns The executable's path.
 */
export async function compile(): Promise<string> {
  const hash = createHash("sha256").update(readFileSync(SOURCE)).digest("hex").slice(0, 16);
  const folder = `${repository_root()}/npm/.cache`;
  const target = `${folder}/websocketpp_peer_${hash}`;
  if (existsSync(target)) return target;
  mkdirSync(folder, { recursive: true });
  const fresh = `${target}.${process.pid}`; // another run may be compiling it, too
  const compiler = spawn("g++", ["-std=c++11", "-O0", "-o", fresh, SOURCE]);
  let output = "";
  compiler.stderr.on("data", (chunk) => output += chunk);
  const ended = new Promise<number | null>((resolve) => compiler.on("close", resolve));
  const status = await within(ended, "end of the compiler", 600_000);
  if (status !== 0) throw new Error(`Cannot compile ${SOURCE}: ${output}`);
  renameSync(fresh, target);
  return target;
}

/** A running program. */
export interface WebsocketppPeer {
  /** Its standard input and output. */
  readonly pair: ByteStreamPair;
  /** What it said of the close: code and reason. */
  readonly ended: Promise<string>;
  /** Ends it. */
  kill(): void;
}

/** Starts the program. */
export function start(program: string, ...args: string[]): WebsocketppPeer {
  const child = spawn(program, args);
  let said = "";
  child.stderr.on("data", (chunk) => said += chunk);
  child.stdin.on("error", () => {}); // it may be gone already
  const readable = new ReadableStream<Uint8Array>({
    start(controller) {
      child.stdout.on("data", (chunk: Uint8Array) => {
        try {
          controller.enqueue(new Uint8Array(chunk));
        } catch {
          // our side has let go
        }
      });
      child.stdout.on("end", () => {
        try {
          controller.close();
        } catch {
          // likewise
        }
      });
    },
  });
  const writable = new WritableStream<Uint8Array>({
    write: (chunk) =>
      new Promise((resolve) => {
        // Written, or gone: then the end of its output tells.
        if (!child.stdin.writable) resolve();
        else child.stdin.write(chunk, () => resolve());
      }),
    close: () => void child.stdin.end(),
    abort: () => void child.stdin.destroy(),
  });
  return {
    pair: { readable, writable },
    ended: new Promise((resolve) => child.on("close", () => resolve(said.trim()))),
    kill: () => void child.kill("SIGKILL"),
  };
}
