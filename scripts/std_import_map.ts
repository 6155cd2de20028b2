/**
 * Chooses where the tests' `@std/*` comes from: JSR when it answers, else the npm registry, which
 * has the same sources as `deno-std`. Says so in one line.
 *
 * Run alone, it prints the Deno flags that the choice needs:
 * `deno run -A scripts/std_import_map.ts`
 */
import { type Manifest, read_manifest } from "./manifest.ts";
import { ROOT, run } from "./run.ts";
import { DENO_STD_VERSION } from "./versions.ts";

const PROBE_TIMEOUT_MS = 10_000;

/** The ignored folder of everything that the scripts generate or install. */
export const CACHE = `${ROOT}/npm/.cache`;

/**
 * Tells whether JSR serves modules (or Deno's cache has them), by loading them.
 *
 * @param names Keys of `deno.json`'s `imports`.
 */
export async function jsr_answers(names: string[]): Promise<boolean> {
  const { imports } = await read_manifest();
  const folder = await Deno.makeTempDir({ prefix: "fullduplex-probe-" });
  try {
    const lines = names.map((name) => `import ${JSON.stringify(imports[name])};\n`);
    await Deno.writeTextFile(`${folder}/probe.ts`, lines.join(""));
    const command = [Deno.execPath(), "cache", "--no-config", "--no-lock", "probe.ts"];
    return (await run(command, { cwd: folder, timeoutMs: PROBE_TIMEOUT_MS })).code === 0;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The import map's entries: `deno.json`'s own, the npm name's, and `@std/*` where needed. */
function entries(manifest: Manifest, jsr: boolean): Record<string, string> {
  const imports: Record<string, string> = { ...manifest.imports };
  for (const [name, path] of Object.entries(manifest.exports)) {
    for (const own of [manifest.name, "fullduplex"]) {
      imports[name.replace(".", own)] = `file://${ROOT}/${path.slice(2)}`;
    }
  }
  if (!jsr) {
    for (const name of ["assert", "encoding"]) {
      imports[`@std/${name}`] = `npm:deno-std@${DENO_STD_VERSION}/${name}/mod.js`;
    }
  }
  return imports;
}

let flags: Promise<string[]> | undefined;

/**
 * Writes the import map for this machine and returns the Deno flags that use it.
 * Asked again, it answers the same without a second probe.
 */
export function import_map_flags(): Promise<string[]> {
  return flags ??= (async () => {
    const jsr = await jsr_answers(["@std/assert", "@std/encoding"]);
    if (!jsr) {
      console.log(`JSR does not answer: @std/* comes from npm:deno-std@${DENO_STD_VERSION}`);
    }
    await Deno.mkdir(CACHE, { recursive: true });
    const path = `${CACHE}/import_map_${jsr ? "jsr" : "npm"}.json`;
    const text = JSON.stringify({ imports: entries(await read_manifest(), jsr) }, null, 2);
    // Renamed into place: another run may be reading it.
    await Deno.writeTextFile(`${path}.${Deno.pid}`, text);
    await Deno.rename(`${path}.${Deno.pid}`, path);
    return [`--import-map=${path}`];
  })();
}

if (import.meta.main) console.log((await import_map_flags()).join(" "));
