import { test } from "node:test";
import { upgradeWebSocket, websocket } from "../../src/adapters/bun/mod.ts";
import { serveBun } from "../adapters/support/bun_server.ts";
import { RUNTIME } from "../adapters/support/runtime.ts";
import { connectRaw } from "../support/node_peer.ts";
import { testServer } from "./suite.ts";

if (RUNTIME === "bun") {
  testServer({
    name: "Bun.serve",
    // Bun 1.4 looks at text when it is whole.
    capabilities: { failFast: false, minimalLengths: false, limits: false },
    departures: { "8.4 a length with its top bit set": "answers 1009, as to any large length" },
    listen: (handler, options) => {
      const server = serveBun(
        websocket,
        (request, server) => upgradeWebSocket(request, server, handler, options),
      );
      return Promise.resolve({
        connectRaw: () => connectRaw(server.port),
        close: () => server.close(),
      });
    },
  });
} else {
  test(`the Bun adapter's conformance is not tested on ${RUNTIME}`, () => {});
}
