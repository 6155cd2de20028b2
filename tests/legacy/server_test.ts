import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { test } from "node:test";
import { acceptWebSocket } from "../../src/api/stream.ts";
import { HandshakeError } from "../../src/errors.ts";
import { legacy, protocolVersion } from "../../src/legacy/mod.ts";
import { everyChunking } from "../support/chunks.ts";
import { join } from "../support/bytes.ts";
import { MemoryPeer } from "../support/memory_peer.ts";
import { encodeFrame } from "../support/wire.ts";
import {
  accept,
  ANSWER,
  BAD_KEY,
  BODY,
  CLOSE,
  head,
  KEY_1,
  KEY_2,
  lines75,
  lines76,
  linesHybi,
  textFrame,
  utf8,
} from "./support.ts";

const latin1 = new TextDecoder("latin1");

/** A refusal's status line and header fields, when the request was not accepted. */
async function refusal(
  request: string,
  options: Parameters<typeof accept>[0] = {},
): Promise<string> {
  const { peer, accepted } = accept(options);
  peer.write(utf8(request));
  const answer = await peer.readHead();
  peer.end();
  assertInstanceOf(await accepted.catch((error) => error), HandshakeError);
  return answer;
}

test("draft 75 is answered byte for byte as the draft has it", async () => {
  const { peer, accepted } = accept({ protocols: ["sample"], headers: { "X-More": "1" } });
  peer.write(utf8(head(lines75("WebSocket-Protocol: sample"))));
  assertEquals(
    await peer.readHead(),
    head([
      "HTTP/1.1 101 Web Socket Protocol Handshake",
      "Upgrade: WebSocket",
      "Connection: Upgrade",
      "WebSocket-Origin: http://example.com",
      "WebSocket-Location: ws://example.com/demo",
      "WebSocket-Protocol: sample",
      "x-more: 1",
    ]),
  );
  const socket = await accepted;
  assertEquals([socket.protocol, socket.url], ["sample", "ws://example.com/demo"]);
  assertEquals(protocolVersion(socket.request!), "hixie-75");
  assertEquals(socket.capabilities.engine, "hixie-75");
  peer.end();
  await socket.closed;
});

test("draft 76 is answered so, over TLS with wss:, and glued frames are delivered", async () => {
  const { peer, accepted } = accept({ secure: true, protocols: ["sample"] });
  const request = head(lines76("Sec-WebSocket-Protocol: other, sample"));
  peer.write(utf8(request + BODY), textFrame("glued"));
  assertEquals(
    await peer.readHead(),
    head([
      "HTTP/1.1 101 WebSocket Protocol Handshake",
      "Upgrade: WebSocket",
      "Connection: Upgrade",
      "Sec-WebSocket-Origin: http://example.com",
      "Sec-WebSocket-Location: wss://example.com/demo",
      "Sec-WebSocket-Protocol: sample",
    ]),
  );
  assertEquals(latin1.decode(await peer.read(16)), ANSWER);
  const socket = await accepted;
  assertEquals((await socket[Symbol.asyncIterator]().next()).value, "glued");
  assertEquals(socket.protocol, "sample");
  socket.terminate();
});

test("a handshake, a message and the close work however the bytes are cut", async () => {
  const wire = join([utf8(head(lines76()) + BODY), textFrame("h☕llo"), CLOSE]);
  for (const { name, chunks } of everyChunking(wire)) {
    const { peer, accepted } = accept();
    for (const chunk of chunks) peer.write(chunk);
    const socket = await accepted;
    const messages: unknown[] = [];
    for await (const message of socket) messages.push(message);
    assertEquals(messages, ["h☕llo"], name);
    await peer.readHead();
    assertEquals(latin1.decode(await peer.read(16)), ANSWER, name);
    assertEquals(await peer.readToEnd(), CLOSE, name);
    peer.end();
    assertEquals(await socket.closed, { closeCode: 1005, reason: "", wasClean: true }, name);
  }
});

test("a key that stands for no number is 400, whichever it is", async () => {
  const bad = [BAD_KEY, "12345", "ab c", "42949672960000 "];
  for (const key of bad) {
    for (const [first, second] of [[key, KEY_2], [KEY_1, key]]) {
      const request = lines75(`Sec-WebSocket-Key1: ${first}`, `Sec-WebSocket-Key2: ${second}`);
      assert((await refusal(head(request) + BODY)).startsWith("HTTP/1.1 400 "), key);
    }
  }
  const one = head(lines75(`Sec-WebSocket-Key2: ${KEY_2}`)) + BODY;
  assert((await refusal(one)).startsWith("HTTP/1.1 400 "));
});

