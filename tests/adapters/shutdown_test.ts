import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { test } from "node:test";
import type { CloseInfo } from "../../src/api/channel.ts";
import { connect, HandshakeError } from "../../src/adapters/client.ts";
import { serve, type ServeOptions, type Server } from "../../src/adapters/serve.ts";
import { clientClose, head, RawPeer, requestLines } from "./support/raw.ts";
import { CERT, KEY } from "./support/runtime.ts";
import { sleep, until, within } from "./support/waiting.ts";
import { PATIENCE } from "../support/patience.ts";

/** What a busy machine may add to a deadline, in milliseconds. */
const SLACK_MS = 3000 * PATIENCE;

/** A server that notes what it opened, and how that ended. */
async function start(
  options: ServeOptions = {},
): Promise<{ server: Server; opened: string[]; ends: CloseInfo[]; errors: unknown[] }> {
  const opened: string[] = [];
  const ends: CloseInfo[] = [];
  const errors: unknown[] = [];
  const server = await serve({
    open: (socket) => void opened.push(new URL(socket.url).pathname),
    close: (_socket, info) => void ends.push(info),
  }, { pingIntervalMs: 0, onError: (error) => errors.push(error), ...options, port: 0 });
  return { server, opened, ends, errors };
}

for (const tls of [undefined, { cert: CERT, key: KEY }]) {
  const over = tls === undefined ? "" : " over TLS";
  const secure = tls !== undefined;

  test(`close() ends polite, silent and half-open clients by its deadline${over}`, async () => {
    const closeTimeoutMs = 500;
    const { server, ends, errors } = await start({ closeTimeoutMs, tls });
    const polite = await Promise.all(
      [1, 2, 3].map(() => connect(server.url, { tls: { ca: CERT } })),
    );
    const silent = await RawPeer.open(server.port, { secure });
    const halfOpen = await RawPeer.open(server.port, { secure });
    halfOpen.pause();
    await until(() => server.connections.size === 5, "five connections");
    const began = performance.now();
    const closing = server.close("see you");
    for (const socket of polite) {
      const { closeCode, reason, wasClean } = await within(socket.closed, "end");
      assertEquals([closeCode, reason, wasClean], [1001, "see you", true]);
    }
    await within(closing, "end of the server");
    const took = performance.now() - began;
    assert(took > closeTimeoutMs - 50 && took < closeTimeoutMs + SLACK_MS, `it took ${took} ms`);
    assertEquals(server.connections.size, 0);
    const seen = ends.map(({ closeCode, error }) => error?.code ?? String(closeCode));
    assertEquals(seen.sort(), ["1001", "1001", "1001", "WS_CLOSE_TIMEOUT", "WS_CLOSE_TIMEOUT"]);
    // The close frame came even to the one that said nothing, and then the end.
    const frame = silent.frames().at(-1)!;
    const text = new TextDecoder().decode(frame.payload.slice(2));
    assertEquals([frame.opcode, text], [8, "see you"]);
    await silent.readToEnd();
    silent.destroy();
    halfOpen.destroy();
    assertEquals(errors, []);
  });

  test(`stopListening() refuses who comes, and the connections live on until close()${over}`, async () => {
    const { server, ends, errors } = await start({ tls });
    const socket = await connect(server.url, { tls: { ca: CERT } });
    const idle = await RawPeer.connect(server.port, { secure });
    idle.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    await idle.readHead();
    server.stopListening();
    server.stopListening();
    await idle.readToEnd();
    await assertRejects(() => connect(server.url, { tls: { ca: CERT } }), HandshakeError);
    assert(await socket.ping() >= 0);
    assertEquals([server.connections.size, ends], [1, []]);
    await within(server.close("now"), "end of the server");
    const { closeCode, reason } = await within(socket.closed, "end");
    assertEquals([closeCode, reason, errors], [1001, "now", []]);
    idle.destroy();
  });

  test(`handshakes in flight are cut by close(), and open nothing later${over}`, async () => {
    const release: (() => void)[] = [];
    const { server, opened, errors } = await start({
      tls,
      closeTimeoutMs: 20_000,
      verify: () => new Promise<undefined>((resolve) => release.push(() => resolve(undefined))),
    });
    const attempts = Array.from(
      { length: 5 },
      () =>
        connect(server.url, { tls: { ca: CERT } }).then(
          () => undefined,
          (error: HandshakeError) => error,
        ),
    );
    const half = await RawPeer.connect(server.port, { secure });
    half.write("GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n");
    await until(() => release.length === 5, "five handshakes");
    await within(server.close(), "end of the server, with handshakes in flight", SLACK_MS);
    for (const attempt of attempts) {
      const error = await within(attempt, "end of a handshake");
      if (!(error instanceof HandshakeError)) throw new Error("it opened");
      assert(["WS_CONNECT_FAILED", "WS_HANDSHAKE_REFUSED"].includes(error.code), error.code);
    }
    await half.readToEnd();
    for (const decide of release) decide(); // too late
    await sleep(50);
    assertEquals([opened, server.connections.size, errors], [[], 0, []]);
    half.destroy();
  });
}

