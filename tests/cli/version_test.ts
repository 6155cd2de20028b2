import { test } from "node:test";
import { readFile } from "node:fs/promises";
import { assertEquals } from "@std/assert";
import { VERSION } from "../../src/cli/version.ts";
import { repository_root } from "../house/repository_root.ts";

test("the command line's version is the manifest's", async () => {
  const manifest = JSON.parse(await readFile(`${repository_root()}/deno.json`, "utf8"));
  assertEquals(VERSION, manifest.version);
});
