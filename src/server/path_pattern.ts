/**
 * Path patterns in the syntax of the web's URLPattern, for runtimes that have none (Node 20 and 22).
 *
 * `:name` matches within a segment, `*` anything, `(…)` what the expression in it does, `{…}` groups,
 * and `?`, `+` and `*` after one of them repeat it.
 *
 * @see WHATWG URL Pattern, sections 2.1 (tokenizing), 2.2 (parts) and 2.3 (regular expressions)
 * @module
 */

import { parsePattern, type Part } from "./path_parser.ts";
import { degreeOf } from "./path_degree.ts";

/** What a pattern found in a path, by name or number; `undefined` for what was left out. */
export type PathGroups = Readonly<Record<string, string | undefined>>;

/** Longer paths match no pattern, so that no path takes long. */
const MAX_PATH_LENGTH = 8192;
/** The same for patterns that have to try several ways to split a path. */
const MAX_AMBIGUOUS_PATH_LENGTH = 1024;

/** What no path of a URL has in it; that `.` matches everything else keeps matching quick. */
const NO_PATH = /[\n\r\u2028\u2029]/;

/**
 * A compiled path pattern.
 *
 * Matching takes time in proportion to the path, or to the square of its length where that is at
 * most 1,024 characters: patterns that could take longer are refused when they are made.
 *
 * @example
 * ```ts
 * import { PathPattern } from "@fullduplex/ws/server";
 *
 * const pattern = new PathPattern("/rooms/:id{/archive}?");
 * console.log(pattern.exec("/rooms/7/archive")?.id); // "7"
 * console.log(pattern.exec("/rooms/")); // null
 * ```
 *
 * @see WHATWG URL Pattern
 */
export class PathPattern {
  /** The pattern, as it was given. */
  readonly source: string;
  readonly #expression: RegExp;
  readonly #names: readonly string[];
  readonly #maxLength: number;

  /**
   * Compiles a pattern.
   *
   * @param source The pattern; it starts with `/` or with something that can match one.
   * @throws {TypeError} If it is malformed, or matching it could take long.
   */
  constructor(source: string) {
    if (typeof source !== "string" || !/^[/*{(]/.test(source)) {
      throw new TypeError(`Cannot use path pattern ${JSON.stringify(source)}: expected "/…"`);
    }
    const parts = parsePattern(source);
    const degree = degreeOf(parts, source);
    this.source = source;
    this.#maxLength = degree > 1 ? MAX_AMBIGUOUS_PATH_LENGTH : MAX_PATH_LENGTH;
    this.#names = parts.flatMap(({ name }) => name === undefined ? [] : [name]);
    this.#expression = new RegExp(`^${parts.map(toExpression).join("")}$`, "v");
  }

  /**
   * Matches a path.
   *
   * @param pathname A path as `URL.pathname` has it: percent-encoded, without query.
   * @returns The groups, percent-encoded as they came, or `null` when it does not match.
   */
  exec(pathname: string): PathGroups | null {
    if (pathname.length > this.#maxLength || NO_PATH.test(pathname)) return null;
    const match = this.#expression.exec(pathname);
    if (match === null) return null;
    const groups: Record<string, string | undefined> = Object.create(null);
    this.#names.forEach((name, i) => groups[name] = match[i + 1]);
    return groups;
  }
}

/** WHATWG URL Pattern, "generate a regular expression and name list". */
function toExpression(part: Part): string {
  const { modifier } = part;
  const prefix = escape(part.prefix);
  const suffix = escape(part.suffix);
  if (part.expression === undefined) {
    return modifier === "" ? prefix : `(?:${prefix})${modifier}`;
  }
  const { expression } = part;
  const once = modifier === "" || modifier === "?";
  if (prefix === "" && suffix === "") {
    return once ? `(${expression})${modifier}` : `((?:${expression})${modifier})`;
  }
  if (once) return `(?:${prefix}(${expression})${suffix})${modifier}`;
  const more = `(?:${suffix}${prefix}(?:${expression}))*`;
  const repeated = `(?:${prefix}((?:${expression})${more})${suffix})`;
  return modifier === "*" ? `${repeated}?` : repeated;
}

function escape(text: string): string {
  return text.replace(/[.+*?^${}()[\]|/\\]/g, "\\$&");
}
