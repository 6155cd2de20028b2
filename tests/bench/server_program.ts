/**
 * How to start a server under measurement.
 * @module
 */

import { statSync } from "node:fs";
import type { BenchOptions } from "./options.ts";
import { MEASURED_CORE, type Program } from "./processes.ts";
import { programArgs, type Subject } from "./servers.ts";
import type { Setup } from "./setup.ts";
import type { Workload } from "./workloads.ts";

/** Whether `--uws` names a program of its own, and not a folder with an addon of Node. */
function isExecutable(path: string | undefined): path is string {
  return path !== undefined && statSync(path).isFile();
}

/** Whether a server can be had: uWebSockets only if a path is given, its program only once. */
export function isThere({ kind, runtime }: Subject, { uws }: BenchOptions): boolean {
  if (kind !== "uwebsockets") return true;
  return uws !== undefined && (runtime === "node" || !isExecutable(uws));
}

/**
 * Makes the command of a server for a workload, with its environment, on its core.
 *
 * @param gc Whether it is to be able to collect its garbage when told to. Default: false.
 */
export function serverProgram(
  server: Subject,
  workload: Workload,
  { uws }: BenchOptions,
  setup: Setup,
  gc = false,
): Program {
  const args = programArgs(server, workload);
  const { command } = server.kind === "uwebsockets" && isExecutable(uws)
    ? { command: [uws, ...args] }
    : setup.program(server.runtime, `programs/${server.program}`, args, gc);
  const env = { ...server.env, ...(uws === undefined ? {} : { UWEBSOCKETS: uws }) };
  return { command, env, core: MEASURED_CORE };
}
