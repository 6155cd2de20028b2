/**
 * Builds the npm package into `npm/`: with dnt when JSR answers, else with `deno pack`. Both roads
 * emit ES modules and declarations for Node 20 under `esm/`, one entry per export of `deno.json`.
 *
 * `deno task build:npm [--dnt | --pack]`; a flag takes that road without asking JSR.
 */
import ts from "typescript";
import { list_files, type Manifest, read_manifest, split_exports } from "./manifest.ts";
import { bin_js, NPM_NAME, OPTIONAL_DEPENDENCIES, package_json } from "./package_metadata.ts";
import { ROOT, run_or_throw } from "./run.ts";
import { CACHE, jsr_answers } from "./std_import_map.ts";

/** The package's folder; only its README is under version control. */
export const PACKAGE = `${ROOT}/npm`;

/** What is used of dnt, which can be imported only where JSR answers. */
interface Dnt {
  build(options: Record<string, unknown>): Promise<void>;
}

/**
 * Builds with dnt.
 *
 * @param manifest `deno.json`, with the exports that exist.
 * @param stage An empty folder.
 */
async function build_with_dnt(manifest: Manifest, stage: string): Promise<void> {
  const name = "@deno/dnt"; // not a literal: type-checking must not need JSR
  const { build }: Dnt = await import(name);
  await build({
    entryPoints: Object.entries(manifest.exports).map(([name, path]) => ({
      name,
      path: `${ROOT}/${path}`,
    })),
    outDir: stage,
    package: { name: NPM_NAME, version: manifest.version },
    scriptModule: false,
    declaration: "inline",
    shims: {},
    test: false,
    typeCheck: false, // "deno check" has done it; the declarations are tested as a consumer's
    skipNpmInstall: true,
    skipSourceOutput: true,
    compilerOptions: { target: "ES2022", lib: ["ESNext", "DOM"] },
  });
  // Says "type": "module" once more.
  await Deno.remove(`${stage}/esm/package.json`).catch(() => {});
}

/**
 * Builds with `deno pack`, which knows neither other package names nor older JavaScript: the
 * metadata is replaced, and the syntax lowered to what Node 20 has (no `using`).
 */
async function build_with_pack(manifest: Manifest, stage: string): Promise<void> {
  const copy = await Deno.makeTempDir({ prefix: "fullduplex-pack-" });
  try {
    for (const path of ["mod.ts", ...await list_files("src")]) {
      await Deno.mkdir(`${copy}/${path.replace(/[^/]*$/, "")}`, { recursive: true });
      await Deno.copyFile(`${ROOT}/${path}`, `${copy}/${path}`).catch(() => {});
    }
    const { name, version, license, exports } = manifest;
    const imports = Object.fromEntries(
      Object.entries(manifest.imports).filter(([name]) =>
        OPTIONAL_DEPENDENCIES.includes(name.replace(/\/$/, ""))
      ),
    );
    await Deno.writeTextFile(
      `${copy}/deno.json`,
      JSON.stringify({ name, version, license, exports, imports }),
    );
    const pack = ["pack", "--no-source-maps", "--allow-dirty", "-o", `${copy}/package.tgz`];
    await run_or_throw([Deno.execPath(), ...pack], { cwd: copy });
    await run_or_throw(["tar", "-xzf", "package.tgz"], { cwd: copy });
    await Deno.remove(`${copy}/package/package.json`);
    await run_or_throw(["cp", "-R", `${copy}/package`, `${stage}/esm`]);
  } finally {
    await Deno.remove(copy, { recursive: true });
  }
  await lower(`${stage}/esm`);
}

/** Lowers the syntax of every module in a folder to ES2022, the newest that Node 20 has whole. */
async function lower(folder: string): Promise<void> {
  for await (const entry of Deno.readDir(folder)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) await lower(path);
    if (!entry.name.endsWith(".js")) continue;
    const { outputText } = ts.transpileModule(await Deno.readTextFile(path), {
      fileName: path,
      compilerOptions: {
        allowJs: true,
        target: ts.ScriptTarget.ES2022,
        module: ts.ModuleKind.ESNext,
        verbatimModuleSyntax: true,
      },
    });
    await Deno.writeTextFile(path, outputText);
  }
}

/**
 * Builds the package.
 *
 * @param target The package's folder; everything of an older build in it is replaced.
 * @param road Which tool builds. Default: dnt when JSR answers.
 * @returns The exports that `deno.json` names but whose files do not exist.
 */
export async function build_npm(target: string, road?: "dnt" | "pack"): Promise<string[]> {
  const manifest = await read_manifest();
  const { present, missing } = await split_exports(manifest);
  manifest.exports = present;
  road ??= await jsr_answers(["@deno/dnt"]) ? "dnt" : "pack";
  console.log(
    road === "dnt"
      ? "building the npm package with dnt"
      : "JSR does not answer: the npm package is built with deno pack instead of dnt",
  );

  await Deno.mkdir(CACHE, { recursive: true });
  const stage = await Deno.makeTempDir({ dir: CACHE, prefix: "build-" });
  try {
    await (road === "dnt" ? build_with_dnt : build_with_pack)(manifest, stage);
    await Deno.remove(`${target}/esm`, { recursive: true }).catch(() => {});
    await Deno.mkdir(target, { recursive: true });
    await Deno.rename(`${stage}/esm`, `${target}/esm`);
  } finally {
    await Deno.remove(stage, { recursive: true });
  }
  await Deno.writeTextFile(
    `${target}/package.json`,
    JSON.stringify(package_json(manifest), null, 2) + "\n",
  );
  if ("./cli" in present) {
    await Deno.writeTextFile(`${target}/esm/bin.js`, bin_js(present["./cli"]), { mode: 0o755 });
  }
  await Deno.copyFile(`${ROOT}/LICENSE`, `${target}/LICENSE`);
  return missing;
}

if (import.meta.main) {
  const road = (["dnt", "pack"] as const).find((road) => Deno.args.includes(`--${road}`));
  const missing = await build_npm(PACKAGE, road);
  if (missing.length > 0) console.log(`left out, not written yet: ${missing.join(", ")}`);
}
