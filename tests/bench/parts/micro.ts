/** Runs the micro-benches on each runtime; they print tables of their own. */

import { ROOT, run } from "../../../scripts/run.ts";
import type { BenchOptions } from "../options.ts";
import type { RuntimeName } from "../servers.ts";
import type { Setup } from "../setup.ts";

/** Runs them all. */
export async function runMicro(options: BenchOptions, setup: Setup): Promise<void> {
  for (const runtime of options.runtimes) {
    console.log(`\nmicro-benches on ${runtime}`);
    await run(commandOf(runtime, setup), { show: true, timeoutMs: 600_000 });
  }
}

/** These alone import a package of `deno.json` on Deno and Bun. */
function commandOf(runtime: RuntimeName, setup: Setup): string[] {
  const file = `${ROOT}/tests/bench/micro/micro.ts`;
  const executable = setup.executable(runtime);
  if (runtime === "deno") return [executable, "run", "-A", "--no-check", file];
  if (runtime === "bun") return [executable, `--preload=${ROOT}/scripts/bun_preload.ts`, file];
  return [...setup.program(runtime, "micro/micro").command];
}
