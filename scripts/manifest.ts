/** Reads `deno.json`, the one manifest, and says what of it exists yet. */
import { ROOT } from "./run.ts";

/** The parts of `deno.json` that the scripts use. */
export interface Manifest {
  name: string;
  version: string;
  license: string;
  exports: Record<string, string>;
  imports: Record<string, string>;
}

/** Reads `deno.json`. */
export async function read_manifest(): Promise<Manifest> {
  return JSON.parse(await Deno.readTextFile(`${ROOT}/deno.json`));
}

/** Tells whether a file or folder exists. */
export async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

/**
 * Lists the files below a folder of the repository, sorted, as paths relative to the root.
 *
 * @param folder A path relative to the root; one that does not exist has no files.
 * @param accept Which paths are wanted. Default: all.
 */
export async function list_files(
  folder: string,
  accept: (path: string) => boolean = () => true,
): Promise<string[]> {
  const found: string[] = [];
  const visit = async (path: string): Promise<void> => {
    for await (const entry of Deno.readDir(`${ROOT}/${path}`)) {
      const child = `${path}/${entry.name}`;
      if (entry.isDirectory && entry.name !== "node_modules") await visit(child);
      else if (entry.isFile && accept(child)) found.push(child);
    }
  };
  if (await exists(`${ROOT}/${folder}`)) await visit(folder);
  return found.sort();
}

/** Splits the exports into those whose file exists and those whose file does not. */
export async function split_exports(
  manifest: Manifest,
): Promise<{ present: Record<string, string>; missing: string[] }> {
  const present: Record<string, string> = {};
  const missing: string[] = [];
  for (const [name, path] of Object.entries(manifest.exports)) {
    if (await exists(`${ROOT}/${path}`)) present[name] = path;
    else missing.push(`${name} (${path})`);
  }
  return { present, missing };
}
