import { test } from "node:test";
import http from "node:http";
import net from "node:net";
import { assert, assertEquals } from "@std/assert";
import { onUpgrade } from "../../src/adapters/node/mod.ts";
import type { CloseInfo } from "../../src/api/channel.ts";
import type { WebSocketConnection } from "../../src/api/connection.ts";
import type { ServerOptions } from "../../src/api/server_opening.ts";
import { PATIENCE } from "../support/patience.ts";
import { requestText } from "../support/raw_handshake.ts";

const MESSAGE_BYTES = 48 << 20;

/** What is seen of the server's end. */
interface ServerEnd {
  socket?: WebSocketConnection;
  info?: CloseInfo;
}

/** Serves one large message to a client that reads at its own pace; tells what came of it. */
async function serveSlowly(
  options: ServerOptions,
  read: (socket: net.Socket, total: () => number, server: ServerEnd) => Promise<void>,
): Promise<{ info: CloseInfo | undefined; received: Uint8Array }> {
  const server = http.createServer();
  const payload = new Uint8Array(MESSAGE_BYTES);
  for (let at = 0; at < MESSAGE_BYTES; at += 4096) payload.fill(at >> 12, at, at + 4096);
  const end: ServerEnd = {};
  server.on(
    "upgrade",
    onUpgrade({
      open: (socket) => {
        end.socket = socket;
        void socket.send(payload);
        void socket.send("after");
      },
      close: (_, info) => void (end.info = info),
    }, options),
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const { port } = server.address() as net.AddressInfo;
  const socket = net.connect({ port, host: "127.0.0.1" });
  const chunks: Uint8Array[] = [];
  let total = 0;
  socket.on("error", () => {});
  socket.on("data", (chunk: Uint8Array) => {
    chunks.push(chunk);
    total += chunk.length;
  });
  socket.write(requestText());
  try {
    await read(socket, () => total, end);
    return {
      info: end.info,
      received: new Uint8Array(await new Blob(chunks as BlobPart[]).arrayBuffer()),
    };
  } finally {
    socket.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

test("a peer that is slow in reading one large message is not taken for dead", async () => {
  const pingTimeoutMs = 800 * PATIENCE;
  const options = {
    pingIntervalMs: 100 * PATIENCE,
    pingTimeoutMs,
    closeTimeoutMs: 200 * PATIENCE,
  };
  const { info, received } = await serveSlowly(options, async (socket, total, server) => {
    const waits = () => server.info === undefined && (server.socket?.bufferedAmount ?? 1) > 0;
    const began = performance.now();
    // A sip now and then, each pause far below the time-out, while bytes wait that show it. What
    // the system has taken, it has taken.
    while (waits()) {
      const before = total();
      socket.resume();
      while (total() < before + 1_000_000 && waits()) await sleep(1);
      socket.pause();
      if (waits()) await sleep(300 * PATIENCE);
    }
    const took = performance.now() - began;
    assert(took > 2 * pingTimeoutMs, `it was read within ${took} ms`);
    socket.resume();
    const end = performance.now() + 30_000;
    while (total() <= MESSAGE_BYTES && performance.now() < end) await sleep(5);
    await sleep(50);
  });
  assertEquals(info?.error, undefined);
  // The head of the response, the frame's header of ten bytes, the message, and what follows it.
  const text = new TextDecoder("latin1").decode(received.subarray(0, 500));
  const start = text.indexOf("\r\n\r\n") + 4 + 10;
  assert(received.length > start + MESSAGE_BYTES, `${received.length} bytes came`);
  for (let i = 0; i < MESSAGE_BYTES; i += 997) {
    if (received[start + i] !== ((i >> 12) & 255)) throw new Error(`byte ${i} is wrong`);
  }
});

test("a peer that stops reading inside one large message is taken for dead", async () => {
  const options = { pingIntervalMs: 100, pingTimeoutMs: 300 };
  const { info } = await serveSlowly(options, async (socket, total, server) => {
    while (total() < 1_000_000) await sleep(1);
    socket.pause();
    const end = performance.now() + 10_000 * PATIENCE;
    while (server.info === undefined && performance.now() < end) await sleep(20);
  });
  assertEquals(info?.error?.code, "WS_PING_TIMEOUT");
});
