import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import http from "node:http";
import { test } from "node:test";
import { connect } from "../../src/adapters/client.ts";
import { HandshakeError } from "../../src/errors.ts";
import { type RouteOptions, Router } from "../../src/server/mod.ts";
import { Inbox, sleep, until, within } from "../adapters/support/waiting.ts";
import { ask, listen, statusOf, withRouter } from "./rig.ts";

async function firstMessage(url: string, protocols: string[] = []): Promise<unknown> {
  const socket = await connect(url, { protocols });
  const { value } = await within(socket[Symbol.asyncIterator]().next(), "message");
  void socket.close();
  return value;
}

test("the first route that matches gets the connection and the path's parameters", async () => {
  await withRouter({}, async (router, { url }) => {
    router.route("/rooms/:id", (socket, { params }) => socket.send(`room ${params.id}`));
    router.route("/rooms/*", (socket, { params }) => socket.send(`rest ${params[0]}`));
    router.route("/a/:b?", (socket, { params }) => socket.send(`b ${params.b}`));
    assertEquals(await firstMessage(`${url}/rooms/7?x=1`), "room 7");
    assertEquals(await firstMessage(`${url}/rooms/a%20%C3%BC%2Fb`), "room a ü/b");
    assertEquals(await firstMessage(`${url}/rooms/7/8`), "rest 7/8");
    assertEquals(await firstMessage(`${url}/x/../rooms/8`), "room 8");
    assertEquals(await firstMessage(`${url}/a`), "b undefined");
  });
});

test("an unknown path is 404, and a path that is not UTF-8 is 400", async () => {
  await withRouter({}, async (router, { port }) => {
    router.route("/rooms/:id", () => {});
    assertEquals(await statusOf(port, "/rooms"), 404);
    assertEquals(await statusOf(port, "/"), 404);
    assertEquals(await statusOf(port, "//rooms/7"), 404);
    assertEquals(await statusOf(port, "http://other/rooms/7"), 101);
    assertEquals(await statusOf(port, "/rooms/%E0%A4%A"), 400);
    assertEquals(await statusOf(port, "/rooms/%FF"), 400);
    assertEquals(await statusOf(port, `/rooms/${"x".repeat(9000)}`), 404);
    const { status, peer } = await ask(port, "/nowhere");
    assertMatch(await peer.readToEnd(), /there is no WebSocket at this path/);
    assertEquals(status, 404);
  });
});

test("routes are told apart by subprotocol, and none that is offered is 400", async () => {
  await withRouter({}, async (router, { port, url }) => {
    router.route("/x", { protocols: ["a", "b"], handler: (it) => it.send(`ab ${it.protocol}`) });
    router.route("/x", { protocols: ["c"], handler: (socket) => socket.send("c") });
    router.route("/y", { protocols: ["a"], handler: () => {} });
    router.route("/y", (socket) => socket.send(`any ${socket.protocol}`));
    assertEquals(await firstMessage(`${url}/x`, ["z", "b"]), "ab b");
    assertEquals(await firstMessage(`${url}/x`, ["c", "z"]), "c");
    assertEquals(await firstMessage(`${url}/y`), "any ");
    assertEquals(await statusOf(port, "/x"), 400);
    assertEquals(await statusOf(port, "/x", "Sec-WebSocket-Protocol: z"), 400);
    assertEquals(await statusOf(port, "/x", "Sec-WebSocket-Protocol: constructor, __proto__"), 400);
    assertEquals(await statusOf(port, "/x", `Sec-WebSocket-Protocol: a${" ".repeat(8000)}x`), 400);
  });
});

test("data is made before the connection is accepted, and may refuse", async () => {
  await withRouter({}, async (router, { url, port }) => {
    const closes = new Inbox<string>();
    router.route("/rooms/:id", {
      async data(request, { params, cookies, url }) {
        await sleep(5);
        const name = cookies.get("name") ?? request.headers.get("x-name");
        if (name === null) return new Response("who are you?", { status: 401 });
        return { name, room: params.id, query: url.searchParams.get("q") };
      },
      handler: {
        message(socket, data) {
          const { name, room, query } = socket.data; // typed
          void socket.send(`${name.toUpperCase()} in ${room}, ${query}: ${data}`);
        },
        close: (socket) => closes.push(socket.data.name),
      },
    });
    const socket = await connect(`${url}/rooms/7?q=a%20b`, { headers: { cookie: "name=ann" } });
    void socket.send("hi");
    const { value } = await within(socket[Symbol.asyncIterator]().next(), "message");
    assertEquals(value, "ANN in 7, a b: hi");
    await socket.close();
    assertEquals(await closes.next(), "ann");
    const { status, peer } = await ask(port, "/rooms/7");
    assertEquals(status, 401);
    assertMatch(await peer.readToEnd(), /who are you/);
  });
});

