/**
 * What a run needs before it starts: the npm build, the peers, and where the runtimes are.
 * @module
 */

import { exists, list_files } from "../../scripts/manifest.ts";
import { bun, node, ROOT } from "../../scripts/run.ts";
import { prepare_node_tests } from "../../scripts/test_node.ts";
import { NODE_VERSIONS } from "../../scripts/versions.ts";
import type { Program } from "./processes.ts";
import type { RuntimeName } from "./servers.ts";

/** How to run the programs of this folder. */
export interface Setup {
  /** Makes the command for a file of this folder, given without its ending. */
  program(runtime: RuntimeName, file: string, args?: readonly string[], gc?: boolean): Program;
  /** The executable of a runtime. */
  executable(runtime: RuntimeName): string;
  /** Where the tests are as JavaScript for Node, with the npm build beside them. */
  folder: string;
  remove(): Promise<void>;
}

/** Prepares a run on some runtimes. */
export async function prepare(runtimes: readonly RuntimeName[], load: string): Promise<Setup> {
  const majors = Object.keys(NODE_VERSIONS);
  const executables: Partial<Record<RuntimeName, string>> = { deno: Deno.execPath() };
  for (const runtime of new Set([...runtimes, load as RuntimeName])) {
    if (runtime === "node") executables.node = await node(majors[0]);
    if (runtime === "node-newest") executables[runtime] = await node(majors.at(-1));
    if (runtime === "bun") executables.bun = await bun();
  }
  const { folder } = await prepare_node_tests();
  await useBundles(folder);
  const executable = (runtime: RuntimeName): string => executables[runtime]!;
  return {
    executable,
    folder,
    program(runtime, file, args = [], gc = false) {
      const start = [executable(runtime)];
      if (runtime === "deno") {
        start.push("run", "-A", "--no-config", "--no-lock", "--no-check");
        if (gc) start.push("--v8-flags=--expose-gc");
      } else if (runtime !== "bun" && gc) {
        start.push("--expose-gc");
      }
      const path = runtime.startsWith("node")
        ? `${folder}/tests/bench/${file}.js`
        : `${ROOT}/tests/bench/${file}.ts`;
      return { command: [...start, path, ...args] };
    },
    remove: () => Deno.remove(folder, { recursive: true }),
  };
}

/**
 * Lets the programs have on Node what users of the npm package have: the bundles that its exports
 * name, and not the modules that tests import.
 */
async function useBundles(folder: string): Promise<void> {
  for (const path of await list_files("tests/bench", (path) => path.endsWith(".ts"))) {
    const file = `${folder}/${path.replace(/\.ts$/, ".js")}`;
    let code = await Deno.readTextFile(file);
    for (const [quoted, entry] of code.matchAll(/"\.\.\/\.\.\/\.\.\/((?:src\/.*|mod)\.js)"/g)) {
      const bundle = `package/esm/node/${entry.replace(/^src\//, "")}`;
      if (!await exists(`${folder}/${bundle}`)) continue;
      code = code.replaceAll(quoted, `"../../../${bundle}"`);
    }
    await Deno.writeTextFile(file, code);
  }
}
