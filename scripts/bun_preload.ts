/**
 * Preloaded by Bun (see test_bun.ts, test_docs.ts): lets test files import the npm packages that
 * live in `npm/.cache/node_modules`, and this package by its names.
 *
 * Bun 1.4 answers `ws` and `undici` with stand-ins of its own, whatever `node_modules`, `paths` or
 * `onResolve` say; only a file path reaches the real peer. So the names are replaced on loading.
 */
import { readFileSync } from "node:fs";

/** The part of Bun's plugin interface that is used here. */
interface PluginBuilder {
  onLoad(
    options: { filter: RegExp },
    load: (file: { path: string }) => { loader: "ts"; contents: string },
  ): void;
}

declare const Bun: {
  plugin(plugin: { name: string; setup(build: PluginBuilder): void }): void;
};

const root = new URL("..", import.meta.url).pathname;
const modules = `${root}npm/.cache/node_modules/`;
const manifest = JSON.parse(readFileSync(`${root}deno.json`, "utf8"));

/** The file that an import of a package, or of this one by name, loads. */
function entry_of(name: string): string | undefined {
  const own = /^(?:@fullduplex\/ws|fullduplex)(\/.*)?$/.exec(name);
  if (own) return `${root}${manifest.exports[`.${own[1] ?? ""}`]}`;
  const [, peer_name, part] = /^((?:@[^/]+\/)?[^/]+)(\/.*)?$/.exec(name)!;
  try {
    const peer = JSON.parse(readFileSync(`${modules}${peer_name}/package.json`, "utf8"));
    let entry = part === undefined
      ? peer.exports?.["."] ?? peer.exports ?? peer.main ?? "index.js"
      : peer.exports?.[`.${part}`] ?? `.${part}`;
    while (typeof entry === "object") entry = entry.import ?? entry.node ?? entry.default;
    return new URL(entry, `file://${modules}${peer_name}/`).pathname;
  } catch {
    return undefined; // a built-in module, or a package that is not installed: Bun's own business
  }
}

Bun.plugin({
  name: "packages of the tests",
  setup(build) {
    build.onLoad({
      // Of the sources, only the rooms that have an optional dependency.
      filter:
        /^(?!.*\/node_modules\/).*\/(tests|scripts|fullduplex-docs-\w+|src\/legacy|src\/adapters\/socks)\/.*\.[jt]s$/,
    }, ({ path }) => ({
      loader: "ts",
      contents: readFileSync(path, "utf8").replace(
        /^((?:import|export|\}) .*?from |import |.*\bimport\()"([@a-z][^":]*)"/gm,
        (all, before, name) => {
          const entry = entry_of(name);
          return entry === undefined ? all : before + JSON.stringify(entry);
        },
      ),
    }));
  },
});
