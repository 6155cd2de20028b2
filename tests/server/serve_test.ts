import { assert, assertEquals, assertRejects } from "@std/assert";
import { mkdtemp, rm } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { connect } from "../../src/adapters/client.ts";
import { serve, type Server, type Upgrader } from "../../src/adapters/serve.ts";
import { type ConnectionObserver, Router } from "../../src/server/mod.ts";
import { head, RawPeer, requestLines } from "../adapters/support/raw.ts";
import { CERT, KEY } from "../adapters/support/runtime.ts";
import { sleep, until, within } from "../adapters/support/waiting.ts";
import { ask, statusOf } from "./rig.ts";

test("a router has a server of its own, with plain HTTP beside its routes", async () => {
  const router = new Router({ pingIntervalMs: 0 });
  router.route("/rooms/:id", (socket, { params }) => socket.send(params.id));
  await using server = await serve(router, {
    port: 0,
    fetch: (request) => new Response(new URL(request.url).pathname, { status: 203 }),
  });
  const socket = await connect(`${server.url}/rooms/7`);
  assertEquals((await within(socket[Symbol.asyncIterator]().next(), "message")).value, "7");
  assertEquals(await statusOf(server.port, "/none"), 404);
  const response = await fetch(`http://127.0.0.1:${server.port}/rooms/7`);
  assertEquals([response.status, await response.text()], [203, "/rooms/7"]);
});

test("it speaks TLS, and 426 where there is no fetch", async () => {
  const router = new Router({ pingIntervalMs: 0 });
  router.route("/", (socket, { url }) => socket.send(url.protocol));
  await using server = await serve(router, { port: 0, tls: { cert: CERT, key: KEY } });
  await using socket = await connect(server.url, { tls: { ca: CERT } });
  assertEquals((await within(socket[Symbol.asyncIterator]().next(), "message")).value, "https:");
  const peer = await RawPeer.connect(server.port, { secure: true });
  peer.write(head(["GET / HTTP/1.1", "Host: 127.0.0.1", "Connection: close"]));
  assertEquals((await peer.readHead()).slice(0, 13), "HTTP/1.1 426 ");
  peer.destroy();
});

test("closing it closes what came here, and no more", async () => {
  const router = new Router({ pingIntervalMs: 0, closeTimeoutMs: 200 });
  router.route("/", { handler: {} });
  let release = () => {};
  const held = new Promise<void>((resolve) => release = resolve);
  router.route("/held", { verify: () => held, handler: {} });
  const [one, two] = [
    await serve(router, { port: 0, fetch: () => new Response("hi") }),
    await serve(router, { port: 0 }),
  ];
  const [a, b] = [await connect(one.url), await connect(two.url)];
  const deaf = await RawPeer.open(one.port); // which never answers the close frame
  const idle = await RawPeer.connect(one.port);
  idle.write(head(["GET / HTTP/1.1", "Host: 127.0.0.1"]));
  await idle.readHead();
  const coming = assertRejects(() => ask(one.port, "/held"), Error, "no HTTP head");
  await until(() => one.connections.size === 2, "connections");
  await sleep(50);
  const closed = one.close("bye");
  release();
  await coming; // what is not open yet is cut
  await within(closed, "end of the server");
  assertEquals((await a.closed).closeCode, 1001);
  assertEquals([one.connections.size, two.connections.size, b.readyState], [0, 1, 1]);
  await assertRejects(() => RawPeer.connect(one.port));
  for (const [name, peer] of Object.entries({ deaf, idle })) {
    await until(() => peer.gone, `end of the ${name} peer`);
  }
  await two.close();
  assertEquals((await b.closed).closeCode, 1001);
  assertEquals(router.connections.size, 0);
});

test("no upgrade is answered after close, also when its route had just let it in", async () => {
  const router = new Router({ pingIntervalMs: 0 });
  let [opened, asked] = [0, false];
  let release = () => {};
  const verified = new Promise<void>((resolve) => release = resolve);
  router.route("/", {
    verify: () => {
      asked = true;
      return verified;
    },
    handler: { open: () => void opened++ },
  });
  const server = await serve(router, { port: 0 });
  const peer = await RawPeer.connect(server.port);
  peer.write(head(requestLines()));
  await until(() => asked, "request");
  const closed = server.close();
  release();
  await within(closed, "end of the server");
  assertEquals(await peer.readToEnd(), "");
  assertEquals([opened, server.connections.size, router.connections.size], [0, 0, 0]);
  peer.destroy();
});

