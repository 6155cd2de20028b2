/**
 * An event loop that stands still, for a long computation or a debugger's breakpoint: when it goes
 * on, deadlines have passed although the peer's answer is there. It has to be read first.
 */
import { assert, assertEquals } from "@std/assert";
import { test } from "node:test";
import type { WebSocketConnection } from "../../src/api/connection.ts";
import type { ConnectionOptions } from "../../src/api/mod.ts";
import { upgradeWebSocket as upgradeBun, websocket } from "../../src/adapters/bun/mod.ts";
import { connect as connectBrowser } from "../../src/adapters/browser/mod.ts";
import { connect } from "../../src/adapters/client.ts";
import { serve } from "../../src/adapters/serve.ts";
import { PATIENCE } from "../support/patience.ts";
import { serveBun } from "./support/bun_server.ts";
import { type RunningProgram, startProgram } from "./support/program.ts";
import { RUNTIME } from "./support/runtime.ts";
import { Inbox, until, within } from "./support/waiting.ts";

/** How late the peer is, how late it may be, and how long this side stands still meanwhile. */
const DELAY_MS = 100 * PATIENCE;
const TIMEOUT_MS = 300 * PATIENCE;
const STALL_MS = 700 * PATIENCE;

type Place = "timer" | "stream";

/** When the peer says that it will do something, lets nothing run until the time for it is over. */
async function stallAt(what: string, peer: RunningProgram, place: Place = "timer"): Promise<void> {
  const stall = () => {
    const end = performance.now() + STALL_MS;
    while (performance.now() < end);
  };
  const said = new Promise<void>((resolve) => {
    peer.child.stdout!.on("data", function listener(text: string) {
      if (!text.includes(what)) return;
      peer.child.stdout!.removeListener("data", listener);
      if (place === "stream") stall();
      else setTimeout(stall, 0);
      resolve();
    });
  });
  await within(said, `"${what}"`);
}

interface Ends {
  socket: Promise<WebSocketConnection>;
  peer: RunningProgram;
  stop(): Promise<void>;
}

/** An end of ours, and a program that is the other. */
type Start = (options: ConnectionOptions) => Promise<Ends>;

const startServer: Start = async (options) => {
  const sockets = new Inbox<WebSocketConnection>();
  const handler = { open: (socket: WebSocketConnection) => void sockets.push(socket) };
  const server = await serve(handler, { ...options, port: 0 });
  const peer = startProgram("late_peer", [`${DELAY_MS}`, `${server.port}`]);
  return { socket: sockets.next("connection"), peer, stop: () => server.close() };
};

const startBun: Start = (options) => {
  const sockets = new Inbox<WebSocketConnection>();
  const handler = { open: (socket: WebSocketConnection) => void sockets.push(socket) };
  const server = serveBun(websocket, (request, it) => upgradeBun(request, it, handler, options));
  const peer = startProgram("late_peer", [`${DELAY_MS}`, `${server.port}`]);
  return Promise.resolve({
    socket: sockets.next("connection"),
    peer,
    stop: () => server.close(),
  });
};

const startClient: Start = async (options) => {
  const peer = startProgram("late_peer", [`${DELAY_MS}`]);
  const url = `ws://127.0.0.1:${await peer.line("port")}`;
  return { socket: connect(url, { ...options, handler: {} }), peer, stop: async () => {} };
};

/** The client of browsers, over the runtime's own WebSocket; it sends no pings. */
const startBrowser: Start = async ({ handshakeTimeoutMs, closeTimeoutMs }) => {
  const peer = startProgram("late_peer", [`${DELAY_MS}`]);
  const url = `ws://127.0.0.1:${await peer.line("port")}`;
  const socket = connectBrowser(url, { handshakeTimeoutMs, closeTimeoutMs, handler: {} });
  return { socket, peer, stop: async () => {} };
};

async function withEnds(
  start: Start,
  options: ConnectionOptions,
  run: (ends: Ends) => Promise<void>,
): Promise<void> {
  const ends = await start({ pingIntervalMs: 0, ...options });
  try {
    await run(ends);
  } finally {
    ends.peer.child.kill("SIGKILL");
    await within(ends.stop(), "end of the server");
  }
}

const server = ["server", startServer, false] as const;
const client = ["client", startClient, false] as const;
const bun = ["Bun.serve", startBun, RUNTIME !== "bun" && "Bun.serve is only on Bun"] as const;
const noWebSocket = globalThis.WebSocket === undefined && "there is no WebSocket here";
const browser = ["browser", startBrowser, noWebSocket] as const;

for (const [role, start, skip] of [server, client, bun]) {
  test(`${role}: a pong that came while the loop stood still counts, silence does not`, {
    skip,
  }, async () => {
    const options = { pingIntervalMs: 200 * PATIENCE, pingTimeoutMs: TIMEOUT_MS };
    await withEnds(start, options, async ({ socket: opening, peer }) => {
      const socket = await opening;
      for (const place of ["timer", "stream", "stream", "timer"] as const) {
        await stallAt("ping", peer, place);
        await until(() => socket.readyState !== 1 || socket.latencyMs! >= STALL_MS, "late pong");
        assertEquals([socket.readyState, place], [1, place]);
        await until(() => socket.readyState !== 1 || socket.latencyMs! < STALL_MS, "usual pong");
      }
      peer.child.kill("SIGSTOP");
      const { error } = await within(socket.closed, "notice of the loss");
      assertEquals(error?.code, "WS_PING_TIMEOUT");
    });
  });

  test(`${role}: ping() takes a pong that came while the loop stood still`, { skip }, async () => {
    await withEnds(start, { pingTimeoutMs: TIMEOUT_MS }, async ({ socket: opening, peer }) => {
      const socket = await opening;
      for (const place of ["timer", "stream"] as const) {
        const ping = socket.ping();
        await stallAt("ping", peer, place);
        assert(await within(ping, "pong") >= STALL_MS);
      }
    });
  });
}

// Without Bun.serve, which reads requests and answers close frames by itself.
for (const [role, start, skip] of [server, client, browser]) {
  test(`${role}: a close frame that came while the loop stood still is clean`, {
    skip,
  }, async () => {
    for (const place of ["timer", "stream"] as const) {
      const options = { closeTimeoutMs: TIMEOUT_MS };
      await withEnds(start, options, async ({ socket: opening, peer }) => {
        const closed = (await opening).close(4000);
        await stallAt("close", peer, place);
        const { wasClean, closeCode } = await within(closed, "end");
        assertEquals([wasClean, closeCode, place], [true, 4000, place]);
      });
    }
  });

  test(`${role}: a head that came while the loop stood still opens the connection`, {
    skip,
  }, async () => {
    for (const place of ["timer", "stream"] as const) {
      const options = { handshakeTimeoutMs: TIMEOUT_MS };
      await withEnds(start, options, async ({ socket, peer }) => {
        await Promise.all([
          within(socket, "connection").then(({ readyState }) => assertEquals(readyState, 1)),
          stallAt("request", peer, place),
        ]);
      });
    }
  });
}
