/**
 * Reading a command's arguments, with the same messages on every runtime.
 * @module
 */

import { parseArgs } from "node:util";

/** Reports a command line that cannot be understood; its message is for the user. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** An option of a command. */
export interface OptionSpec {
  /** Whether it takes a value. */
  readonly type: "boolean" | "string";
  /** Its one-letter form. Default: none. */
  readonly short?: string;
  /** Whether it may be given more than once. Default: `false`. */
  readonly multiple?: boolean;
}

/** What was given to a command. */
export interface ParsedArguments {
  /** Values of the options that take one, in the order given. */
  readonly values: ReadonlyMap<string, readonly string[]>;
  /** The options without a value. */
  readonly flags: ReadonlySet<string>;
  /** Everything that is no option. */
  readonly positionals: readonly string[];
}

/**
 * Reads a command's arguments.
 *
 * @param args The arguments, without the command's name.
 * @param options The options there are, by their long names.
 * @throws {UsageError} If an option does not exist, lacks its value, has one it cannot take, or is
 * given too often.
 */
export function parseArguments(
  args: readonly string[],
  options: Readonly<Record<string, OptionSpec>>,
): ParsedArguments {
  // Not strict: the runtimes word their complaints differently, and at length.
  const { tokens } = parseArgs({ args: [...args], options, strict: false, tokens: true });
  const values = new Map<string, string[]>();
  const flags = new Set<string>();
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind !== "option") continue;
    const { name, rawName, value } = token;
    const spec = Object.hasOwn(options, name) ? options[name] : undefined;
    if (spec === undefined) throw new UsageError(`there is no option ${rawName}`);
    if (spec.type === "boolean") {
      if (value !== undefined) throw new UsageError(`${rawName} takes no value`);
      flags.add(name);
      continue;
    }
    if (value === undefined) throw new UsageError(`${rawName} needs a value`);
    const given = values.get(name) ?? [];
    if (given.length > 0 && !spec.multiple) throw new UsageError(`${rawName} is given twice`);
    values.set(name, [...given, value]);
  }
  return { values, flags, positionals };
}

/**
 * Returns an option's number.
 *
 * @param parsed The arguments.
 * @param name The option's long name.
 * @param fallback What it is when not given.
 * @param range The least and the most, and whether it must be whole.
 * @throws {UsageError} If it is no number in that range.
 */
export function numberOption(
  parsed: ParsedArguments,
  name: string,
  fallback: number,
  range: { least: number; most: number; whole: boolean },
): number {
  const text = parsed.values.get(name)?.[0];
  if (text === undefined) return fallback;
  const number = /^[0-9]+(\.[0-9]+)?$/.test(text) ? Number(text) : NaN;
  const { least, most, whole } = range;
  if (number >= least && number <= most && (!whole || Number.isInteger(number))) return number;
  const kind = whole ? "a whole number" : "a number";
  throw new UsageError(`--${name} must be ${kind} from ${least} to ${most}, got "${text}"`);
}
