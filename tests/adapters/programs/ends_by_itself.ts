/**
 * Uses connections to their end, one way or another, and must then end by itself: a timer, socket
 * or listener left behind would keep it running. Its argument names the way.
 *
 * @module
 */

import net from "node:net";
import process from "node:process";
import { connect, HandshakeError } from "../../../src/adapters/client.ts";
import { serve } from "../../../src/adapters/serve.ts";

const scenario = process.argv[2];

async function failing(url: string, code: string, options = {}): Promise<void> {
  const error = await connect(url, options).then(() => undefined, (error) => error);
  if (!(error instanceof HandshakeError) || error.code !== code) throw error;
}

/** A raw server that ends with its last connection. */
function rawServer(onSocket: (socket: net.Socket) => void): Promise<net.Server> {
  const server = net.createServer(onSocket);
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

function portOf(server: net.Server): number {
  return (server.address() as { port: number }).port;
}

switch (scenario) {
  case "server": {
    const server = await serve({ message: (socket, data) => void socket.send(data) }, { port: 0 });
    const socket = await connect(server.url);
    await socket.send("hello");
    await fetch(server.url.replace("ws", "http")).then((response) => response.text());
    await server.close();
    await socket.closed;
    break;
  }
  case "client": {
    const server = await serve({}, { port: 0 });
    const socket = await connect(server.url, { signal: new AbortController().signal });
    await socket.ping();
    await socket.close();
    await server.close();
    break;
  }
  case "lost": {
    const server = await serve({}, { port: 0 });
    const socket = await connect(server.url);
    socket.ping();
    socket.terminate();
    await server.close();
    break;
  }
  case "refused": {
    const server = await serve({}, { port: 0, verify: () => new Response("no", { status: 401 }) });
    await failing(server.url, "WS_HANDSHAKE_REFUSED");
    const { port } = server;
    await server.close();
    await failing(`ws://127.0.0.1:${port}`, "WS_CONNECT_FAILED");
    break;
  }
  case "timeout": {
    const server = await rawServer((socket) => socket.on("error", () => {}));
    await failing(`ws://127.0.0.1:${portOf(server)}`, "WS_HANDSHAKE_TIMEOUT", {
      handshakeTimeoutMs: 100,
    });
    const signal = AbortSignal.timeout(100);
    await failing(`ws://127.0.0.1:${portOf(server)}`, "WS_HANDSHAKE_ABORTED", { signal });
    server.close();
    break;
  }
  default:
    throw new Error(`unknown scenario ${scenario}`);
}
console.log(`done: ${scenario}`);
