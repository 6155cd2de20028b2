/**
 * Runs the tests on the pinned Bun, from source.
 *
 * `deno task test:bun [files, folders or flags of "bun test"]`, default: everything in `tests/`.
 */
import { bun_counts, bun_failed_files } from "./counts.ts";
import { bun, ROOT, run, SUITE_TIMEOUT_MS } from "./run.ts";
import { PATIENCE_VARIABLE, type SuiteResult } from "./second_try.ts";
import { install_tools } from "./tools.ts";

/** How long one test may take on a quiet machine. */
const TEST_TIMEOUT_MS = 120_000;

/**
 * Runs `bun test`.
 *
 * @param patience How many times longer the tests wait. Default: 1.
 */
export async function test_bun(
  args: string[],
  show: boolean,
  patience = 1,
): Promise<SuiteResult> {
  await install_tools();
  // Bun takes an argument for a part of a name unless it starts with "./".
  const paths = args.map((arg) => /^[-./]/.test(arg) ? arg : `./${arg}`);
  const targets = paths.some((path) => !path.startsWith("-")) ? paths : [...paths, "./tests"];
  const flags = [
    `--preload=${ROOT}/scripts/bun_preload.ts`,
    `--timeout=${TEST_TIMEOUT_MS * patience}`,
  ];
  const { code, output } = await run([await bun(), "test", ...flags, ...targets], {
    env: { [PATIENCE_VARIABLE]: `${patience}` },
    show,
    timeoutMs: SUITE_TIMEOUT_MS,
  });
  return { ...bun_counts(output, code), log: output, failedFiles: bun_failed_files(output) };
}

if (import.meta.main) {
  const { passed, failed } = await test_bun(Deno.args, true);
  console.log(`${passed} passed, ${failed} failed`);
  Deno.exit(failed === 0 ? 0 : 1);
}