test("data that answers with another library's Response refuses, too", async () => {
  await withRouter({}, async (router, { port }) => {
    const { status, headers, body, bodyUsed } = new Response(null, { status: 418 });
    router.route("/", {
      data: () => ({ status, headers, body, bodyUsed, statusText: "" }),
      handler: {},
    });
    assertEquals(await statusOf(port, "/"), 418);
  });
});

test("verify refuses, headers go out, and both see the context", async () => {
  await withRouter({}, async (router, { port }) => {
    const errors: unknown[] = [];
    router.route("/rooms/:id", {
      verify: (_request, { params }) => {
        if (params.id === "0") return new Response(null, { status: 403 });
        if (params.id === "1") throw new Error("verify failed");
      },
      headers: (_request, { params }) => [["set-cookie", `room=${params.id}`], ["x-a", "1"]],
      onError: (error) => errors.push((error as Error).message),
      handler: {},
    });
    assertEquals(await statusOf(port, "/rooms/0"), 403);
    assertEquals(await statusOf(port, "/rooms/1"), 500);
    assertEquals(errors, ["verify failed"]);
    const { status, head, peer } = await ask(port, "/rooms/2");
    assertEquals(status, 101);
    assertMatch(head, /^set-cookie: room=2\r\nx-a: 1$/im);
    peer.destroy();
  });
});

test("callbacks keep their this, private members too", async () => {
  class Counter {
    #count = 0;
    open(): void {
      this.#count++;
    }
    message(socket: { send(text: string): unknown }): void {
      socket.send(`${++this.#count}`);
    }
  }
  await withRouter({}, async (router, { url }) => {
    router.route("/", { handler: new Counter() });
    await using socket = await connect(url);
    void socket.send("");
    assertEquals((await within(socket[Symbol.asyncIterator]().next(), "message")).value, "2");
  });
});

test("options of the router are the defaults of its routes", async () => {
  await withRouter(
    { maxMessageBytes: 10, origins: ["https://a.example"] },
    async (router, server) => {
      const { port, url } = server;
      router.route("/small", { handler: {} });
      router.route("/large", { maxMessageBytes: 100, origins: undefined, handler: {} });
      assertEquals(await statusOf(port, "/small", "Origin: https://b.example"), 403);
      assertEquals(await statusOf(port, "/large", "Origin: https://b.example"), 101);
      for (const [path, code] of [["/small", 1009], ["/large", 1000]] as const) {
        const socket = await connect(url + path);
        await socket.send("x".repeat(50));
        await sleep(20);
        assertEquals((await within(socket.close(), "end")).closeCode, code);
      }
    },
  );
});

test("compression is a route's own", async () => {
  await withRouter({}, async (router, { url }) => {
    router.route("/deflated", { compression: true, handler: (socket) => socket.send("x") });
    router.route("/plain", { handler: (socket) => socket.send("x") });
    for (
      const [path, extensions] of [["/deflated", /^permessage-deflate/], ["/plain", /^$/]] as const
    ) {
      const socket = await connect(url + path, { compression: true });
      assertMatch(socket.extensions, extensions);
      await socket.close();
    }
  });
});

