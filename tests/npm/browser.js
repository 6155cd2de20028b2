// A stranger's bundler for browsers: it takes the package's condition "browser" for the client.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import * as client from "fullduplex/client";

const folder = new URL("node_modules/fullduplex/", import.meta.url);
const { exports } = JSON.parse(readFileSync(new URL("package.json", folder), "utf8"));
assert.deepEqual(Object.keys(exports["./client"]), [
  "types",
  "browser",
  "module",
  "node",
  "default",
]);
const browser = await import(new URL(exports["./client"].browser, folder).href);
assert.deepEqual(Object.keys(browser).sort(), Object.keys(client).sort());
const named = await import(new URL(exports["./browser"].module, folder).href);
assert.equal(browser.connect, named.connect);
assert.notEqual(browser.connect, client.connect);
