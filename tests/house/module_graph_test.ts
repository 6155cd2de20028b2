import { describe, test } from "node:test";
import { readdirSync, readFileSync } from "node:fs";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { faults_of, floor_of } from "./module_graph.ts";
import { repository_root } from "./repository_root.ts";

const root = repository_root();

function source_files(): string[] {
  const below = readdirSync(`${root}/src`, { recursive: true, encoding: "utf8" });
  return ["mod.ts", ...below.filter((path) => path.endsWith(".ts")).map((path) => `src/${path}`)];
}

test("no source file imports from a higher floor or names a runtime below the adapters", () => {
  const files = source_files();
  assert(files.length > 10, "the sources were not found");
  const faults = files.flatMap((path) => faults_of(path, readFileSync(`${root}/${path}`, "utf8")));
  assertEquals(faults, []);
});

describe("an edge that breaks the rules is found:", () => {
  const bad: Record<string, [path: string, code: string, fault: RegExp]> = {
    "frames -> connection": [
      "src/frames/parser.ts",
      `import { Engine } from "../connection/engine.ts";`,
      /parser\.ts:1: imports src\/connection\/engine\.ts: floor 1 must not know of floor 4/,
    ],
    "a type counts": [
      "src/handshake/server.ts",
      `import type { WebSocketConnection } from "../api/connection.ts";`,
      /floor 2 must not know of floor 5/,
    ],
    "so does an import type": [
      "src/frames/mask.ts",
      `\nexport type T = import("../api/connection.ts").T;`,
      /mask\.ts:2: .*floor 1 must not know of floor 5/,
    ],
    "and a re-export": [
      "src/api/mod.ts",
      `export * from "../adapters/client.ts";`,
      /floor 5 must not know of floor 6/,
    ],
    "and a dynamic import": [
      "src/extensions/deflate.ts",
      `await import("../api/options.ts");`,
      /floor 3 must not know of floor 5/,
    ],
    "a computed import": [
      "src/api/x.ts",
      `await import(name);`,
      /import\(\) of something computed/,
    ],
    "the ground floor imports": [
      "src/errors.ts",
      `import { bytesOf } from "./bytes.ts";`,
      /the ground floor imports nothing/,
    ],
    "node: in the core": [
      "src/connection/engine.ts",
      `import { createHash } from "node:crypto";`,
      /imports "node:crypto": the core has no dependency/,
    ],
    "a type of node: in the core": [
      "src/api/transport.ts",
      `import type { Socket } from "node:net";`,
      /the core has no dependency/,
    ],
    "npm: in the core": ["src/frames/x.ts", `import "npm:ws";`, /the core has no dependency/],
    "JSR in an adapter": [
      "src/adapters/node/mod.ts",
      `import { concat } from "jsr:@std/bytes";`,
      /expected a relative path, node: or its optional dependency/,
    ],
    "npm: in an adapter": [
      "src/adapters/client.ts",
      `import { SocksClient } from "npm:socks@2";`,
      /expected a relative path/,
    ],
    "an optional dependency outside of its room": [
      "src/adapters/client.ts",
      `import { SocksClient } from "socks";`,
      /expected a relative path/,
    ],
    "another package in a room that may have one": [
      "src/legacy/md5.ts",
      `import { md5 } from "@noble/hashes-evil";`,
      /expected a relative path/,
    ],
    "a bare name in an adapter": [
      "src/adapters/node/mod.ts",
      `import { assert } from "@std/assert";`,
      /expected a relative path/,
    ],
    "a URL in the command line": [
      "src/cli/mod.ts",
      `import "https://example.com/mod.ts";`,
      /expected a relative path/,
    ],
    "a feature that goes behind the API": [
      "src/server/mod.ts",
      `import { FrameParser } from "../frames/mod.ts";`,
      /features reach the core through src\/api/,
    ],
    "an adapter that uses a feature": [
      "src/adapters/serve.ts",
      `import { main } from "../cli/mod.ts";`,
      /floor 6 must not know of floor 7/,
    ],
    "the portable entry that exports an adapter": [
      "mod.ts",
      `export * from "./src/adapters/client.ts";`,
      /floor 5 must not know of floor 6/,
    ],
    "an import out of the house": [
      "src/adapters/client.ts",
      `import "../../tests/support/bytes.ts";`,
      /belongs to no floor/,
    ],
    "a file outside of the house": ["src/helpers.ts", "", /belongs to no floor/],
    "a types reference": [
      "src/adapters/bun/mod.ts",
      `/// <reference types="bun-types" />\nexport {};`,
      /references the types of "bun-types"/,
    ],
    "a lib reference": [
      "src/api/x.ts",
      `/// <reference lib="deno.ns" />\nexport {};`,
      /references the lib "deno.ns"/,
    ],
  };
  for (const [name, [path, code, fault]] of Object.entries(bad)) {
    test(name, () => {
      const faults = faults_of(path, code);
      assertEquals(faults.length, 1, faults.join("\n"));
      assertMatch(faults[0], fault);
    });
  }
});

describe("a runtime's name in the core is found:", () => {
  const bad = [
    "Deno.version",
    "typeof Bun",
    "process.nextTick(f)",
    "Buffer.from(x)",
    "globalThis.Deno",
    `globalThis["process"]`,
    `(globalThis as any)["Bun"]`,
    `"Deno" in globalThis`,
    "setImmediate(f)",
    "require(x)",
    "navigator.userAgent",
    "const { x } = process",
    "let a: Buffer",
    "let a: Deno.Conn",
    "({ process })",
  ];
  for (const code of bad) {
    test(code, () => {
      const faults = faults_of("src/api/x.ts", code);
      assertEquals(faults.length, 1, faults.join("\n"));
      assertMatch(faults[0], /names \w+, which only a runtime has/);
    });
  }
});

test("what the rules allow is not found", () => {
  const good: [path: string, code: string][] = [
    ["src/legacy/md5.ts", `import { md5 } from "@noble/hashes/legacy";`],
    ["src/adapters/socks/mod.ts", `import { SocksClient } from "socks";`],
    ["src/frames/parser.ts", `import { decode } from "./utf8.ts"; export * from "../bytes.ts";`],
    ["src/connection/engine.ts", `import { FrameParser } from "../frames/mod.ts";`],
    [
      "src/api/x.ts",
      `// Deno, process\nparser.process(chunk); const o = { process: 1, Buffer() {} };`,
    ],
    ["src/api/x.ts", `class A { process(): void {} } interface B { module: string }`],
    ["src/api/x.ts", `throw new Error("Deno is not asked"); const s = "process";`],
    ["src/adapters/node/mod.ts", `import net from "node:net"; process.exit(Deno, Bun);`],
    ["src/adapters/node/mod.ts", `import { parse } from "../../handshake/http_head.ts";`],
    ["src/cli/mod.ts", `import { serve } from "../adapters/serve.ts"; import "../api/x.ts";`],
    ["src/cli/mod.ts", `import { WebSocketError } from "../errors.ts"; import "node:process";`],
    ["src/adapters/client.ts", "await import(name);"],
    ["mod.ts", `export * from "./src/errors.ts"; export * from "./src/api/connection.ts";`],
  ];
  for (const [path, code] of good) assertEquals(faults_of(path, code), []);
});

test("every source file stands on a floor", () => {
  assertEquals(source_files().filter((path) => floor_of(path) === undefined), []);
});
