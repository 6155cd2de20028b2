/** What bundlers make of the client for browsers. */
import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import * as browser from "../../src/adapters/browser/mod.ts";
import * as client from "../../src/adapters/client.ts";
import { bundle } from "../support/bundle.ts";

const EVERYTHING = `export * from "fullduplex/client";`;
const RECONNECTING = `export { ReconnectingWebSocket } from "fullduplex/client";`;

test("the client for browsers has the names of the other, so that one can stand for it", () => {
  assertEquals(Object.keys(browser).sort(), Object.keys(client).sort());
});

for (const from of ["npm", "jsr"] as const) {
  test(`a bundle of all of ./client (${from}) asks for nothing of node:`, () => {
    const { imports, code } = bundle(EVERYTHING, from);
    assertEquals(imports, []);
    assert(!/\brequire\(|\bfrom\s*["']node:|import\(["']node:/.test(code));
  });
}

test("by the condition browser a bundle has nothing of the other runtimes", () => {
  const { files } = bundle(EVERYTHING, "npm");
  assert(files.includes("src/adapters/browser/connect.ts"));
  const strange = /^src\/(adapters\/(?!browser|native)|handshake\/client|connection\/receiver)/;
  assertEquals(files.filter((file) => strange.test(file)), []);
});

for (
  const [name, code, from] of [
    ["the condition browser", RECONNECTING, "npm"],
    ["./browser", RECONNECTING.replace("/client", "/browser"), "npm"],
  ] as const
) {
  test(`by ${name} ReconnectingWebSocket alone comes without the engine, in 6.5 kB`, () => {
    const { files, gzipBytes } = bundle(code, from);
    const engine =
      /^src\/(handshake|extensions|adapters)\/|engine|parser|writer|mask|connection\.ts/;
    assertEquals(files.filter((file) => engine.test(file)), []);
    assert(gzipBytes < 6500, `it has ${gzipBytes} bytes`);
  });
}
