/**
 * Comes to a point after which it has nothing to do, says so with "idle", and must end by itself
 * soon, with all deadlines and intervals as they are by default. Arguments: the case, and a URL.
 *
 * @module
 */

import process from "node:process";
import { connect } from "../../../src/adapters/client.ts";
import { serve } from "../../../src/adapters/serve.ts";
import { acceptWebSocket, connectWebSocket } from "../../../src/api/stream.ts";

const [what, url] = process.argv.slice(2);

async function inMemory(): Promise<void> {
  const up = new TransformStream<Uint8Array, Uint8Array>();
  const down = new TransformStream<Uint8Array, Uint8Array>();
  const accepted = acceptWebSocket({ readable: up.readable, writable: down.writable });
  const pair = { readable: down.readable, writable: up.writable };
  const client = await connectWebSocket(pair, "ws://example.com/", { pingIntervalMs: 200 });
  await (await accepted).send("hello");
  const { value } = await client[Symbol.asyncIterator]().next();
  if (value !== "hello") throw new Error(`got ${value}`);
}

switch (what) {
  case "client closed": {
    const socket = await connect(url, { compression: { contextTakeover: true } });
    await socket.send("x".repeat(100_000));
    await socket[Symbol.asyncIterator]().next();
    await socket.ping();
    await socket.close();
    break;
  }
  case "client left by its server": {
    const socket = await connect(url, { compression: { contextTakeover: true } });
    await socket.send("x".repeat(100_000));
    console.log("ready");
    const { closeCode } = await socket.closed;
    console.log(`closed with ${closeCode}`);
    break;
  }
  case "server closed": {
    const server = await serve(async (socket) => {
      for await (const message of socket) await socket.send(message);
    }, { port: 0, compression: true, closeTimeoutMs: 300, fetch: () => new Response("hi") });
    console.log(`port ${server.port}`);
    while (server.connections.size < 3) await new Promise((resolve) => setTimeout(resolve, 5));
    await server.close();
    break;
  }
  case "server aborted": {
    const controller = new AbortController();
    const server = await serve({}, { port: 0, signal: controller.signal });
    const socket = await connect(server.url, { signal: controller.signal });
    await socket.ping();
    controller.abort();
    await server.closed;
    break;
  }
  case "connection in memory, never closed": {
    await inMemory();
    break;
  }
  case "open client": {
    const socket = await connect(url, { pingIntervalMs: 100 });
    socket.closed.then(({ closeCode }) => console.log(`closed with ${closeCode}`));
    break; // its socket keeps it running, whatever its timers do
  }
  default:
    throw new Error(`unknown case ${what}`);
}
console.log("idle");
