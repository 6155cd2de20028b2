/**
 * Uses a reconnecting socket to its end, one way or another, and must then end by itself: a timer,
 * socket or listener left behind would keep it running. Its argument names the way.
 *
 * @module
 */

import net from "node:net";
import process from "node:process";
import { type ReconnectingOptions, ReconnectingWebSocket } from "../../../src/adapters/client.ts";
import { serve } from "../../../src/adapters/serve.ts";

const scenario = process.argv[2];

const next = (socket: ReconnectingWebSocket, type: string) =>
  new Promise((resolve) => socket.addEventListener(type, resolve, { once: true }));

const open = (url: string, options: ReconnectingOptions = {}) =>
  new ReconnectingWebSocket(url, [], {
    // Whatever of this were left would keep the program running for too long.
    heartbeat: { message: "ping", intervalMs: 60_000, timeoutMs: 60_000 },
    connectTimeoutMs: 60_000,
    closeTimeoutMs: 60_000,
    ...options,
  });

switch (scenario) {
  case "closed": {
    const server = await serve({}, { port: 0 });
    const socket = open(server.url);
    await next(socket, "open");
    socket.close();
    await next(socket, "close");
    await server.close();
    break;
  }
  case "lost": {
    const server = await serve({ message: (socket) => socket.terminate() }, { port: 0 });
    const socket = open(server.url, { shouldReconnect: () => false });
    socket.send("cut");
    await next(socket, "close");
    await server.close();
    break;
  }
  case "waiting": {
    const socket = open("ws://127.0.0.1:9", { initialDelayMs: 1e8, maxDelayMs: 1e8 });
    await next(socket, "reconnecting");
    socket.close();
    break;
  }
  case "connecting": {
    const server = net.createServer((socket) => socket.on("error", () => {}));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
    const connected = new Promise((resolve) => server.once("connection", resolve));
    const socket = open(`ws://127.0.0.1:${(server.address() as { port: number }).port}`);
    await connected;
    socket.close();
    server.close();
    break;
  }
  case "giveup": {
    const socket = open("ws://127.0.0.1:9", { initialDelayMs: 1, maxAttempts: 2 });
    await next(socket, "close");
    break;
  }
  case "aborted": {
    const controller = new AbortController();
    const server = await serve({}, { port: 0 });
    const socket = open(server.url, { signal: controller.signal });
    await next(socket, "open");
    controller.abort();
    await server.close();
    break;
  }
  default:
    throw new Error(`unknown scenario ${scenario}`);
}
console.log(`done: ${scenario}`);
