import { assert, assertEquals, assertThrows } from "@std/assert";
import http from "node:http";
import { test } from "node:test";
import { connect, WebSocket } from "../../src/adapters/client.ts";
import { nativeSetup } from "../../src/adapters/native/opening.ts";
import { onUpgrade } from "../../src/adapters/node/mod.ts";
import { serve } from "../../src/adapters/serve.ts";
import { legacy, legacyClient } from "../../src/legacy/mod.ts";
import { RawPeer } from "../adapters/support/raw.ts";
import { CERT, KEY } from "../adapters/support/runtime.ts";
import { Inbox, sleep, within } from "../adapters/support/waiting.ts";
import { take } from "../api/ends.ts";
import { listenLocally } from "../interop/http_server.ts";
import { join } from "../support/bytes.ts";
import {
  ANSWER,
  BAD_KEY,
  BODY,
  CLOSE,
  head,
  lines75,
  lines76,
  textFrame,
  utf8,
} from "./support.ts";

const latin1 = new TextDecoder("latin1");
const echo = {
  message: (socket: { send(data: string | Uint8Array): unknown }, data: string | Uint8Array) =>
    void socket.send(data),
};

/** Ways to send a request of draft 76 with its body and a first frame. */
const WAYS: Record<string, (peer: RawPeer) => Promise<void>> = {
  "all in one": (peer) => Promise.resolve(peer.write(head(lines76()), BODY, textFrame("hello"))),
  async "the body later"(peer) {
    peer.write(head(lines76()));
    await sleep(50);
    peer.write(BODY, textFrame("hello"));
  },
  async "the body in two"(peer) {
    peer.write(head(lines76()), BODY.slice(0, 3));
    await sleep(50);
    peer.write(BODY.slice(3));
    await sleep(50);
    peer.write(textFrame("hello"));
  },
  async "byte by byte"(peer) {
    for (const byte of join([utf8(head(lines76()) + BODY), textFrame("hello")])) {
      peer.write(Uint8Array.of(byte));
      await sleep(0);
    }
  },
};

for (const [name, way] of Object.entries(WAYS)) {
  test(`serve() takes draft 76 with ${name}`, async () => {
    await using server = await serve(echo, { port: 0, legacy: legacy() });
    const peer = await RawPeer.connect(server.port);
    await way(peer);
    assert((await peer.readHead()).startsWith("HTTP/1.1 101 WebSocket Protocol Handshake\r\n"));
    const answer = await peer.readBytes(16 + 7);
    assertEquals(latin1.decode(answer.subarray(0, 16)), ANSWER);
    assertEquals(answer.subarray(16), textFrame("hello"));
    assertEquals(server.connections.size, 1);
    peer.write(CLOSE);
    await peer.readToEnd();
    assertEquals((await peer.readBytes(25)).subarray(23), CLOSE);
    peer.end();
  });
}

test("onUpgrade() takes draft 75, and draft 76 whose body comes late", async () => {
  const server = await listenLocally(
    http.createServer().on("upgrade", onUpgrade(echo, { legacy: legacy() })),
  );
  const port = Number(new URL(server.url).port);
  const old = await RawPeer.connect(port);
  old.write(head(lines75()), textFrame("hello"));
  assert((await old.readHead()).startsWith("HTTP/1.1 101 Web Socket Protocol Handshake\r\n"));
  assertEquals(await old.readBytes(7), textFrame("hello"));
  old.destroy();
  const peer = await RawPeer.connect(port);
  await WAYS["the body later"](peer);
  await peer.readHead();
  assertEquals(latin1.decode((await peer.readBytes(23)).subarray(0, 16)), ANSWER);
  peer.destroy();
  await server.close();
});

test("serve() refuses a bad key, and a body that never comes", async () => {
  await using server = await serve(echo, {
    port: 0,
    legacy: legacy(),
    handshakeTimeoutMs: 200,
  });
  const bad = await RawPeer.connect(server.port);
  const lines = lines75(`Sec-WebSocket-Key1: ${BAD_KEY}`, `Sec-WebSocket-Key2: ${BAD_KEY}`);
  bad.write(head(lines), BODY);
  assert((await bad.readHead()).startsWith("HTTP/1.1 400 "));
  bad.end();
  const late = await RawPeer.connect(server.port);
  late.write(head(lines76()), BODY.slice(1));
  assert((await late.readHead()).startsWith("HTTP/1.1 408 "));
  late.end();
  await within(Promise.all([bad.closed, late.closed]), "end of the sockets");
});

test("serve() and connect() speak every version, plain and over TLS", async () => {
  for (const tls of [undefined, { cert: CERT, key: KEY }]) {
    await using server = await serve(echo, {
      port: 0,
      tls,
      hostname: "localhost",
      legacy: legacy(),
      origins: ["http://old.example"],
    });
    for (const version of ["hixie-75", "hixie-76", "hybi-07", "hybi-08"] as const) {
      const socket = await connect(`${server.url}/chat?x=y`, {
        legacy: legacyClient(version),
        headers: { Origin: "http://old.example" },
        tls: tls && { ca: CERT },
      });
      const texts = ["", "h☕llo", "x".repeat(300_000)];
      for (const text of texts) socket.send(text);
      assertEquals(await take(socket, 3), texts, version);
      assertEquals((await within(socket.close(), version)).error, undefined);
    }
  }
});

test("the standard's WebSocket speaks an old version, and refuses bytes where there are none", async () => {
  await using server = await serve(echo, { port: 0, legacy: legacy() });
  const socket = new WebSocket(server.url, [], { legacy: legacyClient("hixie-76") });
  const messages = new Inbox<unknown>();
  socket.onmessage = ({ data }) => messages.push(data);
  await new Promise((resolve) => socket.onopen = resolve);
  assertThrows(() => socket.send(new Uint8Array(3)), DOMException, "hixie-76 has text only");
  assertThrows(() => socket.send(new Blob(["x"])), DOMException, "hixie-76 has text only");
  socket.send("h☕llo");
  assertEquals(await messages.next(), "h☕llo");
  const closed = new Promise<CloseEvent>((resolve) => socket.onclose = resolve);
  socket.close(3000, "bye");
  const { code, wasClean } = await within(closed, "close");
  assertEquals([code, wasClean], [1005, true]);
});

test("a server that shuts down closes old connections too", async () => {
  const server = await serve(echo, { port: 0, legacy: legacy(), closeTimeoutMs: 2000 });
  const sockets = await Promise.all(
    (["hixie-75", "hixie-76", "hybi-08"] as const).map((version) =>
      connect(server.url, { legacy: legacyClient(version) })
    ),
  );
  const closing = server.close("bye");
  const ends = await within(Promise.all(sockets.map((socket) => socket.closed)), "ends");
  assertEquals(ends.map(({ closeCode, error }) => [closeCode, error]), [
    [1006, undefined],
    [1005, undefined],
    [1001, undefined],
  ]);
  await within(closing, "end of the server");
});

test("an adapter that leaves the framing to its runtime refuses the legacy option", () => {
  assertThrows(() => nativeSetup({}, { legacy: legacy() }), TypeError, "RFC 6455 only");
});
