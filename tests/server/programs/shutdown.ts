/**
 * A server that shuts down at a signal. Its arguments: what serves, and the deadline in ms.
 *
 * @module
 */

import http from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { websocket } from "../../../src/adapters/bun/mod.ts";
import { serve } from "../../../src/adapters/serve.ts";
import { Router, shutdownOnSignals, type Stoppable } from "../../../src/server/mod.ts";
import { serveBun } from "../../adapters/support/bun_server.ts";

const [how, timeoutMs] = process.argv.slice(2);
const router = new Router({ pingIntervalMs: 0, closeTimeoutMs: 20_000 });
router.route("/", { handler: { close: () => console.log("closed") } });

async function start(): Promise<[targets: Stoppable | Stoppable[], port: number]> {
  if (how === "serve") {
    const server = await serve({}, { port: 0, pingIntervalMs: 0 });
    return [server, server.port];
  }
  if (how === "router") {
    const server = await serve(router, { port: 0 });
    return [server, server.port];
  }
  if (how === "deno") {
    // deno-lint-ignore no-explicit-any -- no types of Deno's on the other runtimes
    const server = (globalThis as any).Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen() {} },
      (request: Request, info: { remoteAddr: { transport: string } }) =>
        router.handle(request, info),
    );
    return [[router, server], server.addr.port];
  }
  if (how === "bun") {
    const server = serveBun(websocket, (request, server) => router.handle(request, server));
    return [[router, { stop: () => server.close() }], server.port];
  }
  const server = http.createServer((_, response) => void response.end("plain"));
  router.mount(server);
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  return [[router, server], (server.address() as AddressInfo).port];
}

const [targets, port] = await start();
shutdownOnSignals(targets, {
  timeoutMs: Number(timeoutMs),
  onSignal: (signal) => console.log("got", signal),
});
console.log("port", port);
