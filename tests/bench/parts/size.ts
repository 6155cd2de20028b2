/**
 * What a user of an entry pays when a bundler for Node takes it with all that it needs: minified and
 * compressed, as `tests/support/bundle.ts` measures.
 * @module
 */

import { bundle_sizes, type BundleSizes } from "../../support/bundle.ts";
import type { Row, Table } from "../results.ts";

const ALL: readonly (readonly [keyof BundleSizes, string])[] = [
  ["initial", "loaded first"],
  ["connected", "loaded when a plain connection is open"],
  ["compressing", "the same, when it offers compression"],
  ["all", "all files together"],
  ["single", "in one file"],
];

const SINGLE = ALL.slice(-1);
const ENGINE = "./node_modules/fullduplex/esm/src/connection/mod.ts";

/** What is bundled: its name, the module, and which of its sizes tell something. */
const ENTRIES: readonly (readonly [string, string, typeof ALL])[] = [
  ["client", `export * from "fullduplex/client";`, ALL],
  ["connect of client", `export { connect } from "fullduplex/client";`, ALL],
  ["WebSocket of client", `export { WebSocket } from "fullduplex/client";`, ALL],
  ["WebSocketStream of client", `export { WebSocketStream } from "fullduplex/client";`, ALL],
  [
    "ReconnectingWebSocket of client",
    `export { ReconnectingWebSocket } from "fullduplex/client";`,
    ALL,
  ],
  ["browser", `export * from "fullduplex/browser";`, SINGLE],
  ["serve", `export * from "fullduplex/serve";`, SINGLE],
  ["stream", `export * from "fullduplex/stream";`, SINGLE],
  ["deno", `export * from "fullduplex/deno";`, SINGLE],
  ["bun", `export * from "fullduplex/bun";`, SINGLE],
  ["the engine and what is beside it", `export * from "${ENGINE}";`, SINGLE],
  ["the engine alone", `export { Engine } from "${ENGINE}";`, SINGLE],
];

/** Bundles every entry. */
export function measureSizes(): Promise<Table[]> {
  const rows = ENTRIES.flatMap(([name, code, which]): Row[] => {
    const sizes = bundle_sizes(code);
    return which.map(([key, what]) => {
      const bytes = sizes[key];
      const title = which === SINGLE ? name : `${name}: ${what}`;
      return { name: title, runtime: "", median: bytes, rounds: [bytes], peer: "" };
    });
  });
  return Promise.resolve([{
    name: "size",
    title: "bundled, minified, gzip",
    unit: "B",
    more: false,
    rows,
  }]);
}
