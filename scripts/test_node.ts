/**
 * Runs the tests on Node.js against the npm build: the test files become JavaScript in a folder
 * where `../src/x.js` is the built package's file.
 *
 * `deno task test:node [--node 20|22|24|26] [files, folders or flags of "node --test"]`
 * Default: the installed Node.js and everything in `tests/`.
 */
import ts from "typescript";
import { build_npm } from "./build_npm.ts";
import { type Counts, node_counts, node_failed_files } from "./counts.ts";
import { exists, list_files, read_manifest } from "./manifest.ts";
import { node, ROOT, run, run_or_throw, SUITE_TIMEOUT_MS } from "./run.ts";
import { PATIENCE_VARIABLE, type SuiteResult } from "./second_try.ts";
import { CACHE } from "./std_import_map.ts";
import { install_tools, MODULES } from "./tools.ts";

/** A folder with the tests as JavaScript, to be removed when they have run. */
export interface NodeTests {
  folder: string;
  /** The package under test, inside `folder`, so that another build does not pull it away. */
  package: string;
  /** Source files that tests import but no export reaches: not in the package. */
  unreached: string[];
}

/** How long one process of tests may take on a quiet machine, in milliseconds. */
const PROCESS_TIMEOUT_MS = 600_000;

/**
 * Folders whose tests know no runtime. Those of one folder share a process: a process for each
 * file, as `node --test` has it, spends most of its time on starting.
 */
const PORTABLE_TESTS: readonly string[] = [
  ...["frames", "handshake", "connection", "api"].map((floor) => `tests/${floor}`),
  ...["docs", "house", "scripts"].map((other) => `tests/${other}`),
];

/** Turns a TypeScript file into an ES module for Node 20, next to others of its kind. */
async function transpile(source: string, target: string): Promise<string> {
  const { outputText } = ts.transpileModule(await Deno.readTextFile(source), {
    fileName: source,
    compilerOptions: {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.ESNext,
      rewriteRelativeImportExtensions: true,
      inlineSourceMap: true,
    },
  });
  await Deno.mkdir(target.replace(/\/[^/]*$/, ""), { recursive: true });
  await Deno.writeTextFile(target, outputText);
  return outputText;
}

/** Writes all tests as JavaScript for Node 20 into a folder, with one run of tsc. */
async function emit_tests(folder: string): Promise<void> {
  const stage = await Deno.makeTempDir({ dir: folder, prefix: "emit-" });
  const compilerOptions = {
    target: "es2022",
    module: "esnext",
    moduleResolution: "bundler",
    rewriteRelativeImportExtensions: true,
    inlineSourceMap: true,
    noCheck: true, // the gate has checked them
    types: [],
    rootDir: ROOT,
    outDir: stage,
  };
  const files = (await list_files("tests", (path) => path.endsWith(".ts")))
    .map((path) => `${ROOT}/${path}`);
  const config = `${folder}/tsconfig.json`;
  await Deno.writeTextFile(config, JSON.stringify({ compilerOptions, files }));
  await run_or_throw(["node", `${MODULES}/typescript-7/bin/tsc`, "-p", config]);
  await Deno.rename(`${stage}/tests`, `${folder}/tests`);
  await Deno.remove(stage, { recursive: true });
}

/** The files outside of `tests/` that a test imports, as paths relative to the root. */
function outer_imports(path: string, code: string): string[] {
  return ts.preProcessFile(code, true, true).importedFiles
    .filter(({ fileName }) => fileName.startsWith("."))
    .map(({ fileName }) => new URL(fileName, `file:///${path}`).pathname.slice(1))
    .filter((file) => !file.startsWith("tests/"));
}

/** Removes folders that an interrupted run left behind an hour ago or longer. */
async function sweep(folder: string): Promise<void> {
  for await (const { name } of Deno.readDir(folder)) {
    const { mtime } = await Deno.stat(`${folder}/${name}`).catch(() => ({ mtime: null }));
    if (!/^(node|build|install)-/.test(name) || mtime === null) continue;
    if (Date.now() - mtime.getTime() < 3_600_000) continue;
    await Deno.remove(`${folder}/${name}`, { recursive: true }).catch(() => {});
  }
}

/**
 * Makes the test folder, with an npm build in it.
 *
 * When tests import source files that the package lacks, all sources are transpiled instead, so
 * that no module is there twice; the gate counts that as a failure.
 *
 * @param built A folder with an npm build. Default: a new build.
 */
export async function prepare_node_tests(built?: string): Promise<NodeTests> {
  await install_tools();
  await Deno.mkdir(`${CACHE}/runs`, { recursive: true });
  await sweep(CACHE);
  await sweep(`${CACHE}/runs`);
  const folder = await Deno.makeTempDir({ dir: `${CACHE}/runs`, prefix: "node-" });
  await Deno.writeTextFile(`${folder}/package.json`, `{ "type": "module" }`);
  const pkg = `${folder}/package`;
  if (built === undefined) {
    await build_npm(pkg);
  } else {
    await Deno.mkdir(pkg);
    await run_or_throw(["cp", "-R", `${built}/esm`, `${built}/package.json`, pkg]);
  }

  const wanted = new Set<string>();
  await emit_tests(folder);
  for (const path of await list_files("tests")) {
    if (path.endsWith(".ts")) {
      const js = path.replace(/\.ts$/, ".js");
      const code = await Deno.readTextFile(`${folder}/${js}`);
      outer_imports(js, code).forEach((file) => wanted.add(file));
    } else {
      await Deno.mkdir(`${folder}/${path.replace(/[^/]*$/, "")}`, { recursive: true });
      await Deno.copyFile(`${ROOT}/${path}`, `${folder}/${path}`);
    }
  }

  const unreached: string[] = [];
  for (const file of wanted) {
    if (file.startsWith("scripts/")) { // only those that import nothing are tested
      await transpile(`${ROOT}/${file.replace(/\.js$/, ".ts")}`, `${folder}/${file}`);
      continue;
    }
    if (!await exists(`${pkg}/esm/${file}`)) unreached.push(file.replace(/\.js$/, ".ts"));
  }
  if (unreached.length === 0) {
    await Deno.symlink(`${pkg}/esm/src`, `${folder}/src`);
    await Deno.symlink(`${pkg}/esm/mod.js`, `${folder}/mod.js`);
  } else {
    console.log(
      `testing transpiled sources, for the npm build lacks ${unreached.length} files: ${
        unreached.sort().join(" ")
      }`,
    );
    for (const path of await list_files("src")) {
      await transpile(`${ROOT}/${path}`, `${folder}/${path.replace(/\.ts$/, ".js")}`);
    }
    if (await exists(`${ROOT}/mod.ts`)) await transpile(`${ROOT}/mod.ts`, `${folder}/mod.js`);
  }
  await link_own_names(folder, unreached.length === 0);
  return { folder, package: pkg, unreached };
}

