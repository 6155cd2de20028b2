import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import http from "node:http";
import https from "node:https";
import { test } from "node:test";
import { HandshakeError } from "../../src/errors.ts";
import {
  type Handler,
  type NodeRequest,
  onUpgrade,
  type ServerOptions,
  upgradeWebSocket,
  type WebSocketConnection,
} from "../../src/adapters/node/mod.ts";
import { connect } from "../../src/adapters/client.ts";
import { listenLocally } from "../interop/http_server.ts";
import {
  clientClose,
  clientFrame,
  clientText,
  head,
  RawPeer,
  requestLines,
} from "./support/raw.ts";
import { CERT, KEY } from "./support/runtime.ts";
import { Inbox, sleep, until, within } from "./support/waiting.ts";

const echo: Handler = { message: (socket, data) => void socket.send(data) };

/** Runs a test with a server that upgrades. */
async function withServer(
  handler: Handler,
  options: ServerOptions,
  run: (port: number, server: http.Server) => Promise<void>,
  serverOptions: http.ServerOptions = {},
): Promise<void> {
  const server = http.createServer(serverOptions);
  server.on("upgrade", onUpgrade(handler, options));
  const { url, close } = await listenLocally(server);
  try {
    await run(Number(new URL(url).port), server);
  } finally {
    await within(close(), "end of the server");
  }
}

test("onUpgrade accepts and echoes on an http server", async () => {
  await withServer(echo, {}, async (port) => {
    const peer = await RawPeer.open(port, { path: "/chat?x=1" });
    peer.write(clientText("Hello"));
    assertEquals(await peer.readBytes(7), Uint8Array.from([0x81, 5, 72, 101, 108, 108, 111]));
    peer.destroy();
  });
});

test("onUpgrade accepts and echoes on an https server", async () => {
  const server = https.createServer({ cert: CERT, key: KEY });
  const urls = new Inbox<string>();
  server.on(
    "upgrade",
    onUpgrade({
      open: (socket) => urls.push(`${socket.url} ${socket.request!.url}`),
      message: (socket, data) => void socket.send(data),
    }),
  );
  const { url, close } = await listenLocally(server as unknown as http.Server);
  try {
    const { port } = new URL(url);
    await using socket = await connect(`wss://127.0.0.1:${port}/x`, { tls: { ca: CERT } });
    await socket.send("secret");
    assertEquals((await socket[Symbol.asyncIterator]().next()).value, "secret");
    assertEquals(await urls.next(), `wss://127.0.0.1:${port}/x https://127.0.0.1:${port}/x`);
  } finally {
    await within(close(), "end of the server");
  }
});

test("onUpgrade refuses a wrong handler and wrong options at once", () => {
  assertThrows(() => onUpgrade(undefined as unknown as Handler), TypeError, "handler");
  assertThrows(() => onUpgrade({ mesage() {} } as Handler), TypeError, '"mesage"');
  assertThrows(
    () => onUpgrade(echo, { maxMessageByte: 1 } as ServerOptions),
    TypeError,
    '"maxMessageByte"',
  );
  assertThrows(() => onUpgrade(echo, { closeTimeoutMs: -1 }), RangeError, '"closeTimeoutMs"');
});

test("upgradeWebSocket resolves with the connection, whose first message is not lost", async () => {
  const server = http.createServer();
  const got = new Inbox<unknown>();
  server.on("upgrade", async (request, socket, first) => {
    const connection = await upgradeWebSocket(request, socket, first, { protocols: ["chat"] });
    got.push(connection.protocol);
    for await (const message of connection) got.push(message);
    got.push((await connection.closed).closeCode);
  });
  const { url, close } = await listenLocally(server);
  try {
    const peer = await RawPeer.connect(Number(new URL(url).port));
    const lines = [...requestLines(), "Sec-WebSocket-Protocol: chat"];
    peer.write(head(lines), clientText("glued"), clientClose(4321));
    assertMatch(await peer.readHead(), /^HTTP\/1\.1 101 [^]*\r\nsec-websocket-protocol: chat/i);
    assertEquals(await got.next(), "chat");
    assertEquals(await got.next(), "glued");
    await peer.readToEnd();
    peer.end();
    assertEquals(await got.next(), 4321);
  } finally {
    await within(close(), "end of the server");
  }
});

