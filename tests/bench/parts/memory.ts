/**
 * What an idle connection holds: resident memory and heap of a server in a process of its own.
 * @module
 */

import type { BenchOptions } from "../options.ts";
import { DRIVING_CORE, type Memory, startLoad, startServer } from "../processes.ts";
import type { Progress } from "../progress.ts";
import type { Row, Table } from "../results.ts";
import { serverProgram } from "../server_program.ts";
import { type Subject, takesPart } from "../servers.ts";
import type { Setup } from "../setup.ts";
import { median, ratio } from "../statistics.ts";
import type { Workload } from "../workloads.ts";
import { message } from "./load.ts";

/** What the ways to write a handler, and the peers that are built on others, would add is little. */
const KINDS = [
  ...["ws", "bare", "fullduplex", "websocket", "faye-websocket", "uwebsockets"],
  ...["deno-native", "fullduplex-deno", "bun-native", "fullduplex-bun"],
];
const MAX_ROUNDS = 3;
/** Timers and garbage of the handshakes are over by then. */
const SETTLE_MS = 1000;

function workload(connections: number): Workload {
  return {
    name: `idle-${connections}`,
    title: `${connections} idle connections`,
    connections,
    inFlight: 0,
    type: "binary",
    size: 0,
    kinds: KINDS,
  };
}

const WORKLOADS = [1000, 5000, 15_000].map(workload);

function rounds(options: BenchOptions): number {
  return Math.min(MAX_ROUNDS, options.rounds);
}

function participants(servers: Subject[]): Subject[] {
  return servers.filter((server) => takesPart(server, WORKLOADS[0]));
}

/** How many single runs this part is. */
export function countMemoryRuns(options: BenchOptions, servers: Subject[]): number {
  return participants(servers).length * WORKLOADS.length * rounds(options);
}

async function measureOne(
  server: Subject,
  workload: Workload,
  options: BenchOptions,
  setup: Setup,
): Promise<{ rss: number; heap: number }> {
  const running = await startServer(serverProgram(server, workload, options, setup, true));
  const settled = async (): Promise<Memory> => {
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    await running.memory(); // what the collection itself needs is there the second time
    return await running.memory();
  };
  try {
    const before = await settled();
    const load = { ...setup.program(options.load, "load/load"), core: DRIVING_CORE };
    const connections = await startLoad(load, { task: "idle", port: running.port, workload });
    const after = await settled().finally(() => connections.stop());
    return {
      rss: (after.rss - before.rss) / workload.connections,
      heap: (after.heapUsed - before.heapUsed) / workload.connections,
    };
  } finally {
    await running.stop();
  }
}

/** Measures every server at every number of connections, a new process each time. */
export async function measureMemory(
  options: BenchOptions,
  servers: Subject[],
  setup: Setup,
  progress: Progress,
): Promise<Table[]> {
  const tables: Table[] = [];
  for (const workload of WORKLOADS) {
    const subjects = participants(servers);
    const found = new Map<string, { rss: number; heap: number }[]>();
    const errors = new Map<string, string>();
    for (const { name } of subjects) found.set(name, []);
    for (let round = 0; round < rounds(options); round++) {
      for (const subject of subjects) {
        progress.now(`${workload.name} ${round + 1}/${rounds(options)} ${subject.name}`);
        try {
          const one = await measureOne(subject, workload, options, setup);
          found.get(subject.name)!.push(one);
        } catch (error) {
          errors.set(subject.name, message(error));
        }
        progress.step();
      }
    }
    for (const key of ["rss", "heap"] as const) {
      const values = (name: string) => (found.get(name) ?? []).map((one) => one[key]);
      const rows = subjects.map(({ name, runtime, peer }): Row => ({
        name,
        runtime,
        median: median(values(name)),
        rounds: values(name),
        peer: `${peer}@${runtime}`,
        ratio: ratio(values(name), values(`${peer}@${runtime}`)),
        error: errors.get(name),
      }));
      tables.push({
        name: `${key}-${workload.connections}`,
        title: `${key === "rss" ? "resident memory" : "heap after collection"} per connection, ` +
          workload.title,
        unit: "B/connection",
        more: false,
        rows,
      });
    }
  }
  return tables;
}
