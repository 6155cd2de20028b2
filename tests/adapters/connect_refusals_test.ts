import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { test } from "node:test";
import { connect, HandshakeError } from "../../src/adapters/client.ts";
import { acceptance, head, listenRaw, type RawPeer } from "./support/raw.ts";
import { sleep, until, within } from "./support/waiting.ts";
import { PATIENCE } from "../support/patience.ts";

/** Connects to a raw server that answers something, which must fail. */
async function failing(
  answer: (peer: RawPeer, request: string) => unknown,
): Promise<HandshakeError> {
  const server = await listenRaw((peer) => {
    peer.readHead().then((request) => answer(peer, request)).catch(() => {});
  });
  try {
    const error = await assertRejects(
      () => within(connect(server.url, { protocols: ["a"] }), "failure"),
      HandshakeError,
    );
    assertMatch(error.message, /^Cannot connect[^\n]*$/);
    await until(() => server.peers.every((peer) => peer.gone), "end of the socket", 3000);
    return error;
  } finally {
    await server.close();
  }
}

test("a refusal's body of known length is shown at once", async () => {
  const start = performance.now();
  const error = await failing((peer) =>
    peer.write("HTTP/1.1 503 Busy\r\nRetry-After: 5\r\nContent-Length: 9\r\n\r\ntry later+more")
  );
  assertEquals([error.code, error.status], ["WS_HANDSHAKE_REFUSED", 503]);
  assertEquals([error.headers.get("retry-after"), error.body], ["5", "try later"]);
  assert(performance.now() - start < 800 * PATIENCE, "it waited for the end of the connection");
});

test("a refusal's body in chunks is shown without their sizes", async () => {
  const error = await failing(async (peer) => {
    peer.write("HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nnot ");
    await sleep(20);
    peer.write("\r\n3;x=y\r\nyou\r\n0\r\n\r\n");
  });
  assertEquals([error.status, error.body], [403, "not you"]);
});

test("a refusal's body that ends with the connection is shown", async () => {
  const error = await failing((peer) => {
    peer.write("HTTP/1.1 500 Oops\r\nConnection: close\r\n\r\nthe end");
    peer.end();
  });
  assertEquals([error.status, error.body], [500, "the end"]);
});

test("a refusal's endless body is cut after its start", async () => {
  let written = 0;
  const start = performance.now();
  const error = await failing(async (peer) => {
    peer.write("HTTP/1.1 404 Not Found\r\n\r\n");
    while (!peer.gone && written < 100 << 20) {
      peer.write("x".repeat(10_000));
      written += 10_000;
      await sleep(1);
    }
  });
  assertEquals([error.status, error.body], [404, "x".repeat(1024)]);
  assert(performance.now() - start < 3000 * PATIENCE);
});

test("a refusal's body that never comes is not waited for long", async () => {
  const start = performance.now();
  const error = await failing((peer) =>
    peer.write("HTTP/1.1 401 No\r\nContent-Length: 100\r\n\r\nhalf")
  );
  assertEquals([error.status, error.body], [401, "half"]);
  assert(performance.now() - start < 3000 * PATIENCE);
});

test("a redirect is reported and not followed", async () => {
  const error = await failing((peer) =>
    peer.write(
      "HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:1/elsewhere\r\nContent-Length: 0\r\n\r\n",
    )
  );
  assertEquals([error.code, error.status], ["WS_HANDSHAKE_REFUSED", 302]);
  assertEquals(error.headers.get("location"), "ws://127.0.0.1:1/elsewhere");
});

test("a 200 is a refusal", async () => {
  const error = await failing((peer) =>
    peer.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
  );
  assertEquals([error.code, error.status, error.body], ["WS_HANDSHAKE_REFUSED", 200, "hi"]);
});

const replaced = (name: string, line?: string) => (lines: string[]) =>
  lines.flatMap((old) => old.startsWith(`${name}:`) ? (line === undefined ? [] : [line]) : [old]);

const LIES: [string, (lines: string[]) => string[], RegExp][] = [
  [
    "the answer to another key",
    replaced("Sec-WebSocket-Accept", "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
    /Accept/,
  ],
  ["no answer to the key", replaced("Sec-WebSocket-Accept"), /Accept/],
  ["no Upgrade", replaced("Upgrade"), /Upgrade/],
  ["another Upgrade", replaced("Upgrade", "Upgrade: h2c"), /Upgrade/],
  ["no Connection", replaced("Connection"), /Connection/],
  ["no subprotocol", replaced("Sec-WebSocket-Protocol"), /subprotocol/],
  [
    "a subprotocol that was not offered",
    replaced("Sec-WebSocket-Protocol", "Sec-WebSocket-Protocol: b"),
    /subprotocol/,
  ],
  ["two subprotocols", (lines) => [...lines, "Sec-WebSocket-Protocol: a"], /subprotocol/],
  [
    "an extension that was not offered",
    (lines) => [...lines, "Sec-WebSocket-Extensions: permessage-deflate"],
    /extension/i,
  ],
  [
    "an extension with a prototype's name",
    (lines) => [...lines, "Sec-WebSocket-Extensions: constructor"],
    /extension/i,
  ],
];

for (const [what, change, message] of LIES) {
  test(`a 101 with ${what} is refused`, async () => {
    const error = await failing(async (peer, request) =>
      peer.write(head(change([...await acceptance(request), "Sec-WebSocket-Protocol: a"])))
    );
    assertEquals([error.code, error.status], ["WS_HANDSHAKE_INVALID", 101]);
    assertMatch(error.message, message);
  });
}

const NOISE: [string, string][] = [
  ["no HTTP", "SSH-2.0-OpenSSH_9.6\r\n\r\n"],
  ["HTTP/2 bytes", "\x00\x00\x12\x04\x00\x00\x00\x00\x00\r\n\r\n"],
  ["a field without a colon", "HTTP/1.1 101 OK\r\nnonsense\r\n\r\n"],
  ["a folded field", "HTTP/1.1 101 OK\r\nX: a\r\n b\r\n\r\n"],
  ["a NUL in a field", "HTTP/1.1 101 OK\r\nX: \0\r\n\r\n"],
  ["a status of two digits", "HTTP/1.1 10 OK\r\n\r\n"],
];

for (const [what, bytes] of NOISE) {
  test(`an answer with ${what} is refused as malformed`, async () => {
    const error = await failing((peer) => peer.write(bytes));
    assertEquals(error.code, "WS_HANDSHAKE_MALFORMED");
  });
}
