import { test } from "node:test";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { connect, type ConnectOptions, HandshakeError } from "../../../src/adapters/client.ts";
import type { WebSocketConnection } from "../../../src/api/connection.ts";
import { PATIENCE } from "../../support/patience.ts";
import { ask, upgrade } from "./http.ts";
import { makeFolder, type Served, startServe } from "./rig.ts";

/** Serves the samples, and nothing else. */
function sampleTest(name: string, use: (server: Served) => Promise<void>, ...args: string[]): void {
  test(name, async () => {
    await using folder = await makeFolder();
    await using server = await startServe(...args, folder.path);
    await use(server);
  });
}

interface Talk extends AsyncDisposable {
  socket: WebSocketConnection;
  next(): Promise<unknown>;
}

async function open(port: number, name: string, options: ConnectOptions = {}): Promise<Talk> {
  const socket = await connect(`ws://localhost:${port}/_samples/${name}`, options);
  const messages = socket[Symbol.asyncIterator]();
  return {
    socket,
    next: async () => (await messages.next()).value,
    [Symbol.asyncDispose]: async () => void await socket.close(),
  };
}

sampleTest("echo sends back, compressed if asked, and Goodbye closes", async ({ port }) => {
  const echo = await open(port, "echo", { compression: true, protocols: ["any"] });
  assertMatch(echo.socket.extensions, /permessage-deflate/);
  assertEquals(echo.socket.protocol, "any");
  await echo.socket.send("héllo");
  await echo.socket.send(new Uint8Array([1, 2]));
  assertEquals([await echo.next(), await echo.next()], ["héllo", new Uint8Array([1, 2])]);
  await echo.socket.send("Goodbye");
  assertEquals(await echo.next(), "Goodbye");
  const { closeCode, wasClean } = await echo.socket.closed;
  assertEquals([closeCode, wasClean], [1000, true]);
  const plain = await open(port, "echo_noext", { compression: true });
  assertEquals(plain.socket.extensions, "");
  await plain.socket.send("x");
  assertEquals(await plain.next(), "x");
  await plain.socket.close();
});

sampleTest("close closes as it is told", async ({ port }) => {
  const told = await open(port, "close");
  await told.socket.send("nonsense");
  assertMatch(String(await told.next()), /4001 busy/);
  await told.socket.send("1006 no");
  assertMatch(String(await told.next()), /^1006 "no" cannot be sent/);
  await told.socket.send(`4000 ${"x".repeat(124)}`);
  assertMatch(String(await told.next()), /cannot be sent/);
  await told.socket.send("4001 too busy, ü");
  const { closeCode, reason, wasClean } = await told.socket.closed;
  assertEquals([closeCode, reason, wasClean], [4001, "too busy, ü", true]);
});

sampleTest(
  "abort cuts the connection, abort_handshake cuts before there is one",
  async (server) => {
    const cut = await open(server.port, "abort");
    const { closeCode, wasClean } = await cut.socket.closed;
    assertEquals([closeCode, wasClean], [1006, false]);
    assertEquals(await upgrade(server.port, "/_samples/abort_handshake"), "");
    await server.sees(/GET \/_samples\/abort_handshake cut /);
    await server.sees(/GET \/_samples\/abort 101 1006 \(WS_TERMINATED\)/);
  },
);

sampleTest("bench repeats a text, within bounds, and closes", async ({ port }) => {
  const bench = await open(port, "bench");
  for (const odd of ["", "1", "61 1 x", "0 10001 x", "0 1e3 x", `0 1 ${"x".repeat(65537)}`]) {
    await bench.socket.send(odd);
    assertMatch(String(await bench.next()), /^say "SECONDS COUNT TEXT", at most 60 seconds/);
  }
  const started = performance.now();
  await bench.socket.send("0.1 3 some text");
  const said = [await bench.next()];
  assert(performance.now() - started < 100 || PATIENCE > 1, "the first comes at once");
  said.push(await bench.next(), await bench.next());
  assertEquals(said, ["some text", "some text", "some text"]);
  assert(performance.now() - started >= 180);
  const { closeCode, wasClean } = await bench.socket.closed;
  assertEquals([closeCode, wasClean], [1000, true]);
});

