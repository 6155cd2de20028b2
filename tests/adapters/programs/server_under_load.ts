/**
 * Closes a server while clients of all kinds are busy with it, and must then end by itself.
 * @module
 */

import { connect } from "../../../src/adapters/client.ts";
import { serve } from "../../../src/adapters/serve.ts";

const server = await serve(async (socket) => {
  for await (const message of socket) await socket.send(message);
}, { port: 0, closeTimeoutMs: 2000, fetch: () => new Response("hi") });

const sockets = await Promise.all(Array.from({ length: 20 }, () => connect(server.url)));
const loops = sockets.map(async (socket) => {
  await socket.send("x".repeat(1000));
  for await (const message of socket) await socket.send(message);
});
const requests = Array.from({ length: 5 }, async () => {
  await (await fetch(server.url.replace("ws", "http"))).text();
});
loops.forEach((loop) => loop.catch(() => {})); // a send may meet the end: see below
await Promise.all(requests);
await new Promise((resolve) => setTimeout(resolve, 100));
await server.close();
const ends = await Promise.all(sockets.map((socket) => socket.closed));
await Promise.allSettled(loops);
const wrong = ends.find(({ closeCode, wasClean }) => closeCode !== 1001 || !wasClean);
console.log(wrong === undefined ? "done" : wrong);
