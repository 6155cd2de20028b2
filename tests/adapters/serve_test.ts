import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { test } from "node:test";
import { connect, HandshakeError } from "../../src/adapters/client.ts";
import { type Handler, serve, type ServeOptions } from "../../src/adapters/serve.ts";
import { clientClose, clientText, head, RawPeer, requestLines } from "./support/raw.ts";
import { CERT, hasIpv6, KEY, runProgram } from "./support/runtime.ts";
import { Inbox, sleep, until, within } from "./support/waiting.ts";
import { PATIENCE } from "../support/patience.ts";

const echo: Handler = { message: (socket, data) => void socket.send(data) };
const tls = { cert: CERT, key: KEY };

const MISUSE: [string, unknown, unknown, string, string][] = [
  ["no handler", undefined, {}, "TypeError", "handler"],
  ["a misspelt callback", { onmessage() {} }, {}, "TypeError", '"onmessage"'],
  ["a misspelt option", echo, { prot: 1 }, "TypeError", '"prot"'],
  ["a port as a string", echo, { port: "80" }, "RangeError", '"port"'],
  ["a port too large", echo, { port: 65536 }, "RangeError", "0 to 65535"],
  ["an empty hostname", echo, { hostname: "" }, "TypeError", '"hostname"'],
  ["a fetch that is no function", echo, { fetch: "hi" }, "TypeError", '"fetch"'],
  ["tls without a key", echo, { tls: { cert: CERT } }, "TypeError", '"key"'],
  ["a misspelt tls option", echo, { tls: { ...tls, certs: 1 } }, "TypeError", '"certs"'],
  ["a certificate that is none", echo, { tls: { cert: "no", key: KEY } }, "TypeError", "PEM"],
  ["tls: true", echo, { tls: true }, "TypeError", "boolean"],
  ["a subprotocol that is no token", echo, { protocols: ["a b"] }, "TypeError", "protocols"],
  ["a header with a line break", echo, { headers: { a: "b\r\nc: d" } }, "TypeError", ""],
  ["a time-out of 0", echo, { handshakeTimeoutMs: 0 }, "RangeError", '"handshakeTimeoutMs"'],
  ["an onError that is no function", echo, { onError: 1 }, "TypeError", '"onError"'],
];

for (const [what, handler, options, type, part] of MISUSE) {
  test(`serve rejects ${what}`, async () => {
    const error = await serve(handler as Handler, { port: 0, ...options as ServeOptions })
      .then((server) => server.close(), (error) => error);
    assertEquals(error?.name, type);
    assert(error.message.includes(part), error.message);
  });
}

test("serve listens on any free port with port 0, on this machine only", async () => {
  await using first = await serve(echo, { port: 0 });
  await using second = await serve(echo, { port: 0 });
  assert(first.port > 0 && second.port > 0 && first.port !== second.port);
  assertEquals(first.hostname, "127.0.0.1");
  assertEquals(first.url, `ws://127.0.0.1:${first.port}`);
});

test("serve rejects with one clear message when the port is in use", async () => {
  await using server = await serve(echo, { port: 0 });
  const error = await assertRejects(() => serve(echo, { port: server.port }), Error);
  assertEquals(error.message, `Cannot listen on 127.0.0.1:${server.port}: the port is in use`);
  assertEquals((error.cause as { code?: string }).code, "EADDRINUSE");
});

test("serve listens on ::1, and its URL has brackets", async () => {
  if (!await hasIpv6()) return; // this machine has no IPv6
  await using server = await serve(echo, { port: 0, hostname: "::1" });
  assertEquals(server.url, `ws://[::1]:${server.port}`);
  await using socket = await connect(server.url);
  await socket.send("six");
  assertEquals((await socket[Symbol.asyncIterator]().next()).value, "six");
});

test("serve speaks wss and https on the same port", async () => {
  const urls: string[] = [];
  await using server = await serve(echo, {
    port: 0,
    tls,
    fetch: (request) => {
      urls.push(request.url);
      return new Response("hello\n");
    },
  });
  assertEquals(server.url, `wss://127.0.0.1:${server.port}`);
  await using socket = await connect(server.url, { tls: { ca: CERT } });
  await socket.send("secret");
  assertEquals((await socket[Symbol.asyncIterator]().next()).value, "secret");
  const peer = await RawPeer.connect(server.port, { secure: true });
  peer.write(`GET /x HTTP/1.1\r\nHost: localhost:${server.port}\r\nConnection: close\r\n\r\n`);
  assertMatch(await peer.readToEnd(), /^HTTP\/1\.1 200 [^]*hello\n/);
  peer.destroy();
  assertEquals(urls, [`https://localhost:${server.port}/x`]);
});

test("connections holds what is open, with the peer's address", async () => {
  await using server = await serve(echo, { port: 0 });
  assertEquals(server.connections.size, 0);
  const a = await connect(server.url);
  const b = await connect(server.url);
  await until(() => server.connections.size === 2, "two connections");
  for (const socket of server.connections) assertEquals(socket.remoteAddress, "127.0.0.1");
  await a.close();
  b.terminate();
  await until(() => server.connections.size === 0, "no connection");
});

