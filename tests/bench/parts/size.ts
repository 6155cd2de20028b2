/**
 * What an entry weighs when it is bundled with all that it needs, minified and compressed.
 * @module
 */

import zlib from "node:zlib";
import { ROOT, run_or_throw } from "../../../scripts/run.ts";
import type { Row, Table } from "../results.ts";

const ESBUILD = "esbuild@0.28.2";

const ENTRIES: Readonly<Record<string, string>> = {
  "client": "src/adapters/client.ts",
  "serve": "src/adapters/serve.ts",
  "stream": "src/api/stream.ts",
  "deno": "src/adapters/deno/mod.ts",
  "bun": "src/adapters/bun/mod.ts",
  "the engine alone": "src/connection/mod.ts",
};

/** Bundles every entry. */
export async function measureSizes(): Promise<Table[]> {
  const folder = await Deno.makeTempDir({ prefix: "fullduplex-size-" });
  const rows: Row[] = [];
  try {
    for (const [name, entry] of Object.entries(ENTRIES)) {
      const outfile = `${folder}/out.js`;
      await run_or_throw([
        ...["npx", "-y", ESBUILD, `${ROOT}/${entry}`, "--bundle", "--minify", "--format=esm"],
        ...["--platform=node", "--target=es2022", "--log-level=error", `--outfile=${outfile}`],
      ]);
      const bytes = zlib.gzipSync(await Deno.readFile(outfile), { level: 9 }).length;
      rows.push({ name, runtime: "", median: bytes, rounds: [bytes], peer: "" });
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  return [{
    name: "size",
    title: "bundled, minified, gzip",
    unit: "B",
    more: false,
    rows,
  }];
}
