import { test } from "node:test";
import { upgradeWebSocket } from "../../src/adapters/deno/mod.ts";
import { RUNTIME } from "../adapters/support/runtime.ts";
import { connectRaw } from "../support/node_peer.ts";
import { type DenoTestServer, serveDeno } from "../adapters/support/deno_server.ts";
import { testServer } from "./suite.ts";

if (RUNTIME === "deno") {
  testServer({
    name: "Deno.serve",
    // Deno 2.9 sends no close code for a breach, and looks at text when it is whole.
    capabilities: { protocolErrors: false, failFast: false, minimalLengths: false, limits: false },
    departures: {
      "6.3 a character of three bytes cut short in fragments of a byte":
        "drops the incomplete character",
      "6.3 a character of four bytes cut short in fragments of a byte":
        "drops the incomplete character",
      "7.7 a close with 1014": "answers 1002",
      "8.1 a frame that is masked where it must not be, or not where it must": "takes the frame",
    },
    listen: async (handler, options) => {
      const server: DenoTestServer = await serveDeno((request, info) =>
        upgradeWebSocket(request, handler, options, info)
      );
      return { connectRaw: () => connectRaw(server.port), close: () => server.close() };
    },
  });
} else {
  test(`the Deno adapter's conformance is not tested on ${RUNTIME}`, () => {});
}
