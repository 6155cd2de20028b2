/**
 * The one list of pinned tool and runtime versions (Deno's own is in the README's command).
 * Test peers and the type checker are pinned in `deno.json`'s `imports`.
 */

/** The Bun that `test:bun` runs. */
export const BUN_VERSION = "1.4.4";

/** One exact Node.js version per major that the package supports; the first is the floor. */
export const NODE_VERSIONS: Readonly<Record<string, string>> = {
  "20": "20.20.2",
  "22": "22.23.3",
  "24": "24.21.0",
  "26": "26.10.0",
};

/** `@std/assert` and `@std/encoding` as the npm registry has them: the same sources. */
export const DENO_STD_VERSION = "1.4.0";

/** What only type tests need: name in `node_modules` -> npm specifier. */
export const TYPE_TEST_PACKAGES: Readonly<Record<string, string>> = {
  "typescript-5": "npm:typescript@5.9.3",
  "typescript-7": "npm:typescript@7.0.2",
  "@types/node": "26.6.6",
  "types-node-20": "npm:@types/node@20.19.43",
  "bun-types": BUN_VERSION,
};
