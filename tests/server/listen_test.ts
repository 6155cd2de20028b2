import { assertEquals, assertRejects } from "@std/assert";
import { test } from "node:test";
import { connect } from "../../src/adapters/client.ts";
import { Router, serveRouter } from "../../src/server/mod.ts";
import { head, RawPeer } from "../adapters/support/raw.ts";
import { CERT, KEY } from "../adapters/support/runtime.ts";
import { sleep, until, within } from "../adapters/support/waiting.ts";
import { ask, statusOf } from "./rig.ts";

test("a router has a server of its own, with plain HTTP beside its routes", async () => {
  const router = new Router({ pingIntervalMs: 0 });
  router.route("/rooms/:id", (socket, { params }) => socket.send(params.id));
  await using server = await serveRouter(router, {
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
  await using server = await serveRouter(router, { port: 0, tls: { cert: CERT, key: KEY } });
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
    await serveRouter(router, { port: 0, fetch: () => new Response("hi") }),
    await serveRouter(router, { port: 0 }),
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
      [{ headTimeoutMs: 0 }, RangeError, '"headTimeoutMs"'],
    ] as const
  ) {
    await assertRejects(() => serveRouter(router, options as never), error, name);
  }
  await assertRejects(() => serveRouter({} as never), TypeError, "Router");
});
