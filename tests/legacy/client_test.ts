import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { describe, test } from "node:test";
import type { ClientOptions } from "../../src/api/client_options.ts";
import type { WebSocketConnection } from "../../src/api/connection.ts";
import { acceptWebSocket, connectWebSocket } from "../../src/api/stream.ts";
import { HandshakeError } from "../../src/errors.ts";
import { answerChallenge, readKey } from "../../src/legacy/challenge.ts";
import { legacy, legacyClient, type LegacyVersion } from "../../src/legacy/mod.ts";
import { soon, take } from "../api/ends.ts";
import { assertBytes, join } from "../support/bytes.ts";
import { everyChunking } from "../support/chunks.ts";
import { MemoryPeer } from "../support/memory_peer.ts";
import { answerText } from "../support/raw_handshake.ts";
import { encodeFrame } from "../support/wire.ts";
import { CLOSE, head, textFrame, utf8 } from "./support.ts";

const URL_ = "ws://example.com/demo?a=b";

/** A client that has sent its request to a raw server. */
function dial(
  version: LegacyVersion,
  options: ClientOptions = {},
  url = URL_,
): { peer: MemoryPeer; connected: Promise<WebSocketConnection> } {
  const peer = new MemoryPeer();
  const connected = connectWebSocket(peer.pair, url, {
    pingIntervalMs: 0,
    legacy: legacyClient(version),
    ...options,
  });
  connected.catch(() => {});
  return { peer, connected };
}

/** The value of a field of a request. */
function field(request: string, name: string): string | undefined {
  return new RegExp(`^${name}: (.*)\r$`, "im").exec(request)?.[1];
}

/** The right answer to a request of draft 76 with its body. */
function answer76(request: string, body: Uint8Array, changes: Record<string, string> = {}) {
  const fields: Record<string, string> = {
    "Upgrade": "WebSocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Origin": field(request, "Origin")!,
    "Sec-WebSocket-Location": URL_,
    ...changes,
  };
  const lines = Object.entries(fields).filter(([, value]) => value !== "")
    .map(([name, value]) => `${name}: ${value}`);
  const numbers = ["Sec-WebSocket-Key1", "Sec-WebSocket-Key2"]
    .map((name) => readKey(field(request, name)!)!);
  return join([
    utf8(head(["HTTP/1.1 101 WebSocket Protocol Handshake", ...lines])),
    answerChallenge(numbers[0], numbers[1], body),
  ]);
}

const ANSWER_75 = [
  "HTTP/1.1 101 Web Socket Protocol Handshake",
  "Upgrade: WebSocket",
  "Connection: Upgrade",
  "WebSocket-Origin: http://example.com",
  `WebSocket-Location: ${URL_}`,
];

test("the request of draft 75 is the one the draft has", async () => {
  const { peer, connected } = dial("hixie-75", {
    protocols: "sample",
    headers: { Cookie: "a=b", Origin: "http://page.example" },
  });
  assertEquals(
    await peer.readHead(),
    head([
      "GET /demo?a=b HTTP/1.1",
      "Upgrade: WebSocket",
      "Connection: Upgrade",
      "Host: example.com",
      "Origin: http://page.example",
      "WebSocket-Protocol: sample",
      "cookie: a=b",
    ]),
  );
  const lines = ANSWER_75.map((line) => line.replace("http://example.com", "http://page.example"));
  peer.write(utf8(head([...lines, "WebSocket-Protocol: sample"])), textFrame("glued"));
  const socket = await connected;
  assertEquals([socket.protocol, socket.capabilities.engine], ["sample", "hixie-75"]);
  assertEquals(await take(socket, 1), ["glued"]);
  socket.terminate();
});

test("the request of draft 76 has two keys and eight bytes, new ones each time", async () => {
  const seen = new Set<string>();
  for (let i = 0; i < 20; i++) {
    const { peer, connected } = dial("hixie-76");
    const request = await peer.readHead();
    const body = await peer.read(8);
    const start = head([
      "GET /demo?a=b HTTP/1.1",
      "Upgrade: WebSocket",
      "Connection: Upgrade",
      "Host: example.com",
      "Origin: http://example.com",
    ]).slice(0, -2);
    assert(request.startsWith(start), request);
    seen.add(field(request, "Sec-WebSocket-Key1")!).add(field(request, "Sec-WebSocket-Key2")!);
    seen.add(String(body));
    peer.write(answer76(request, body));
    (await connected).terminate();
  }
  assertEquals(seen.size, 60);
});