test("upgradeWebSocket rejects when the request is refused, and the client is told", async () => {
  const server = http.createServer();
  const errors = new Inbox<unknown>();
  server.on("upgrade", (request, socket, first) => {
    upgradeWebSocket(request, socket, first, { origins: ["https://good.example"] })
      .then(() => errors.push("accepted"), (error) => errors.push(error));
  });
  const { url, close } = await listenLocally(server);
  try {
    const peer = await RawPeer.connect(Number(new URL(url).port));
    peer.write(head([...requestLines(), "Origin: https://evil.example"]));
    const answer = await peer.readToEnd();
    assertMatch(answer, /^HTTP\/1\.1 403 /);
    peer.destroy();
    const error = await errors.next("rejection");
    if (!(error instanceof HandshakeError)) throw error;
    assertEquals([error.code, error.status], ["WS_ORIGIN_REFUSED", 403]);
  } finally {
    await within(close(), "end of the server");
  }
});

test("upgradeWebSocket rejects wrong options with a TypeError", async () => {
  await assertRejects(
    () =>
      upgradeWebSocket(
        {} as NodeRequest,
        {} as never,
        new Uint8Array(0),
        { nope: 1 } as ServerOptions,
      ),
    TypeError,
    '"nope"',
  );
});

test("all the echoes of one received chunk go out in one write", async () => {
  let writes = 0;
  let chunks = 0;
  const server = http.createServer();
  const listener = onUpgrade(echo);
  server.on("upgrade", (request, socket, first) => {
    // deno-lint-ignore no-explicit-any -- the runtimes' types of sockets differ
    const wrapped = socket as any;
    const write = wrapped.write;
    wrapped.write = function (...args: unknown[]) {
      writes++;
      return write.apply(this, args);
    };
    wrapped.on("data", () => chunks++);
    wrapped.pause();
    listener(request, wrapped, first);
  });
  const { url, close } = await listenLocally(server);
  try {
    const peer = await RawPeer.open(Number(new URL(url).port));
    await sleep(20);
    writes = chunks = 0;
    const messages = Array.from({ length: 500 }, (_, i) => clientText(`message ${i}`));
    peer.write(...messages);
    await until(() => peer.size >= 500 * 11, "500 echoes");
    assertEquals(peer.frames().at(-1)!.payload, new TextEncoder().encode("message 499"));
    assert(chunks <= 5, `500 small frames came in ${chunks} chunks`);
    assertEquals(writes, chunks);
    peer.destroy();
  } finally {
    await within(close(), "end of the server");
  }
});

test("frames glued to the request's head are delivered in order", async () => {
  await withServer(echo, {}, async (port) => {
    const peer = await RawPeer.connect(port);
    peer.write(head(requestLines()), clientText("one"), clientText("two"));
    await peer.readHead();
    peer.write(clientText("three"));
    await peer.readBytes(5 + 5 + 7);
    assertEquals(
      peer.frames().map((frame) => new TextDecoder().decode(frame.payload)),
      ["one", "two", "three"],
    );
    peer.destroy();
  });
});

test("a bad frame glued to the request's head fails the connection with 1002", async () => {
  const ends = new Inbox<string | undefined>();
  await withServer({ error: (_socket, error) => ends.push(error.code) }, {}, async (port) => {
    const peer = await RawPeer.connect(port);
    peer.write(head(requestLines()), Uint8Array.of(0x81, 1, 65)); // not masked
    await peer.readHead();
    assertEquals(await ends.next("failure"), "WS_MASK_MISSING");
    await peer.readBytes(4);
    const [close] = peer.frames();
    assertEquals([close.opcode, close.payload[0] * 256 + close.payload[1]], [8, 1002]);
    peer.destroy();
  });
});

test("an empty body does not block what is written after it", async () => {
  // A stream of empty and other chunks, over TLS: an empty write would never end on Deno 2.9.
  const server = https.createServer({ cert: CERT, key: KEY });
  const verify = () => {
    const chunks = ["", "not ", "", "you", ""].map((text) => new TextEncoder().encode(text));
    return new Response(
      new ReadableStream({
        pull(controller) {
          const chunk = chunks.shift();
          if (chunk === undefined) controller.close();
          else controller.enqueue(chunk);
        },
      }),
      { status: 403 },
    );
  };
  server.on("upgrade", onUpgrade(echo, { verify }));
  const { url, close } = await listenLocally(server as unknown as http.Server);
  try {
    const peer = await RawPeer.connect(Number(new URL(url).port), { secure: true });
    peer.write(head(requestLines()));
    assertMatch(await peer.readToEnd(3000), /^HTTP\/1\.1 403 [^]*\r\n\r\nnot you$/);
    peer.destroy();
  } finally {
    await within(close(), "end of the server");
  }
});

