import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { test } from "node:test";
import { connect, type ConnectOptions, HandshakeError } from "../../src/adapters/client.ts";
import { type Handler, serve } from "../../src/adapters/serve.ts";
import { encodeFrame } from "../support/wire.ts";
import { acceptance, head, listenRaw, type RawPeer, type RawServer } from "./support/raw.ts";
import { CERT, hasIpv6, KEY } from "./support/runtime.ts";
import { Inbox, sleep, until, within } from "./support/waiting.ts";
import { PATIENCE } from "../support/patience.ts";

const echo: Handler = { message: (socket, data) => void socket.send(data) };

/** Runs with a raw server. */
async function withRaw(
  onPeer: (peer: RawPeer) => unknown,
  run: (server: RawServer) => Promise<void>,
): Promise<void> {
  const server = await listenRaw((peer) => void Promise.resolve(onPeer(peer)).catch(() => {}));
  try {
    await run(server);
  } finally {
    await server.close();
  }
}

/** Connects, which must fail; also checks that the message is one line. */
async function failing(url: string, options: ConnectOptions = {}): Promise<HandshakeError> {
  const error = await assertRejects(() => within(connect(url, options), "failure"), HandshakeError);
  assertMatch(error.message, /^Cannot connect[^\n]*$/);
  return error;
}

/** Waits until a raw peer has seen the client go. */
async function gone(server: RawServer): Promise<void> {
  await until(() => server.peers.every((peer) => peer.gone), "end of the client's socket", 3000);
}

// ------------------------------------------------------------------------- success

test("connect opens a connection and tells what was agreed on", async () => {
  await using server = await serve(echo, { port: 0, protocols: ["b"] });
  await using socket = await connect(`${server.url}/path?q=1`, { protocols: ["a", "b"] });
  assertEquals([socket.readyState, socket.protocol, socket.extensions], [1, "b", ""]);
  assertEquals(socket.url, `${server.url}/path?q=1`);
  assertEquals(socket.remoteAddress, "127.0.0.1");
  assertEquals(socket.request, undefined);
});

test("connect takes URL objects and http: for ws:", async () => {
  await using server = await serve(echo, { port: 0 });
  await using socket = await connect(new URL(server.url.replace("ws:", "http:")));
  assertEquals(socket.url, `${server.url}/`);
});

test("connect sends the request that RFC 6455 asks for, with the caller's fields", async () => {
  const heads = new Inbox<string>();
  await withRaw(async (peer) => {
    const request = await peer.readHead();
    heads.push(request);
    peer.write(head([...await acceptance(request), "Sec-WebSocket-Protocol: chat"]));
  }, async ({ port }) => {
    const socket = await connect(`ws://us%20er:p%3Aw@127.0.0.1:${port}/a%20b?c=d`, {
      headers: { "X-Own": "1", Host: "other.example", Origin: "https://o.example" },
      protocols: "chat",
      closeTimeoutMs: 100,
    });
    const request = await heads.next();
    const [line, ...fields] = request.split("\r\n");
    assertEquals(line, "GET /a%20b?c=d HTTP/1.1");
    const get = (name: string) =>
      fields.filter((field) => field.toLowerCase().startsWith(`${name}: `))
        .map((field) => field.slice(name.length + 2));
    assertEquals(get("host"), ["other.example"]);
    assertEquals(get("upgrade"), ["websocket"]);
    assertEquals(get("connection"), ["Upgrade"]);
    assertEquals(get("sec-websocket-version"), ["13"]);
    assertEquals(get("sec-websocket-protocol"), ["chat"]);
    assertEquals(get("x-own"), ["1"]);
    assertEquals(get("origin"), ["https://o.example"]);
    assertEquals(get("authorization"), [`Basic ${btoa("us er:p:w")}`]);
    assertMatch(get("sec-websocket-key")[0], /^[A-Za-z0-9+/]{22}==$/);
    assert(!socket.url.includes("p%3Aw"), "the password shows in the connection's URL");
    socket.terminate();
  });
});

