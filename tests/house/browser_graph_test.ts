import { test } from "node:test";
import { readFileSync } from "node:fs";
import ts from "typescript";
import { assert, assertEquals } from "@std/assert";
import { repository_root } from "./repository_root.ts";

const root = repository_root();

/** What a module imports when it is loaded: no types, no `import()`. */
function loaded_imports(path: string, code: string): string[] {
  const file = ts.createSourceFile(path, code, ts.ScriptTarget.ESNext, true);
  return file.statements.flatMap((node) => {
    if (ts.isImportDeclaration(node) && node.importClause?.isTypeOnly) return [];
    if (ts.isExportDeclaration(node) && node.isTypeOnly) return [];
    if (!ts.isImportDeclaration(node) && !ts.isExportDeclaration(node)) return [];
    const { moduleSpecifier } = node;
    return moduleSpecifier && ts.isStringLiteral(moduleSpecifier) ? [moduleSpecifier.text] : [];
  });
}

/** Every module that an entry loads, and the imports that leave the sources. */
function walk(entry: string): { modules: string[]; outside: string[] } {
  const modules = new Set([entry]);
  const outside: string[] = [];
  for (const path of modules) {
    for (const specifier of loaded_imports(path, readFileSync(`${root}/${path}`, "utf8"))) {
      if (/^\.\.?\//.test(specifier)) {
        modules.add(new URL(specifier, `file:///${path}`).pathname.slice(1));
      } else outside.push(`${path} imports ${specifier}`);
    }
  }
  return { modules: [...modules], outside };
}

// A bundler puts what is imported statically into every bundle, and stops at "node:" for browsers.
const ENTRIES = [
  "src/adapters/client.ts",
  "src/adapters/zlib/mod.ts",
  "src/api/stream.ts",
  "src/fallback/client/mod.ts",
];
for (const entry of ENTRIES) {
  test(`${entry} loads nothing but this library's own modules, so that a browser can`, () => {
    const { modules, outside } = walk(entry);
    assert(modules.length > 10, `${modules.length} modules: the graph was not walked`);
    assertEquals(outside, []);
  });
}

test("an import that a browser cannot load is found", () => {
  const code = `import type a from "node:net";\nimport b from "node:tls";\nexport * from "x";`;
  assertEquals(loaded_imports("x.ts", code), ["node:tls", "x"]);
});