test("no connection is opened after close(), at whatever moment of a handshake it comes", async () => {
  for (let turns = 0; turns < 24; turns++) {
    let closing: Promise<void> | undefined;
    let openedLate = false;
    const server = await serve({
      open: () => void (openedLate ||= closing !== undefined),
    }, {
      port: 0,
      closeTimeoutMs: 20_000,
      verify: () => {
        let left = turns;
        const turn = (): Promise<void> | undefined => {
          if (left-- > 0) return Promise.resolve().then(turn);
          closing = server.close();
        };
        turn();
      },
    });
    const end = await within(
      connect(server.url).then((socket) => socket.closed, (error: unknown) => error),
      `end, closed after ${turns} turns`,
    );
    assert(end !== undefined);
    await within(closing!, `end of the server, closed after ${turns} turns`, SLACK_MS);
    assertEquals([openedLate, server.connections.size], [false, 0], `after ${turns} turns`);
  }
});

test("a request that is pipelined behind a running one is not begun after close()", async () => {
  const release: (() => void)[] = [];
  const asked: string[] = [];
  const { server } = await start({
    closeTimeoutMs: 20_000,
    fetch: async (request) => {
      asked.push(new URL(request.url).pathname);
      await new Promise<void>((resolve) => release.push(resolve));
      return new Response("done");
    },
  });
  const peer = await RawPeer.connect(server.port);
  peer.write(head(["GET /first HTTP/1.1", "Host: x"]));
  await until(() => release.length === 1, "request");
  const closing = server.close();
  peer.write(head(["GET /second HTTP/1.1", "Host: x"]));
  await sleep(20);
  release[0]();
  await within(peer.readToEnd(), "end");
  peer.end();
  await within(closing, "end of the server", SLACK_MS);
  assertEquals(asked, ["/first"]);
  peer.destroy();
});

test("close() cuts idle keep-alive connections and lets a request end, but no second one begin", async () => {
  const release: (() => void)[] = [];
  let asked = 0;
  const server = await serve({}, {
    port: 0,
    closeTimeoutMs: 20_000,
    fetch: async (request) => {
      asked++;
      if (new URL(request.url).pathname === "/slow") {
        await new Promise<void>((resolve) => release.push(resolve));
      }
      return new Response("done");
    },
  });
  const get = (path: string) => head([`GET ${path} HTTP/1.1`, "Host: x"]);
  const idle = await RawPeer.connect(server.port);
  idle.write(get("/"));
  await idle.readHead();
  await until(() => idle.text.includes("done"), "answer");
  const busy = await RawPeer.connect(server.port);
  busy.write(get("/slow"));
  await until(() => release.length === 1, "request");
  const closing = server.close();
  await idle.readToEnd();
  await assertRejects(() => connect(server.url), HandshakeError);
  release[0]();
  await until(() => busy.text.includes("done"), "answer");
  if (!busy.gone) busy.write(get("/again"));
  await busy.readToEnd();
  busy.end();
  await within(closing, "end of the server", SLACK_MS);
  assertEquals(busy.text.split("HTTP/1.1").length - 1, 1);
  assertEquals(asked, 2);
  for (const peer of [idle, busy]) peer.destroy();
});

