/**
 * Finds the TypeScript and JavaScript blocks in Markdown files and JSDoc comments.
 *
 * The first line of a block says what is done with it:
 * - ` ```ts ` is type-checked and run, and must end by itself with status 0;
 * - ` ```ts no_run ` is only type-checked (servers, examples that need the network);
 * - ` ```ts ignore ` is left alone;
 * - ` ```ts file=echo.ts ` is also written to that name: later blocks of the same Markdown file may
 *   import it as `./echo.ts`.
 * A block that names `Bun` or imports `/bun` is for Bun, any other for Deno.
 */

/** One block of code in the documentation. */
export interface DocBlock {
  /** Where it is: "README.md:12". */
  place: string;
  /** The file that it is in, relative to the root. */
  source: string;
  code: string;
  extension: "ts" | "js";
  /** Whether it is run after it was checked. */
  runs: boolean;
  /** The name under which other blocks of the same file import it. */
  name?: string;
  runtime: "bun" | "deno";
}

const EXTENSIONS: Record<string, "ts" | "js"> = {
  ts: "ts",
  typescript: "ts",
  js: "js",
  javascript: "js",
};

/** Replaces everything outside of JSDoc comments by empty lines, and the comments' left edge. */
function only_comments(code: string): string {
  const blank = (text: string): string => text.replace(/[^\n]/g, "");
  let out = "", at = 0;
  for (const match of code.matchAll(/^[ \t]*\/\*\*[\s\S]*?\*\//gm)) {
    out += blank(code.slice(at, match.index));
    out += match[0].replace(/\*\/$/, "").replace(/^[ \t]*(\/\*\*|\*) ?/gm, "");
    at = match.index + match[0].length;
  }
  return out + blank(code.slice(at));
}

/**
 * Lists a file's blocks, those marked `ignore` left out.
 *
 * @param source The file's path relative to the root; `.md` is Markdown, anything else a module.
 * @param text What is in it.
 * @throws {SyntaxError} When a block has a mark that is not known.
 */
export function doc_blocks(source: string, text: string): DocBlock[] {
  const prose = source.endsWith(".md") ? text : only_comments(text);
  const blocks: DocBlock[] = [];
  for (const match of prose.matchAll(/^( *)```(\w+)([^\n]*)\n([\s\S]*?)^ *```[ \t]*$/gm)) {
    const [whole, indent, language, marks, body] = match;
    const extension = EXTENSIONS[language];
    if (extension === undefined) continue;
    const place = `${source}:${prose.slice(0, match.index).split("\n").length}`;
    let runs = true, name: string | undefined, ignored = false;
    for (const mark of marks.trim().split(/\s+/).filter(Boolean)) {
      if (mark === "no_run") runs = false;
      else if (mark === "ignore") ignored = true;
      else if (/^file=[\w.-]+$/.test(mark)) name = mark.slice("file=".length);
      else throw new SyntaxError(`${place}: unknown mark "${mark}" in ${whole.split("\n")[0]}`);
    }
    if (ignored) continue;
    const code = body.replaceAll(
      new RegExp(`^ {1,${indent.length || 1}}`, "gm"),
      (spaces) => indent.length > 0 ? "" : spaces,
    );
    const runtime = /\bBun\.|\/bun"/.test(code) ? "bun" : "deno";
    blocks.push({ place, source, code, extension, runs, runtime, ...(name ? { name } : {}) });
  }
  return blocks;
}

/** The names that a module exports by declaration. */
function exported_names(code: string): string[] {
  const pattern =
    /^export (?:declare |abstract |async )*(?:class|const|enum|function\*?|interface|let|type) (\w+)/gm;
  return [...code.matchAll(pattern)].map((match) => match[1]);
}

/**
 * Adds what `deno test --doc` adds too: imports of the names that the documented module exports
 * and the block uses without importing or declaring them.
 *
 * @param block A block of a module's JSDoc.
 * @param module The module's source text.
 * @param url Where the module is.
 */
export function with_own_exports(block: DocBlock, module: string, url: string): string {
  const used = exported_names(module).filter((name) =>
    new RegExp(`\\b${name}\\b`).test(block.code) &&
    !new RegExp(`import[^;]*\\b${name}\\b[^;]*from|\\b(?:const|let|class|function) ${name}\\b`)
      .test(block.code)
  );
  if (used.length === 0) return block.code;
  return `import { ${used.join(", ")} } from ${JSON.stringify(url)}; ${block.code}`;
}
