import { assertEquals, assertMatch } from "@std/assert";
import type http from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { serve as serveHono } from "@hono/node-server";
import express from "express";
import fastify from "fastify";
import { Hono } from "hono";
import Koa from "koa";
import { websocket } from "../../src/adapters/bun/mod.ts";
import { connect } from "../../src/adapters/client.ts";
import { isUpgradeRequest } from "../../src/api/mod.ts";
import { Router } from "../../src/server/mod.ts";
import { serveBun } from "../adapters/support/bun_server.ts";
import { serveDeno } from "../adapters/support/deno_server.ts";
import { RUNTIME } from "../adapters/support/runtime.ts";
import { until, within } from "../adapters/support/waiting.ts";
import { statusOf } from "./rig.ts";

/** An application that listens, with the plain route `/hello` and no other. */
interface Application {
  port: number;
  close(): Promise<unknown> | unknown;
}

/** Starts an application that mounts the router. */
type Start = (router: Router) => Promise<Application>;

function portOf(server: http.Server): number {
  return (server.address() as AddressInfo).port;
}

function closeServer(server: http.Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections?.();
  });
}

const FRAMEWORKS: Record<string, Start> = {
  async "Express"(router) {
    const app = express();
    app.get("/hello", (_request: unknown, response: { send(text: string): void }) => {
      response.send("hello");
    });
    const server: http.Server = await new Promise((resolve) => {
      const server = app.listen(0, "127.0.0.1", () => resolve(server));
    });
    router.mount(server);
    return { port: portOf(server), close: () => closeServer(server) };
  },
  async "Fastify"(router) {
    const app = fastify({ forceCloseConnections: true });
    app.get("/hello", () => "hello");
    router.mount(app.server);
    await app.listen({ port: 0, host: "127.0.0.1" });
    return { port: portOf(app.server), close: () => app.close() };
  },
  async "Koa"(router) {
    const app = new Koa();
    // deno-lint-ignore no-explicit-any -- Koa brings no types
    app.use(async (context: any, next: () => Promise<void>) => {
      if (context.path === "/hello") context.body = "hello";
      else await next();
    });
    const server: http.Server = await new Promise((resolve) => {
      const server = app.listen(0, "127.0.0.1", () => resolve(server));
    });
    router.mount(server);
    return { port: portOf(server), close: () => closeServer(server) };
  },
  async "Hono on node:http"(router) {
    const app = new Hono().get("/hello", (context) => context.text("hello"));
    const server = await new Promise<http.Server>((resolve) => {
      const server = serveHono(
        // On Node as it comes: it replaces the global Request and Response by its own.
        {
          fetch: app.fetch,
          port: 0,
          hostname: "127.0.0.1",
          overrideGlobalObjects: RUNTIME === "node",
        },
        () => resolve(server as unknown as http.Server),
      );
    });
    router.mount(server);
    return { port: portOf(server), close: () => closeServer(server) };
  },
};

/** Hono again, where the runtime's own server calls it. */
const NATIVE: Record<string, [name: string, start: Start]> = {
  deno: ["Hono on Deno.serve", (router) => {
    const app = new Hono().get("/hello", (context) => context.text("hello"));
    return Promise.resolve(
      serveDeno((request, info) =>
        isUpgradeRequest(request) ? router.handle(request, info) : app.fetch(request)
      ),
    );
  }],
  bun: ["Hono on Bun.serve", (router) => {
    const app = new Hono().get("/hello", (context) => context.text("hello"));
    return Promise.resolve(
      serveBun(
        websocket,
        (request, server) =>
          isUpgradeRequest(request) ? router.handle(request, server) : app.fetch(request),
      ),
    );
  }],
};
if (RUNTIME in NATIVE) FRAMEWORKS[NATIVE[RUNTIME][0]] = NATIVE[RUNTIME][1];

for (const [name, start] of Object.entries(FRAMEWORKS)) {
  test(`${name}: WebSocket routes beside plain ones, on one port`, async () => {
    const router = new Router({ pingIntervalMs: 0, closeTimeoutMs: 1000 });
    router.route("/rooms/:id", {
      handler: {
        open: (socket, { params }) => void socket.send(`room ${params.id}`),
        message: (socket, data) => void socket.send(data),
      },
    });
    const app = await start(router);
    const http = `http://127.0.0.1:${app.port}`;
    try {
      const socket = await connect(`ws://127.0.0.1:${app.port}/rooms/7`);
      const messages = socket[Symbol.asyncIterator]();
      assertEquals((await within(messages.next(), "welcome")).value, "room 7");
      void socket.send("echo");
      assertEquals((await within(messages.next(), "echo")).value, "echo");

      const hello = await fetch(`${http}/hello`);
      assertEquals([hello.status, await hello.text()], [200, "hello"]);
      // The framework's own 404s, at a path of ours too: that is no upgrade request.
      for (const path of ["/nowhere", "/rooms/7"]) {
        const missing = await fetch(http + path);
        assertEquals(missing.status, 404);
        const text = await missing.text();
        assertMatch(text, /not found|cannot get/i);
      }
      assertEquals(await statusOf(app.port, "/hello"), 404);
      void socket.send("still there");
      assertEquals((await within(messages.next(), "echo")).value, "still there");
      await within(router.shutdown(), "shutdown");
      assertEquals((await socket.closed).closeCode, 1001);
      await until(() => router.connections.size === 0, "end of the connections");
      const after = await fetch(`${http}/hello`);
      assertEquals([after.status, await after.text()], [200, "hello"]);
    } finally {
      await within(Promise.resolve(app.close()), "end of the application");
    }
  });
}
