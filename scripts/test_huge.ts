/**
 * Sends one huge message through an echo on Deno, Bun and Node, and prints the memory it took.
 *
 * `deno task test:huge [--size 2GiB] [--compressed] [--on deno|bun|node]`
 */
import { bun, node, ROOT, run } from "./run.ts";
import { import_map_flags } from "./std_import_map.ts";
import { prepare_node_tests } from "./test_node.ts";
import { install_tools } from "./tools.ts";

const PROGRAM = "tests/streaming/main";
const TIMEOUT_MS = 3_600_000;

const at = Deno.args.indexOf("--on");
const only = at < 0 ? undefined : Deno.args[at + 1];
const args = at < 0 ? Deno.args : Deno.args.toSpliced(at, 2);

async function on_deno(): Promise<number> {
  const command = [Deno.execPath(), "run", "-A", "--no-check", ...await import_map_flags()];
  return (await run([...command, `${ROOT}/${PROGRAM}.ts`, ...args], {
    show: true,
    timeoutMs: TIMEOUT_MS,
  })).code;
}

async function on_bun(): Promise<number> {
  await install_tools();
  const command = [await bun(), `${ROOT}/${PROGRAM}.ts`, ...args];
  return (await run(command, { show: true, timeoutMs: TIMEOUT_MS })).code;
}

async function on_node(): Promise<number> {
  const { folder } = await prepare_node_tests();
  try {
    const command = [await node(), `${folder}/${PROGRAM}.js`, ...args];
    return (await run(command, { show: true, timeoutMs: TIMEOUT_MS })).code;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const runs = { deno: on_deno, bun: on_bun, node: on_node };
let failed = 0;
for (const [name, start] of Object.entries(runs)) {
  if (only === undefined || only === name) failed += await start() === 0 ? 0 : 1;
}
Deno.exit(failed);
