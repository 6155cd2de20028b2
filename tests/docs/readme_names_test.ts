/**
 * What the README promises to those who come from another library exists.
 */
import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { readdir, readFile } from "node:fs/promises";
import { WebSocketConnection } from "../../src/api/mod.ts";
import { LOG_CHANNELS, Router } from "../../src/server/mod.ts";
import { repository_root } from "../house/repository_root.ts";

/** What has the members that are named with their owner. */
const MEMBERS: Record<string, object> = {
  socket: WebSocketConnection.prototype,
  router: Router.prototype,
};

/** Names of the platform's. */
const PLATFORM = ["await", "false", "for", "null", "Response", "pipeTo", "BroadcastChannel"];

/** What is declared in the sources: exports, members, options, callbacks, error codes. */
async function declared(folder: string): Promise<Set<string>> {
  const names = new Set<string>();
  const declaration =
    /^(?:export (?:async |abstract )*(?:function|class|interface|type|const) | {2,4}(?:readonly |get |async )*"?)(-?[\w-]+)/gm;
  for (const entry of await readdir(folder, { recursive: true })) {
    if (!entry.endsWith(".ts")) continue;
    const text = await readFile(`${folder}/${entry}`, "utf8");
    for (const [, name] of text.matchAll(declaration)) names.add(name);
  }
  return names;
}

/** The cells of the right column of the tables in the section. */
function cells(readme: string): string[] {
  const section = readme.split("\n## Coming from another library\n")[1].split("\n## ")[0];
  const rows = section.split("\n").filter((line) => line.startsWith("|") && !/^\| -/.test(line));
  return rows.map((row) => row.split("|")[2]).filter((cell) => cell.trim() !== "here");
}

test("every name on the right of the tables for those who come from elsewhere exists", async () => {
  const root = repository_root();
  const readme = await readFile(`${root}/README.md`, "utf8");
  const known = new Set([...await declared(`${root}/src`), ...LOG_CHANNELS]);
  const entries = Object.keys(JSON.parse(await readFile(`${root}/deno.json`, "utf8")).exports);
  const spans = cells(readme).flatMap((cell) =>
    [...cell.matchAll(/`([^`]+)`/g)].map(([, it]) => it)
  );
  assert(spans.length > 100, `there are ${spans.length} names`);
  const missing: string[] = [];
  for (const span of spans) {
    if (span.startsWith("./")) {
      if (!entries.includes(span)) missing.push(span);
    } else if (span.startsWith("fullduplex ")) {
      if (!known.has(span.split(" ")[1])) missing.push(span);
    } else if (span === "/_samples/" || span === "{}") {
      continue;
    } else if (/^--/.test(span)) {
      if (!known.has(span.slice(2))) missing.push(span);
    } else if (/^"/.test(span)) {
      if (!known.has(span.slice(1, -1)) && !readme.includes(`| \`${span}\``)) missing.push(span);
    } else {
      const [, owner, member] = /\b(socket|router)\.(\w+)/.exec(span) ?? [];
      if (owner !== undefined && !(member in MEMBERS[owner])) missing.push(span);
      for (const [name] of span.matchAll(/[A-Za-z]\w*/g)) {
        if (name === "socket" || name === "server" || name === "router") continue;
        if (!known.has(name) && !PLATFORM.includes(name)) missing.push(`${name} of ${span}`);
      }
    }
  }
  assertEquals(missing, []);
});