sampleTest("benchmark_helper counts, verifies and makes bytes, within bounds", async ({ port }) => {
  await using helper = await open(port, "benchmark_helper");
  const { socket, next } = helper;
  await socket.send("send 0");
  await socket.send(new Uint8Array(70_000));
  assertEquals(await next(), "70000");
  await socket.send("send 1");
  const bytes = Uint8Array.from({ length: 300 }, (_, i) => i % 251);
  await socket.send(bytes);
  assertEquals(await next(), "300");
  bytes[299] ^= 1;
  await socket.send(bytes);
  assertEquals(await next(), "wrong at 299");
  for (const size of [0, 1, 300, 200_000]) {
    await socket.send(`receive ${size} pattern`);
    const made = await next() as Uint8Array;
    assertEquals(made.length, size);
    assert(made.every((byte, i) => byte === i % 251));
    await socket.send(`receive ${size}`);
    assertEquals(await next(), new Uint8Array(size).fill(0x61), "letters, as of pywebsocket");
  }
  const letters = new Uint8Array(70_000).fill(0x61);
  await socket.send("send 1");
  await socket.send(letters);
  assertEquals(await next(), "70000");
  letters[69_999] = 0x62;
  await socket.send(letters);
  assertEquals(await next(), "wrong at 69999");
  for (
    const odd of [
      "receive 16777217",
      "receive 5 letters",
      "receive 99999999999999999999",
      "receive -1",
      "send 2",
      "",
    ]
  ) {
    await socket.send(odd);
    assertMatch(String(await next()), /at most 16777216$/);
  }
});

sampleTest("cookie, hsts, internal_error and origin_check do what they say", async (server) => {
  const { port } = server;
  assertMatch(
    await upgrade(port, "/_samples/cookie"),
    /\r\nset-cookie: fullduplex=\d+; Path=\/_samples\/; SameSite=Strict/i,
  );
  await using cookie = await open(port, "cookie", { headers: { Cookie: "a=b; c=d" } });
  assertEquals(await cookie.next(), "a=b; c=d");
  assertMatch(
    await upgrade(port, "/_samples/hsts"),
    /\r\nstrict-transport-security: max-age=86400/i,
  );
  const hsts = await open(port, "hsts");
  assertEquals(await hsts.next(), "Hello");
  assertEquals((await hsts.socket.closed).closeCode, 1000);
  const failed = await open(port, "internal_error");
  assertEquals((await failed.socket.closed).closeCode, 1011);
  await server.sees(/error \/_samples\/internal_error failed: the sample internal_error fails/);
  await server.sees(/GET \/_samples\/internal_error 101 1011 "the handler failed"/);
  for (const [origin, status] of [["http://evil.example", 403], [undefined, 403]] as const) {
    const headers: Record<string, string> = origin === undefined ? {} : { Origin: origin };
    const error = await assertRejects(
      () => open(port, "origin_check", { headers }),
      HandshakeError,
    );
    assertEquals((error as HandshakeError).status, status);
  }
  const same = { headers: { Origin: `http://localhost:${port}` } };
  await using allowed = await open(port, "origin_check", same);
  await allowed.socket.send("in");
  assertEquals(await allowed.next(), "in");
});

sampleTest("chat lets everyone hear everyone", async ({ port }) => {
  await using ann = await open(port, "chat?name=ann");
  await using bob = await open(port, "chat");
  await bob.socket.ping(); // it is in the room by now
  await ann.socket.send("hello");
  assertEquals([await ann.next(), await bob.next()], ["ann: hello", "ann: hello"]);
});

sampleTest("without handlers or files, / leads to the console", async ({ port }) => {
  for (const path of ["/", "/_samples/", "/_samples"]) {
    const { status, headers } = await ask(port, path);
    assertEquals([status, headers.get("location")], [302, "/_samples/console"]);
  }
  const page = await ask(port, "/_samples/console");
  assertEquals(page.status, 200);
  assertMatch(page.headers.get("content-security-policy")!, /^default-src 'none'; script-src 'sha/);
  assertMatch(page.body, /value="\/_samples\/echo"/);
});

sampleTest("--no-samples leaves nothing of them", async ({ port, out }) => {
  assert(!out.includes("_samples"), out);
  assertMatch(await upgrade(port, "/_samples/echo"), /^HTTP\/1\.1 404 /);
  for (const path of ["/", "/_samples/console", "/_samples/benchmark"]) {
    assertEquals((await ask(port, path)).status, 404, path);
  }
}, "--no-samples");
