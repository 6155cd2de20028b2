import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * Finds the repository's root, also from the folder where the tests run as JavaScript on Node.
 *
 * @returns The folder with `deno.json`, without a trailing slash.
 */
export function repository_root(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(`${folder}/deno.json`)) {
    if (folder === dirname(folder)) throw new Error("Cannot find the repository: no deno.json");
    folder = dirname(folder);
  }
  return folder;
}
