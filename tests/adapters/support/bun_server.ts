/**
 * `Bun.serve` for tests that must also load, and do nothing, on other runtimes.
 * @module
 */

import type { BunServer, BunWebSocketPlugin } from "../../../src/adapters/bun/mod.ts";

/** A running server. */
export interface BunTestServer {
  port: number;
  url: string;
  close(): Promise<void>;
}

type BunFetch = (
  request: Request,
  server: BunServer,
) => Response | undefined | Promise<Response | undefined>;

interface BunGlobal {
  serve(options: {
    port: number;
    hostname: string;
    websocket: BunWebSocketPlugin;
    fetch: BunFetch;
    error(error: unknown): Response;
  }): { port: number; stop(closeConnections: boolean): Promise<void> };
}

/** What handlers threw, for a test to look at. */
export const bunErrors: unknown[] = [];

/** Serves on a free port of this machine. */
export function serveBun(websocket: BunWebSocketPlugin, fetch: BunFetch): BunTestServer {
  const { Bun: bun } = globalThis as unknown as { Bun: BunGlobal };
  const server = bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    websocket,
    fetch,
    error(error) {
      bunErrors.push(error);
      return new Response("failed", { status: 500 });
    },
  });
  const { port } = server;
  return { port, url: `ws://127.0.0.1:${port}`, close: () => server.stop(true) };
}
