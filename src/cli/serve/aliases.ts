/**
 * The map file: other names for handlers.
 * @module
 */

import { splitTarget } from "./target.ts";

/**
 * Reads a map file: a line `alias target` each; empty lines and lines that begin with `#` are
 * passed over.
 *
 * @param text What is in the file.
 * @returns The target of each alias.
 * @throws {Error} If a line is something else, naming it.
 */
export function readAliases(text: string): ReadonlyMap<string, string> {
  const aliases = new Map<string, string>();
  text.split(/\r?\n/).forEach((line, index) => {
    const words = line.trim().split(/\s+/);
    if (words[0] === "" || words[0].startsWith("#")) return;
    const where = `line ${index + 1}`;
    const paths = words.map((word) => splitTarget(word)?.path);
    const [alias, target] = paths;
    if (paths.length !== 2 || alias === undefined || target === undefined) {
      throw new Error(`${where} must be an alias and a target, such as "/old /chat"`);
    }
    if (aliases.has(alias)) throw new Error(`${where} has the alias ${alias} a second time`);
    aliases.set(alias, target);
  });
  for (const [alias, target] of aliases) {
    if (aliases.has(target)) throw new Error(`the target of ${alias} is an alias itself`);
  }
  return aliases;
}