test("an upgrade on a connection that was kept alive is refused or cut after close()", async () => {
  const release: (() => void)[] = [];
  const { server, opened } = await start({
    fetch: async () => {
      await new Promise<void>((resolve) => release.push(resolve));
      return new Response("done");
    },
  });
  const peer = await RawPeer.connect(server.port);
  peer.write(head(["GET / HTTP/1.1", "Host: x"]));
  await until(() => release.length === 1, "request");
  const closing = server.close();
  peer.write(head(requestLines())); // pipelined behind the one that is being answered
  await sleep(20);
  release[0]();
  await within(peer.readToEnd(), "end");
  peer.end();
  await within(closing, "end of the server", SLACK_MS);
  assertEquals(opened, []);
  assert(!peer.text.includes(" 101 "), peer.text);
  peer.destroy();
});

test("close() refuses a wrong reason at once, and nothing has changed", async () => {
  const { server } = await start({ closeTimeoutMs: 1000 });
  const peer = await RawPeer.open(server.port);
  assertThrows(() => server.close("é".repeat(62)), RangeError, "limit 123");
  assertThrows(() => server.close(7 as unknown as string), TypeError, "a string");
  await sleep(20);
  assertEquals([peer.size, peer.gone], [0, false]);
  await using other = await connect(server.url);
  const closing = server.close("é".repeat(61));
  assertEquals((await within(other.closed, "end")).reason, "é".repeat(61));
  await peer.readBytes(4);
  peer.write(clientClose(1001));
  await peer.readToEnd();
  peer.end();
  await within(closing, "end of the server");
});

test("two servers one after the other share a port, with clients still about", async () => {
  const first = await start();
  const sockets = await Promise.all([1, 2, 3].map(() => connect(first.server.url)));
  const { port } = first.server;
  await within(first.server.close(), "end of the server");
  const second = await serve({ message: (socket, data) => void socket.send(data) }, { port });
  await using socket = await connect(second.url);
  await socket.send("still there?");
  assertEquals((await socket[Symbol.asyncIterator]().next()).value, "still there?");
  for (const old of sockets) assertEquals((await within(old.closed, "end")).closeCode, 1001);
  await within(second.close(), "end of the second server");
});

test("what is still being sent when close() comes does not extend its deadline", async () => {
  const closeTimeoutMs = 2500 * PATIENCE;
  let error: CloseInfo["error"];
  const server = await serve({
    close: (_socket, info) => void (error = info.error),
    open: (socket) => {
      const stream = new ReadableStream<string>({
        async start(controller) {
          controller.enqueue("begun");
          await sleep(0.85 * closeTimeoutMs);
          controller.close();
        },
      });
      void socket.send(stream);
    },
  }, { port: 0, closeTimeoutMs });
  const peer = await RawPeer.open(server.port);
  await until(() => peer.size > 0, "first fragment");
  const began = performance.now();
  await within(server.close(), "end of the server");
  const took = performance.now() - began;
  assertEquals(peer.frames().map(({ opcode }) => opcode), [1, 0, 8]); // all of it, and no answer
  // Cut by the server; the connection's own deadline, from its close frame on, would end it later.
  assertEquals(error?.code, "WS_TERMINATED");
  const most = closeTimeoutMs + SLACK_MS;
  assert(took > 0.95 * closeTimeoutMs && took < most, `it took ${took} ms`);
  peer.destroy();
});
