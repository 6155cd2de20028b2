/**
 * The configuration file of `serve`: the options of the command line as JSON.
 * @module
 */

import { dirname, resolve } from "node:path";
import { type OptionSpec, type ParsedArguments, UsageError } from "../arguments.ts";
import { PATH_OPTIONS } from "./options.ts";

/** The name that the positional argument has in a file. */
const FOLDER = "dir";

/**
 * Adds what a configuration file says to what the command line says, which goes before it.
 *
 * @param text The file's text: an object whose keys are the long names of the options, and `dir`.
 * @param path Where the file is: paths in it are relative to its folder.
 * @param given The command line.
 * @param options The options there are.
 * @throws {UsageError} If it is no JSON, or an option does not exist or has a wrong value.
 */
export function addConfig(
  text: string,
  path: string,
  given: ParsedArguments,
  options: Readonly<Record<string, OptionSpec>>,
): ParsedArguments {
  let config: unknown;
  try {
    config = JSON.parse(text);
  } catch {
    throw new UsageError(`--config ${path} is no JSON`);
  }
  if (typeof config !== "object" || config === null || Array.isArray(config)) {
    throw new UsageError(`--config ${path} must be an object of options`);
  }
  const values = new Map(given.values);
  const flags = new Set(given.flags);
  let positionals = given.positionals;
  for (const [name, value] of Object.entries(config)) {
    const fail = (what: string): never => {
      throw new UsageError(`--config ${path}: "${name}" ${what}`);
    };
    const spec = name !== "config" && Object.hasOwn(options, name) ? options[name] : undefined;
    if (spec?.type === "boolean") {
      if (typeof value !== "boolean") fail("must be true or false");
      if (value === true) flags.add(name);
      continue;
    }
    if (spec === undefined && name !== FOLDER) fail("is no option");
    const list: unknown[] = Array.isArray(value) && spec?.multiple ? value : [value];
    if (!list.every((it) => typeof it === "string" || typeof it === "number")) {
      fail(
        spec?.multiple ? "must be a text, a number or a list of them" : "must be a text or number",
      );
    }
    const isPath = name === FOLDER || PATH_OPTIONS.has(name);
    const texts = list.map((it) => isPath ? resolve(dirname(path), String(it)) : String(it));
    if (name === FOLDER) positionals = positionals.length > 0 ? positionals : texts;
    else if (!values.has(name)) values.set(name, texts);
  }
  return { values, flags, positionals };
}
