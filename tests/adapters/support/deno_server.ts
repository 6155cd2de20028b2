/**
 * `Deno.serve` for tests that must also load, and do nothing, on other runtimes.
 * @module
 */

import type { DenoServeInfo } from "../../../src/adapters/deno/mod.ts";
import { sleep } from "./waiting.ts";

/** A running server. */
export interface DenoTestServer {
  port: number;
  url: string;
  close(): Promise<void>;
}

type DenoHandler = (request: Request, info: DenoServeInfo) => Response | Promise<Response>;

interface DenoGlobal {
  serve(
    options: {
      port: number;
      hostname: string;
      onListen(): void;
      onError(error: unknown): Response;
    },
    handler: DenoHandler,
  ): { addr: { port: number }; shutdown(): Promise<void> };
}

/** What handlers threw, for a test to look at. */
export const denoErrors: unknown[] = [];

/** Serves on a free port of this machine. */
export function serveDeno(handler: DenoHandler): DenoTestServer {
  const { Deno: deno } = globalThis as unknown as { Deno: DenoGlobal };
  const server = deno.serve({
    port: 0,
    hostname: "127.0.0.1",
    onListen() {},
    onError(error) {
      denoErrors.push(error);
      return new Response("failed", { status: 500 });
    },
  }, handler);
  const { port } = server.addr;
  return {
    port,
    url: `ws://127.0.0.1:${port}`,
    // shutdown() waits for every client to leave, for ever if need be.
    close: () => Promise.race([server.shutdown(), sleep(1000)]),
  };
}
