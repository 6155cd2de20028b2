/**
 * The gate: everything that must hold before a commit, in steps, two at a time.
 *
 * `deno task test` (or `deno task ok`) runs all steps; `deno task test types docs` only those whose
 * names begin so. What a step prints is kept in `npm/.cache/logs/`; of a failed one the end is
 * shown, and the run goes on. The last line sums up: each step that is one check counts as one, each step
 * that runs tests counts its tests. The exit status is 0 when nothing failed.
 */
import { build_npm, PACKAGE } from "./build_npm.ts";
import { check_adapter, check_everything, check_floors } from "./check_types.ts";
import type { Counts } from "./counts.ts";
import { exists, read_manifest, split_exports } from "./manifest.ts";
import { ROOT, run, type RunResult } from "./run.ts";
import { type SuiteResult, with_second_try } from "./second_try.ts";
import { CACHE, import_map_flags } from "./std_import_map.ts";
import { test_bun } from "./test_bun.ts";
import { test_deno } from "./test_deno.ts";
import { test_docs } from "./test_docs.ts";
import { type NodeTests, prepare_node_tests, test_node } from "./test_node.ts";
import { test_package } from "./test_package.ts";
import { NODE_VERSIONS } from "./versions.ts";

type Outcome = RunResult | Counts & { log: string } | SuiteResult;

const LOGS = `${CACHE}/logs`;
const SHOWN_CHARACTERS = 12_000;
const NODE_MAJORS = Object.keys(NODE_VERSIONS);
const deno = Deno.execPath();

let node_tests: Promise<NodeTests> | undefined;

/** Every export that `deno.json` promises has a file. */
async function check_exports(): Promise<RunResult> {
  const { missing } = await split_exports(await read_manifest());
  return { code: missing.length === 0 ? 0 : 1, output: `not there: ${missing.join(", ")}\n` };
}

/** Every public symbol is documented and shows no private type. */
async function lint_docs(): Promise<RunResult> {
  const { present } = await split_exports(await read_manifest());
  const flags = await import_map_flags();
  return await run([deno, "doc", "--lint", ...flags, ...Object.values(present)]);
}

/** Builds the npm package, whole: every module that a test names is in it. */
async function build(): Promise<RunResult> {
  await build_npm(PACKAGE);
  node_tests = prepare_node_tests(PACKAGE);
  const { unreached } = await node_tests;
  return {
    code: unreached.length === 0 ? 0 : 1,
    output: `no export reaches these files, which tests import: ${unreached.join(", ")}\n`,
  };
}

/** Runs the tests against that build; without one, against a build of their own. */
async function test_on_node(major: string): Promise<Outcome> {
  const prepared = await (node_tests ??= prepare_node_tests());
  return await with_second_try((files, patience) =>
    test_node(prepared, major, files, false, patience)
  );
}

async function test_installed(): Promise<Outcome> {
  if (!await exists(`${PACKAGE}/esm`)) await build_npm(PACKAGE);
  return await test_package();
}

/** A step's name, what it does, and the name of the step that has to end before it begins. */
type Step = [name: string, step: () => Promise<Outcome>, after?: string];

// Two run at a time, in this order: those that wait for sockets beside those that only compute.
const steps: Step[] = [
  ["fmt", () => run([deno, "fmt", "--check"])],
  ["lint", () => run([deno, "lint"])],
  ["exports", check_exports],
  ["deno tests", () => with_second_try((f, p) => test_deno(["--no-check", ...f], false, p))],
  ["types", check_everything],
  ["types of the portable floors", check_floors],
  ["types on Deno", () => check_adapter("deno")],
  ["types on Bun", () => check_adapter("bun")],
  ["types on Node", () => check_adapter("node")],
  ["doc lint", lint_docs],
  ["docs", () => test_docs()],
  ["bun tests", () => with_second_try((files, patience) => test_bun(files, false, patience))],
  ["build npm", build],
  [`node ${NODE_MAJORS[0]} tests`, () => test_on_node(NODE_MAJORS[0]), "build npm"],
  [`node ${NODE_MAJORS.at(-1)} tests`, () => test_on_node(NODE_MAJORS.at(-1)!), "build npm"],
  ["package install", test_installed, "build npm"],
  ["publish dry run", () => run([deno, "publish", "--dry-run", "--allow-dirty"])],
];

