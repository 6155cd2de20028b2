// A stranger's program: run on every supported Node.js, on Bun and on Deno, with the packed package
// installed from its tarball into an empty folder (scripts/test_package.ts).
import assert from "node:assert/strict";
import http from "node:http";
import { HandshakeError, WebSocketError } from "fullduplex";
import { connect } from "fullduplex/client";
import { onUpgrade } from "fullduplex/node";
import { serve } from "fullduplex/serve";

async function firstOf(socket) {
  for await (const message of socket) return message;
}

// A server of its own, with plain HTTP beside it.
const server = await serve({ message: (socket, data) => socket.send(data) }, {
  port: 0,
  protocols: ["chat"],
  fetch: () => new Response("plain"),
  verify: (request) => {
    if (request.url.endsWith("/no")) return new Response("not here", { status: 404 });
  },
});
const socket = await connect(server.url, { protocols: ["chat", "superchat"] });
assert.equal(socket.protocol, "chat");
socket.send("hello");
assert.equal(await firstOf(socket), "hello");
socket.send(new Uint8Array([1, 2, 3]));
assert.deepEqual(await firstOf(socket), new Uint8Array([1, 2, 3]));
assert.ok(await socket.ping() < 5000);
assert.equal(await (await fetch(server.url.replace("ws", "http"))).text(), "plain");
await assert.rejects(connect(`${server.url}/no`), (error) => {
  assert.ok(error instanceof HandshakeError);
  assert.deepEqual([error.status, error.body], [404, "not here"]);
  return true;
});
await server.close();
assert.equal((await socket.closed).closeCode, 1001);

// On a node:http server.
const app = http.createServer().on(
  "upgrade",
  onUpgrade(async (peer) => {
    await peer.send("welcome");
  }),
);
await new Promise((resolve) => app.listen(0, "127.0.0.1", resolve));
const guest = await connect(`ws://127.0.0.1:${app.address().port}/`);
assert.equal(await firstOf(guest), "welcome");
assert.deepEqual(await guest.closed, { closeCode: 1000, reason: "", wasClean: true });
app.close();

assert.throws(() => serveWrongly(), TypeError);
function serveWrongly() {
  onUpgrade(() => {}, { maxMessageByts: 1 });
}
const error = new WebSocketError("Cannot decode frame: RSV1 is set", {
  code: "WS_RSV1_UNEXPECTED",
  closeCode: 1002,
});
assert.equal(error.closeCode, 1002);
