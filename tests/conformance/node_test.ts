import http from "node:http";
import type { AddressInfo } from "node:net";
import { connect } from "../../src/adapters/client.ts";
import { onUpgrade } from "../../src/adapters/node/mod.ts";
import { connectRaw, listenRaw } from "../support/node_peer.ts";
import { testClient, testServer } from "./suite.ts";

testServer({
  name: "node:http server",
  listen: async (handler, options) => {
    const server = http.createServer();
    server.on("upgrade", onUpgrade(handler, options));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
    const { port } = server.address() as AddressInfo;
    return {
      connectRaw: () => connectRaw(port),
      close: () => new Promise((resolve) => server.close(() => resolve())),
    };
  },
});

testClient({
  name: "connect()",
  dial: async (handler, options) => {
    const server = await listenRaw();
    const socket = connect(`ws://127.0.0.1:${server.port}/`, { ...options, handler });
    socket.catch(() => {});
    return { peer: await server.accept(), close: () => server.close() };
  },
});
