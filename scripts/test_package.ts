/**
 * Tests the npm package as a stranger gets it: packed, installed from the tarball into an empty
 * folder outside of the repository, run on every supported Node.js, on Bun and on Deno, and
 * compiled with two TypeScripts, two module resolutions, with and without `@types/node`.
 *
 * `deno run -A scripts/test_package.ts`, after `deno task build:npm`. The programs: `tests/npm/`.
 */
import { PACKAGE } from "./build_npm.ts";
import type { Counts } from "./counts.ts";
import { exists } from "./manifest.ts";
import { NPM_NAME, OPTIONAL_DEPENDENCIES } from "./package_metadata.ts";
import { bun, node, ROOT, run, run_or_throw, type RunResult } from "./run.ts";
import { install_tools, MODULES } from "./tools.ts";
import { NODE_VERSIONS } from "./versions.ts";

/** Packs and installs the package. */
async function install(folder: string): Promise<void> {
  await Deno.writeTextFile(`${folder}/package.json`, `{ "private": true, "type": "module" }`);
  const packed = await run_or_throw(["npm", "pack", "--json", "--pack-destination", folder], {
    cwd: PACKAGE,
  });
  const [{ filename, files }]: [{ filename: string; files: { path: string }[] }] = JSON.parse(
    packed.slice(packed.indexOf("[")),
  );
  const strange = files.map((file) => file.path).filter((path) =>
    !/^(README\.md|LICENSE|package\.json|esm\/.*\.(js|d\.ts|js\.map))$/.test(path)
  );
  if (strange.length > 0) throw new Error(`the tarball has strange files: ${strange.join(", ")}`);
  for (
    const path of [
      "README.md",
      "LICENSE",
      "package.json",
      "esm/mod.js",
      "esm/mod.d.ts",
      "esm/node/mod.js",
    ]
  ) {
    if (!files.some((file) => file.path === path)) throw new Error(`the tarball lacks ${path}`);
  }
  await run_or_throw(["npm", "install", "--offline", `./${filename}`], { cwd: folder });
  const modules = [...Deno.readDirSync(`${folder}/node_modules`)].map((entry) => entry.name)
    .filter((name) => !name.startsWith("."));
  if (modules.join() !== NPM_NAME) throw new Error(`installed more than one: ${modules.join()}`);
  await add_optional_peers(folder);
}

/** Adds what an optional export imports, as its users do. */
async function add_optional_peers(folder: string): Promise<void> {
  for (const name of OPTIONAL_DEPENDENCIES) {
    if (!await exists(`${MODULES}/${name}`)) continue; // no export needs it yet
    const link = `${folder}/node_modules/${name}`;
    await Deno.mkdir(link.replace(/\/[^/]*$/, ""), { recursive: true });
    await Deno.symlink(`${MODULES}/${name}`, link);
  }
}

/** Writes the programs: those of `tests/npm/`, and ones that import every export there is. */
async function write_programs(folder: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(`${ROOT}/tests/npm`)) {
    await Deno.copyFile(`${ROOT}/tests/npm/${name}`, `${folder}/${name}`);
    names.push(name);
  }
  const manifest = JSON.parse(await Deno.readTextFile(`${PACKAGE}/package.json`));
  const exports = Object.keys(manifest.exports).filter((key) => key !== "./package.json")
    .map((key) => key.replace(".", NPM_NAME));
  // The adapter for another runtime may be imported anywhere; what it does there is its business.
  const js = exports.map((name) =>
    `if (Object.keys(await import("${name}")).length === 0) throw new Error("${name} is empty");`
  );
  const ts = exports.map((name, index) => `import * as export_${index} from "${name}";`);
  const used = exports.map((_, index) => `export_${index}`);
  await Deno.writeTextFile(`${folder}/every_export.js`, js.join("\n"));
  await Deno.writeTextFile(
    `${folder}/every_export.ts`,
    `${ts.join("\n")}\nconsole.log(${used.join(", ")});\n`,
  );
  return [...names, "every_export.js", "every_export.ts"];
}