test("an answer, a message and the close are read however they are cut", async () => {
  // The challenge differs each time; its answer has always as many bytes.
  const probe = dial("hixie-76");
  const wire = answer76(await probe.peer.readHead(), await probe.peer.read(8));
  probe.peer.destroy();
  const total = join([wire, textFrame("☕"), CLOSE]).length;
  for (const { name, chunks } of everyChunking(new Uint8Array(total))) {
    const { peer, connected } = dial("hixie-76");
    const answer = answer76(await peer.readHead(), await peer.read(8));
    const bytes = join([answer, textFrame("☕"), CLOSE]);
    let at = 0;
    for (const { length } of chunks) peer.write(bytes.subarray(at, at += length));
    const socket = await connected;
    const messages: unknown[] = [];
    for await (const message of socket) messages.push(message);
    assertEquals(messages, ["☕"], name);
    assertEquals(await peer.read(2), CLOSE, name);
    peer.end(); // the client waits for the server to end the byte stream
    assertEquals(await socket.closed, { closeCode: 1005, reason: "", wasClean: true }, name);
  }
});

describe("a response of draft 76 is refused with", () => {
  const bad: Record<string, Record<string, string>> = {
    "another origin": { "Sec-WebSocket-Origin": "http://evil.example" },
    "no origin": { "Sec-WebSocket-Origin": "" },
    "the fields of draft 75": {
      "Sec-WebSocket-Origin": "",
      "Sec-WebSocket-Location": "",
      "WebSocket-Origin": "http://example.com",
      "WebSocket-Location": URL_,
    },
    "another location": { "Sec-WebSocket-Location": "ws://example.com/other" },
    "a location on another port": { "Sec-WebSocket-Location": "ws://example.com:81/demo?a=b" },
    "a location that is none": { "Sec-WebSocket-Location": "demo" },
    "a location without TLS taken for one with": { "Sec-WebSocket-Location": "wss://example.com" },
    "another upgrade": { Upgrade: "h2c" },
    "no upgrade": { Connection: "close" },
    "a protocol that was not offered": { "Sec-WebSocket-Protocol": "x" },
  };
  for (const [what, changes] of Object.entries(bad)) {
    test(what, async () => {
      const { peer, connected } = dial("hixie-76");
      peer.write(answer76(await peer.readHead(), await peer.read(8), changes));
      const error = await assertRejects(() => soon(connected, "the refusal"), HandshakeError);
      assertEquals([error.code, error.status], ["WS_HANDSHAKE_INVALID", 101]);
      await peer.readToEnd();
    });
  }

  test("an answer that does not fit the challenge", async () => {
    const { peer, connected } = dial("hixie-76");
    const answer = answer76(await peer.readHead(), await peer.read(8));
    answer[answer.length - 1] ^= 1;
    peer.write(answer);
    await assertRejects(() => connected, HandshakeError, "challenge");
  });

  test("no answer to the challenge in time", async () => {
    const { peer, connected } = dial("hixie-76", { handshakeTimeoutMs: 100 });
    peer.write(answer76(await peer.readHead(), await peer.read(8)).subarray(0, -1));
    const error = await assertRejects(() => connected, HandshakeError);
    assertEquals(error.code, "WS_HANDSHAKE_TIMEOUT");
    await peer.readToEnd();
  });

  test("the end of the bytes before the answer", async () => {
    const { peer, connected } = dial("hixie-76");
    peer.write(answer76(await peer.readHead(), await peer.read(8)).subarray(0, -1));
    peer.end();
    const error = await assertRejects(() => connected, HandshakeError);
    assertEquals(error.code, "WS_CONNECT_FAILED");
  });
});

test("a response of draft 75 is checked, and a refusal's status and body are seen", async () => {
  for (let i = 1; i < ANSWER_75.length; i++) {
    const { peer, connected } = dial("hixie-75");
    await peer.readHead();
    peer.write(utf8(head(ANSWER_75.toSpliced(i, 1))));
    const error = await assertRejects(() => connected, HandshakeError);
    assertEquals(error.code, "WS_HANDSHAKE_INVALID");
  }
  const { peer, connected } = dial("hixie-75");
  await peer.readHead();
  peer.write(utf8(head(["HTTP/1.1 403 Forbidden", "Content-Length: 2"]) + "no"));
  const error = await assertRejects(() => connected, HandshakeError);
  assertEquals([error.code, error.status, error.body], ["WS_HANDSHAKE_REFUSED", 403, "no"]);
});

test("a location is compared as a URL, and a host by the name it was asked for", async () => {
  const { peer, connected } = dial("hixie-75", {}, "ws://EXAMPLE.com:80/demo?a=b");
  await peer.readHead();
  peer.write(utf8(head(ANSWER_75).replace("ws://example.com", "ws://example.com:80")));
  (await connected).terminate();
});