/**
 * Lets tests import the package by its names. They get the modules, as by their paths, and not the
 * bundles for Node: those have classes of their own, and are tested by `test_package.ts`.
 */
async function link_own_names(folder: string, built: boolean): Promise<void> {
  const { exports } = await read_manifest();
  for (const name of ["fullduplex", "@fullduplex/ws"]) {
    const target = `${folder}/node_modules/${name}`;
    await Deno.mkdir(target.replace(/\/[^/]*$/, ""), { recursive: true });
    if (built) {
      await Deno.mkdir(target);
      await Deno.symlink(`${folder}/package/esm`, `${target}/esm`);
      const manifest = JSON.parse(await Deno.readTextFile(`${folder}/package/package.json`));
      for (const targets of Object.values(manifest.exports)) {
        if (typeof targets === "object") delete (targets as { node?: string }).node;
      }
      await Deno.writeTextFile(`${target}/package.json`, JSON.stringify(manifest));
      continue;
    }
    await Deno.mkdir(target);
    const entries = Object.entries(exports)
      .map(([key, path]) => [key, path.replace(/^\./, "./root").replace(/\.ts$/, ".js")]);
    await Deno.symlink(folder, `${target}/root`);
    await Deno.writeTextFile(
      `${target}/package.json`,
      JSON.stringify({ name, type: "module", exports: Object.fromEntries(entries) }),
    );
  }
}

/** Whether a test file is in one of the portable folders, and in which. */
function portable_folder(file: string): string | undefined {
  return PORTABLE_TESTS.find((folder) => file.startsWith(`${folder}/`));
}

/** Puts the files of each portable folder into one that imports them all; the others stay alone. */
async function bundled(files: string[], folder: string): Promise<string[]> {
  const groups = new Map<string, string[]>();
  for (const file of files) {
    const key = portable_folder(file) ?? file;
    groups.set(key, [...groups.get(key) ?? [], file.replace(/\.ts$/, ".js")]);
  }
  const programs: string[] = [];
  for (const [key, members] of groups) {
    if (members.length === 1) {
      programs.push(members[0]);
      continue;
    }
    programs.push(`${key.replace("tests/", "portable_")}_test.js`);
    const imports = members.map((member) => `import "./${member}";\n`);
    await Deno.writeTextFile(`${folder}/${programs.at(-1)}`, imports.join(""));
  }
  return programs;
}

/**
 * Runs the prepared tests.
 *
 * @param tests What {@linkcode prepare_node_tests} made.
 * @param major Which Node.js. Default: the installed one.
 * @param args Test files or folders, and flags of `node --test`.
 * @param patience How many times longer the tests wait. Default: 1.
 */
export async function test_node(
  tests: NodeTests,
  major: string | undefined,
  args: string[],
  show: boolean,
  patience = 1,
): Promise<SuiteResult> {
  const paths = args.filter((arg) => !arg.startsWith("-")).map((arg) => arg.replace(/^\.\//, ""));
  const flags = args.filter((arg) => arg.startsWith("-"));
  const files = await list_files("tests", (path) => path.endsWith("_test.ts"));
  const chosen = files.filter((file) =>
    paths.length === 0 || paths.some((path) => file === path || file.startsWith(path + "/"))
  );
  if (chosen.length === 0) return { passed: 0, failed: 1, log: "no test files\n", failedFiles: [] };
  const command = [
    await node(major),
    "--enable-source-maps",
    "--test",
    "--test-concurrency=2",
    `--test-timeout=${PROCESS_TIMEOUT_MS * patience}`,
    "--test-reporter=spec",
    ...flags,
    ...await bundled(chosen, tests.folder),
  ];
  const { code, output } = await run(command, {
    cwd: tests.folder,
    env: { [PATIENCE_VARIABLE]: `${patience}` },
    show,
    timeoutMs: SUITE_TIMEOUT_MS,
  });
  return { ...node_counts(output, code), log: output, failedFiles: node_failed_files(output) };
}

if (import.meta.main) {
  const at = Deno.args.indexOf("--node");
  const major = at < 0 ? undefined : Deno.args[at + 1];
  const args = at < 0 ? Deno.args : Deno.args.toSpliced(at, 2);
  const tests = await prepare_node_tests();
  let counts: Counts = { passed: 0, failed: 1 };
  try {
    counts = await test_node(tests, major, args, true);
  } finally {
    await Deno.remove(tests.folder, { recursive: true });
  }
  console.log(`${counts.passed} passed, ${counts.failed} failed`);
  Deno.exit(counts.failed === 0 ? 0 : 1);
}
