/**
 * Finding the handler modules below a folder.
 * @module
 */

import { readdir, readFile, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { isInside } from "./static_files.ts";

/** A module that looks like a handler. */
export interface Candidate {
  /** The path that it serves, such as `/a/b`. */
  readonly path: string;
  /** The module's real path. */
  readonly file: string;
  /** Changes with the file. */
  readonly signature: string;
}

/** Where and how to look. */
export interface ScanOptions {
  /** The real path of the folder that stands for `/`. */
  readonly folder: string;
  /** The part of it to look at, a real path; the folder itself or one below. */
  readonly start: string;
  /** Whether symbolic links may lead out of the folder. */
  readonly allowOutside: boolean;
  /** Whether TypeScript goes before JavaScript of the same name. */
  readonly preferTypeScript: boolean;
}

/** More files and folders than this are no folder of handlers. */
const MAX_FILES = 20_000;
const MAX_DEPTH = 16;

/** A name without a dot, a leading underscore or anything that a URL would have to escape. */
const NAME = /^[A-Za-z0-9-][\w-]*$/;
const MODULE = /^([^.]+)\.(ts|mts|js|mjs)$/;

/** A default export, however it is spelt; what has none cannot be a handler and is never run. */
const DEFAULT_EXPORT = /\bexport\s+default\b|\bas\s+default\b|\bdefault\s+as\b|\{\s*default\s*[,}]/;

/**
 * Lists the modules below a folder that have a default export. Passed over are names with a dot in
 * them (`a.test.ts`, `.git`) or with a leading underscore, and `node_modules`.
 *
 * @param options Where to look.
 * @param onOutside Is told of links that lead out of the folder and are not followed.
 * @returns The modules by the paths that they serve.
 * @throws {Error} If there are too many files.
 */
export async function scanHandlers(
  options: ScanOptions,
  onOutside: (path: string) => void,
): Promise<Map<string, Candidate>> {
  const { folder, start, allowOutside, preferTypeScript } = options;
  const order = preferTypeScript ? ["ts", "mts", "js", "mjs"] : ["js", "mjs", "ts", "mts"];
  const found = new Map<string, Candidate & { rank: number }>();
  let count = 0;

  const walk = async (at: string, prefix: string, above: readonly string[]): Promise<void> => {
    const real = await realpath(at);
    if (above.includes(real) || above.length > MAX_DEPTH) return; // a link to a folder above
    const here = [...above, real];
    for (const entry of await readdir(at, { withFileTypes: true })) {
      if (++count > MAX_FILES) {
        throw new Error(`Cannot use ${folder}: it has more than ${MAX_FILES} files`);
      }
      const module = MODULE.exec(entry.name);
      const name = module?.[1] ?? entry.name;
      if (!NAME.test(name) || name === "node_modules") continue;
      const path = join(at, entry.name);
      const target = await realpath(path).catch(() => undefined);
      const info = target && await stat(target).catch(() => undefined);
      if (!target || !info) continue;
      const wanted = info.isDirectory() || (module !== null && info.isFile());
      if (!wanted) continue;
      if (!allowOutside && !isInside(target, folder)) {
        onOutside(path);
      } else if (info.isDirectory()) {
        if (module === null) await walk(path, `${prefix}/${name}`, here);
      } else {
        const served = `${prefix}/${name}`;
        const rank = order.indexOf(module![2]);
        if ((found.get(served)?.rank ?? Infinity) < rank) continue;
        const signature = `${target} ${info.mtimeMs} ${info.size} ${info.ino}`;
        found.set(served, { path: served, file: target, signature, rank });
      }
    }
  };
  const below = start === folder ? "" : start.slice(folder.length).replaceAll("\\", "/");
  await walk(start, below.replace(/\/$/, ""), []);
  return found;
}

/** Tells whether a module's text has a default export. */
export async function hasDefaultExport(file: string): Promise<boolean> {
  return DEFAULT_EXPORT.test(await readFile(file, "utf8").catch(() => ""));
}