test("a 401 of verify is seen by connect with status, headers and body", async () => {
  const body = JSON.stringify({ why: "token expired ☕" });
  await using server = await serve(echo, {
    port: 0,
    verify: (request) =>
      request.headers.get("authorization") === "Bearer good" ? undefined : new Response(body, {
        status: 401,
        headers: { "WWW-Authenticate": "Bearer", "Content-Type": "application/json" },
      }),
  });
  const error = await assertRejects(() => connect(server.url), HandshakeError);
  assertEquals([error.code, error.status], ["WS_HANDSHAKE_REFUSED", 401]);
  assertEquals(error.headers.get("www-authenticate"), "Bearer");
  assertEquals(error.headers.get("content-type"), "application/json");
  assertEquals(error.body, body);
  await using socket = await connect(server.url, { headers: { Authorization: "Bearer good" } });
  assertEquals(socket.readyState, 1);
});

test("a verify that throws is answered with 500, and the error is the application's", async () => {
  const errors: unknown[] = [];
  await using server = await serve(echo, {
    port: 0,
    onError: (error) => errors.push(error),
    verify: () => {
      throw new Error("database is down");
    },
  });
  const error = await assertRejects(() => connect(server.url), HandshakeError);
  assertEquals(error.status, 500);
  assert(!error.body.includes("database"));
  assertEquals((errors[0] as Error).message, "database is down");
});

test("origins refuses what looks like an allowed origin", async () => {
  await using server = await serve(echo, { port: 0, origins: ["https://good.example"] });
  const wrong = ["https://good.example.evil", "http://good.example", "https://evilgood.example"];
  for (const origin of [...wrong, "null"]) {
    const error = await assertRejects(
      () => connect(server.url, { headers: { Origin: origin } }),
      HandshakeError,
    );
    assertEquals([origin, error.status], [origin, 403]);
  }
  await using socket = await connect(server.url, { headers: { Origin: "https://good.example" } });
  assertEquals(socket.readyState, 1);
});

test("protocols and headers decide on the response", async () => {
  await using server = await serve(echo, {
    port: 0,
    protocols: ["chat.v2"],
    headers: { "X-Server": "test" },
  });
  const peer = await RawPeer.connect(server.port);
  peer.write(head([...requestLines(), "Sec-WebSocket-Protocol: chat.v1, chat.v2"]));
  const answer = await peer.readHead();
  assertMatch(answer, /^HTTP\/1\.1 101 /);
  assertMatch(answer, /\r\nsec-websocket-protocol: chat\.v2(\r\n|$)/i);
  assertMatch(answer, /\r\nx-server: test(\r\n|$)/i);
  peer.destroy();
});

test("a handler that throws closes with 1011 and reports to onError", async () => {
  const errors = new Inbox<unknown>();
  await using server = await serve(() => Promise.reject(new Error("oops")), {
    port: 0,
    onError: (error) => errors.push(error),
  });
  const socket = await connect(server.url);
  assertEquals((await within(socket.closed, "end")).closeCode, 1011);
  assertEquals((await errors.next() as Error).message, "oops");
});

// --------------------------------------------------------------- slow and large heads

for (const secure of [false, true]) {
  const over = secure ? " over TLS" : "";
  test(`half a head and then silence is answered with 408 at the deadline${over}`, async () => {
    await using server = await serve(echo, {
      port: 0,
      handshakeTimeoutMs: 300,
      ...(secure ? { tls } : {}),
    });
    const peer = await RawPeer.connect(server.port, { secure });
    const start = performance.now();
    peer.write("GET / HTTP/1.1\r\nHost: x\r\n");
    const answer = await peer.readToEnd(4000);
    const took = performance.now() - start;
    assertMatch(answer, /^HTTP\/1\.1 408 /);
    assert(took > 200 && took < 2000 * PATIENCE, `it took ${took} ms`);
    peer.destroy();
  });
}

test("dripping the bytes of a head does not extend the deadline", async () => {
  await using server = await serve(echo, { port: 0, handshakeTimeoutMs: 300 });
  const peer = await RawPeer.connect(server.port);
  const start = performance.now();
  peer.write("GET / HTTP/1.1\r\nHost: x\r\nX: ");
  const drip = setInterval(() => !peer.gone && peer.write("y"), 30);
  await peer.readToEnd(4000).finally(() => clearInterval(drip));
  const took = performance.now() - start;
  assert(took > 200 && took < 2000 * PATIENCE, `it took ${took} ms`);
  peer.destroy();
});

test("a TLS handshake that does not go on is cut at the deadline", async () => {
  const server = await serve(echo, { port: 0, tls, handshakeTimeoutMs: 300 });
  const peer = await RawPeer.connect(server.port);
  peer.write("\x16\x03\x01"); // the start of a ClientHello
  const start = performance.now();
  await peer.readToEnd(4000);
  assert(performance.now() - start < 2000 * PATIENCE);
  const other = await RawPeer.connect(server.port);
  other.write("\x16\x03\x01");
  await sleep(50);
  await within(server.close(), "end of the server, whatever handshakes go on", 2000);
  peer.destroy();
  other.destroy();
});

