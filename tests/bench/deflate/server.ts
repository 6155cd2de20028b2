/**
 * An echo server under measurement: `server.js <ours|ws|bun> <defaults|no takeover|takeover>`.
 *
 * It prints its port. Every line on its input is answered with the process's memory in bytes and
 * the processor's time that it has used, in microseconds.
 *
 * @module
 */

import process from "node:process";
import { createInterface } from "node:readline";
import { WebSocketServer } from "ws";
import { serve } from "../../../src/adapters/serve.ts";

/** What the three modes mean to each library. */
const OURS = {
  "defaults": true,
  "no takeover": true,
  "takeover": { contextTakeover: true },
} as const;
const WS = {
  "defaults": true,
  "no takeover": { serverNoContextTakeover: true, clientNoContextTakeover: true },
  "takeover": true,
} as const;

type Mode = keyof typeof OURS;

async function listen(library: string, mode: Mode): Promise<number> {
  if (library === "ours") {
    const server = await serve({ message: (socket, data) => void socket.send(data) }, {
      port: 0,
      compression: OURS[mode],
      pingIntervalMs: 0,
    });
    return server.port;
  }
  if (library === "bun") {
    // deno-lint-ignore no-explicit-any
    const server = (globalThis as any).Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      websocket: {
        perMessageDeflate: mode === "takeover"
          ? { compress: "dedicated", decompress: "dedicated" }
          : true,
        // deno-lint-ignore no-explicit-any
        message: (socket: any, data: unknown) => socket.send(data, true),
      },
      // deno-lint-ignore no-explicit-any
      fetch: (request: Request, server: any) => void server.upgrade(request),
    });
    return server.port;
  }
  const server = new WebSocketServer({
    port: 0,
    host: "127.0.0.1",
    perMessageDeflate: WS[mode],
  });
  // deno-lint-ignore no-explicit-any
  server.on("connection", (socket: any) => {
    socket.on("message", (data: Uint8Array, binary: boolean) => socket.send(data, { binary }));
    socket.on("error", () => {});
  });
  await new Promise((resolve) => server.on("listening", resolve));
  return (server.address() as { port: number }).port;
}

const [library, mode] = process.argv.slice(2);
console.log(await listen(library, mode as Mode));
createInterface({ input: process.stdin }).on("line", () => {
  const { gc } = globalThis as { gc?: () => void };
  gc?.();
  gc?.();
  const { user, system } = process.cpuUsage();
  console.log(process.memoryUsage().rss, user + system);
}).on("close", () => process.exit(0));
