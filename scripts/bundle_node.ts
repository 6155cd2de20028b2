/**
 * Bundles the npm package's modules for Node, Deno and Bun, whose start-up is a matter of how many
 * files they load and how large these are:
 *
 * - what several exports need is in three files: `light`, all that `./client` needs before it
 *   connects; `core`, what a server needs beside that; `more`, the rest;
 * - what one export needs alone is one file; what it imports by `import()`, another.
 *
 * So each class is there once, and `instanceof` holds between exports. Bundlers take the modules
 * themselves, of which they can leave out more.
 */
import { built_path, bundled_path } from "./package_metadata.ts";

/** What stands for the bundles' folder while they are made. */
const SCHEME = "fullduplex:";

/** A module of the package. */
interface Module {
  /** Its path in the package's folder. */
  readonly path: string;
  /** Its names for others. */
  readonly exports: readonly string[];
  /** The modules that it imports, by what it calls them. */
  readonly imports: ReadonlyMap<string, string>;
  /** Those that it imports by `import()`. */
  readonly later: ReadonlySet<string>;
  /** The exports from which it is reached, and those of them that load it at once. */
  readonly reached: Set<string>;
  readonly loaded: Set<string>;
  /** What its names begin with where they are those of one file. */
  readonly prefix: string;
  /** Its text. */
  readonly code: string;
}

/** The options of every run of esbuild here. */
const COMMON = {
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node20",
  legalComments: "none",
  logLevel: "error",
} as const;

/**
 * Reads the modules.
 *
 * @param folder The package's folder.
 * @param entries The exports: name -> path of its module.
 * @param apart The exports that are not loaded with others, not even those that import them.
 */
async function read_modules(
  folder: string,
  entries: Readonly<Record<string, string>>,
  apart: readonly string[],
  external: string[],
): Promise<Map<string, Module>> {
  const { buildSync } = await import("esbuild");
  const options = { ...COMMON, absWorkingDir: folder, external, splitting: true, write: false };
  const inspect = (entryPoints: string[]) =>
    buildSync({ ...options, entryPoints, outdir: "x", metafile: true }).metafile;
  const { inputs } = inspect(Object.values(entries));
  const paths = Object.keys(inputs).sort();
  const names = new Map<string, string[]>();
  for (const { entryPoint, exports } of Object.values(inspect(paths).outputs)) {
    if (entryPoint !== undefined) names.set(entryPoint, exports);
  }
  const modules = new Map<string, Module>();
  for (const [index, path] of paths.entries()) {
    const own = inputs[path].imports.filter((each) => !each.external);
    modules.set(path, {
      path,
      exports: names.get(path) ?? [],
      imports: new Map(own.map((each) => [each.original!, each.path])),
      later: new Set(own.filter(({ kind }) => kind === "dynamic-import").map(({ path }) => path)),
      reached: new Set(),
      loaded: new Set(),
      prefix: `m${index}_`,
      code: await Deno.readTextFile(`${folder}/${path}`),
    });
  }
  const boundaries = apart.map((name) => entries[name]);
  for (const [name, entry] of Object.entries(entries)) {
    const reach = (path: string, at_once: boolean): void => {
      const { reached, loaded, imports, later } = modules.get(path)!;
      if ((at_once ? loaded : reached).has(name)) return;
      reached.add(name);
      if (at_once) loaded.add(name);
      for (const next of imports.values()) {
        if (!boundaries.includes(next)) reach(next, at_once && !later.has(next));
      }
    };
    reach(entry, true);
  }
  return modules;
}

/** The file that a module goes into. None of them needs one that needs it. */
function unit_of({ reached, loaded }: Module, apart: readonly string[]): string {
  const together = [...reached].filter((name) => !apart.includes(name));
  if (together.length > 1) {
    return loaded.has("./client") ? "light" : reached.has("./serve") ? "core" : "more";
  }
  if (together.length === 0 && reached.size > 1) return "apart";
  const [name] = together.length === 1 ? together : reached;
  const unit = name === "." ? "main" : name.slice(2);
  return loaded.has(name) ? unit : `${unit}_parts`;
}

