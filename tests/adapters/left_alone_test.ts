import { assert, assertEquals } from "@std/assert";
import { test } from "node:test";
import type { WebSocketConnection } from "../../src/api/connection.ts";
import { serve } from "../../src/adapters/serve.ts";
import { acceptance, head, listenRaw, RawPeer } from "./support/raw.ts";
import { type RunningProgram, startProgram } from "./support/program.ts";
import { Inbox, sleep, until } from "./support/waiting.ts";
import { PATIENCE } from "../support/patience.ts";

/** How soon a program ends that has nothing to do: less than any interval or deadline by default. */
const SOON_MS = 5000 * PATIENCE;

/** Waits for a program that said that it has nothing to do, and checks that it ends then. */
async function endsSoon(program: RunningProgram, after = "idle"): Promise<void> {
  await program.line(after);
  const idleAt = performance.now();
  const { code, at } = await program.ended;
  assertEquals(code, 0, program.lines.join("\n"));
  assert(at - idleAt < SOON_MS, `it ended after ${at - idleAt} ms`);
}

const echo = {
  message: (socket: WebSocketConnection, data: string | Uint8Array) => socket.send(data),
};

test("a program ends by itself when its client has closed", async () => {
  await using server = await serve(echo, { port: 0, compression: true });
  await endsSoon(startProgram("left_alone", ["client closed", server.url]));
});

test("a program ends by itself when its client's server has ended the connection", async () => {
  const sockets = new Inbox<WebSocketConnection>();
  await using server = await serve({ message: (socket) => sockets.push(socket) }, {
    port: 0,
    compression: true,
  });
  for (const end of ["close", "terminate"] as const) {
    const program = startProgram("left_alone", ["client left by its server", server.url]);
    await program.line("ready");
    const socket = await sockets.next("message");
    void socket[end]();
    await endsSoon(program);
    assertEquals(await program.line("closed with"), end === "close" ? "1000" : "1006");
  }
});

test("a program ends by itself when its client's server is gone without a word", async () => {
  const server = await listenRaw(async (peer) => {
    peer.write(head(await acceptance(await peer.readHead())));
  });
  try {
    for (const how of ["end", "reset"] as const) {
      const program = startProgram("left_alone", ["client left by its server", server.url]);
      await program.line("ready");
      await sleep(50);
      server.peers.at(-1)![how]();
      await endsSoon(program);
      assertEquals(await program.line("closed with"), "1006");
    }
  } finally {
    await server.close();
  }
});

test("a program ends by itself when its server was closed, whoever was connected", async () => {
  const program = startProgram("left_alone", ["server closed"]);
  const port = Number(await program.line("port"));
  const idle = await RawPeer.connect(port);
  idle.write(head(["GET / HTTP/1.1", "Host: x"]));
  await idle.readHead();
  const peers = [await RawPeer.open(port), await RawPeer.open(port), await RawPeer.open(port)];
  peers[1].pause(); // half-open: neither reads nor answers
  await endsSoon(program);
  for (const peer of [idle, ...peers]) peer.destroy();
});

test("a program ends by itself when a signal has ended its server and client", async () => {
  await endsSoon(startProgram("left_alone", ["server aborted"]));
});

test("a connection without a socket behind it keeps no program running", async () => {
  await endsSoon(startProgram("left_alone", ["connection in memory, never closed"]));
});

test("an open connection keeps its program running, and its heartbeat goes on", async () => {
  const sockets = new Inbox<WebSocketConnection>();
  let pings = 0;
  await using server = await serve({
    open: (socket) => void sockets.push(socket),
    ping: () => void pings++,
  }, { port: 0 });
  const program = startProgram("left_alone", ["open client", server.url]);
  await program.line("idle");
  const socket = await sockets.next("connection");
  await until(() => pings >= 2, "heartbeats");
  assertEquals([program.child.exitCode, socket.readyState], [null, 1]);
  const closed = socket.close(1000);
  await endsSoon(program, "closed with");
  await closed;
});