test("nothing is answered before the body has come, and not for ever is waited for it", async () => {
  const { peer, accepted } = accept({ handshakeTimeoutMs: 150 });
  peer.write(utf8(head(lines76()) + BODY.slice(0, 7)));
  const answer = await peer.readHead();
  assert(answer.startsWith("HTTP/1.1 408 "), answer);
  peer.end();
  const error = await assertRejects(() => accepted, HandshakeError);
  assertEquals(error.code, "WS_HANDSHAKE_TIMEOUT");
});

test("a client that ends its bytes before the body is cut", async () => {
  const { peer, accepted } = accept();
  peer.write(utf8(head(lines76()) + "1234"));
  peer.end();
  const error = await assertRejects(() => accepted, HandshakeError);
  assertEquals(error.code, "WS_CONNECT_FAILED");
  assertEquals((await peer.readToEnd()).length, 0);
});

test("the drafts are refused by a server that did not ask for them", async () => {
  for (const lines of [lines75(), lines76(), linesHybi(7), linesHybi(8)]) {
    const peer = new MemoryPeer();
    const accepted = acceptWebSocket(peer.pair);
    accepted.catch(() => {});
    peer.write(utf8(head(lines)));
    const answer = await peer.readHead();
    assert(/^HTTP\/1\.1 4(00|26) /.test(answer), answer);
    assert(answer.includes("\r\nSec-WebSocket-Version: 13\r\n"), answer);
    peer.end();
    await assertRejects(() => accepted, HandshakeError);
  }
});

test("only the versions that were named are accepted", async () => {
  const requests = {
    "hixie-75": head(lines75()),
    "hixie-76": head(lines76()) + BODY,
    "hybi-07": head(linesHybi(7)),
    "hybi-08": head(linesHybi(8)),
  } as const;
  const names = Object.keys(requests) as (keyof typeof requests)[];
  for (const version of names) {
    for (const spoken of names) {
      const { peer, accepted } = accept({ legacy: legacy({ versions: [version] }) });
      peer.write(utf8(requests[spoken]));
      const answer = await peer.readHead();
      assertEquals(answer.startsWith("HTTP/1.1 101 "), version === spoken, `${version}: ${answer}`);
      if (version === spoken) (await accepted).terminate();
      else peer.end();
    }
  }
});

test("an unknown version is told which there are", async () => {
  const answer = await refusal(head(linesHybi(9)));
  assert(answer.startsWith("HTTP/1.1 426 "), answer);
  assert(answer.includes("\r\nSec-WebSocket-Version: 13, 8, 7\r\n"), answer);
  const fewer = await refusal(head(linesHybi(14)), { legacy: legacy({ versions: ["hybi-08"] }) });
  assert(fewer.includes("\r\nSec-WebSocket-Version: 13, 8\r\n"), fewer);
  // A key without a version is a new client that is broken, no old one.
  const broken = linesHybi(8).filter((line) => !line.startsWith("Sec-WebSocket-Version"));
  assert((await refusal(head(broken))).startsWith("HTTP/1.1 400 "));
});

