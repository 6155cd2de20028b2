/** Keep-alive on the runtimes' own sockets; only Bun's has pings of ours. */
import { assert, assertEquals } from "@std/assert";
import { test } from "node:test";
import type { WebSocketConnection } from "../../src/api/connection.ts";
import type { Handler, ServerOptions } from "../../src/api/mod.ts";
import { upgradeWebSocket as upgradeBun, websocket } from "../../src/adapters/bun/mod.ts";
import { upgradeWebSocket as upgradeDeno } from "../../src/adapters/deno/mod.ts";
import { connect } from "../../src/adapters/client.ts";
import { serveBun } from "./support/bun_server.ts";
import { serveDeno } from "./support/deno_server.ts";
import { clientFrame, clientText, RawPeer } from "./support/raw.ts";
import { RUNTIME } from "./support/runtime.ts";
import { Inbox, sleep, until, within } from "./support/waiting.ts";
import { PATIENCE } from "../support/patience.ts";

const skip = RUNTIME === "bun" ? false : "Bun's own server sockets are only on Bun";

/** One raw client of a server on Bun's sockets. */
async function withBun(
  options: ServerOptions,
  run: (socket: WebSocketConnection, peer: RawPeer) => Promise<void>,
  handler: (sockets: Inbox<WebSocketConnection>) => Handler = (sockets) => ({
    open: (socket) => void sockets.push(socket),
  }),
): Promise<void> {
  const sockets = new Inbox<WebSocketConnection>();
  const server = serveBun(
    websocket,
    (request, it) => upgradeBun(request, it, handler(sockets), options),
  );
  try {
    const peer = await RawPeer.open(server.port);
    await run(await sockets.next("connection"), peer);
    peer.destroy();
  } finally {
    await within(server.close(), "end of the server");
  }
}

test("Bun.serve: a peer that is slow in reading is not taken for dead, one that stops is", {
  skip,
}, async () => {
  const options = { pingIntervalMs: 100 * PATIENCE, pingTimeoutMs: 1200 * PATIENCE };
  await withBun(options, async (socket, peer) => {
    const began = performance.now();
    const chunk = new Uint8Array(1 << 20);
    // Ever more waits, although the peer reads: only what leaves tells that it does.
    const topUp = () => {
      const most = 10_000_000 + 10_000 * (performance.now() - began);
      while (socket.bufferedAmount < most && socket.readyState === 1) {
        socket.send(chunk).catch(() => {});
      }
    };
    const timer = setInterval(topUp, 5);
    while (performance.now() - began < 3000 * PATIENCE && !peer.gone) {
      const before = peer.size;
      peer.resume();
      await until(() => peer.size > before || peer.gone, "bytes");
      peer.pause();
      await sleep(150);
    }
    clearInterval(timer);
    assertEquals(socket.readyState, 1); // several deadlines have passed, and not one pong came
    const { error } = await within(socket.closed, "notice that it has stopped");
    assertEquals(error?.code, "WS_PING_TIMEOUT");
  });
});

test("Bun.serve: a side that does not read takes nobody for dead, and says that it is there", {
  skip,
}, async () => {
  const options = { pingIntervalMs: 100, pingTimeoutMs: 200, highWaterMark: 100 };
  await withBun(options, async (socket, peer) => {
    for (let i = 0; i < 20; i++) peer.write(clientText("x".repeat(1000)));
    await sleep(1000);
    const pongs = () => peer.frames().filter(({ opcode }) => opcode === 10);
    await until(() => socket.readyState !== 1 || pongs().length >= 2, "pongs");
    assertEquals(socket.readyState, 1);
    let got = 0;
    for await (const _ of socket) if (++got === 20) break;
    const { error } = await within(socket.closed, "notice of the loss");
    assertEquals(error?.code, "WS_PING_TIMEOUT");
  }, (sockets) => async (socket) => {
    sockets.push(socket);
    await socket.closed;
  });
});

test("Bun.serve: latencyMs is the round trip of its heartbeats", { skip }, async () => {
  await withBun({ pingIntervalMs: 50, pingTimeoutMs: 5000 }, async (socket, peer) => {
    assertEquals(socket.latencyMs, undefined);
    let answered = 0;
    const answer = setInterval(() => {
      const pings = peer.frames().filter(({ opcode }) => opcode === 9);
      for (; answered < pings.length; answered++) {
        peer.write(clientFrame({ opcode: 10, payload: pings[answered].payload }));
      }
    }, 5);
    await until(() => socket.latencyMs !== undefined, "latency").finally(() =>
      clearInterval(answer)
    );
    assert(socket.latencyMs! >= 0 && socket.latencyMs! < 3000, `${socket.latencyMs} ms`);
  });
});

test("Deno.serve: latencyMs stays undefined, for Deno's sockets send no pings of ours", {
  skip: RUNTIME === "deno" ? false : "Deno's own server sockets are only on Deno",
}, async () => {
  const sockets = new Inbox<WebSocketConnection>();
  const server = serveDeno((request) =>
    upgradeDeno(request, { open: (socket) => void sockets.push(socket) })
  );
  try {
    const client = await connect(server.url);
    const socket = await sockets.next("connection");
    await client.ping(); // which Deno answers
    assertEquals([socket.latencyMs, client.latencyMs !== undefined], [undefined, true]);
    await client.close();
  } finally {
    await server.close();
  }
});
