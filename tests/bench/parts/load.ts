/**
 * The workloads: every server in turn, round after round, so that all meet the same machine.
 * @module
 */

import type { LoadResult } from "../load/rounds.ts";
import type { BenchOptions } from "../options.ts";
import {
  DRIVING_CORE,
  type RunningLoad,
  type RunningServer,
  startLoad,
  startServer,
} from "../processes.ts";
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
  /** Runs its rounds; `undefined` when it did not start. */
  load?: RunningLoad;
  results: LoadResult[];
  error?: string;
}

/** Replies that a round waits for: a few large messages would be counted too coarsely. */
const LEAST_REPLIES = 30;
/** Traffic before each measurement, for what was cold since the last. */
const SETTLE_MS = 20;

/** The workloads that were asked for. */
export function chosenWorkloads(options: BenchOptions): Workload[] {
  return WORKLOADS.filter(({ name }) => options.workloads.includes(name));
}

/** How many single runs the workloads are. */
export function countLoadRuns(options: BenchOptions, servers: Subject[]): number {
  let runs = 0;
  for (const workload of chosenWorkloads(options)) {
    runs += servers.filter((server) => takesPart(server, workload)).length * (options.rounds + 1);
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
      progress.now(`${workload.name} ${name}`);
      const entry: Entry = { name, runtime, peer: `${peer}@${runtime}`, results: [] };
      entries.push(entry);
      await attempt(entry, progress, async () => {
        const server = await startServer(serverProgram(subject, workload, options, setup));
        running.push(server);
        entry.load = await startLoad(load, {
          task: workload.task ?? "messages",
          port: server.port,
          workload,
          serverPid: server.pid,
        });
      });
    }
    await runRounds(workload, entries, options, progress);
  } finally {
    await Promise.all(entries.map(({ load }) => load?.stop()));
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

/** Does something for an entry, and notes on it if that fails. */
export async function attempt(
  entry: Entry,
  progress: Progress,
  what: () => Promise<void>,
): Promise<void> {
  if (entry.error !== undefined) return;
  try {
    await what();
  } catch (error) {
    entry.error = message(error);
    progress.say(`${entry.name}: ${entry.error}`);
  }
}

/** Warms everything up, and runs the rounds, each in the order of the one before, turned by one. */
export async function runRounds(
  workload: Workload,
  entries: Entry[],
  options: BenchOptions,
  progress: Progress,
): Promise<void> {
  const { warmUpSeconds, seconds } = options;
  for (let round = -1; round < options.rounds; round++) {
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[(i + round + 1) % entries.length];
      progress.now(`${workload.name} ${round + 1}/${options.rounds} ${entry.name}`);
      await attempt(entry, progress, async () => {
        if (round < 0) {
          await entry.load!.run({ warmUpMs: 0, measureMs: 1000 * warmUpSeconds });
        } else {
          entry.results[round] = await entry.load!.run({
            warmUpMs: SETTLE_MS,
            measureMs: 1000 * seconds,
            leastCount: LEAST_REPLIES,
          });
        }
      });
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