/** Compiles TypeScript programs as a strict consumer does, the declarations included. */
function compile(
  folder: string,
  compiler: string,
  resolution: "bundler" | "node16",
  types: string[],
  lib: string,
  files: string[],
): Promise<RunResult> {
  const flags = ["--strict", "--noEmit", "--target", "es2022", "--lib", lib];
  const module = resolution === "node16" ? "node16" : "esnext";
  const settings = ["--module", module, "--moduleResolution", resolution];
  const ambient = types.length > 0 ? ["--types", types.join()] : [];
  const entry = `${MODULES}/${compiler}/bin/tsc`;
  const command = ["node", entry, ...flags, ...settings, ...ambient, ...files];
  return run(command, { cwd: folder });
}

/** Runs all of it; each run and each compilation counts as one test. */
export async function test_package(): Promise<Counts & { log: string }> {
  await install_tools();
  const folder = await Deno.makeTempDir({ prefix: "fullduplex-consumer-" });
  const result = { passed: 0, failed: 0, log: "" };
  const expect_success = async (what: string, running: Promise<RunResult>): Promise<void> => {
    const { code, output } = await running;
    if (code === 0) {
      result.passed++;
    } else {
      result.failed++;
      result.log += `${what}: status ${code}\n${output}\n`;
    }
  };
  try {
    await install(folder);
    const programs = await write_programs(folder);
    const scripts = programs.filter((name) => name.endsWith(".js"));
    const options = { cwd: folder, timeoutMs: 60_000 };
    const bin = `${folder}/node_modules/.bin/${NPM_NAME}`;
    for (const major of Object.keys(NODE_VERSIONS)) {
      const path = await node(major);
      for (const script of scripts) {
        await expect_success(`Node ${major}: ${script}`, run([path, script], options));
      }
      if (await exists(bin)) {
        await expect_success(`Node ${major}: --help`, run([path, bin, "--help"], options));
      }
    }
    for (const script of scripts) {
      await expect_success(`Bun: ${script}`, run([await bun(), script], options));
      const deno = [Deno.execPath(), "run", "-A", "--no-lock", script];
      await expect_success(`Deno: ${script}`, run(deno, options));
    }

    const typescript = programs.filter((name) => name.endsWith(".ts"));
    const portable = typescript.filter((name) => !name.endsWith("_node.ts"));
    for (const compiler of ["typescript-5", "typescript-7"]) {
      for (const resolution of ["node16", "bundler"] as const) {
        await expect_success(
          `${compiler}, ${resolution}, without @types/node`,
          compile(folder, compiler, resolution, [], "esnext,dom", portable),
        );
      }
    }
    // The oldest compiler with the oldest Node's types, the newest with the newest's.
    await Deno.mkdir(`${folder}/node_modules/@types`);
    const node_types = `${folder}/node_modules/@types/node`;
    for (const compiler of ["typescript-5", "typescript-7"]) {
      const types = compiler === "typescript-5" ? "types-node-20" : "@types/node";
      await Deno.remove(node_types).catch(() => {});
      await Deno.symlink(`${MODULES}/${types}`, node_types);
      for (const resolution of ["node16", "bundler"] as const) {
        for (const lib of ["esnext,dom", "esnext"]) {
          await expect_success(
            `${compiler}, ${resolution}, lib ${lib}, with @types/node`,
            compile(folder, compiler, resolution, ["node"], lib, typescript),
          );
        }
      }
    }
  } catch (error) {
    result.failed++;
    result.log += `${error instanceof Error ? error.message : error}\n`;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  return result;
}

if (import.meta.main) {
  const { passed, failed, log } = await test_package();
  if (log) console.log(log.trimEnd());
  console.log(`${passed} passed, ${failed} failed`);
  Deno.exit(failed === 0 ? 0 : 1);
}