/** Re-exports a module's names from the file that it goes into. */
function stub(module: Module, unit: string): string {
  const names = module.exports.map((name) => `${module.prefix}${name} as ${name}`);
  return `export { ${names.join(", ")} } from "${SCHEME}shared/${unit}.js";\n`;
}

/** The file behind an `import()` of a module that is no export. */
function part_file(path: string): string {
  return `parts/${path.replace(/^.*\//, "")}`;
}

/** Points each `import()` at a file that has the module's own names. */
function with_parts(module: Module, files: ReadonlyMap<string, string>): string {
  return module.code.replace(/\bimport\("(\.[^"]+)"\)/g, (whole, specifier: string) => {
    const file = files.get(module.imports.get(specifier) ?? "");
    return file === undefined ? whole : `import("${SCHEME}${file}")`;
  });
}

/**
 * Bundles what was built; both roads of `build_npm.ts` end here.
 *
 * @param folder The package's folder, with the modules in `esm/`.
 * @param exports The exports, as `deno.json` names them.
 * @param apart The exports that are not loaded with others: the command, and what needs a package.
 * @param packages Packages that are not part of it.
 */
export async function bundle_for_node(
  folder: string,
  exports: Readonly<Record<string, string>>,
  apart: readonly string[],
  packages: readonly string[],
): Promise<void> {
  const { buildSync } = await import("esbuild");
  const present = apart.filter((name) => name in exports);
  const entries = Object.fromEntries(
    Object.entries(exports).map(([name, source]) => [name, built_path(source).slice(2)]),
  );
  const external = [...packages.flatMap((name) => [name, `${name}/*`]), `${SCHEME}*`];
  const modules = await read_modules(folder, entries, present, external);
  const units = new Map<string, Module[]>();
  for (const module of modules.values()) {
    const unit = unit_of(module, present);
    units.set(unit, [...units.get(unit) ?? [], module]);
  }
  const unit_at = new Map(
    [...units].flatMap(([unit, list]) => list.map(({ path }) => [path, unit])),
  );
  const file_of = (name: string) => bundled_path(exports[name]).replace("./esm/node/", "");
  const files = new Map(Object.keys(entries).map((name) => [entries[name], file_of(name)]));
  for (const { later } of modules.values()) {
    for (const path of later) if (!files.has(path)) files.set(path, part_file(path));
  }
  if (new Set(files.values()).size !== files.size) {
    throw new Error(`two parts would be one file: ${[...files.values()].join(", ")}`);
  }

  const bundle = (contents: string, file: string): void => {
    const outfile = `${folder}/esm/node/${file}`;
    const source = { contents, resolveDir: folder, sourcefile: "exports.js" };
    // The others only pass names on.
    const sourcemap: "linked" | false = file.startsWith("shared/") && "linked";
    const map = { sourcemap, sourcesContent: false };
    buildSync({ ...COMMON, ...map, absWorkingDir: folder, external, stdin: source, outfile });
    const up = "../".repeat(file.split("/").length - 1) || "./";
    const code = Deno.readTextFileSync(outfile).replaceAll(`"${SCHEME}`, `"${up}`);
    Deno.writeTextFileSync(outfile, code);
  };
  const write = (module: Module, code: string) =>
    Deno.writeTextFileSync(`${folder}/${module.path}`, code);
  try {
    for (const module of modules.values()) write(module, stub(module, unit_at.get(module.path)!));
    for (const [unit, list] of units) {
      for (const module of list) write(module, with_parts(module, files));
      const all = list.map(({ path, prefix, exports }) =>
        `export { ${
          exports.map((name) => `${name} as ${prefix}${name}`).join(", ")
        } } from "./${path}";`
      );
      bundle(all.join("\n"), `shared/${unit}.js`);
      for (const module of list) write(module, stub(module, unit));
    }
    for (const [path, file] of files) bundle(`export * from "./${path}";`, file);
  } finally {
    for (const module of modules.values()) write(module, module.code);
  }
}