/** Runs a step; one that throws has failed. */
async function take(step: () => Promise<Outcome>): Promise<Omit<SuiteResult, "failedFiles">> {
  try {
    const outcome = await step();
    if ("log" in outcome) return outcome;
    const failed = outcome.code === 0 ? 0 : 1;
    return { passed: 1 - failed, failed, log: outcome.output };
  } catch (error) {
    return { passed: 0, failed: 1, log: `${error instanceof Error ? error.stack : error}\n` };
  }
}

/** Keeps what a step printed. Returns the file's path. */
async function keep_log(name: string, log: string): Promise<string> {
  const path = `${LOGS}/${name.replaceAll(" ", "_")}.log`;
  await Deno.mkdir(LOGS, { recursive: true });
  await Deno.writeTextFile(path, log);
  return path;
}

/** Prints a failed step's output, from the failures on where the runner gathers them. */
function show_failure(log: string, path: string): void {
  const gathered = log.search(/^(✖ failing tests:|.* ERRORS )/m);
  const told = log.slice(Math.max(gathered, 0)).replace(/^\(pass\).*\n/gm, "");
  const shown = gathered >= 0 || told.length <= SHOWN_CHARACTERS
    ? told.slice(0, SHOWN_CHARACTERS)
    : `…\n${told.slice(-SHOWN_CHARACTERS)}`;
  console.log(shown.trimEnd().replace(/^/gm, "   | "));
  console.log(`   | all of it: ${path.slice(ROOT.length + 1)}`);
}

async function main(chosen: string[]): Promise<number> {
  const total: Counts = { passed: 0, failed: 0 };
  const failures: string[] = [];
  const selected = steps.filter(([name]) =>
    chosen.length === 0 || chosen.some((start) => name.startsWith(start))
  );
  if (selected.length === 0) {
    console.log(`no step begins so: expected one of ${steps.map(([name]) => name).join(", ")}`);
    return 2;
  }
  await import_map_flags(); // says where @std comes from, before the first step's line
  const ended = new Map(selected.map(([name]) => [name, Promise.withResolvers<void>()]));
  const perform = async ([name, step, after]: Step): Promise<void> => {
    await ended.get(after!)?.promise;
    const started = performance.now();
    const { passed, failed, log, heldAgain = [] } = await take(step);
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    const verdict = failed === 0 ? "ok" : "FAILED";
    const path = await keep_log(name, log);
    console.log(`== ${name}: ${verdict}, ${passed} passed, ${failed} failed, ${seconds} s`);
    if (heldAgain.length > 0) console.log(`   | held only when run again: ${heldAgain.join(" ")}`);
    if (failed > 0) {
      failures.push(name);
      show_failure(log, path);
    } else if (/^not checked/.test(log)) {
      console.log(`   | ${log.trimEnd()}`);
    }
    total.passed += passed;
    total.failed += failed;
    ended.get(name)!.resolve();
  };
  const waiting = [...selected];
  const work = async (): Promise<void> => {
    for (let step = waiting.shift(); step; step = waiting.shift()) await perform(step);
  };
  await Promise.all([work(), work()]);
  const folder = (await node_tests?.catch(() => undefined))?.folder;
  if (folder) await Deno.remove(folder, { recursive: true });
  if (failures.length > 0) console.log(`failed: ${failures.join(", ")}`);
  console.log(`${total.passed} passed, ${total.failed} failed`);
  return total.failed === 0 && total.passed > 0 ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
