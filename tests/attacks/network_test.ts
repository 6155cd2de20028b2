/**
 * Hostile networks: peers that do not read, and certificates that do not hold.
 *
 * | Row of the list of attacks | Test                                     |
 * | -------------------------- | ---------------------------------------- |
 * | Slow reader                | slow reader: …                           |
 * | Ping flood                 | ping flood: …                            |
 * | Bad certificate            | bad certificate: …                       |
 *
 * @module
 */

import { test } from "node:test";
import fs from "node:fs";
import https from "node:https";
import net from "node:net";
import type { AddressInfo } from "node:net";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect, type ConnectOptions } from "../../src/adapters/client.ts";
import { onUpgrade } from "../../src/adapters/node/mod.ts";
import type { CloseInfo } from "../../src/api/channel.ts";
import type { WebSocketConnection } from "../../src/api/connection.ts";
import { HandshakeError } from "../../src/errors.ts";
import { requestText } from "../support/raw_handshake.ts";
import { sleep, soon, until } from "../api/ends.ts";
import { echo, masked, underAttack } from "./rig.ts";

/** Opens a WebSocket by hand and reads nothing. */
async function deafClient(port: number): Promise<net.Socket> {
  const socket = net.connect({ port, host: "127.0.0.1" });
  socket.on("error", () => {});
  await new Promise<void>((resolve) => socket.on("connect", () => resolve()));
  socket.pause();
  socket.write(requestText());
  return socket;
}

test("slow reader: send() waits, so that an awaiting sender queues no more than the mark", async () => {
  let opened = 0;
  let most = 0;
  let sent = 0;
  let waiting = false;
  const flood = async (socket: WebSocketConnection) => {
    for (let i = 0; i < 5000; i++) {
      const mark = setTimeout(() => waiting = true, 300);
      const leaving = socket.send("x".repeat(16_000));
      most = Math.max(most, socket.bufferedAmount);
      await leaving.finally(() => clearTimeout(mark));
      sent++;
    }
  };
  await underAttack(
    async ({ port }) => {
      const peer = await deafClient(port);
      await until(() => waiting, "send() waited");
      const before = sent;
      await sleep(100);
      assertEquals(sent, before);
      assert(most < 64 * 1024 + 40_000, `${most} bytes were queued`);
      peer.destroy();
      await sleep(20);
    },
    { highWaterMark: 64 * 1024 },
    {
      open: (socket) => opened++ === 0 ? undefined : flood(socket), // the bystander opens first
      message: (socket, data) => void socket.send(data),
    },
  );
});

test("slow reader: a sender that does not wait is cut at maxBufferedBytes", async () => {
  const ends: CloseInfo[] = [];
  let opened = 0;
  await underAttack(
    async ({ port }) => {
      const peer = await deafClient(port);
      await until(() => ends.length === 1, "it was cut");
      assertEquals(ends[0].error?.code, "WS_SEND_BUFFER_FULL");
      peer.destroy();
    },
    { maxBufferedBytes: 1 << 20 },
    {
      open(socket) {
        if (opened++ === 0) return;
        for (let i = 0; i < 2000; i++) socket.send("x".repeat(16_000));
      },
      message: (socket, data) => void socket.send(data),
      close: (_, info) => void ends.push(info),
    },
  );
});

test("ping flood: pings from a peer that does not read keep the queue small", async () => {
  let target: WebSocketConnection | undefined;
  let opened = 0;
  let pings = 0;
  await underAttack(
    async ({ port }) => {
      const peer = await deafClient(port);
      const flood = new Uint8Array(masked({ opcode: 9, payload: "x".repeat(125) }).length * 500);
      for (let i = 0; i < 500; i++) {
        const ping = masked({ opcode: 9, payload: "x".repeat(125) });
        flood.set(ping, i * ping.length);
      }
      // Some 50 MB of pings: far more than the system's buffers hold of pongs.
      let largest = 0;
      for (let i = 0; i < 750; i++) {
        if (!peer.write(flood)) {
          await new Promise<void>((resolve) => peer.once("drain", () => resolve()));
        }
        largest = Math.max(largest, target?.bufferedAmount ?? 0);
      }
      assert(pings > 100_000, `${pings} pings came`);
      // The pongs of what was read at once: half a megabyte on Bun.
      assert(largest < 1_000_000, `${largest} bytes were queued`);
      peer.destroy();
    },
    { pingIntervalMs: 0 },
    {
      open(socket) {
        if (opened++ > 0) target = socket;
      },
      ping: () => void pings++,
      message: (socket, data) => void socket.send(data),
    },
  );
});

// -------------------------------------------------------------------- certificates

const fixture = (name: string) =>
  fs.readFileSync(new URL(`../fixtures/${name}`, import.meta.url), "utf8");
/** Signs itself, for localhost and 127.0.0.1. */
const CERT = fixture("cert.pem");
const KEY = fixture("key.pem");

async function withTlsServer(body: (port: number) => Promise<void>): Promise<void> {
  const server = https.createServer({ cert: CERT, key: KEY });
  server.on("upgrade", onUpgrade(echo, { closeTimeoutMs: 300 }));
  const sockets = new Set<net.Socket>();
  server.on("secureConnection", (socket: net.Socket) => sockets.add(socket));
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  try {
    await body((server.address() as AddressInfo).port);
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
}

async function echoes(url: string, options: ConnectOptions): Promise<void> {
  const socket = await connect(url, options);
  assertEquals(socket.url.startsWith("wss://"), true);
  socket.send("hello");
  for await (const message of socket) {
    assertEquals(message, "hello");
    break;
  }
  await socket.close();
}

test("bad certificate: one that signs itself fails the connection unless the caller opted out", async () => {
  await withTlsServer(async (port) => {
    for (const url of [`wss://127.0.0.1:${port}/`, `wss://localhost:${port}/`]) {
      const error = await assertRejects(() => soon(connect(url), "connect()"), HandshakeError);
      assertEquals(error.code, "WS_CONNECT_FAILED");
    }
    await echoes(`wss://127.0.0.1:${port}/`, { tls: { rejectUnauthorized: false } });
  });
});

test("bad certificate: one for another host fails the connection although its signer is trusted", async () => {
  await withTlsServer(async (port) => {
    await echoes(`wss://127.0.0.1:${port}/`, { tls: { ca: CERT } });
    const error = await assertRejects(
      () => connect(`wss://127.0.0.1:${port}/`, { tls: { ca: CERT, servername: "other.example" } }),
      HandshakeError,
    );
    assertEquals(error.code, "WS_CONNECT_FAILED");
    await assertRejects(
      () => soon(connect(`wss://127.0.0.2:${port}/`, { tls: { ca: CERT } }), "connect()"),
      HandshakeError,
    );
  });
});

test("bad certificate: a server without TLS does not pass for one with it", async () => {
  await underAttack(async ({ port }) => {
    const error = await assertRejects(
      () => connect(`wss://127.0.0.1:${port}/`, { tls: { rejectUnauthorized: false } }),
      HandshakeError,
    );
    assertEquals(error.code, "WS_CONNECT_FAILED");
  });
});