test("connect reaches an IPv6 literal", async () => {
  if (!await hasIpv6()) return; // this machine has no IPv6
  await using server = await serve(echo, { port: 0, hostname: "::1" });
  await using socket = await connect(`ws://[::1]:${server.port}/`);
  assertEquals(socket.readyState, 1);
});

test("frames glued to the 101 are delivered in order", async () => {
  await withRaw(async (peer) => {
    const lines = await acceptance(await peer.readHead());
    peer.write(
      head(lines),
      encodeFrame({ opcode: 1, payload: "one" }),
      encodeFrame({ opcode: 1, payload: "two" }).subarray(0, 3),
    );
    await sleep(20);
    peer.write(encodeFrame({ opcode: 1, payload: "two" }).subarray(3));
  }, async ({ url }) => {
    const socket = await connect(url);
    await sleep(5); // whoever awaits connect has the time to start reading
    const messages: unknown[] = [];
    for await (const message of socket) {
      messages.push(message);
      if (messages.length === 2) break;
    }
    assertEquals(messages, ["one", "two"]);
    socket.terminate();
  });
});

test("a 101 that comes byte by byte is understood", async () => {
  await withRaw(async (peer) => {
    const text = head(await acceptance(await peer.readHead()));
    for (const byte of text) {
      peer.write(byte);
      await sleep(1);
    }
  }, async ({ url }) => {
    const socket = await connect(url, { handshakeTimeoutMs: 60_000 });
    assertEquals(socket.readyState, 1);
    socket.terminate();
  });
});

test("interim responses before the 101 are passed over", async () => {
  await withRaw(async (peer) => {
    const lines = await acceptance(await peer.readHead());
    peer.write("HTTP/1.1 102 Processing\r\n\r\n");
    await sleep(10);
    peer.write("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", head(lines));
  }, async ({ url }) => {
    const socket = await connect(url);
    assertEquals(socket.readyState, 1);
    socket.terminate();
  });
});

test("the handler option takes the connection over", async () => {
  const events = new Inbox<unknown>();
  await using server = await serve({ open: (socket) => void socket.send("welcome") }, { port: 0 });
  const socket = await connect(server.url, {
    handler: {
      open: () => events.push("open"),
      message: (socket, data) => {
        events.push(data);
        void socket.close(4000);
      },
      close: (_socket, info) => events.push(info.closeCode),
    },
  });
  assertEquals([await events.next(), await events.next(), await events.next()], [
    "open",
    "welcome",
    4000,
  ]);
  assertEquals(socket.readyState, 3);
  const done = await connect(server.url, { handler: () => {} });
  assertEquals((await within(done.closed, "end with the handler's")).closeCode, 1000);
});

test("an error of the handler goes to onError and closes with 1011", async () => {
  const errors: unknown[] = [];
  const ends = new Inbox<number>();
  await using server = await serve({ close: (_socket, info) => ends.push(info.closeCode) }, {
    port: 0,
  });
  await connect(server.url, {
    handler: () => Promise.reject(new Error("oops")),
    onError: (error) => errors.push(error),
  });
  assertEquals(await ends.next(), 1011);
  assertEquals((errors[0] as Error).message, "oops");
});

// -------------------------------------------------------------------------- misuse

const MISUSE: [string, unknown, unknown, string][] = [
  ["no URL", undefined, {}, ""],
  ["a relative URL", "/chat", {}, ""],
  ["an ftp: URL", "ftp://127.0.0.1/", {}, "ftp"],
  ["a URL with a fragment", "ws://127.0.0.1/#x", {}, "fragment"],
  ["a misspelt option", "ws://127.0.0.1/", { header: {} }, '"header"'],
  ["a misspelt tls option", "wss://127.0.0.1/", { tls: { cas: "" } }, '"cas"'],
  ["tls: null", "wss://127.0.0.1/", { tls: null }, "null"],
  ["a subprotocol twice", "ws://127.0.0.1/", { protocols: ["a", "a"] }, ""],
  ["a subprotocol with a space", "ws://127.0.0.1/", { protocols: "a b" }, ""],
  ["a header with a line break", "ws://127.0.0.1/", { headers: { a: "b\nc" } }, ""],
  ["a header of the handshake", "ws://127.0.0.1/", { headers: { "Sec-WebSocket-Key": "x" } }, ""],
  ["a handler that is none", "ws://127.0.0.1/", { handler: 1 }, "handler"],
  ["a signal that is none", "ws://127.0.0.1/", { signal: {} }, '"signal"'],
];

