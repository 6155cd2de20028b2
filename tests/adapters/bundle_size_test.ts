/**
 * What the package weighs in a bundle: budgets, so that it does not grow unseen. Who adds something
 * that is worth its bytes raises a budget, and says so.
 */
import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { bundle_sizes, type BundleSizes } from "../support/bundle.ts";

const CLIENT = "fullduplex/client";
const ENGINE = "./node_modules/fullduplex/esm/src/connection/mod.ts";

type Budget = Partial<BundleSizes>;

/** Bytes of minified and compressed code; runtimes' own gzip differs by less than a hundredth. */
const BUDGETS: readonly (readonly [what: string, from: string, budget: Budget])[] = [
  ["*", CLIENT, { initial: 20_000, connected: 42_700, compressing: 49_500, single: 49_000 }],
  ["{ connect }", CLIENT, { initial: 9_200, connected: 33_900, single: 41_000 }],
  ["{ WebSocket }", CLIENT, { initial: 14_600, compressing: 44_500, single: 44_500 }],
  ["{ WebSocketStream }", CLIENT, { initial: 13_100, compressing: 43_200, single: 43_200 }],
  ["{ ReconnectingWebSocket }", CLIENT, { initial: 19_000, compressing: 48_500, single: 48_500 }],
  ["{ WebSocketError }", CLIENT, { initial: 1_600, single: 520 }],
  ["*", "fullduplex/browser", { single: 18_900 }],
  ["*", "fullduplex/serve", { single: 39_800 }],
  ["*", "fullduplex/stream", { single: 35_000 }],
  ["{ Engine }", ENGINE, { single: 8_192 }],
  ["*", ENGINE, { single: 8_500 }],
];

for (const [what, from, budget] of BUDGETS) {
  test(`export ${what} from "${from}" keeps within its budget when it is bundled`, () => {
    const sizes = bundle_sizes(`export ${what} from "${from}";`);
    for (const [name, most] of Object.entries(budget)) {
      const bytes = sizes[name as keyof BundleSizes];
      assert(bytes <= most, `${name}: ${bytes} bytes, and may have ${most}`);
      assert(bytes > most * 0.85, `${name}: ${bytes} bytes; lower the budget of ${most}`);
    }
  });
}

test("what is loaded later is not loaded first", () => {
  const { initial, connected, compressing, all } = bundle_sizes(`export * from "${CLIENT}";`);
  assert(initial < connected && connected < compressing && compressing < all);
});

test("a bundle that uses nothing of the package has nothing of it", () => {
  const sizes = bundle_sizes(`import * as nothing from "${CLIENT}"; console.log(1);`);
  assertEquals([sizes.all, sizes.single], [sizes.initial, sizes.initial]);
  assert(sizes.initial < 100, `${sizes.initial} bytes`);
});
