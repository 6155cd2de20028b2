import { assertEquals, assertMatch } from "@std/assert";
import { Buffer } from "node:buffer";
import type { EventEmitter } from "node:events";
import http from "node:http";
import { test } from "node:test";
import { readOpeningHead } from "../../../src/adapters/node/opening_head.ts";
import { HttpListener } from "../../../src/adapters/node/http_listener.ts";
import { serve } from "../../../src/adapters/serve.ts";
import { clientText, head, RawPeer, requestLines } from "../support/raw.ts";
import { RUNTIME } from "../support/runtime.ts";
import { sleep, until, within } from "../support/waiting.ts";

const LIMIT = 16384;

function read(text: string, limit = LIMIT) {
  return readOpeningHead(Buffer.from(text, "latin1"), limit);
}

/** A request with these lines in the place of its last one. */
function withLines(...lines: string[]): string {
  return head([...requestLines(), ...lines]);
}

/** Requests that a browser, a client or somebody's script might send, and odd ones that are legal. */
const OPENINGS: readonly string[] = [
  withLines(),
  withLines("Origin: http://a.example", "Sec-WebSocket-Protocol: a, b", "Cookie: a=b; c=d"),
  withLines(
    "X-Empty:",
    "X-Blanks: \t  ",
    "X-Inner:\ta  b\t",
    "x-LATIN: \xe9\xff",
    "X-Colon: a:b::",
  ),
  withLines("X-Twice: 1", "X-Twice: 2", "x-twice: 3"),
  withLines("!#$%&'*+-.^_`|~09AZaz: every token character"),
  withLines(`X-Long: ${"x".repeat(9000)}`),
  head(requestLines("/a/b?c=d&e=%20;:@!$'()*+,~")),
  head(requestLines("/").map((line) => line.toUpperCase())),
  head(
    requestLines("/").map((line) =>
      line.replace("Connection: Upgrade", "Connection: keep-alive, Upgrade")
    ),
  ),
];