for (const [what, url, options, part] of MISUSE) {
  test(`connect rejects ${what} with a TypeError`, async () => {
    const error = await connect(url as string, options as ConnectOptions)
      .then(() => undefined, (error) => error);
    assertEquals(error?.name, "TypeError");
    assert(error.message.includes(part), error.message);
  });
}

// --------------------------------------------------------------- no way to the server

test("nobody listening is told in one line", async () => {
  await withRaw(() => {}, async (server) => {
    await server.close();
    const error = await failing(server.url);
    assertEquals([error.code, error.status], ["WS_CONNECT_FAILED", 0]);
    assert(error.message.includes(`127.0.0.1:${server.port}`), error.message);
    assertEquals((error.cause as { code?: string }).code, "ECONNREFUSED");
  });
});

test("a name that does not exist is told in one line", async () => {
  const error = await failing("ws://nonexistent.invalid/");
  assertEquals(error.code, "WS_CONNECT_FAILED");
  assert(error.message.includes("nonexistent.invalid:80"), error.message);
});

test("a server that never answers is given up at the deadline", async () => {
  await withRaw(() => {}, async (server) => {
    const start = performance.now();
    const error = await failing(server.url, { handshakeTimeoutMs: 200 });
    const took = performance.now() - start;
    assertEquals(error.code, "WS_HANDSHAKE_TIMEOUT");
    assert(took > 150 && took < 2000 * PATIENCE, `it took ${took} ms`);
    await gone(server);
  });
});

test("a server that drips a head for ever is given up at the deadline", async () => {
  await withRaw(async (peer) => {
    await peer.readHead();
    peer.write("HTTP/1.1 101 Switching Protocols\r\nX: ");
    while (!peer.gone) {
      peer.write("y");
      await sleep(10);
    }
  }, async (server) => {
    const start = performance.now();
    assertEquals(
      (await failing(server.url, { handshakeTimeoutMs: 200 })).code,
      "WS_HANDSHAKE_TIMEOUT",
    );
    assert(performance.now() - start < 2000 * PATIENCE);
    await gone(server);
  });
});

test("a server that pours a head for ever is given up at maxHeaderBytes", async () => {
  let poured = 0;
  await withRaw(async (peer) => {
    await peer.readHead();
    peer.write("HTTP/1.1 101 Switching Protocols\r\n");
    while (!peer.gone && poured < 100 << 20) {
      peer.write("X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n".repeat(100));
      poured += 4000;
      await sleep(1);
    }
  }, async (server) => {
    assertEquals((await failing(server.url)).code, "WS_HANDSHAKE_TOO_LARGE");
    await gone(server);
  });
});

test("interim responses without end are given up", async () => {
  await withRaw(async (peer) => {
    await peer.readHead();
    while (!peer.gone) {
      peer.write("HTTP/1.1 102 Processing\r\n\r\n".repeat(50));
      await sleep(1);
    }
  }, async (server) => {
    const error = await failing(server.url, { handshakeTimeoutMs: 3000 });
    assertMatch(error.code, /^WS_HANDSHAKE_(TOO_LARGE|MALFORMED|TIMEOUT|INVALID)$/);
    await gone(server);
  });
});

test("a server that closes instead of answering is told", async () => {
  await withRaw((peer) => peer.readHead().then(() => peer.end()), async (server) => {
    assertEquals((await failing(server.url)).code, "WS_CONNECT_FAILED");
    await gone(server);
  });
});

// -------------------------------------------------------------------------- signals

test("a signal that was aborted before keeps connect from dialling", async () => {
  await withRaw(() => {}, async (server) => {
    const reason = new Error("changed my mind");
    const error = await failing(server.url, { signal: AbortSignal.abort(reason) });
    assertEquals([error.code, error.cause], ["WS_HANDSHAKE_ABORTED", reason]);
    await sleep(30);
    assertEquals(server.peers.length, 0);
  });
});