test("a silent connection after a response is cut at the deadline", async () => {
  await using server = await serve(echo, {
    port: 0,
    handshakeTimeoutMs: 300,
    fetch: () => new Response("hi"),
  });
  const peer = await RawPeer.connect(server.port);
  peer.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  await peer.readHead();
  const start = performance.now();
  await peer.readToEnd(4000);
  assert(performance.now() - start < 2000 * PATIENCE);
  peer.destroy();
});

test("a head over maxHeaderBytes is refused", async () => {
  await using server = await serve(echo, { port: 0, maxHeaderBytes: 2000 });
  for (const size of [2500, 100_000]) {
    const peer = await RawPeer.connect(server.port);
    peer.write(head([...requestLines(), `X: ${"y".repeat(size)}`]));
    assertMatch(await peer.readToEnd(), /^(HTTP\/1\.1 431 |$)/);
    peer.destroy();
  }
  (await RawPeer.open(server.port)).destroy();
});

// --------------------------------------------------------------------- shutting down

test("close sends 1001 to all, waits for them, and refuses new ones meanwhile", async () => {
  const server = await serve(echo, { port: 0, closeTimeoutMs: 3000 });
  const sockets = await Promise.all([connect(server.url), connect(server.url)]);
  const slow = await RawPeer.open(server.port);
  await until(() => server.connections.size === 3, "three connections");
  let over = false;
  server.closed.then(() => over = true);
  const closing = server.close("going down");
  assertEquals(server.close(), closing);
  for (const socket of sockets) {
    const { closeCode, reason } = await within(socket.closed, "end");
    assertEquals([closeCode, reason], [1001, "going down"]);
  }
  await slow.readBytes(4);
  assertEquals(over, false); // one has not answered yet
  await assertRejects(() => connect(server.url), HandshakeError);
  slow.write(clientClose(1001));
  await slow.readToEnd();
  slow.end();
  await within(closing, "end of the server", 2000);
  await within(server.closed, "closed");
  assertEquals(server.connections.size, 0);
});

test("close cuts a peer that never answers after closeTimeoutMs", async () => {
  const server = await serve(echo, { port: 0, closeTimeoutMs: 300 });
  const peer = await RawPeer.open(server.port);
  peer.write(clientText("hi"));
  await peer.readBytes(4);
  const start = performance.now();
  await within(server.close(), "end of the server");
  const took = performance.now() - start;
  assert(took > 250 && took < 2500 * PATIENCE, `it took ${took} ms`);
  await peer.readToEnd();
  peer.destroy();
});

test("close does not wait for silent, half-asked and idle connections", async () => {
  const server = await serve(echo, { port: 0, fetch: () => new Response("hi") });
  const silent = await RawPeer.connect(server.port);
  const half = await RawPeer.connect(server.port);
  half.write("GET / HTTP/1.1\r\nHost:");
  const idle = await RawPeer.connect(server.port);
  idle.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  await idle.readHead();
  await sleep(50);
  await within(server.close(), "end of the server", 1000);
  for (const peer of [silent, half, idle]) peer.destroy();
});

test("close lets a running response end, and cuts it after closeTimeoutMs", async () => {
  for (const [ms, whole] of [[200, true], [60_000, false]] as const) {
    const server = await serve(echo, {
      port: 0,
      closeTimeoutMs: 600,
      fetch: async () => {
        await new Promise((resolve) => timer = setTimeout(resolve, ms));
        return new Response("at last");
      },
    });
    let timer: ReturnType<typeof setTimeout> | undefined;
    const peer = await RawPeer.connect(server.port);
    peer.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    await sleep(50);
    const closing = server.close();
    await peer.readToEnd();
    assertEquals(peer.text.includes("at last"), whole);
    peer.end();
    await within(closing, "end of the server", 3000);
    clearTimeout(timer);
    peer.destroy();
  }
});

test("a signal closes the server and its connections", async () => {
  const controller = new AbortController();
  const server = await serve(echo, { port: 0, signal: controller.signal });
  const socket = await connect(server.url);
  controller.abort();
  await within(socket.closed, "end of the connection");
  await within(server.closed, "end of the server");
  const aborted = await serve(echo, { port: 0, signal: AbortSignal.abort() });
  await within(aborted.closed, "end of a server that was aborted before");
});

test("await using closes the server", async () => {
  let port: number;
  {
    await using server = await serve(echo, { port: 0 });
    port = server.port;
  }
  await using again = await serve(echo, { port });
  assertEquals(again.port, port);
});

test("a program ends by itself after a server was closed under load", async () => {
  const { code, output } = await runProgram("server_under_load");
  assertEquals({ code, output: output.trim() }, { code: 0, output: "done" });
});
