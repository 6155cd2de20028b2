/**
 * From the text of a path pattern to its parts.
 *
 * @see WHATWG URL Pattern, sections 2.1 and 2.2
 * @module
 */

/** What a segment's name matches: the expression of `:name`. */
export const SEGMENT = "[^\\/]+?";
/** What `*` matches. */
export const ANYTHING = ".*";

/** A piece of a pattern: fixed text, or a group with the text that goes with it. */
export interface Part {
  /** Fixed text, before the group if there is one. */
  readonly prefix: string;
  /** The group's name, or its number. */
  readonly name?: string;
  /** The group's regular expression; `undefined` for fixed text. */
  readonly expression?: string;
  /** Fixed text after the group. */
  readonly suffix: string;
  /** How often it may be there. */
  readonly modifier: "" | "?" | "*" | "+";
}

interface Token {
  readonly kind: "{" | "}" | "*" | "modifier" | "name" | "expression" | "escaped" | "char" | "end";
  readonly value: string;
}

/**
 * Parses a pattern.
 *
 * @throws {TypeError} If it is malformed.
 */
export function parsePattern(source: string): Part[] {
  return new Parser(source).parts;
}

class Parser {
  readonly parts: Part[] = [];
  readonly #source: string;
  readonly #tokens: Token[];
  #at = 0;
  #text = "";
  #groups = 0;

  constructor(source: string) {
    this.#source = source;
    this.#tokens = tokenize(source);
    while (this.#tokens[this.#at].kind !== "end") this.#parsePart();
    this.#flush();
  }

  #parsePart(): void {
    const char = this.#take("char");
    const name = this.#take("name");
    const group = this.#takeGroup(name);
    if (name !== undefined || group !== undefined) {
      // A slash right before a group belongs to it: "/:id?" may be missing as a whole.
      const prefix = char?.value === "/" ? "/" : "";
      if (prefix === "") this.#text += char?.value ?? "";
      this.#flush();
      return this.#add(prefix, name, group, "", this.#takeModifier());
    }
    const fixed = char ?? this.#take("escaped");
    if (fixed !== undefined) {
      this.#text += fixed.value;
      return;
    }
    if (this.#take("{") === undefined) {
      throw malformed(this.#source, `"${this.#tokens[this.#at].value}" stands where it must not`);
    }
    const prefix = this.#takeText();
    const inner = this.#take("name");
    const innerGroup = this.#takeGroup(inner);
    const suffix = this.#takeText();
    if (this.#take("}") === undefined) throw malformed(this.#source, 'expected "}"');
    this.#add(prefix, inner, innerGroup, suffix, this.#takeModifier());
  }

  #add(
    prefix: string,
    nameToken: Token | undefined,
    group: Token | undefined,
    suffix: string,
    modifier: Part["modifier"],
  ): void {
    if (nameToken === undefined && group === undefined) {
      if (modifier === "") {
        this.#text += prefix;
        return;
      }
      this.#flush();
      if (prefix !== "") this.parts.push({ prefix: this.#encode(prefix), suffix: "", modifier });
      return;
    }
    this.#flush();
    const name = nameToken?.value ?? String(this.#groups++);
    if (this.parts.some((part) => part.name === name)) {
      throw malformed(this.#source, `the name "${name}" is there twice`);
    }
    const expression = group === undefined ? SEGMENT : group.kind === "*" ? ANYTHING : group.value;
    this.parts.push({
      prefix: this.#encode(prefix),
      name,
      expression,
      suffix: this.#encode(suffix),
      modifier,
    });
  }

  #flush(): void {
    if (this.#text === "") return;
    this.parts.push({ prefix: this.#encode(this.#text), suffix: "", modifier: "" });
    this.#text = "";
  }

  #take(kind: Token["kind"]): Token | undefined {
    return this.#tokens[this.#at].kind === kind ? this.#tokens[this.#at++] : undefined;
  }

  #takeGroup(name: Token | undefined): Token | undefined {
    return this.#take("expression") ?? (name === undefined ? this.#take("*") : undefined);
  }

  #takeModifier(): Part["modifier"] {
    return ((this.#take("modifier") ?? this.#take("*"))?.value ?? "") as Part["modifier"];
  }

  #takeText(): string {
    let text = "";
    for (let token; (token = this.#take("char") ?? this.#take("escaped")) !== undefined;) {
      text += token.value;
    }
    return text;
  }

  /** Fixed text as a URL's path would have it: "/ä" is "/%C3%A4" there. */
  #encode(text: string): string {
    if (text === "") return "";
    const lead = text.startsWith("/") ? "" : "/-";
    const url = new URL("http://localhost/");
    url.pathname = lead + text;
    return url.pathname.slice(lead.length);
  }
}

/** WHATWG URL Pattern, "tokenize", with the policy "strict". */
function tokenize(source: string): Token[] {
  const tokens: Token[] = [];
  const characters = Array.from(source);
  for (let at = 0; at < characters.length; at++) {
    const value = characters[at];
    if (value === "{" || value === "}" || value === "*") tokens.push({ kind: value, value });
    else if (value === "?" || value === "+") tokens.push({ kind: "modifier", value });
    else if (value === "\\") {
      if (++at === characters.length) throw malformed(source, 'nothing follows the last "\\"');
      tokens.push({ kind: "escaped", value: characters[at] });
    } else if (value === ":") {
      let name = "";
      while (at + 1 < characters.length && isNamePart(characters[at + 1], name === "")) {
        name += characters[++at];
      }
      if (name === "") throw malformed(source, 'expected a name after ":"');
      tokens.push({ kind: "name", value: name });
    } else if (value === "(") {
      const expression = readExpression(source, characters, at + 1);
      tokens.push({ kind: "expression", value: expression.join("") });
      at += expression.length + 1;
    } else tokens.push({ kind: "char", value });
  }
  tokens.push({ kind: "end", value: "" });
  return tokens;
}

/** Reads up to the parenthesis that closes a group. */
function readExpression(source: string, characters: readonly string[], start: number): string[] {
  if (characters[start] === "?") throw malformed(source, '"(?" must not start a group');
  let depth = 1;
  for (let at = start; at < characters.length; at++) {
    const character = characters[at];
    if (character > "\x7f") throw malformed(source, "an expression must be ASCII");
    if (character === "\\") at++;
    else if (character === ")" && --depth === 0) {
      if (at === start) throw malformed(source, "an expression must not be empty");
      return characters.slice(start, at);
    } else if (character === "(") {
      depth++;
      if (characters[at + 1] !== "?") throw malformed(source, 'inner groups must start with "(?:"');
    }
  }
  throw malformed(source, 'expected ")"');
}

function isNamePart(character: string, first: boolean): boolean {
  return first
    ? /[$_\p{ID_Start}]/u.test(character)
    : /[$\u200c\u200d\p{ID_Continue}]/u.test(character);
}

/** Makes the error for a pattern that cannot be used. */
export function malformed(source: string, why: string): TypeError {
  return new TypeError(`Cannot use path pattern ${JSON.stringify(source)}: ${why}`);
}