test("a signal aborts dialling", async () => {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 0);
  // TEST-NET-1 (RFC 5737): nobody is there, so that dialling takes its time or fails at once.
  const error = await failing("ws://192.0.2.1/", {
    signal: controller.signal,
    handshakeTimeoutMs: 3000,
  });
  assertMatch(error.code, /^WS_(HANDSHAKE_ABORTED|CONNECT_FAILED)$/);
});

test("a signal aborts the handshake", async () => {
  await withRaw(() => {}, async (server) => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 50);
    const error = await failing(server.url, { signal: controller.signal });
    assertEquals(error.code, "WS_HANDSHAKE_ABORTED");
    assertEquals((error.cause as Error).name, "AbortError");
    await gone(server);
  });
});

test("a signal cuts the open connection", async () => {
  await using server = await serve(echo, { port: 0 });
  const controller = new AbortController();
  const socket = await connect(server.url, { signal: controller.signal });
  controller.abort();
  const { closeCode, error } = await within(socket.closed, "end");
  assertEquals([closeCode, error?.code], [1006, "WS_ABORTED"]);
});

// ----------------------------------------------------------------------------- TLS

test("connect trusts the certificates that it is given, and no others", async () => {
  await using server = await serve(echo, { port: 0, tls: { cert: CERT, key: KEY } });
  for (const ca of [CERT, [CERT], new TextEncoder().encode(CERT)]) {
    await using socket = await connect(server.url, { tls: { ca } });
    await socket.send("secret");
    assertEquals((await socket[Symbol.asyncIterator]().next()).value, "secret");
  }
  const error = await failing(server.url);
  assertEquals(error.code, "WS_CONNECT_FAILED");
  assertMatch(error.message, /self.signed|certificate/i);
});

test("connect refuses the certificate of another host", async () => {
  await using server = await serve(echo, { port: 0, tls: { cert: CERT, key: KEY } });
  const error = await failing(server.url, { tls: { ca: CERT, servername: "other.example" } });
  assertEquals(error.code, "WS_CONNECT_FAILED");
  assertMatch(error.message, /other\.example/);
  await using socket = await connect(server.url, { tls: { ca: CERT, servername: "localhost" } });
  assertEquals(socket.readyState, 1);
});

test("connect refuses the certificate of another address", async () => {
  const options = { port: 0, hostname: "0.0.0.0", tls: { cert: CERT, key: KEY } };
  await using server = await serve(echo, options);
  const error = await failing(`wss://127.0.0.2:${server.port}/`, { tls: { ca: CERT } });
  assertEquals(error.code, "WS_CONNECT_FAILED");
  assertMatch(error.message, /127\.0\.0\.2/);
});

test("connect takes any certificate with rejectUnauthorized: false", async () => {
  await using server = await serve(echo, { port: 0, tls: { cert: CERT, key: KEY } });
  await using socket = await connect(server.url, { tls: { rejectUnauthorized: false } });
  await socket.send("x");
  assertEquals((await socket[Symbol.asyncIterator]().next()).value, "x");
});

test("wss to a server without TLS, and ws to one with it, fail in one line", async () => {
  await using plain = await serve(echo, { port: 0 });
  await using secure = await serve(echo, { port: 0, tls: { cert: CERT, key: KEY } });
  assertEquals((await failing(plain.url.replace("ws:", "wss:"))).code, "WS_CONNECT_FAILED");
  assertMatch(
    (await failing(secure.url.replace("wss:", "ws:"))).code,
    /^WS_(CONNECT_FAILED|HANDSHAKE_MALFORMED)$/,
  );
});

test("a TLS handshake that never ends is given up at the deadline", async () => {
  await withRaw(() => {}, async (server) => {
    const url = server.url.replace("ws:", "wss:");
    assertEquals((await failing(url, { handshakeTimeoutMs: 200 })).code, "WS_HANDSHAKE_TIMEOUT");
    await gone(server);
  });
});
