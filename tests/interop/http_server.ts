/**
 * A local HTTP server for peers that need one.
 * @module
 */

import type http from "node:http";
import type { RunningPeer } from "./peer.ts";

/** Listens on a free port of 127.0.0.1; closing cuts what is still connected. */
export function listenLocally(server: http.Server): Promise<RunningPeer> {
  // deno-lint-ignore no-explicit-any -- the runtimes' types of sockets differ
  const sockets = new Set<any>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  return new Promise((resolve, reject) => {
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      resolve({
        url: `ws://127.0.0.1:${port}`,
        close: () =>
          new Promise((closed) => {
            server.close(() => closed());
            for (const socket of sockets) socket.destroy();
          }),
      });
    });
  });
}
