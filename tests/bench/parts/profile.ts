/**
 * Where a server's time goes: one run of each workload under the runtime's own profiler.
 * @module
 */

import { median } from "../statistics.ts";
import type { BenchOptions } from "../options.ts";
import { DRIVING_CORE, runLoad, startServer } from "../processes.ts";
import { serverProgram } from "../server_program.ts";
import { type Subject, takesPart } from "../servers.ts";
import type { Setup } from "../setup.ts";
import type { Workload } from "../workloads.ts";
import { chosenWorkloads } from "./load.ts";

const SHOWN = 25;
const PROFILED_MS = 3000;
/** The samples of the first part of a run, which compiles, are left out. */
const SKIPPED_PART = 0.3;

interface Frame {
  functionName: string;
  url: string;
  lineNumber: number;
}

interface Profile {
  nodes: { id: number; callFrame: Frame }[];
  samples: number[];
  timeDeltas: number[];
}

/** Runs each chosen server under each chosen workload, and prints where its time went. */
export async function profile(
  servers: Subject[],
  options: BenchOptions,
  setup: Setup,
): Promise<void> {
  for (const workload of chosenWorkloads(options)) {
    for (const server of servers.filter((server) => takesPart(server, workload))) {
      const folder = await Deno.makeTempDir({ prefix: "fullduplex-profile-" });
      try {
        const count = await runOnce(server, workload, folder, options, setup);
        console.log(`\n${workload.name} ${server.name}: ${Math.round(count)} messages/s`);
        for await (const { name } of Deno.readDir(folder)) {
          if (!name.endsWith(".cpuprofile")) continue;
          const text = await Deno.readTextFile(`${folder}/${name}`);
          console.log(selfTimes(JSON.parse(text)).join("\n"));
        }
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    }
  }
}

async function runOnce(
  server: Subject,
  workload: Workload,
  folder: string,
  options: BenchOptions,
  setup: Setup,
): Promise<number> {
  const { command, env, core } = serverProgram(server, workload, options, setup);
  // Node and Bun take the flags first, Deno after "run".
  const at = server.runtime === "deno" ? 2 : 1;
  const flags = ["--cpu-prof", `--cpu-prof-dir=${folder}`];
  const running = await startServer({
    command: [...command.slice(0, at), ...flags, ...command.slice(at)],
    env,
    core,
  });
  try {
    const load = { ...setup.program(options.load, "load/load"), core: DRIVING_CORE };
    const { count, seconds } = await runLoad(load, {
      task: workload.task ?? "messages",
      port: running.port,
      workload,
    }, { warmUpMs: 1000 * options.warmUpSeconds, measureMs: PROFILED_MS });
    return count / seconds;
  } finally {
    await running.stop();
  }
}

/** The functions that most samples were in, as lines of text. */
function selfTimes({ nodes, samples, timeDeltas }: Profile): string[] {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const times = new Map<string, number>();
  const usual = median(timeDeltas);
  let total = 0;
  for (let i = Math.floor(samples.length * SKIPPED_PART); i < samples.length; i++) {
    const frame = frames.get(samples[i])!;
    const file = frame.url.replace(/^file:\/\//, "").replace(
      /^.*\/(?=package\/|node_modules\/)/,
      "",
    );
    const name = `${frame.functionName || "(anonymous)"} ${file}:${frame.lineNumber + 1}`;
    if (name.startsWith("(idle)")) continue;
    const time = Math.max(0, Math.min(timeDeltas[i], 20 * usual));
    times.set(name, (times.get(name) ?? 0) + time);
    total += time;
  }
  return [...times].sort((a, b) => b[1] - a[1]).slice(0, SHOWN).map(([name, time]) =>
    `${(100 * time / total).toFixed(1).padStart(6)} %  ${name}`
  );
}
