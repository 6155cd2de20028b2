/**
 * Builds the npm package into `npm/`: with dnt when JSR answers, else with tsc. Both roads
 * emit ES modules and declarations for Node 20 under `esm/`, one entry per export of `deno.json`; of
 * the modules, bundles for `esm/node/` are made.
 *
 * `deno task build:npm [--dnt | --tsc]`; a flag takes that road without asking JSR.
 */
import { bundle_for_node } from "./bundle_node.ts";
import { type Manifest, read_manifest, split_exports } from "./manifest.ts";
import {
  bin_js,
  EXPORTS_APART,
  NPM_NAME,
  OPTIONAL_DEPENDENCIES,
  package_json,
} from "./package_metadata.ts";
import { ROOT, run_or_throw } from "./run.ts";
import { CACHE, jsr_answers } from "./std_import_map.ts";
import { install_tools } from "./tools.ts";

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
 * Builds with tsc, which needs no registry but npm's: every module that an export reaches, and its
 * declarations, with the syntax lowered to what Node 20 has (no `using`). Types are not checked
 * here: the gate does, and a stranger's compiler checks the declarations.
 */
async function build_with_tsc(manifest: Manifest, stage: string): Promise<void> {
  const modules = await install_tools();
  const compilerOptions = {
    target: "es2022",
    lib: ["esnext", "dom"],
    module: "esnext",
    moduleResolution: "bundler",
    rewriteRelativeImportExtensions: true,
    verbatimModuleSyntax: true,
    strict: true,
    noCheck: true,
    declaration: true,
    rootDir: ROOT,
    outDir: `${stage}/esm`,
    types: ["node"],
    typeRoots: [`${modules}/@types`],
  };
  const files = Object.values(manifest.exports).map((path) => `${ROOT}/${path}`);
  const config = `${stage}/tsconfig.json`;
  await Deno.writeTextFile(config, JSON.stringify({ compilerOptions, files }));
  await run_or_throw(["node", `${modules}/typescript-7/bin/tsc`, "-p", config]);
  await name_javascript(`${stage}/esm`);
}

/** Lets the declarations in a folder import others by the names of the JavaScript beside them. */
async function name_javascript(folder: string): Promise<void> {
  for await (const entry of Deno.readDir(folder)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) await name_javascript(path);
    if (!entry.name.endsWith(".d.ts")) continue;
    const text = await Deno.readTextFile(path);
    // Not in comments, whose examples are not ours to change.
    const specifier = /^(?! ?\*)(.*(?:from |import\())"(\.[^"]*)\.ts"/gm;
    await Deno.writeTextFile(path, text.replace(specifier, '$1"$2.js"'));
  }
}

/**
 * Builds the package.
 *
 * @param target The package's folder; everything of an older build in it is replaced.
 * @param road Which tool builds. Default: dnt when JSR answers.
 * @returns The exports that `deno.json` names but whose files do not exist.
 */
export async function build_npm(target: string, road?: "dnt" | "tsc"): Promise<string[]> {
  const manifest = await read_manifest();
  const { present, missing } = await split_exports(manifest);
  manifest.exports = present;
  road ??= await jsr_answers(["@deno/dnt"]) ? "dnt" : "tsc";
  console.log(
    road === "dnt"
      ? "building the npm package with dnt"
      : "JSR does not answer: the npm package is built with tsc instead of dnt",
  );

  await Deno.mkdir(CACHE, { recursive: true });
  const stage = await Deno.makeTempDir({ dir: CACHE, prefix: "build-" });
  try {
    await (road === "dnt" ? build_with_dnt : build_with_tsc)(manifest, stage);
    await bundle_for_node(stage, manifest.exports, EXPORTS_APART, OPTIONAL_DEPENDENCIES);
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
  const road = (["dnt", "tsc"] as const).find((road) => Deno.args.includes(`--${road}`));
  const missing = await build_npm(PACKAGE, road);
  if (missing.length > 0) console.log(`left out, not written yet: ${missing.join(", ")}`);
}
