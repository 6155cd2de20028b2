/**
 * Type-checks the repository three ways:
 * everything with Deno's own types; the portable floors with nothing but `esnext` and `dom`; and
 * each adapter's use (`tests/types/*.ts`) with the types of its runtime.
 *
 * `deno run -A scripts/check_types.ts`
 */
import { exists, list_files, read_manifest } from "./manifest.ts";
import { ROOT, run, type RunResult } from "./run.ts";
import { CACHE, import_map_flags } from "./std_import_map.ts";
import { install_tools, MODULES } from "./tools.ts";

/** Files that are checked with other types than Deno's. */
const FOREIGN = ["tests/types/", "tests/npm/"];

/** Folders of the portable floors, L1 to L5. */
const PORTABLE = ["frames", "handshake", "extensions", "connection", "api"];

/** Checks every module of the repository with Deno's types. */
export async function check_everything(): Promise<RunResult> {
  const files: string[] = [];
  for (const folder of ["src", "tests", "scripts"]) {
    files.push(...await list_files(folder, (path) => path.endsWith(".ts")));
  }
  if (await exists(`${ROOT}/mod.ts`)) files.push("mod.ts");
  const own = files.filter((path) => !FOREIGN.some((folder) => path.startsWith(folder)));
  return await run([Deno.execPath(), "check", "-q", ...await import_map_flags(), ...own]);
}

/**
 * Runs tsc on a few files.
 *
 * @param name Names the generated `tsconfig`.
 * @param files Paths relative to the root.
 * @param options Compiler options beside the strict ones.
 */
async function tsc(
  name: string,
  files: string[],
  options: Record<string, unknown>,
): Promise<RunResult> {
  await install_tools();
  const config = `${CACHE}/tsconfig-${name}-${Deno.pid}.json`;
  const compilerOptions = {
    strict: true,
    noEmit: true,
    target: "esnext",
    module: "esnext",
    moduleResolution: "bundler",
    allowImportingTsExtensions: true,
    noImplicitOverride: true,
    skipLibCheck: false,
    types: [],
    typeRoots: [`${MODULES}/@types`, MODULES],
    ...options,
  };
  const text = JSON.stringify({ compilerOptions, files: files.map((path) => `${ROOT}/${path}`) });
  await Deno.writeTextFile(config, text);
  try {
    // The newest compiler, for it is many times faster; strangers' older ones: test_package.ts.
    return await run(["node", `${MODULES}/typescript-7/bin/tsc`, "-p", config]);
  } finally {
    await Deno.remove(config);
  }
}

/** Checks the floors that know no runtime: web-standard globals only, no ambient types. */
export async function check_floors(): Promise<RunResult> {
  const files = ["src/errors.ts", "src/bytes.ts"];
  for (const floor of PORTABLE) files.push(...await list_files(`src/${floor}`));
  if (await exists(`${ROOT}/mod.ts`)) files.push("mod.ts");
  return await tsc("floors", files.filter((path) => path.endsWith(".ts")), {
    lib: ["esnext", "dom"],
  });
}

/**
 * Checks `tests/types/<runtime>.ts`, the README's use of an adapter, with the runtime's types.
 * A sample whose adapter does not exist yet is reported and left out.
 *
 * @param runtime "bun", "node" or "deno".
 */
export async function check_adapter(runtime: "bun" | "deno" | "node"): Promise<RunResult> {
  const sample = `tests/types/${runtime}.ts`;
  const { name, exports } = await read_manifest();
  for (const path of [sample, exports[`./${runtime}`]]) {
    if (!await exists(`${ROOT}/${path}`)) {
      return { code: 0, output: `not checked, for there is no ${path}\n` };
    }
  }
  if (runtime === "deno") {
    return await run([Deno.execPath(), "check", "-q", ...await import_map_flags(), sample]);
  }
  const paths: Record<string, string[]> = {};
  for (const [key, path] of Object.entries(exports)) {
    for (const own of [name, "fullduplex"]) paths[key.replace(".", own)] = [`${ROOT}/${path}`];
  }
  return await tsc(runtime, [sample], {
    lib: ["esnext", "dom"],
    types: [runtime === "bun" ? "bun-types" : "node"],
    skipLibCheck: true, // the runtime's own declarations are not our business
    paths,
  });
}

if (import.meta.main) {
  const checks = [check_everything, check_floors];
  const adapters = (["bun", "deno", "node"] as const).map((name) => () => check_adapter(name));
  let worst = 0;
  for (const check of [...checks, ...adapters]) {
    const { code, output } = await check();
    if (output) console.log(output.trimEnd());
    worst = Math.max(worst, code);
  }
  Deno.exit(worst);
}