test("wrong options, handlers and patterns are refused when the route is added", () => {
  const router = new Router();
  const handler = {};
  const wrong: [unknown, unknown, RegExp][] = [
    ["rooms", { handler }, /path pattern/],
    ["/a", {}, /handler/],
    ["/a", { handler: { massage() {} } }, /massage/],
    ["/a", { handler, protocol: "a" }, /"protocol"/],
    ["/a", { handler, protocols: "a" }, /protocols/],
    ["/a", { handler, data: {} }, /"data"/],
    ["/a", { handler, verify: 1 }, /verify/],
    ["/a", { handler, headers: { connection: "x" } }, /headers/],
    ["/a", { handler, headers: { "x": "a\r\nb" } }, /headers/],
    ["/a", { handler, maxMessageBytes: "1" }, /maxMessageBytes/],
    ["/a", 7, /options/],
  ];
  for (const [path, options, message] of wrong) {
    const error = assertThrows(
      () => router.route(path as string, options as RouteOptions),
      TypeError,
    );
    assertMatch(error.message, message);
  }
  assertThrows(() => new Router({ protocols: ["a"] } as never), TypeError, '"protocols"');
  assertThrows(() => new Router({ limits: { maxConnection: 1 } } as never), TypeError);
  assertThrows(() => new Router({ closeTimeoutMs: 0 }), RangeError);
  assertThrows(() => router.mount({} as never), TypeError, "Cannot mount");
});

test("connections are listed while they last, and broadcast reaches a route or all", async () => {
  await withRouter({}, async (router, { url }) => {
    const a = router.route("/a", { handler: { message() {} } });
    const b = router.route("/b", { handler: { message() {} } });
    const sockets = [
      await connect(`${url}/a`),
      await connect(`${url}/b`),
      await connect(`${url}/b`),
    ];
    const inboxes = sockets.map((socket) => socket[Symbol.asyncIterator]());
    await until(() => router.connections.size === 3, "connections");
    assertEquals([a.connections.size, b.connections.size], [1, 2]);
    assertEquals(b.broadcast("to b"), { sent: 2, dropped: 0 });
    const [first] = b.connections;
    assertEquals(router.broadcast("to all but one", { except: first }).sent, 2);
    assertEquals(router.broadcast("to a", { filter: (it) => it.url.endsWith("/a") }).sent, 1);
    assertEquals((await inboxes[0].next()).value, "to all but one");
    assertEquals((await inboxes[0].next()).value, "to a");
    assertEquals((await inboxes[1].next()).value, "to b");
    assertEquals((await inboxes[2].next()).value, "to b");
    await within(router.closeAll(4000, "enough"), "end");
    assertEquals(router.connections.size, 0);
    assertEquals([a.connections.size, b.connections.size], [0, 0]);
    const { closeCode, reason } = await sockets[0].closed;
    assertEquals([closeCode, reason], [4000, "enough"]);
    assertEquals(router.broadcast("nobody").sent, 0);
    // New ones may come.
    await (await connect(`${url}/a`)).close();
  });
});

test("one router serves several servers until it is unmounted from each", async () => {
  const router = new Router({ pingIntervalMs: 0 });
  router.route("/", { handler: {} });
  const servers = [await listen(http.createServer()), await listen(http.createServer())];
  for (const { server } of servers) router.mount(server);
  router.mount(servers[0].server); // twice is once
  assertEquals(servers[0].server.listenerCount("upgrade"), 1);
  const sockets = [await connect(servers[0].url), await connect(servers[1].url)];
  await until(() => router.connections.size === 2, "connections");
  assertEquals(router.unmount(servers[0].server), true);
  assertEquals(router.unmount(servers[0].server), false);
  assertEquals(servers[0].server.listenerCount("upgrade"), 0);
  assertEquals(servers[0].server.listenerCount("close"), 0);
  assertEquals([sockets[0].readyState, sockets[1].readyState], [1, 1]);
  await within(router.shutdown("bye"), "shutdown");
  for (const socket of sockets) {
    const { closeCode, reason } = await within(socket.closed, "end");
    assertEquals([closeCode, reason], [1001, "bye"]);
  }
  assertEquals(servers[1].server.listenerCount("upgrade"), 0);
  for (const server of servers) await server.close();
});

test("a wrong reason or code is refused before anything has changed", async () => {
  await withRouter({}, async (router, { url, server }) => {
    router.route("/", { handler: {} });
    await using _ = await connect(url);
    await until(() => router.connections.size === 1, "connection");
    assertThrows(() => router.shutdown("ü".repeat(62)), RangeError, "reason");
    assertThrows(() => router.shutdown(1 as never), TypeError, "reason");
    await assertRejects(() => router.closeAll(1005), RangeError);
    await assertRejects(() => router.closeAll(1000, "x".repeat(124)), RangeError);
    assertEquals([router.connections.size, server.listenerCount("upgrade")], [1, 1]);
  });
});

