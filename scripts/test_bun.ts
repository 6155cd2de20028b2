/**
 * Runs the tests on the pinned Bun, from source.
 *
 * `deno task test:bun [files, folders or flags of "bun test"]`, default: everything in `tests/`.
 */
import { bun_counts, type Counts } from "./counts.ts";
import { bun, ROOT, run, SUITE_TIMEOUT_MS } from "./run.ts";
import { install_tools } from "./tools.ts";

/** Runs `bun test`. */
export async function test_bun(args: string[], show: boolean): Promise<Counts & { log: string }> {
  await install_tools();
  // Bun takes an argument for a part of a name unless it starts with "./".
  const paths = args.map((arg) => /^[-./]/.test(arg) ? arg : `./${arg}`);
  const targets = paths.some((path) => !path.startsWith("-")) ? paths : [...paths, "./tests"];
  const flags = [`--preload=${ROOT}/scripts/bun_preload.ts`, "--timeout=60000"];
  const { code, output } = await run([await bun(), "test", ...flags, ...targets], {
    show,
    timeoutMs: SUITE_TIMEOUT_MS,
  });
  return { ...bun_counts(output, code), log: output };
}

if (import.meta.main) {
  const { passed, failed } = await test_bun(Deno.args, true);
  console.log(`${passed} passed, ${failed} failed`);
  Deno.exit(failed === 0 ? 0 : 1);
}
