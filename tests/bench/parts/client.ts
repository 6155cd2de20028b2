/**
 * Clients as the load of one and the same server: here the server drives, and the client is measured.
 * @module
 */

import type { BenchOptions } from "../options.ts";
import { DRIVING_CORE, MEASURED_CORE, startLoad, startServer } from "../processes.ts";
import type { Progress } from "../progress.ts";
import type { Table } from "../results.ts";
import type { RuntimeName } from "../servers.ts";
import type { Setup } from "../setup.ts";
import type { Workload } from "../workloads.ts";
import { attempt, chosenWorkloads, type Entry, runRounds, toRows } from "./load.ts";

interface Client {
  kind: string;
  program: string;
  peer: string;
  env?: Record<string, string>;
}

/** The clients of a runtime. */
function clientsOf(runtime: RuntimeName): Client[] {
  if (!runtime.startsWith("node")) {
    return [
      { kind: "native", program: "standard", peer: "native" },
      { kind: "fullduplex", program: "fullduplex", peer: "native" },
    ];
  }
  const plain = { WS_NO_BUFFER_UTIL: "1" };
  return [
    { kind: "ws", program: "ws", peer: "ws", env: plain },
    { kind: "ws-bufferutil", program: "ws", peer: "ws" },
    { kind: "fullduplex", program: "fullduplex", peer: "ws" },
  ];
}

/** The workloads that make sense from this side. */
function clientWorkloads(options: BenchOptions): Workload[] {
  return chosenWorkloads(options).filter(({ name }) => ["a", "b", "c", "d", "e"].includes(name));
}

/** How many single runs this part is. */
export function countClientRuns(options: BenchOptions): number {
  const clients = options.runtimes.flatMap(clientsOf).length;
  return clientWorkloads(options).length * clients * (options.rounds + 1);
}

/** Measures the clients under each workload. */
export async function measureClients(
  options: BenchOptions,
  setup: Setup,
  progress: Progress,
): Promise<Table[]> {
  const tables: Table[] = [];
  for (const workload of clientWorkloads(options)) {
    const server = await startServer({
      ...setup.program(
        options.load,
        options.load === "bun" ? "programs/bun_native" : "programs/ws",
      ),
      core: DRIVING_CORE,
    });
    const entries: Entry[] = [];
    try {
      for (const runtime of options.runtimes) {
        for (const { kind, program, peer, env } of clientsOf(runtime)) {
          const name = `${kind}@${runtime}`;
          progress.now(`client-${workload.name} ${name}`);
          const entry: Entry = { name, runtime, peer: `${peer}@${runtime}`, results: [] };
          entries.push(entry);
          const command = { ...setup.program(runtime, `clients/${program}`), env };
          await attempt(entry, progress, async () => {
            entry.load = await startLoad({ ...command, core: MEASURED_CORE }, {
              task: "messages",
              port: server.port,
              workload,
            });
          });
        }
      }
      await runRounds(workload, entries, options, progress);
      tables.push({
        name: `client-${workload.name}`,
        title: `the client under test: ${workload.title}`,
        unit: "messages/s",
        more: true,
        rows: toRows(entries),
      });
    } finally {
      await Promise.all(entries.map(({ load }) => load?.stop()));
      await server.stop();
    }
  }
  return tables;
}
