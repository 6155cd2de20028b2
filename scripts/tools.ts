/**
 * Installs the tests' npm packages into `npm/.cache/node_modules`, where Node and Bun find them.
 * Versions come from `deno.json`'s `npm:` imports and from `versions.ts`; nothing is installed
 * when what is there fits already.
 */
import { read_manifest } from "./manifest.ts";
import { run_or_throw } from "./run.ts";
import { CACHE } from "./std_import_map.ts";
import { DENO_STD_VERSION, TYPE_TEST_PACKAGES } from "./versions.ts";

/** The folder that holds the packages. */
export const MODULES = `${CACHE}/node_modules`;

/** Every package of the tests: name -> exact version or npm alias. */
async function dependencies(): Promise<Record<string, string>> {
  const { imports } = await read_manifest();
  const found: Record<string, string> = { "deno-std": DENO_STD_VERSION };
  for (const [name, target] of Object.entries(imports)) {
    const match = /^npm:(@?[^@]+)@([^/]+)$/.exec(target);
    if (match) found[name] = name === match[1] ? match[2] : target;
  }
  return { ...found, ...TYPE_TEST_PACKAGES };
}

/** Makes `@std/assert` and `@std/encoding` importable by those names. */
async function alias_std(modules: string): Promise<void> {
  for (const name of ["assert", "encoding"]) {
    const folder = `${modules}/@std/${name}`;
    const manifest = { name: `@std/${name}`, type: "module", exports: "./mod.js" };
    await Deno.mkdir(folder, { recursive: true });
    await Deno.writeTextFile(`${folder}/package.json`, JSON.stringify(manifest));
    await Deno.writeTextFile(`${folder}/mod.js`, `export * from "deno-std/${name}/mod.js";\n`);
  }
}

/**
 * Installs the packages unless they are there.
 *
 * @returns The path of `node_modules`.
 */
export async function install_tools(): Promise<string> {
  const wanted = JSON.stringify(
    { private: true, type: "module", dependencies: await dependencies() },
    null,
    2,
  );
  const stamp = `${MODULES}/.installed.json`;
  if (await Deno.readTextFile(stamp).catch(() => "") === wanted) return MODULES;

  // Installed beside, then renamed into place: another run may be using the old folder.
  await Deno.mkdir(CACHE, { recursive: true });
  const folder = await Deno.makeTempDir({ dir: CACHE, prefix: "install-" });
  try {
    await Deno.writeTextFile(`${folder}/package.json`, wanted);
    await run_or_throw(["npm", "install", "--ignore-scripts", "--no-package-lock"], {
      cwd: folder,
    });
    await alias_std(`${folder}/node_modules`);
    await Deno.writeTextFile(`${folder}/node_modules/.installed.json`, wanted);
    await Deno.rename(MODULES, `${folder}/old`).catch(() => {});
    await Deno.rename(`${folder}/node_modules`, MODULES);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  return MODULES;
}
