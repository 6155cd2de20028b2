/**
 * How much longer a process takes that imports an entry and does nothing with it.
 * @module
 */

import type { BenchOptions } from "../options.ts";
import { MEASURED_CORE, timeProgram } from "../processes.ts";
import type { Progress } from "../progress.ts";
import type { Row, Table } from "../results.ts";
import type { RuntimeName } from "../servers.ts";
import type { Setup } from "../setup.ts";

const RUNS = 15;

function nodes(options: BenchOptions): RuntimeName[] {
  return options.runtimes.filter((runtime) => runtime.startsWith("node"));
}

/** What is imported: name -> a module specifier; none for the bare runtime. */
function entries(setup: Setup): Record<string, string | undefined> {
  const built = `file://${setup.folder}/package/esm`;
  return {
    "bare": undefined,
    "node:http": "node:http",
    // What the exports name for Node …
    "fullduplex/serve": `${built}/node/adapters/serve.js`,
    "fullduplex/client": `${built}/node/adapters/client.js`,
    "fullduplex": `${built}/node/mod.js`,
    // … and the modules that it is made of.
    "fullduplex/serve, as modules": `${built}/src/adapters/serve.js`,
    "ws": `file://${setup.folder}/../../node_modules/ws/wrapper.mjs`,
  };
}

/** How many single runs this part is. */
export function countStartupRuns(options: BenchOptions): number {
  return nodes(options).length * RUNS;
}

/** Measures the imports, one after the other, over and over. */
export async function measureStartup(
  options: BenchOptions,
  setup: Setup,
  progress: Progress,
): Promise<Table[]> {
  const tables: Table[] = [];
  for (const runtime of nodes(options)) {
    const modules = Object.entries(entries(setup));
    const times = new Map<string, number[]>(modules.map(([name]) => [name, []]));
    for (let run = 0; run < RUNS; run++) {
      progress.now(`start-up ${run + 1}/${RUNS} ${runtime}`);
      for (const [name, specifier] of modules) {
        const script = specifier === undefined ? "0" : `await import(${JSON.stringify(specifier)})`;
        const command = [setup.executable(runtime), "--input-type=module", "-e", script];
        times.get(name)!.push((await timeProgram({ command, core: MEASURED_CORE })).ms);
      }
      progress.step();
    }
    const bare = times.get("bare")!;
    tables.push({
      name: `startup-${runtime}`,
      title: `a process that imports this, over one that imports nothing, ${runtime} ` +
        `(the least of ${RUNS})`,
      unit: "ms",
      more: false,
      rows: [...times].filter(([name]) => name !== "bare").map(([name, all]): Row => {
        const rounds = all.map((ms, i) => ms - bare[i]);
        // The least, for all that other programs on the machine can do is to make it more.
        return {
          name,
          runtime,
          median: Math.min(...all) - Math.min(...bare),
          rounds,
          peer: "bare",
        };
      }),
    });
  }
  return tables;
}
