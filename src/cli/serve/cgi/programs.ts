/**
 * Which program a target names, and what of the target is left for it.
 * @module
 */

import { constants } from "node:fs";
import { access, realpath, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isInside } from "../static_files.ts";
import type { Target } from "../target.ts";

/** A folder of programs. */
export interface ProgramFolder {
  /** Its name in paths: programs are at `/name/…`. */
  readonly name: string;
  /** Its real path. */
  readonly folder: string;
}

/** A program, and how a request came to it. */
export interface Program {
  /** The program's real path. */
  readonly file: string;
  /** The folder to run it in: its own. */
  readonly directory: string;
  /** The part of the target's path that names it, decoded. */
  readonly scriptName: string;
  /** The rest of that path, with its slash; `""` for none. */
  readonly pathInfo: string;
}

/**
 * Finds the program of a target: the first part of its path that is a file.
 *
 * @param folders The folders there are.
 * @param target The target.
 * @param allowOutside Whether symbolic links may lead out of a folder.
 * @returns The program; `"locked"` for a file that may not be executed; `undefined` when there is
 * none, or it is hidden or outside of its folder.
 * @see RFC 3875, section 3.3
 */
export async function findProgram(
  folders: readonly ProgramFolder[],
  { segments, isFolder }: Target,
  allowOutside: boolean,
): Promise<Program | "locked" | undefined> {
  const from = folders.find(({ name }) => name === segments[0]);
  if (from === undefined) return undefined;
  let path = from.folder;
  for (let i = 1; i < segments.length; i++) {
    if (segments[i].startsWith(".")) return undefined;
    path = join(path, segments[i]);
    const info = await stat(path).catch(() => undefined);
    if (info?.isDirectory()) continue;
    if (!info?.isFile()) return undefined;
    const file = await realpath(path).catch(() => undefined);
    if (file === undefined || (!allowOutside && !isInside(file, from.folder))) return undefined;
    const runs = await access(file, constants.X_OK).then(() => true, () => false);
    if (!runs) return "locked";
    const rest = segments.slice(i + 1).map((segment) => `/${segment}`).join("");
    return {
      file,
      directory: dirname(file),
      scriptName: `/${segments.slice(0, i + 1).join("/")}`,
      pathInfo: isFolder ? `${rest}/` : rest,
    };
  }
  return undefined;
}