for (const version of [7, 8]) {
  test(`version ${version} has RFC 6455's answer and frames, and no extensions`, async () => {
    const { peer, accepted } = accept({ protocols: ["v2"], compression: true });
    const offers = [
      "Sec-WebSocket-Protocol: v1, v2",
      "Sec-WebSocket-Extensions: deflate-stream, x-webkit-deflate-frame, permessage-deflate",
    ];
    peer.write(utf8(head(linesHybi(version, ...offers))));
    const answer = await peer.readHead();
    assert(answer.includes("\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), answer);
    assert(!answer.toLowerCase().includes("sec-websocket-extensions"), answer);
    const socket = await accepted;
    assertEquals([socket.protocol, socket.extensions], ["v2", ""]);
    assertEquals(protocolVersion(socket.request!), `hybi-0${version}`);
    const key = Uint8Array.of(1, 2, 3, 4);
    peer.write(encodeFrame({ opcode: 2, key, payload: "bytes" }));
    assertEquals((await socket[Symbol.asyncIterator]().next()).value, utf8("bytes"));
    const closed = socket.close(1001, "bye");
    const frame = await peer.readFrame();
    assertEquals(latin1.decode(frame!.payload), "\x03\xe9bye");
    peer.write(encodeFrame({ opcode: 8, key, payload: frame!.payload }));
    peer.end();
    assert((await closed).wasClean);
  });
}

test("the origin policy looks where each version says the origin", async () => {
  const origins = ["http://example.com"];
  const evil = (line: string) => line.replace("http://example.com", "http://evil.example");
  const hybi = (field: string) => linesHybi(8, `${field}: http://example.com`);
  const all = [
    [lines75(), ""],
    [lines76(), BODY],
    [hybi("Sec-WebSocket-Origin"), ""],
    [hybi("Origin"), ""], // as drafts 11 and 12 have it
  ] as const;
  for (const [lines, body] of all) {
    const { peer, accepted } = accept({ origins });
    peer.write(utf8(head(lines) + body));
    assert((await peer.readHead()).startsWith("HTTP/1.1 101 "));
    (await accepted).terminate();
    const answer = await refusal(head(lines.map(evil)) + body, { origins });
    assert(answer.startsWith("HTTP/1.1 403 "), answer);
  }
  // The field that only a browser can set counts, not the one beside it.
  const both = linesHybi(7, "Sec-WebSocket-Origin: http://evil.example", `Origin: ${origins[0]}`);
  assert((await refusal(head(both), { origins })).startsWith("HTTP/1.1 403 "));
  // In version 13 the old field is nothing.
  const modern = linesHybi(13, "Sec-WebSocket-Origin: http://example.com", "Origin: http://e.com");
  assert((await refusal(head(modern), { origins })).startsWith("HTTP/1.1 403 "));
});

test("verify and same-origin see the old requests too", async () => {
  const seen: string[] = [];
  const answer = await refusal(head(lines76()) + BODY, {
    origins: "same-origin",
    verify(request) {
      seen.push(`${request.method} ${request.url}`);
      return new Response("no", { status: 402 });
    },
  });
  assert(answer.startsWith("HTTP/1.1 402 "), answer);
  assertEquals(seen, ["GET http://example.com/demo"]);
});

test("an old request that is malformed is refused like a new one", async () => {
  const replaced = (from: string, to: string) => lines76().map((line) => line === from ? to : line);
  for (
    const [lines, status] of [
      [replaced("GET /demo HTTP/1.1", "POST /demo HTTP/1.1"), 405],
      [replaced("Host: example.com", "X: y"), 400],
      [replaced("Upgrade: WebSocket", "Upgrade: h2c"), 426],
      [replaced("Connection: Upgrade", "Connection: close"), 426],
      [lines76("Content-Length: 8"), 400],
      [lines76("Transfer-Encoding: chunked"), 400],
      [lines76("Sec-WebSocket-Protocol: a b"), 400],
    ] as const
  ) {
    const answer = await refusal(head(lines) + BODY);
    assert(answer.startsWith(`HTTP/1.1 ${status} `), `${lines} ${answer}`);
  }
});

test("a request without an origin is accepted, and the response names none", async () => {
  const { peer, accepted } = accept();
  peer.write(utf8(head(lines75().filter((line) => !line.startsWith("Origin")))));
  const answer = await peer.readHead();
  assert(answer.startsWith("HTTP/1.1 101 "), answer);
  assert(!answer.includes("WebSocket-Origin"), answer);
  (await accepted).terminate();
});

test("options that make no sense are refused", () => {
  // deno-lint-ignore no-explicit-any -- misuse
  const misuse = (options: any) => () => legacy(options);
  assertThrows(misuse({ version: 8 }), TypeError, "versions");
  assertThrows(misuse({ versions: "hixie-75" }), TypeError, "a list");
  assertThrows(misuse({ versions: ["hixie-77"] }), TypeError, '"hixie-75"');
  assertThrows(misuse({ versions: [13] }), TypeError, "number");
});

test("the legacy option takes nothing but what legacy() returns", async () => {
  for (const value of [true, {}, null, "hixie-75", legacy]) {
    const { pair } = new MemoryPeer();
    await assertRejects(
      // deno-lint-ignore no-explicit-any -- misuse
      () => acceptWebSocket(pair, { legacy: value as any }),
      TypeError,
      "legacy() of ./legacy",
    );
  }
});
