/**
 * Every kind of server that this runtime has, with a fallback beside a page.
 * @module
 */

import http from "node:http";
import type { AddressInfo } from "node:net";
import { websocket } from "../../../src/adapters/bun/mod.ts";
import { serve } from "../../../src/adapters/serve.ts";
import type { Handler } from "../../../src/api/mod.ts";
import { createFallback, type Fallback, type FallbackOptions } from "../../../src/fallback/mod.ts";
import { serveBun } from "../../adapters/support/bun_server.ts";
import { serveDeno } from "../../adapters/support/deno_server.ts";
import { RUNTIME } from "../../adapters/support/runtime.ts";

/** A running server. */
export interface FallbackHost {
  readonly fallback: Fallback;
  readonly port: number;
  /** The URL of the fallback, as of a WebSocket. */
  readonly url: string;
  /** The same for plain HTTP. */
  readonly http: string;
  readonly origin: string;
  close(): Promise<unknown>;
}

/** More of a server. */
export interface HostExtras {
  /** Answers what is not the fallback's. */
  page?: (request: Request) => Response | Promise<Response>;
}

export type Start = (
  handler: Handler,
  options?: FallbackOptions,
  extras?: HostExtras,
) => Promise<FallbackHost>;

const PAGE = "<!doctype html><title>page</title><body></body>";

const plainPage = () => new Response(PAGE, { headers: { "content-type": "text/html" } });

function host(fallback: Fallback, port: number, close: () => Promise<unknown>): FallbackHost {
  return {
    fallback,
    port,
    url: `ws://127.0.0.1:${port}/chat`,
    http: `http://127.0.0.1:${port}/chat`,
    origin: `http://127.0.0.1:${port}`,
    close: async () => {
      for (const socket of fallback.connections) socket.terminate();
      await close();
    },
  };
}

const withServe: Start = async (handler, options, { page = plainPage } = {}) => {
  const fallback = createFallback(handler, options);
  const server = await serve({}, {
    port: 0,
    closeTimeoutMs: 300,
    verify: () => new Response("no WebSocket passes here", { status: 502 }),
    fetch: (request) => fallback.handles(request) ? fallback.fetch(request) : page(request),
  });
  return host(fallback, server.port, () => server.close());
};

const withNode: Start = async (handler, options, { page } = {}) => {
  const fallback = createFallback(handler, options);
  const sockets = new Set<{ destroy(): unknown }>();
  const server = http.createServer(async (request, response) => {
    if (fallback.handles(request)) return fallback.onRequest(request, response);
    const url = `http://${request.headers.host}${request.url}`;
    const answer = await (page ?? plainPage)(new Request(url));
    response.setHeader("content-type", answer.headers.get("content-type")!);
    response.end(await answer.text());
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  return host(fallback, (server.address() as AddressInfo).port, () => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
};

const withDeno: Start = (handler, options, { page = plainPage } = {}) => {
  const fallback = createFallback(handler, options);
  const server = serveDeno((request, info) =>
    fallback.handles(request)
      ? fallback.fetch(request, {
        remoteAddress: (info.remoteAddr as { hostname: string }).hostname,
      })
      : page(request)
  );
  return Promise.resolve(host(fallback, server.port, server.close));
};

const withBun: Start = (handler, options, { page = plainPage } = {}) => {
  const fallback = createFallback(handler, options);
  const server = serveBun(
    websocket,
    (request) => fallback.handles(request) ? fallback.fetch(request) : page(request),
  );
  return Promise.resolve(host(fallback, server.port, server.close));
};

/** The kinds of servers, by name. */
export const HOSTS: readonly (readonly [name: string, start: Start])[] = [
  ["serve()", withServe],
  ["node:http", withNode],
  ...RUNTIME === "deno" ? [["Deno.serve", withDeno] as const] : [],
  ...RUNTIME === "bun" ? [["Bun.serve", withBun] as const] : [],
];
