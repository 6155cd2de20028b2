import { test } from "node:test";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { assertEquals } from "@std/assert";
import { onUpgrade } from "../../src/adapters/node/mod.ts";
import { connectRaw } from "../support/node_peer.ts";
import { openAsClient } from "../support/raw_handshake.ts";
import { encodeFrame } from "../support/wire.ts";

test("a server's time-out for idle sockets does not cut an open WebSocket", async () => {
  const server = http.createServer();
  server.setTimeout(80);
  server.on("upgrade", onUpgrade({ message: (socket, data) => void socket.send(data) }));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const peer = await connectRaw((server.address() as AddressInfo).port);
  try {
    await openAsClient(peer);
    await new Promise((resolve) => setTimeout(resolve, 400));
    assertEquals(peer.over, false);
    peer.write(encodeFrame({ opcode: 1, payload: "idle no more", key: new Uint8Array(4) }));
    const frame = await peer.readFrame();
    assertEquals(new TextDecoder().decode(frame?.payload), "idle no more");
  } finally {
    peer.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
});
