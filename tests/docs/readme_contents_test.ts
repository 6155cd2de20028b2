/**
 * The README's list of contents names its sections.
 */
import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { readFile } from "node:fs/promises";
import { repository_root } from "../house/repository_root.ts";

/** The anchor that a page of the repository gives a heading. */
function anchor(heading: string): string {
  return heading.toLowerCase().replaceAll(/[^a-z0-9 -]/g, "").replaceAll(" ", "-");
}

test("the README's contents are its sections, in their order, with links that lead there", async () => {
  const readme = await readFile(`${repository_root()}/README.md`, "utf8");
  const prose = readme.replaceAll(/^```[^]*?^```$/gm, "");
  const sections = [...prose.matchAll(/^## (.*)$/gm)].map(([, heading]) => heading);
  const contents = /^\*\*Contents:\*\*[^]*?\n\n/m.exec(prose)?.[0] ?? "";
  assertEquals(
    [...contents.matchAll(/\[([^\]]*)\]\(#([^)]*)\)/g)].map(([, name, link]) => [name, link]),
    sections.map((heading) => [heading, anchor(heading)]),
  );
});
