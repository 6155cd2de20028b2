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

/**
 * `@std/encoding` calls `ArrayBuffer.prototype.transfer`, which Node 20 lacks. It gets one while it
 * runs and no longer, so that a use of it in this package's own sources still fails there.
 */
const ENCODING = `import * as std from "deno-std/encoding/mod.js";
export * from "deno-std/encoding/mod.js";

function transfer(length = this.byteLength) {
  const moved = new Uint8Array(length);
  moved.set(new Uint8Array(this, 0, Math.min(length, this.byteLength)));
  return moved.buffer;
}

function with_transfer(call) {
  if (ArrayBuffer.prototype.transfer) return call;
  return (...args) => {
    ArrayBuffer.prototype.transfer = transfer;
    try {
      return call(...args);
    } finally {
      delete ArrayBuffer.prototype.transfer;
    }
  };
}

export const decodeHex = with_transfer(std.decodeHex);
export const encodeHex = with_transfer(std.encodeHex);
export const decodeBase64 = with_transfer(std.decodeBase64);
export const encodeBase64 = with_transfer(std.encodeBase64);
export const decodeBase64Url = with_transfer(std.decodeBase64Url);
export const encodeBase64Url = with_transfer(std.encodeBase64Url);
`;

/** Makes `@std/assert` and `@std/encoding` importable by those names. */
async function alias_std(modules: string): Promise<void> {
  const sources = { assert: `export * from "deno-std/assert/mod.js";\n`, encoding: ENCODING };
  for (const [name, source] of Object.entries(sources)) {
    const folder = `${modules}/@std/${name}`;
    const manifest = { name: `@std/${name}`, type: "module", exports: "./mod.js" };
    await Deno.mkdir(folder, { recursive: true });
    await Deno.writeTextFile(`${folder}/package.json`, JSON.stringify(manifest));
    await Deno.writeTextFile(`${folder}/mod.js`, source);
  }
}

let installing: Promise<string> | undefined;

/**
 * Installs the packages unless they are there. Steps that run at the same time share one
 * installation.
 *
 * @returns The path of `node_modules`.
 */
export function install_tools(): Promise<string> {
  return installing ??= install();
}

async function install(): Promise<string> {
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
