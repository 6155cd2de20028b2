/**
 * Runs the tests on Deno, type-checked.
 *
 * `deno task test:deno [files, folders or flags of "deno test"]`, default: everything in `tests/`.
 */
import { deno_counts, deno_failed_files } from "./counts.ts";
import { CACHE, import_map_flags } from "./std_import_map.ts";
import { run, SUITE_TIMEOUT_MS } from "./run.ts";
import { PATIENCE_VARIABLE, type SuiteResult } from "./second_try.ts";

/**
 * Runs `deno test`; the gate, which has checked types already, passes `--no-check`.
 *
 * @param patience How many times longer the tests wait. Default: 1.
 */
export async function test_deno(
  args: string[],
  show: boolean,
  patience = 1,
): Promise<SuiteResult> {
  const targets = args.some((arg) => !arg.startsWith("-")) ? [] : ["tests"];
  const report = `${CACHE}/deno-${Deno.pid}.xml`;
  const flags = [...await import_map_flags(), `--junit-path=${report}`];
  const command = [Deno.execPath(), "test", "-A", ...flags, ...args, ...targets];
  const env = { [PATIENCE_VARIABLE]: `${patience}` };
  const { code, output } = await run(command, { env, show, timeoutMs: SUITE_TIMEOUT_MS });
  const xml = await Deno.readTextFile(report).catch(() => "");
  await Deno.remove(report).catch(() => {});
  return { ...deno_counts(xml, code), log: output, failedFiles: deno_failed_files(xml) };
}

if (import.meta.main) {
  const { passed, failed } = await test_deno(Deno.args, true);
  console.log(`${passed} passed, ${failed} failed`);
  Deno.exit(failed === 0 ? 0 : 1);
}