const REFUSALS: [string, string[], RegExp][] = [
  ["a second Host", [...requestLines(), "Host: other"], /^HTTP\/1\.1 400 /],
  [
    "a second Sec-WebSocket-Key",
    [...requestLines(), "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="],
    /^HTTP\/1\.1 400 /,
  ],
  ["a second version", [...requestLines(), "Sec-WebSocket-Version: 13"], /^HTTP\/1\.1 4(00|26) /],
  [
    "version 8",
    requestLines().with(-1, "Sec-WebSocket-Version: 8"),
    /^HTTP\/1\.1 426 [^]*sec-websocket-version: 13/i,
  ],
  ["no key", requestLines().filter((line) => !line.includes("Key")), /^HTTP\/1\.1 400 /],
  ["a body's length", [...requestLines(), "Content-Length: 5"], /^HTTP\/1\.1 400 /],
  [
    "both ways to frame a body",
    [...requestLines(), "Content-Length: 5", "Transfer-Encoding: chunked"],
    /^HTTP\/1\.1 400 /,
  ],
  ["Upgrade: h2c", requestLines().with(2, "Upgrade: h2c"), /^HTTP\/1\.1 4(00|26) /],
  ["POST", requestLines().with(0, "POST / HTTP/1.1"), /^HTTP\/1\.1 4(00|05) /],
  ["101 fields", [
    ...requestLines(),
    ...Array.from({ length: 96 }, (_, i) => `X-${i}: y`),
  ], /^HTTP\/1\.1 431 /],
  ["a head over maxHeaderBytes", [...requestLines(), `X: ${"y".repeat(5000)}`], /^HTTP\/1\.1 431 /],
  ["HTTP/1.0", requestLines().with(0, "GET / HTTP/1.0"), /^HTTP\/1\.[01] (505|4\d\d) /],
  ["2000 fields around Upgrade", [
    "GET / HTTP/1.1",
    ...Array.from({ length: 1000 }, (_, i) => `A${i}: 1`),
    ...requestLines().slice(1),
    ...Array.from({ length: 1000 }, (_, i) => `B${i}: 1`),
  ], /^HTTP\/1\.1 4(00|31) /],
];

for (const [what, lines, expected] of REFUSALS) {
  test(`a request with ${what} is refused, and the server lives on`, async () => {
    await withServer(echo, { maxHeaderBytes: 4096 }, async (port) => {
      const peer = await RawPeer.connect(port);
      peer.write(head(lines));
      assertMatch(await peer.readToEnd(), expected);
      peer.destroy();
      (await RawPeer.open(port)).destroy();
    });
  });
}

test("an application that destroys an unhandled upgrade's socket loses nothing else", async () => {
  const server = http.createServer();
  const listener = onUpgrade(echo);
  server.on("upgrade", (request, socket, first) => {
    if (request.url === "/chat") return listener(request, socket, first);
    socket.on("error", () => {});
    socket.end("HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
  });
  const { url, close } = await listenLocally(server);
  try {
    const port = Number(new URL(url).port);
    const lost = await RawPeer.connect(port);
    lost.write(head(requestLines("/nothing")));
    lost.reset();
    await sleep(30);
    (await RawPeer.open(port, { path: "/chat" })).destroy();
  } finally {
    await within(close(), "end of the server");
  }
});

test("the listeners on a socket do not grow while it is used", async () => {
  const server = http.createServer();
  const events = ["data", "end", "error", "close", "drain", "readable"];
  // deno-lint-ignore no-explicit-any -- the runtimes' types of sockets differ
  let seen: any;
  let connection: WebSocketConnection | undefined;
  const listener = onUpgrade({
    open: (socket) => void (connection = socket),
    message: (socket, data) => void socket.send(data),
  });
  server.on("upgrade", (request, socket, first) => {
    seen = socket;
    listener(request, socket, first);
  });
  const { url, close } = await listenLocally(server);
  try {
    const peer = await RawPeer.open(Number(new URL(url).port));
    await until(() => connection !== undefined, "connection");
    const count = () => events.map((event) => seen.listenerCount(event));
    const before = count();
    for (let i = 0; i < 50; i++) {
      peer.write(clientText(`${i}`.padEnd(100)));
      connection!.pause();
      connection!.resume();
      await connection!.send(new Uint8Array(100_000));
    }
    await until(() => peer.size >= 50 * 100_000, "bytes");
    assertEquals(count(), before);
    const pings = Array.from({ length: 3 }, () => connection!.ping());
    peer.write(
      ...peer.frames().filter((frame) => frame.opcode === 9).map((frame) =>
        clientFrame({ opcode: 10, payload: frame.payload })
      ),
    );
    for (const ping of pings) ping.catch(() => {});
    peer.destroy();
  } finally {
    await within(close(), "end of the server");
  }
});
