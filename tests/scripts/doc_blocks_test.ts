import { test } from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { doc_blocks, with_own_exports } from "../../scripts/doc_blocks.ts";

const FENCE = "```";

/** A Markdown text: fences are written as ~~~ here. */
function markdown(...lines: string[]): string {
  return lines.join("\n").replaceAll("~~~", FENCE) + "\n";
}

test("a Markdown block is found with its line, its language and what is done with it", () => {
  const text = markdown(
    "# Title",
    "~~~sh",
    "npm install",
    "~~~",
    "~~~ts",
    "run();",
    "~~~",
    "~~~js no_run",
    "check();",
    "~~~",
    "~~~ts ignore",
    "nothing();",
    "~~~",
    "~~~ts file=echo.ts",
    "export {};",
    "~~~",
  );
  const blocks = doc_blocks("README.md", text);
  assertEquals(
    blocks.map(({ place, code, extension, runs, name }) => [place, code, extension, runs, name]),
    [
      ["README.md:5", "run();\n", "ts", true, undefined],
      ["README.md:8", "check();\n", "js", false, undefined],
      ["README.md:14", "export {};\n", "ts", true, "echo.ts"],
    ],
  );
});

test("a block in a list loses the list's indent only", () => {
  const text = markdown("- item", "", "  ~~~ts", "  if (x) {", "    y();", "  }", "  ~~~");
  assertEquals(doc_blocks("README.md", text)[0].code, "if (x) {\n  y();\n}\n");
});

test("a block of JSDoc is found at its line in the module", () => {
  const text = markdown(
    "const fence = 1;",
    "/**",
    " * Adds.",
    " * @example",
    " * ~~~ts",
    " * add(1);",
    " *   indented();",
    " * ~~~",
    " */",
    "export function add(): void {}",
    "// ~~~ts",
    "// not documentation",
    "// ~~~",
  );
  const blocks = doc_blocks("src/add.ts", text);
  assertEquals(blocks.map(({ place, code }) => [place, code]), [
    ["src/add.ts:5", "add(1);\n  indented();\n"],
  ]);
  assertEquals(
    with_own_exports(blocks[0], text, "file:///add.ts"),
    `import { add } from "file:///add.ts"; add(1);\n  indented();\n`,
  );
});

test("a name that a block imports or declares itself is not imported again", () => {
  const module = "export const add = 1;\nexport class Sum {}\n";
  const [block] = doc_blocks(
    "README.md",
    markdown("~~~ts", `import { add } from "x";`, "const Sum = add;", "~~~"),
  );
  assertEquals(with_own_exports(block, module, "file:///add.ts"), block.code);
});

test("a block that names Bun is for Bun", () => {
  const text = markdown("~~~ts", "Bun.serve({});", "~~~", "~~~ts", "Deno.serve({});", "~~~");
  assertEquals(doc_blocks("README.md", text).map(({ runtime }) => runtime), ["bun", "deno"]);
});

test("an unknown mark is refused, for it may be a misspelt one", () => {
  assertThrows(
    () => doc_blocks("README.md", markdown("~~~ts norun", "x();", "~~~")),
    SyntaxError,
    `README.md:1: unknown mark "norun"`,
  );
});