test("connections holds a connection before its handler runs, which may close the server", async () => {
  const router = new Router({ pingIntervalMs: 0 });
  const sizes: number[] = [];
  let server: Server | undefined = undefined;
  router.route("/", {
    handler: {
      open: () => {
        sizes.push(server!.connections.size);
        void server!.close("enough");
      },
    },
  });
  server = await serve(router, { port: 0 });
  const socket = await connect(server.url);
  const { closeCode, reason } = await within(socket.closed, "end");
  assertEquals([closeCode, reason], [1001, "enough"]);
  await within(server.closed, "end of the server");
  assertEquals(sizes, [1]);
});

test("a router is served on a Unix socket too", {
  skip: process.platform === "win32" && "Windows has no such sockets",
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), "fullduplex-"));
  const path = join(folder, "s.sock");
  const router = new Router({ pingIntervalMs: 0 });
  router.route("/here", { handler: {} });
  try {
    await using server = await serve(router, { path, backlog: 5 });
    assertEquals(server.url, `ws+unix:${path}`);
    for (const [target, status] of [["/here", "101"], ["/there", "404"]]) {
      const peer = new RawPeer(net.connect({ path }));
      peer.write(head(requestLines(target, "localhost")));
      assertEquals((await peer.readHead()).slice(9, 12), status);
      peer.destroy();
    }
    await until(() => server.connections.size === 0, "no connection");
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test("the server's observer sees its life and plain requests, the router's its connections", async () => {
  const seen: string[] = [];
  const watch = (whose: string): ConnectionObserver => ({
    endpoint: ({ state }) => void seen.push(`${whose} ${state}`),
    http: ({ status }) => void seen.push(`${whose} ${status}`),
    open: () => void seen.push(`${whose} open`),
  });
  const router = new Router({ pingIntervalMs: 0, observer: watch("router") });
  router.route("/", { handler: {} });
  const server = await serve(router, { port: 0, observer: watch("server") });
  const socket = await connect(server.url);
  await fetch(`http://127.0.0.1:${server.port}/`).then((response) => response.text());
  await until(() => seen.length === 3, "three events");
  await server.close();
  await socket.closed;
  assertEquals(seen, [
    "server listening",
    "router open",
    "server 426",
    "server closing",
    "server closed",
  ]);
});

test("an upgrader that fails costs a connection, and onError hears of it", async () => {
  const errors: unknown[] = [];
  const upgraders: Upgrader[] = [
    { upgrade: () => Promise.reject(new Error("no")) },
    {
      upgrade() {
        throw new Error("no");
      },
    },
  ];
  for (const upgrader of upgraders) {
    await using server = await serve(upgrader, { port: 0, onError: (error) => errors.push(error) });
    const peer = await RawPeer.connect(server.port);
    peer.write(head(requestLines()));
    assertEquals(await peer.readToEnd(), "");
    peer.destroy();
  }
  assertEquals(errors.map(String), ["Error: no", "Error: no"]);
});

test("an aborted signal closes the server of a router", async () => {
  const router = new Router({ pingIntervalMs: 0 });
  router.route("/", { handler: {} });
  const controller = new AbortController();
  const server = await serve(router, { port: 0, signal: controller.signal });
  const socket = await connect(server.url);
  controller.abort();
  assertEquals((await within(socket.closed, "end")).closeCode, 1001);
  await within(server.closed, "end of the server");
});

test("wrong options are refused by name", async () => {
  const router = new Router();
  for (
    const [options, error, name] of [
      [{ prot: 1 }, TypeError, '"prot"'],
      [{ port: -1 }, RangeError, '"port"'],
      [{ port: "1" }, RangeError, '"port"'],
      [{ hostname: "" }, TypeError, '"hostname"'],
      [{ fetch: 1 }, TypeError, '"fetch"'],
      [{ tls: {} }, TypeError, '"tls"'],
      [{ handshakeTimeoutMs: 0 }, RangeError, '"handshakeTimeoutMs"'],
      [{ path: "/tmp/x", port: 0 }, TypeError, 'has no "port"'],
    ] as const
  ) {
    await assertRejects(() => serve(router, { port: 0, ...options } as never), error, name);
  }
});

for (
  const [name, value] of Object.entries({
    protocols: ["a"],
    origins: "same-origin",
    verify: () => undefined,
    headers: {},
    compression: false,
    legacy: {},
    maxMessageBytes: 1,
    pingIntervalMs: 0,
    highWaterMark: 0,
  })
) {
  test(`serve with a router refuses ${name}, which belongs to its routes`, async () => {
    const options = { port: 0, [name]: value } as never;
    const error = await assertRejects(() => serve(new Router(), options), TypeError);
    assert(error.message.includes(`"${name}"`) && error.message.includes("router's routes"));
  });
}
