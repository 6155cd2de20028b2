/**
 * HTTP servers with routers on them, for the tests of the server kit.
 * @module
 */

import http from "node:http";
import type { AddressInfo } from "node:net";
import { Router, type RouterOptions } from "../../src/server/mod.ts";
import { head, RawPeer, requestLines } from "../adapters/support/raw.ts";
import { within } from "../adapters/support/waiting.ts";

/** A `node:http` server that listens. */
export interface RunningServer {
  server: http.Server;
  port: number;
  url: string;
  close(): Promise<void>;
}

/** Listens on a free port of this machine. */
export function listen(server: http.Server): Promise<RunningServer> {
  // deno-lint-ignore no-explicit-any -- the runtimes' types of sockets differ
  const sockets = new Set<any>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      resolve({
        server,
        port,
        url: `ws://127.0.0.1:${port}`,
        close: () =>
          within(
            new Promise<void>((closed) => {
              server.close(() => closed());
              for (const socket of sockets) socket.destroy();
            }),
            "end of the HTTP server",
          ),
      });
    });
  });
}

/** Runs a test with a router on a `node:http` server whose plain answer is "plain". */
export async function withRouter(
  options: RouterOptions,
  run: (router: Router, server: RunningServer) => Promise<void>,
): Promise<void> {
  const router = new Router({ pingIntervalMs: 0, closeTimeoutMs: 1000, ...options });
  const server = await listen(http.createServer((_, response) => void response.end("plain")));
  router.mount(server.server);
  try {
    await run(router, server);
  } finally {
    await within(router.shutdown(), "end of the router");
    await server.close();
  }
}

/** Sends an opening request with these further lines, and reads the head of the answer. */
export async function ask(
  port: number,
  path: string,
  ...more: string[]
): Promise<{ status: number; head: string; peer: RawPeer }> {
  const peer = await RawPeer.connect(port);
  peer.write(head([...requestLines(path), ...more]));
  const answer = await peer.readHead();
  return { status: Number(/^HTTP\/1\.1 (\d+) /.exec(answer)?.[1]), head: answer, peer };
}

/** The same, for who wants the status alone. */
export async function statusOf(port: number, path: string, ...more: string[]): Promise<number> {
  const { status, peer } = await ask(port, path, ...more);
  peer.destroy();
  return status;
}