test("a server that closes is forgotten", async () => {
  const router = new Router();
  const { server, close } = await listen(http.createServer());
  router.mount(server);
  await close();
  assertEquals([server.listenerCount("upgrade"), router.unmount(server)], [0, false]);
});

test("shutdown lets no handshake slip through", async () => {
  let release = () => {};
  const held = new Promise<void>((resolve) => release = resolve);
  const router = new Router({ pingIntervalMs: 0, closeTimeoutMs: 1000 });
  router.route("/", { verify: () => held, handler: {} });
  const server = await listen(http.createServer());
  server.server.on("upgrade", router.onUpgrade); // stays, unlike a mount
  const coming = ask(server.port, "/");
  await sleep(50);
  const stopped = router.shutdown();
  assertEquals(await statusOf(server.port, "/"), 503);
  release();
  const { status, peer } = await coming;
  assertEquals(status, 101);
  await until(() => peer.size >= 4, "close frame");
  assertEquals([...(await peer.readBytes(4))].slice(0, 4), [0x88, 2, 0x03, 0xe9]);
  peer.destroy();
  await within(stopped, "shutdown");
  assertEquals(router.connections.size, 0);
  await server.close();
});

test("two routers share a server, and others' upgrades are left to them", async () => {
  const one = new Router();
  const two = new Router();
  one.route("/one", (socket) => socket.send("one"));
  two.route("/two", (socket) => socket.send("two"));
  const server = await listen(http.createServer());
  one.mount(server.server);
  two.mount(server.server);
  assertEquals(await firstMessage(`${server.url}/one`), "one");
  assertEquals(await firstMessage(`${server.url}/two`), "two");
  assertEquals(await statusOf(server.port, "/three"), 404);
  // deno-lint-ignore no-explicit-any -- the runtimes' types of sockets differ
  server.server.on("upgrade", (request: { url?: string }, socket: any) => {
    if (request.url === "/three") socket.end("HTTP/1.1 418 Teapot\r\nContent-Length: 0\r\n\r\n");
  });
  assertEquals(await statusOf(server.port, "/three"), 418);
  assertEquals(await firstMessage(`${server.url}/two`), "two");
  // Nobody takes this one: it is not ours to end, and its reset is not ours to crash on.
  const { RawPeer, head, requestLines } = await import("../adapters/support/raw.ts");
  const peer = await RawPeer.connect(server.port);
  peer.write(head(requestLines("/four")));
  await sleep(50);
  assertEquals(peer.text, "");
  peer.reset();
  await sleep(50);
  one.unmount(server.server);
  assertEquals(await firstMessage(`${server.url}/two`), "two");
  two.unmount(server.server);
  assertEquals(server.server.listenerCount("upgrade"), 1);
  await server.close();
});

test("plain requests never reach the router", async () => {
  await withRouter({}, async (router, { port }) => {
    router.route("/*", () => {});
    const response = await fetch(`http://127.0.0.1:${port}/anything`);
    assertEquals([response.status, await response.text()], [200, "plain"]);
  });
});

test("a handler that throws is told to the router's onError, and its peer 1011", async () => {
  const errors: unknown[] = [];
  const onError = (error: unknown) => void errors.push((error as Error).message);
  await withRouter({ onError }, async (router, { url }) => {
    router.route("/", () => {
      throw new Error("handler failed");
    });
    const { closeCode } = await within((await connect(url)).closed, "end");
    assertEquals(closeCode, 1011);
    assertEquals(errors, ["handler failed"]);
  });
});

test("a handshake that breaks the rules is refused as ever", async () => {
  await withRouter({}, async (router, { port, url }) => {
    router.route("/", () => {});
    assertEquals(await statusOf(port, "/", "Host: second"), 400);
    assertEquals(await statusOf(port, "/", ...Array(200).fill("X: y")), 431);
    const error = await assertRejects(() => connect(`${url}/none`), HandshakeError);
    assertEquals(error.status, 404);
    assert(error.body.includes("no WebSocket"));
  });
});
