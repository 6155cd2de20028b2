/**
 * What the npm package says of itself: the same on both roads of `build_npm.ts`.
 *
 * The command `fullduplex` calls `main(args: string[])` of the `./cli` export, which resolves to
 * the exit status; `import.meta.main` is not used, because Node knows it only since version 24.
 */
import type { Manifest } from "./manifest.ts";

/**
 * The packages that an optional export may import, by their names in `deno.json`'s `imports`. On npm
 * they are optional peers: who imports the export installs them, and nobody else has them.
 */
export const OPTIONAL_DEPENDENCIES: readonly string[] = ["@noble/hashes", "socks"];

/** The npm package's name. */
export const NPM_NAME = "fullduplex";

/**
 * Exports that bundlers for browsers take another one for, by the condition `browser`. It has the
 * same names (a test compares them), so that the declarations are the first one's.
 */
export const BROWSER_EXPORTS: Readonly<Record<string, string>> = { "./client": "./browser" };

/**
 * Exports that are not loaded with others: the command, and those that import an optional peer.
 */
export const EXPORTS_APART: readonly string[] = ["./cli", "./legacy", "./socks"];

/** Where a source file's JavaScript is in the package. */
export function built_path(source: string): string {
  return source.replace(/^\.\//, "./esm/").replace(/\.ts$/, ".js");
}

/** Where what Node, Deno and Bun load for a source file is in the package. */
export function bundled_path(source: string): string {
  return built_path(source).replace("./esm/", "./esm/node/").replace("/src/", "/");
}

/** The optional peers that `deno.json` names: name -> range of versions. */
export function optional_peers(manifest: Manifest): Record<string, string> {
  const peers: Record<string, string> = {};
  for (const name of OPTIONAL_DEPENDENCIES) {
    const target = manifest.imports[name];
    if (target !== undefined) peers[name] = target.slice(`npm:${name}@`.length);
  }
  return peers;
}

/**
 * Makes the package's `package.json`.
 *
 * @param manifest `deno.json`; its version, licence, exports and optional peers are taken over.
 */
export function package_json(manifest: Manifest): Record<string, unknown> {
  const exports: Record<string, unknown> = {};
  for (const [name, source] of Object.entries(manifest.exports)) {
    const file = built_path(source);
    const types = file.replace(/\.js$/, ".d.ts");
    const browser = manifest.exports[BROWSER_EXPORTS[name] ?? ""];
    exports[name] = {
      types,
      ...(browser === undefined ? {} : { browser: built_path(browser) }),
      module: file, // bundlers, which would leave out less of the bundles
      node: bundled_path(source), // Node, Deno and Bun
      default: file,
    };
  }
  exports["./package.json"] = "./package.json";
  const peers = optional_peers(manifest);
  const optional = Object.keys(peers).map((name) => [name, { optional: true }]);
  return {
    name: NPM_NAME,
    version: manifest.version,
    description: "WebSocket (RFC 6455 and 7692) client and server for Node, Deno and Bun, " +
      "and a client for browsers: back-pressure, streams, compression, reconnecting, routing",
    keywords: [
      ...["websocket", "ws", "rfc6455", "permessage-deflate", "websocketstream"],
      ...["client", "server", "streams", "reconnecting", "proxy", "router", "eventsource"],
      ...["node", "deno", "bun", "browser"],
    ],
    license: manifest.license,
    type: "module",
    engines: { node: ">=20.16" },
    sideEffects: false,
    main: built_path(manifest.exports["."] ?? "./mod.ts"),
    types: built_path(manifest.exports["."] ?? "./mod.ts").replace(/\.js$/, ".d.ts"),
    exports,
    ...("./cli" in manifest.exports ? { bin: { [NPM_NAME]: "./esm/bin.js" } } : {}),
    ...(optional.length > 0
      ? { peerDependencies: peers, peerDependenciesMeta: Object.fromEntries(optional) }
      : {}),
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
import { main } from "${bundled_path(cli).replace("./esm/", "./")}";

process.exitCode = await main(process.argv.slice(2));
`;
}
