/**
 * The command line of the benches.
 * @module
 */

import { parseArgs } from "node:util";
import { type RuntimeName, SERVER_KINDS } from "./servers.ts";
import { QUICK_NAMES, STANDARD_NAMES, WORKLOADS } from "./workloads.ts";

/** What can be measured beside the workloads. */
export const PARTS = ["load", "client", "memory", "startup", "size", "micro", "profile"] as const;
export type Part = typeof PARTS[number];

const RUNTIMES: readonly RuntimeName[] = ["node", "node-newest", "deno", "bun"];

/** What is to be done. */
export interface BenchOptions {
  quick: boolean;
  parts: readonly Part[];
  workloads: readonly string[];
  /** Kinds of servers; empty for all. */
  servers: readonly string[];
  runtimes: readonly RuntimeName[];
  rounds: number;
  seconds: number;
  warmUpSeconds: number;
  /** What drives the load. */
  load: "bun" | "node";
  /** The folder of uWebSockets.js, built; or the executable of `programs/uwebsockets.cpp`. */
  uws: string | undefined;
  output: string | undefined;
}

/** What `--help` prints. */
export const HELP = `deno task bench [options]

  --quick               a first look, in less than two minutes
  --parts LIST          ${PARTS.join(", ")} (default: all but the last two)
  --workloads LIST      ${STANDARD_NAMES.join(", ")} (default: these); also
                        ${
  WORKLOADS.map(({ name }) => name).filter((name) => !STANDARD_NAMES.includes(name)).join(", ")
}
  --servers LIST        ${[...new Set(SERVER_KINDS.map(({ kind }) => kind))].join(", ")}
  --runtimes LIST       ${RUNTIMES.join(", ")} (default: all)
  --rounds N            rounds of each workload (default: 30; --quick: 5)
  --seconds N           length of one measurement (default: 0.15; --quick: 0.1)
  --warm-up N           seconds before the first of them (default: 1; --quick: 0.3)
  --load bun|node       what the load generator runs on (default: bun)
  --uws PATH            a folder with a built uWebSockets.js, or programs/uwebsockets.cpp compiled,
                        to be measured as well
  --output FOLDER       where results.json and index.html go (default: npm/.cache/bench)
`;

/**
 * Reads the command line.
 *
 * @throws {TypeError} If it has what does not exist.
 */
export function readOptions(args: string[]): BenchOptions | "help" {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: "boolean", default: false },
      parts: { type: "string" },
      workloads: { type: "string" },
      servers: { type: "string" },
      runtimes: { type: "string" },
      rounds: { type: "string" },
      seconds: { type: "string" },
      "warm-up": { type: "string" },
      load: { type: "string", default: "bun" },
      uws: { type: "string" },
      output: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return "help";
  const { quick } = values;
  const standard = PARTS.filter((part) =>
    part === "load" || (part !== "micro" && part !== "profile" && !quick)
  );
  return {
    quick,
    parts: list("parts", values.parts, PARTS) ?? (values.workloads ? ["load"] : standard),
    workloads: list("workloads", values.workloads, WORKLOADS.map(({ name }) => name)) ??
      (quick ? QUICK_NAMES : STANDARD_NAMES),
    servers: list("servers", values.servers, SERVER_KINDS.map(({ kind }) => kind)) ?? [],
    runtimes: list("runtimes", values.runtimes, RUNTIMES) ??
      (quick ? RUNTIMES.filter((name) => name !== "node-newest") : RUNTIMES),
    rounds: number("rounds", values.rounds) ?? (quick ? 5 : 30),
    seconds: number("seconds", values.seconds) ?? (quick ? 0.1 : 0.15),
    warmUpSeconds: number("warm-up", values["warm-up"]) ?? (quick ? 0.3 : 1),
    load: list("load", values.load, ["bun", "node"] as const)![0],
    uws: values.uws,
    output: values.output,
  };
}

function list<Name extends string>(
  option: string,
  text: string | undefined,
  allowed: readonly Name[],
): Name[] | undefined {
  if (text === undefined) return undefined;
  return text.split(",").map((name) => {
    if ((allowed as readonly string[]).includes(name)) return name as Name;
    const names = [...new Set(allowed)].join(", ");
    throw new TypeError(`Cannot use --${option} ${name}: expected some of ${names}`);
  });
}

function number(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  // A longer round could have heartbeats among its replies.
  if (value > 0 && value <= (option === "rounds" ? 1000 : 15)) return value;
  throw new TypeError(`Cannot use --${option} ${text}: expected a number above 0, at most 15 s`);
}
