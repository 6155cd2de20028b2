// What Node, Deno and Bun load are bundles, and bundlers get the modules: both are the same to a
// stranger, and between the bundles of two exports each class is there once.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import * as client from "fullduplex/client";
import * as main from "fullduplex";
import * as node from "fullduplex/node";
import { serve } from "fullduplex/serve";
import * as server from "fullduplex/server";
import * as stream from "fullduplex/stream";

const folder = new URL("node_modules/fullduplex/", import.meta.url);
const { exports } = JSON.parse(readFileSync(new URL("package.json", folder), "utf8"));
const entries = Object.entries(exports).filter(([, targets]) => typeof targets === "object");
assert.ok(entries.length >= 14);

for (const [name, targets] of entries) {
  const loaded = await import(name.replace(".", "fullduplex"));
  assert.equal(loaded, await import(new URL(targets.node, folder).href), `${name} is bundled`);
  const modules = await import(new URL(targets.default, folder).href);
  assert.deepEqual(Object.keys(loaded).sort(), Object.keys(modules).sort());
  for (const [key, value] of Object.entries(loaded)) {
    assert.equal(typeof value, typeof modules[key], key);
    if (/^[A-Z]/.test(key)) assert.equal(value?.name, modules[key]?.name, `${name} ${key}`);
  }
}

// What is there under one name is one thing, whichever export it comes from; but for those that are
// not the same for each runtime.
const own = /^(connect|WebSocket|WebSocketStream|ReconnectingWebSocket|upgradeWebSocket)$/;
const known = new Map();
for (const [name] of entries) {
  for (const [key, value] of Object.entries(await import(name.replace(".", "fullduplex")))) {
    if (own.test(key)) continue;
    if (known.has(key)) assert.equal(value, known.get(key), `${name} ${key}`);
    known.set(key, value);
  }
}
assert.equal(main.WebSocketError, client.WebSocketError);
assert.equal(main.HandshakeError, client.HandshakeError);

// And so instanceof holds for what passes from one export to another.
const seen = [];
const echo = { message: (socket, data) => (seen.push(socket), socket.send(data)) };
await using_server(await serve(echo, { port: 0, compression: true }));

async function using_server(listening) {
  const socket = await client.connect(listening.url, { compression: true, observer: {} });
  assert.ok(socket instanceof main.WebSocketConnection);
  assert.match(socket.extensions, /permessage-deflate/);
  await socket.send("x".repeat(5000));
  for await (const message of socket) {
    assert.equal(message.length, 5000);
    break;
  }
  assert.ok(seen[0] instanceof main.WebSocketConnection);
  await socket.close(1000);
  const refused = client.connect(listening.url.replace("ws:", "wss:"));
  await assert.rejects(refused, (error) => error instanceof main.HandshakeError);
  const jar = { getCookies: () => "a=1", setCookies() {} };
  const more = { cookies: jar, proxy: "environment", maxRedirects: 1 };
  const other = await client.connect(listening.url, more);
  other.terminate();
  assert.equal((await other.closed).error instanceof main.WebSocketError, true);
  await listening.close();
}

assert.ok(node.onUpgrade && server.Router && stream.connectWebSocket);
