/**
 * The workloads: every server in turn, round after round, so that all meet the same machine.
 * @module
 */

import type { LoadConfig, LoadResult } from "../load/load.ts";
import type { BenchOptions } from "../options.ts";
import { DRIVING_CORE, runLoad, type RunningServer, startServer } from "../processes.ts";
import type { Progress } from "../progress.ts";
import type { Row, Table } from "../results.ts";
import { serverProgram } from "../server_program.ts";
import { type Subject, takesPart } from "../servers.ts";
import type { Setup } from "../setup.ts";
import { median, ratio } from "../statistics.ts";
import { type Workload, WORKLOADS } from "../workloads.ts";

/** One server or client, and what its rounds brought. */
export interface Entry {
  name: string;
  runtime: string;
  peer: string;
  /** Runs one round. */
  run(config: LoadConfig): Promise<LoadResult>;
  results: LoadResult[];
  error?: string;
}

/** The workloads that were asked for. */
export function chosenWorkloads(options: BenchOptions): Workload[] {
  return WORKLOADS.filter(({ name }) => options.workloads.includes(name));
}

/** How many single runs the workloads are. */
export function countLoadRuns(options: BenchOptions, servers: Subject[]): number {
  let runs = 0;
  for (const workload of chosenWorkloads(options)) {
    runs += servers.filter((server) => takesPart(server, workload)).length * options.rounds;
  }
  return runs;
}

/** Measures one workload. */
export async function measureWorkload(
  workload: Workload,
  servers: Subject[],
  options: BenchOptions,
  setup: Setup,
  progress: Progress,
): Promise<Table> {
  const load = { ...setup.program(options.load, "load/load"), core: DRIVING_CORE };
  const entries: Entry[] = [];
  const running: RunningServer[] = [];
  try {
    for (const subject of servers.filter((server) => takesPart(server, workload))) {
      const { name, runtime, peer } = subject;
      const entry: Entry = { name, runtime, peer: `${peer}@${runtime}`, results: [], run: never };
      entries.push(entry);
      try {
        const server = await startServer(serverProgram(subject, workload, options, setup));
        running.push(server);
        entry.run = (config) =>
          runLoad(load, { ...config, port: server.port, serverPid: server.pid });
      } catch (error) {
        entry.error = message(error);
      }
    }
    await runRounds(workload, entries, options, progress);
  } finally {
    await Promise.all(running.map((server) => server.stop()));
  }
  return {
    name: workload.name,
    title: workload.title,
    unit: workload.task === "handshakes" ? "handshakes/s" : "messages/s",
    more: true,
    rows: toRows(entries),
  };
}

function never(): Promise<LoadResult> {
  return Promise.reject(new Error("it did not start"));
}

/** Runs the rounds, each in the order of the one before, turned by one. */
export async function runRounds(
  workload: Workload,
  entries: Entry[],
  options: BenchOptions,
  progress: Progress,
): Promise<void> {
  const { warmUpSeconds, seconds } = options;
  for (let round = 0; round < options.rounds; round++) {
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[(i + round) % entries.length];
      progress.now(`${workload.name} ${round + 1}/${options.rounds} ${entry.name}`);
      if (entry.error === undefined) {
        try {
          entry.results[round] = await entry.run({
            task: workload.task ?? "messages",
            port: 0,
            workload,
            // Compilers need the first round to get warm.
            warmUpMs: 1000 * warmUpSeconds * (round === 0 ? 2 : 1),
            measureMs: 1000 * seconds,
          });
        } catch (error) {
          entry.error = message(error);
          progress.say(`${workload.name} ${entry.name}: ${entry.error}`);
        }
      }
      progress.step();
    }
  }
}

/** Sums up. */
export function toRows(entries: Entry[]): Row[] {
  const speeds = (entry: Entry) => entry.results.map(({ count, seconds }) => count / seconds);
  const costs = (entry: Entry) =>
    entry.results.map(({ count, seconds, serverBusy }) => (serverBusy ?? NaN) * seconds / count);
  return entries.map((entry) => {
    const { name, runtime, results, error } = entry;
    const rounds = speeds(entry);
    const peer = entries.find((other) => other.name === entry.peer);
    const of = (read: (result: LoadResult) => number | undefined) => {
      const value = median(results.map((result) => read(result) ?? NaN));
      return Number.isNaN(value) ? undefined : value;
    };
    return {
      name,
      runtime,
      median: median(rounds),
      rounds,
      ratio: peer === undefined ? undefined : ratio(rounds, speeds(peer)),
      cost: of(({ count, seconds, serverBusy }) => 1e6 * (serverBusy ?? NaN) * seconds / count),
      costRatio: peer === undefined ? undefined : ratio(costs(peer), costs(entry)),
      peer: entry.peer,
      p50: of(({ p50 }) => p50),
      p99: of(({ p99 }) => p99),
      busy: of(({ serverBusy }) => serverBusy),
      loadBusy: of(({ loadBusy }) => loadBusy),
      error,
    };
  });
}

/** The first line of an error. */
export function message(error: unknown): string {
  return (error instanceof Error ? error.message : `${error}`).split("\n").slice(0, 3).join(" ");
}