test("a whole request for a WebSocket is read as node:http reads it", {
  skip: RUNTIME !== "node",
}, async () => {
  const seen: unknown[] = [];
  const server = http.createServer();
  server.on("upgrade", ({ method, url, httpVersion, rawHeaders }, socket) => {
    seen.push({ method, url, httpVersion, rawHeaders });
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    for (const opening of OPENINGS) {
      const peer = await RawPeer.connect((server.address() as { port: number }).port);
      peer.write(Buffer.from(opening, "latin1"));
      await until(() => seen.length > 0, "the upgrade");
      peer.destroy();
      assertEquals(seen.pop(), read(opening)?.request, opening);
    }
  } finally {
    server.close();
  }
});

test("what follows the head is handed on, and nothing keeps the chunk when nothing does", () => {
  const chunk = Buffer.from(withLines() + "\x81\x85rest", "latin1");
  assertEquals([...readOpeningHead(chunk, LIMIT)!.rest], [0x81, 0x85, ...Buffer.from("rest")]);
  assertEquals(read(withLines())!.rest.buffer.byteLength, 0);
});

test("a head of just the limit is read, and not of a byte more", () => {
  const opening = withLines();
  assertEquals(read(opening, opening.length)?.request.method, "GET");
  assertEquals(read(opening, opening.length - 1), undefined);
});

test("whatever is not clearly a whole request for a WebSocket is left to node:http", () => {
  const [line, ...fields] = requestLines();
  const other = (change: (lines: string[]) => string[]) => head(change([line, ...fields]));
  const left: Record<string, string> = {
    "no bytes": "",
    "half a head": withLines().slice(0, 90),
    "a head without its last byte": withLines().slice(0, -1),
    "another method": withLines().replace("GET", "PUT"),
    "no target": withLines().replace("GET / ", "GET  "),
    "a target with a space": withLines().replace("GET / ", "GET /a b "),
    "HTTP/1.0": withLines().replace("HTTP/1.1", "HTTP/1.0"),
    "bare line feeds": withLines().replaceAll("\r\n", "\n") + "\r\n\r\n",
    "one bare line feed": withLines().replace("Upgrade: websocket\r\n", "Upgrade: websocket\n"),
    "a bare carriage return": withLines("X: a\rb"),
    "a folded line": withLines("X: a", " b"),
    "a blank before the colon": withLines("X : a"),
    "no colon": withLines("X"),
    "no name": withLines(": a"),
    "a control character": withLines("X: a\x01"),
    "a zero": withLines("X: a\0"),
    "a name that is no token": withLines("X(a): b"),
    "no fields": "GET / HTTP/1.1\r\n\r\n",
    "no Upgrade": other((lines) => lines.filter((one) => !one.startsWith("Upgrade:"))),
    "another Upgrade": withLines().replace("websocket", "h2c"),
    "no Connection": other((lines) => lines.filter((one) => !one.startsWith("Connection:"))),
    "another Connection": withLines().replace("Connection: Upgrade", "Connection: close"),
    "a length": withLines("Content-Length: 0"),
    "a coded body": withLines("transfer-encoding: chunked"),
    "an expectation": withLines("Expect: 100-continue"),
  };
  for (const [what, text] of Object.entries(left)) assertEquals(read(text), undefined, what);
});

/** A listener that tells which way requests came. */
async function listen(run: (port: number, ways: string[]) => Promise<void>): Promise<void> {
  const ways: string[] = [];
  const listener = new HttpListener({
    tls: undefined,
    maxHeaderBytes: LIMIT,
    headTimeoutMs: 3_600_000,
  }, {
    onRequest: (incoming, outgoing) => {
      ways.push(`${incoming.method} by node:http`);
      incoming.resume().on("end", () => outgoing.end("ok"));
    },
    onUpgrade: (_request, socket) => {
      ways.push("upgrade by node:http");
      socket.destroy();
    },
    onOpening: ({ url }, socket, rest) => {
      ways.push(`opening of ${url} and ${rest.length} bytes`);
      const { listenerCount } = socket as unknown as EventEmitter;
      // A stream has one for its own end.
      const left = ["data", "end"].map((event) => listenerCount.call(socket, event));
      assertEquals(left, [0, 1], "listeners are left");
      socket.destroy();
    },
  });
  const port = await listener.listen({ hostname: "127.0.0.1", port: 0 }, () => {});
  try {
    await run(port, ways);
  } finally {
    await within(listener.stop(), "end of the listener");
  }
}

test("on Node a whole opening passes node:http by, and nothing else does", async () => {
  await listen(async (port, ways) => {
    const send = async (...pieces: string[]) => {
      const peer = await RawPeer.connect(port);
      for (const piece of pieces) {
        peer.write(piece);
        await sleep(20);
      }
      peer.socket.end();
      await within(peer.closed, "the server's end");
    };
    const opening = withLines();
    await send(opening + "12345");
    await send("G", opening.slice(1));
    await send(opening.slice(0, 60), opening.slice(60));
    await send("GET / HTTP/1.1\r\nHost: x\r\n\r\n", opening);
    await send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab", "cd");
    await send("GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assertEquals(ways, [
      RUNTIME === "node" ? "opening of / and 5 bytes" : "upgrade by node:http",
      "upgrade by node:http",
      "upgrade by node:http",
      ...["GET by node:http", "upgrade by node:http"],
      "POST by node:http",
      ...["GET by node:http", "GET by node:http"],
    ]);
  });
});

test("where somebody else listens for connections, node:http sees every opening", {
  skip: RUNTIME !== "node",
}, async () => {
  const { createServer } = http;
  http.createServer = ((options: object) =>
    createServer(options).on("connection", () => {})) as typeof createServer;
  try {
    await listen(async (port, ways) => {
      const peer = await RawPeer.connect(port);
      peer.write(withLines());
      await until(() => ways.length > 0, "the upgrade");
      peer.destroy();
      assertEquals(ways, ["upgrade by node:http"]);
    });
  } finally {
    http.createServer = createServer;
  }
});

test("a client that leaves without a byte is let go at once", async () => {
  await listen(async (port) => {
    const peer = await RawPeer.connect(port);
    peer.socket.end();
    await within(peer.closed, "the server's end");
  });
});

test("messages in one chunk with the opening, and behind a request of before, are answered", async () => {
  await using server = await serve(
    { message: (socket, data) => void socket.send(data) },
    { port: 0, fetch: () => new Response("plain") },
  );
  const text = Buffer.concat([Buffer.from(withLines()), clientText("first"), clientText("second")]);
  for (const before of ["", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"]) {
    const peer = await RawPeer.connect(server.port);
    if (before !== "") {
      peer.write(before);
      await until(() => peer.text.includes("plain"), "the plain answer");
    }
    peer.write(text);
    await until(() => peer.text.endsWith("\x81\x05first\x81\x06second"), "both echoes");
    peer.destroy();
  }
});

test("the time for a head ends with it: a slow decision has its own", async () => {
  await using server = await serve({}, {
    port: 0,
    handshakeTimeoutMs: 400,
    verify: () => new Promise(() => {}),
  });
  const peer = await RawPeer.connect(server.port);
  await sleep(300);
  peer.write(withLines());
  assertMatch(await peer.readToEnd(), /^HTTP\/1\.1 503 /);
  peer.destroy();
});
