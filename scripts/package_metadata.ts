/**
 * What the npm package says of itself: the same on both roads of `build_npm.ts`.
 *
 * The command `fullduplex` calls `main(args: string[])` of the `./cli` export, which resolves to
 * the exit status; `import.meta.main` is not used, because Node knows it only since version 24.
 */
import type { Manifest } from "./manifest.ts";

/** The npm package's name. */
export const NPM_NAME = "fullduplex";

/** Where a source file's JavaScript is in the package. */
export function built_path(source: string): string {
  return source.replace(/^\.\//, "./esm/").replace(/\.ts$/, ".js");
}

/**
 * Makes the package's `package.json`.
 *
 * @param manifest `deno.json`; its version, licence and exports are taken over.
 */
export function package_json(manifest: Manifest): Record<string, unknown> {
  const exports: Record<string, unknown> = {};
  for (const [name, source] of Object.entries(manifest.exports)) {
    const file = built_path(source);
    exports[name] = { types: file.replace(/\.js$/, ".d.ts"), default: file };
  }
  exports["./package.json"] = "./package.json";
  return {
    name: NPM_NAME,
    version: manifest.version,
    description: "WebSocket (RFC 6455) client and server for Node, Deno and Bun, " +
      "with back-pressure and streams, without dependencies",
    keywords: ["websocket", "ws", "rfc6455", "client", "server", "streams", "deno", "bun"],
    license: manifest.license,
    type: "module",
    engines: { node: ">=20" },
    sideEffects: false,
    main: built_path(manifest.exports["."] ?? "./mod.ts"),
    types: built_path(manifest.exports["."] ?? "./mod.ts").replace(/\.js$/, ".d.ts"),
    exports,
    ...("./cli" in manifest.exports ? { bin: { [NPM_NAME]: "./esm/bin.js" } } : {}),
    files: ["esm/"],
  };
}

/**
 * Makes the file behind the command `fullduplex`.
 *
 * @param cli The `./cli` export's source file, as `deno.json` names it.
 */
export function bin_js(cli: string): string {
  return `#!/usr/bin/env node
import process from "node:process";
import { main } from "${built_path(cli).replace("./esm/", "./")}";

process.exitCode = await main(process.argv.slice(2));
`;
}