for (const version of [7, 8]) {
  test(`version ${version} asks as its draft has it, and frames as RFC 6455 does`, async () => {
    const { peer, connected } = dial(`hybi-0${version}` as LegacyVersion, {
      headers: { Origin: "http://page.example" },
      protocols: ["a", "b"],
    });
    const request = await peer.readHead();
    assertEquals(field(request, "Sec-WebSocket-Version"), String(version));
    assertEquals(field(request, "Sec-WebSocket-Origin"), "http://page.example");
    assertEquals(field(request, "Origin"), undefined);
    assertEquals(field(request, "Sec-WebSocket-Protocol"), "a, b");
    assertEquals(field(request, "Sec-WebSocket-Extensions"), undefined);
    peer.write(utf8(await answerText(request, ["Sec-WebSocket-Protocol: b"])));
    const socket = await connected;
    assertEquals([socket.protocol, socket.capabilities.engine], ["b", "fullduplex"]);
    await socket.send("masked");
    const frame = await peer.readFrame();
    assertEquals(new TextDecoder().decode(frame!.payload), "masked");
    peer.write(encodeFrame({ opcode: 2, payload: "bytes" }));
    assertEquals(await take(socket, 1), [utf8("bytes")]);
    socket.terminate();
  });
}

test("our client and our server understand each other in every version", async () => {
  for (const version of ["hixie-75", "hixie-76", "hybi-07", "hybi-08"] as const) {
    const up = new TransformStream<Uint8Array, Uint8Array>();
    const down = new TransformStream<Uint8Array, Uint8Array>();
    const accepted = acceptWebSocket(
      { readable: up.readable, writable: down.writable },
      { legacy: legacy(), protocols: ["p"], pingIntervalMs: 0 },
    );
    const client = await connectWebSocket(
      { readable: down.readable, writable: up.writable },
      "wss://example.com:444/a?b",
      { legacy: legacyClient(version), protocols: "p", pingIntervalMs: 0 },
    ).catch((error) => error);
    const server = await accepted;
    if (version.startsWith("hixie")) {
      // The server did not hear that there was TLS before it, so it is not the one asked for.
      assert(client instanceof HandshakeError, version);
      assert(client.message.includes("Location"), client.message);
      server.terminate();
    } else {
      assertEquals([client.protocol, server.protocol], ["p", "p"]);
      client.terminate();
      server.terminate();
    }
  }
  for (const version of ["hixie-75", "hixie-76", "hybi-07", "hybi-08"] as const) {
    const up = new TransformStream<Uint8Array, Uint8Array>();
    const down = new TransformStream<Uint8Array, Uint8Array>();
    const accepted = acceptWebSocket(
      { readable: up.readable, writable: down.writable },
      { legacy: legacy(), secure: true, pingIntervalMs: 0 },
    );
    const client = await connectWebSocket(
      { readable: down.readable, writable: up.writable },
      "wss://example.com:444/a?b",
      { legacy: legacyClient(version), pingIntervalMs: 0 },
    );
    const server = await accepted;
    client.send("from the client ☕");
    server.send("from the server ☕");
    assertEquals(await take(server, 1), ["from the client ☕"]);
    assertEquals(await take(client, 1), ["from the server ☕"]);
    const info = await soon(client.close(), version);
    assertEquals(info.error, undefined);
    assertEquals((await soon(server.closed, version)).error, undefined);
  }
});

test("what a version cannot have is refused before anything is sent", async () => {
  // deno-lint-ignore no-explicit-any -- misuse
  assertThrows(() => legacyClient("hybi-13" as any), TypeError, '"hybi-07"');
  // deno-lint-ignore no-explicit-any -- misuse
  assertThrows(() => legacyClient(8 as any), TypeError, "number");
  const refused = async (options: ClientOptions, message: string) => {
    const { pair } = new MemoryPeer();
    const call = () => connectWebSocket(pair, URL_, options);
    await assertRejects(call, TypeError, message);
  };
  const version = legacyClient("hixie-75");
  await refused({ legacy: version, protocols: ["a", "b"] }, "one");
  await refused({ legacy: version, compression: true }, "compression");
  // deno-lint-ignore no-explicit-any -- misuse
  await refused({ legacy: legacy() as any }, "legacyClient() of ./legacy");
});

test("a client's frames of the drafts before masks are as they are", async () => {
  const { peer, connected } = dial("hixie-76");
  peer.write(answer76(await peer.readHead(), await peer.read(8)));
  const socket = await connected;
  await socket.send("plain");
  assertBytes(await peer.read(7), textFrame("plain"));
  socket.terminate();
});
