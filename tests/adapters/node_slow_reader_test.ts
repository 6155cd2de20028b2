import { test } from "node:test";
import http from "node:http";
import net from "node:net";
import { assert, assertEquals } from "@std/assert";
import { onUpgrade } from "../../src/adapters/node/mod.ts";
import type { CloseInfo } from "../../src/api/channel.ts";
import type { ServerOptions } from "../../src/api/server_opening.ts";
import { PATIENCE } from "../support/patience.ts";
import { requestText } from "../support/raw_handshake.ts";

const MESSAGE_BYTES = 24 << 20;

/** Serves one large message to a client that reads at its own pace; tells what came of it. */
async function serveSlowly(
  options: ServerOptions,
  read: (
    socket: net.Socket,
    total: () => number,
    info: () => CloseInfo | undefined,
  ) => Promise<void>,
): Promise<{ info: CloseInfo | undefined; received: Uint8Array }> {
  const server = http.createServer();
  const payload = new Uint8Array(MESSAGE_BYTES).map((_, i) => i >> 12);
  let info: CloseInfo | undefined;
  server.on(
    "upgrade",
    onUpgrade({
      open: (socket) => {
        void socket.send(payload);
        void socket.send("after");
      },
      close: (_, end) => void (info = end),
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
    await read(socket, () => total, () => info);
    return { info, received: new Uint8Array(await new Blob(chunks as BlobPart[]).arrayBuffer()) };
  } finally {
    socket.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

test("a peer that is slow in reading one large message is not taken for dead", async () => {
  const options = {
    pingIntervalMs: 100 * PATIENCE,
    pingTimeoutMs: 1000 * PATIENCE,
    closeTimeoutMs: 200 * PATIENCE,
  };
  const { info, received } = await serveSlowly(options, async (socket, total) => {
    // A sip now and then: all of it takes several times the time-out, each pause is far below it.
    const end = performance.now() + 30_000 * PATIENCE;
    while (total() < MESSAGE_BYTES && performance.now() < end && !socket.destroyed) {
      const before = total();
      socket.resume();
      while (total() < before + 1_000_000 && total() < MESSAGE_BYTES && !socket.destroyed) {
        await sleep(1);
      }
      socket.pause();
      await sleep(250 * PATIENCE);
    }
    socket.resume();
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
  const { info } = await serveSlowly(options, async (socket, total, info) => {
    while (total() < 1_000_000) await sleep(1);
    socket.pause();
    const end = performance.now() + 10_000 * PATIENCE;
    while (info() === undefined && performance.now() < end) await sleep(20);
  });
  assertEquals(info?.error?.code, "WS_PING_TIMEOUT");
});
