/**
 * The benches: measures servers and clients side by side, prints tables, and writes JSON and a page.
 *
 * `deno task bench --help`
 *
 * @module
 */

import os from "node:os";
import { ROOT, run_or_throw } from "../../scripts/run.ts";
import { CACHE } from "../../scripts/std_import_map.ts";
import { type BenchOptions, HELP, type Part, readOptions } from "./options.ts";
import { countClientRuns, measureClients } from "./parts/client.ts";
import { chosenWorkloads, countLoadRuns, measureWorkload, message } from "./parts/load.ts";
import { countMemoryRuns, measureMemory } from "./parts/memory.ts";
import { runMicro } from "./parts/micro.ts";
import { profile } from "./parts/profile.ts";
import { measureSizes } from "./parts/size.ts";
import { countStartupRuns, measureStartup } from "./parts/startup.ts";
import { canPin, killAll } from "./processes.ts";
import { Progress } from "./progress.ts";
import { page } from "./report/page.ts";
import { tableText } from "./report/text.ts";
import type { Results, Table } from "./results.ts";
import { isThere } from "./server_program.ts";
import { type Subject, subjects } from "./servers.ts";
import { prepare, type Setup } from "./setup.ts";

/** Asks each runtime and peer for its version. */
async function versions(options: BenchOptions, setup: Setup): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const runtime of options.runtimes) {
    const output = await run_or_throw([setup.executable(runtime), "--version"]);
    found[runtime] = /\d+\.\d+\.\d+/.exec(output)?.[0] ?? output.trim();
  }
  for (const name of ["ws", "bufferutil", "websocket", "faye-websocket", "crossws"]) {
    const manifest = await Deno.readTextFile(`${CACHE}/node_modules/${name}/package.json`);
    found[name] = JSON.parse(manifest).version;
  }
  return found;
}

function chosenServers(options: BenchOptions): Subject[] {
  return subjects(options.runtimes).filter((server) => {
    if (!isThere(server, options)) return false;
    if (options.servers.length > 0) return options.servers.includes(server.kind);
    return !options.quick || server.quick === true;
  });
}

/** Runs every part that was asked for, and tells of each table as soon as it is there. */
async function measure(
  options: BenchOptions,
  setup: Setup,
  tell: (table: Table) => void,
): Promise<void> {
  const servers = chosenServers(options);
  const wanted = (part: Part): boolean => options.parts.includes(part);
  let steps = 0;
  if (wanted("load")) steps += countLoadRuns(options, servers);
  if (wanted("client")) steps += countClientRuns(options);
  if (wanted("memory")) steps += countMemoryRuns(options, servers);
  if (wanted("startup")) steps += countStartupRuns(options);
  const progress = new Progress(steps);
  const attempt = async (what: () => Promise<Table[]>): Promise<void> => {
    try {
      for (const table of await what()) if (table.rows.length > 0) tell(table);
    } catch (error) {
      progress.say(`failed: ${message(error)}`);
    }
  };
  if (wanted("load")) {
    for (const workload of chosenWorkloads(options)) {
      await attempt(async () => [
        await measureWorkload(workload, servers, options, setup, progress),
      ]);
    }
  }
  if (wanted("client")) await attempt(() => measureClients(options, setup, progress));
  if (wanted("memory")) await attempt(() => measureMemory(options, servers, setup, progress));
  if (wanted("startup")) await attempt(() => measureStartup(options, setup, progress));
  if (wanted("size")) await attempt(() => measureSizes());
  progress.end();
  if (wanted("micro")) await runMicro(options, setup);
  if (wanted("profile")) await profile(servers, options, setup);
}

async function main(args: string[]): Promise<number> {
  let options: BenchOptions | "help";
  try {
    options = readOptions(args);
  } catch (error) {
    console.error(message(error));
    return 2;
  }
  if (options === "help") {
    console.log(HELP);
    return 0;
  }
  console.error("building the npm package, finding the runtimes …");
  const setup = await prepare(options.runtimes, options.load);
  Deno.addSignalListener("SIGINT", () => {
    killAll();
    Deno.removeSync(setup.folder, { recursive: true });
    Deno.exit(130);
  });
  const results: Results = {
    date: new Date().toISOString(),
    command: ["deno task bench", ...args].join(" "),
    machine: {
      cpu: os.cpus()[0]?.model.trim() ?? "unknown",
      cores: os.cpus().length,
      os: `${os.type()} ${os.release()} ${os.arch()}`,
      pinned: canPin(),
      versions: await versions(options, setup),
    },
    rounds: options.rounds,
    seconds: options.seconds,
    tables: [],
  };
  try {
    await measure(options, setup, (table) => {
      results.tables.push(table);
      console.log(`${tableText(table)}\n`);
    });
  } finally {
    killAll();
    await setup.remove();
  }
  if (results.tables.length === 0) return 0;
  const output = options.output ?? `${CACHE}/bench`;
  await Deno.mkdir(output, { recursive: true });
  await Deno.writeTextFile(`${output}/results.json`, JSON.stringify(results, null, 1));
  await Deno.writeTextFile(`${output}/index.html`, page(results));
  console.log(`written: ${output.replace(`${ROOT}/`, "")}/results.json and index.html`);
  return results.tables.some(({ rows }) => rows.some(({ error }) => error)) ? 1 : 0;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
