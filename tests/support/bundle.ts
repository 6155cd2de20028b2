/**
 * Bundles of this package, as its users make them.
 * @module
 */

import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { gzipSync } from "node:zlib";
import { type BuildOptions, buildSync } from "esbuild";
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

/** How large a bundle is, minified and compressed: bytes. */
export interface BundleSizes {
  /** What is loaded first, where the bundler splits at `import()`. */
  readonly initial: number;
  /** That, and what a connection without options then loads. */
  readonly connected: number;
  /** That, and what a connection that offers compression loads. */
  readonly compressing: number;
  /** All that there is, each file compressed by itself. */
  readonly all: number;
  /** The one file of a bundler that does not split. */
  readonly single: number;
}

/** Options of every bundle here. */
const COMMON = {
  bundle: true,
  minify: true,
  preserveSymlinks: true, // or the files were not the package's
  write: false,
  metafile: true,
  logLevel: "silent",
} as const;

/**
 * Makes a folder in which the package is installed, as from npm or as from JSR.
 *
 * @param from `"npm"`: the package with its `package.json` and its conditions; `"jsr"`: the sources as
 * the exports of `deno.json` name them, without conditions.
 * @param use What is done there.
 */
function installed<Result>(from: "npm" | "jsr", use: (folder: string) => Result): Result {
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
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * Bundles for browsers.
 *
 * @param code A module that names the package `fullduplex`.
 * @param from Where the package is from.
 */
export function bundle(code: string, from: "npm" | "jsr"): Bundle {
  return installed(from, (folder) => {
    const { outputFiles, metafile } = buildSync({
      ...COMMON,
      stdin: { contents: code, resolveDir: folder, loader: "ts" },
      absWorkingDir: folder,
      platform: "browser",
      format: "iife",
      globalName: "fullduplex",
    });
    const [output] = Object.values(metafile.outputs);
    return {
      code: outputFiles[0].text,
      gzipBytes: gzip_bytes(outputFiles[0].contents),
      imports: output.imports.map(({ path }) => path),
      files: Object.entries(output.inputs)
        .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
        .map(([path]) => path.replace(/^.*\/esm\//, "")),
    };
  });
}

/**
 * Bundles for Node, with and without splitting, and measures.
 *
 * @param code A module that names the package `fullduplex`, or a file of it.
 */
export function bundle_sizes(code: string): BundleSizes {
  return installed("npm", (folder) => {
    const options: BuildOptions & typeof COMMON = {
      ...COMMON,
      stdin: { contents: code, resolveDir: folder, sourcefile: "entry.ts", loader: "ts" },
      absWorkingDir: folder,
      platform: "node",
      format: "esm",
      target: "es2022",
      outdir: "out",
    };
    const single = buildSync({ ...options, splitting: false }).outputFiles[0];
    const { outputFiles, metafile } = buildSync({ ...options, splitting: true });
    const outputs = new Map(Object.entries(metafile.outputs));
    const entry = [...outputs.keys()].find((path) => outputs.get(path)!.entryPoint === "entry.ts")!;
    const bytes = new Map(
      outputFiles.map((file) => [file.path.slice(folder.length + 1), gzip_bytes(file.contents)]),
    );
    /** The size of some files and all that they import at once. */
    const sum = (...parts: string[]): number => {
      const loaded = new Set([entry]);
      for (const [path, { entryPoint = "" }] of outputs) {
        if (parts.some((part) => entryPoint.endsWith(`/${part}`))) loaded.add(path);
      }
      for (const path of loaded) {
        for (const { kind, path: next, external } of outputs.get(path)!.imports) {
          if (kind === "import-statement" && !external) loaded.add(next);
        }
      }
      return [...loaded].reduce((total, path) => total + bytes.get(path)!, 0);
    };
    return {
      initial: sum(),
      connected: sum("client_connection.ts"),
      compressing: sum("client_connection.ts", "client_deflate.ts"),
      all: [...bytes.values()].reduce((total, size) => total + size, 0),
      single: gzip_bytes(single.contents),
    };
  });
}

/**
 * Bundles for Node, and writes the files.
 *
 * @param code A module that names the package `fullduplex`.
 * @param target An empty folder; the bundle's entry there is `entry.js`.
 * @param splitting Whether what `import()` loads becomes files of its own.
 */
export function write_bundle(code: string, target: string, splitting: boolean): void {
  installed("npm", (folder) => {
    const { outputFiles } = buildSync({
      ...COMMON,
      stdin: { contents: code, resolveDir: folder, sourcefile: "entry.ts", loader: "ts" },
      absWorkingDir: folder,
      platform: "node",
      format: "esm",
      target: "es2022",
      outdir: target,
      entryNames: "entry",
      chunkNames: "[name]-[hash]",
      splitting,
    });
    writeFileSync(`${target}/package.json`, `{ "type": "module" }`);
    for (const { path, contents } of outputFiles) {
      writeFileSync(`${target}/${path.replace(/^.*\//, "")}`, contents);
    }
  });
}

function gzip_bytes(contents: Uint8Array): number {
  return gzipSync(contents, { level: 9 }).length;
}
