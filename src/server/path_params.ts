/**
 * The parameters of a path pattern, as TypeScript reads them out of the pattern's text.
 * @module
 */

type Letter =
  | ("a" | "b" | "c" | "d" | "e" | "f" | "g" | "h" | "i" | "j" | "k" | "l" | "m")
  | ("n" | "o" | "p" | "q" | "r" | "s" | "t" | "u" | "v" | "w" | "x" | "y" | "z");
type NameCharacter =
  | (Letter | Uppercase<Letter> | "_" | "$")
  | ("0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9");

/** Splits the name off the start of a text: `[name, rest]`. */
type SplitName<Text extends string, Name extends string = ""> = Text extends
  `${infer First}${infer Rest}`
  ? First extends NameCharacter ? SplitName<Rest, `${Name}${First}`> : [Name, Text]
  : [Name, ""];

/** Leaves out the expression in parentheses that may follow a name. */
type AfterGroup<Text extends string> = Text extends `(${string})${infer Rest}` ? Rest : Text;

/** What a parameter's value is, by what follows its name. */
type Value<After extends string> = After extends `${"?" | "*"}${string}` ? string | undefined
  : string;

/**
 * The parameters with a name.
 * @internal
 */
type Named<Pattern extends string> = Pattern extends `${string}:${infer After}`
  ? SplitName<After> extends [infer Name extends string, infer Rest extends string]
    ? Name extends "" ? Named<Rest>
    : { readonly [Key in Name]: Value<AfterGroup<Rest>> } & Named<AfterGroup<Rest>>
  : unknown
  : unknown;

/**
 * Braces may make what is in them optional.
 * @internal
 */
type Braced<Pattern extends string, Params> = Pattern extends `${string}{${string}`
  ? Partial<Params>
  : Params;

/**
 * The parameters of a path pattern: one for each `:name`, and by number, from 0 on, those of `*` and
 * `(…)`.
 *
 * @typeParam Pattern The pattern, as a literal type.
 */
export type PathParams<Pattern extends string> = string extends Pattern
  ? { readonly [name: string]: string | undefined }
  : Braced<Pattern, Named<Pattern>> & { readonly [index: number]: string | undefined };
