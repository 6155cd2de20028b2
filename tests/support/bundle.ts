/**
 * Bundles of this package for browsers, as its users make them.
 * @module
 */

import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { gzipSync } from "node:zlib";
import { buildSync } from "esbuild";
import { package_json } from "../../scripts/package_metadata.ts";
import { repository_root } from "../house/repository_root.ts";

/** A bundle. */
export interface Bundle {
  /** The JavaScript: a script that makes a global variable `fullduplex`. */
  readonly code: string;
  /** Its size when compressed. */
  readonly gzipBytes: number;
  /** What it still imports. */
  readonly imports: readonly string[];
  /** The source files of which something is in it. */
  readonly files: readonly string[];
}

/**
 * Bundles for browsers.
 *
 * @param code A module that names the package `fullduplex`.
 * @param from `"npm"`: the package with its `package.json`, by the condition `browser`; `"jsr"`: the
 * sources as the exports of `deno.json` name them, without conditions.
 */
export function bundle(code: string, from: "npm" | "jsr"): Bundle {
  const root = repository_root();
  const folder = mkdtempSync(`${tmpdir()}/fullduplex-bundle-`);
  try {
    const manifest = JSON.parse(readFileSync(`${root}/deno.json`, "utf8"));
    const own = `${folder}/node_modules/fullduplex`;
    mkdirSync(`${own}/esm`, { recursive: true });
    symlinkSync(`${root}/src`, `${own}/esm/src`);
    symlinkSync(`${root}/mod.ts`, `${own}/esm/mod.ts`);
    // The sources stand for what is built of them.
    const metadata = JSON.stringify(
      from === "npm" ? package_json(manifest) : { exports: manifest.exports },
    );
    writeFileSync(
      `${own}/package.json`,
      from === "npm"
        ? metadata.replaceAll('.js"', '.ts"')
        : metadata.replaceAll('"./src/', '"./esm/src/').replaceAll('"./mod.ts', '"./esm/mod.ts'),
    );
    const { outputFiles, metafile } = buildSync({
      stdin: { contents: code, resolveDir: folder, loader: "ts" },
      absWorkingDir: folder,
      bundle: true,
      platform: "browser",
      format: "iife",
      globalName: "fullduplex",
      minify: true,
      preserveSymlinks: true, // or the files were not the package's
      write: false,
      metafile: true,
      logLevel: "silent",
    });
    const [output] = Object.values(metafile.outputs);
    return {
      code: outputFiles[0].text,
      gzipBytes: gzipSync(outputFiles[0].contents, { level: 9 }).length,
      imports: output.imports.map(({ path }) => path),
      files: Object.entries(output.inputs)
        .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
        .map(([path]) => path.replace(/^.*\/esm\//, "")),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
