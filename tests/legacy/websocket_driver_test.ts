/** Our clients of the old versions, and the old drivers of faye's `websocket-driver`. */
import { assertEquals, assertRejects } from "@std/assert";
import http from "node:http";
import net from "node:net";
import { describe, test } from "node:test";
import driver from "websocket-driver";
import { connect } from "../../src/adapters/client.ts";
import { HandshakeError } from "../../src/errors.ts";
import { legacyClient } from "../../src/legacy/mod.ts";
import { Inbox, within } from "../adapters/support/waiting.ts";
import { take } from "../api/ends.ts";
import { listenLocally } from "../interop/http_server.ts";

/** What a server of the other side saw. */
interface Seen {
  versions: Inbox<string>;
  closes: Inbox<void>;
}

// deno-lint-ignore no-explicit-any -- it has no types
type Any = any;

/** Echoes; "bye" makes it close. */
function obey(peer: Any, socket: Any, seen: Seen): void {
  peer.on("open", () => seen.versions.push(peer.version));
  peer.messages.on("data", (data: string) => {
    if (data === "bye") peer.close();
    else peer.messages.write(data);
  });
  peer.on("close", () => {
    seen.closes.push();
    socket.end();
  });
  socket.on("error", () => {});
  socket.on("end", () => peer.close()); // as faye-websocket does: all there is in draft 75
  socket.pipe(peer.io).pipe(socket);
}

const OPTIONS = { allowDrafts: true };

/** Behind a `node:http` server, whose parser takes the head off. */
function overHttp(seen: Seen) {
  const server = http.createServer();
  server.on("upgrade", (request, socket, head) => {
    const peer = driver.http(request, OPTIONS);
    peer.io.write(head);
    obey(peer, socket, seen);
    peer.start();
  });
  return listenLocally(server);
}

/** On bytes alone, with the driver's own parser. */
function overBytes(seen: Seen) {
  const server = net.createServer((socket) => {
    const peer = driver.server(OPTIONS);
    peer.on("connect", () => peer.start());
    obey(peer, socket, seen);
  });
  return listenLocally(server as unknown as http.Server);
}

const TEXTS = ["", "a", "h☕llo 😀", "x".repeat(70_000), "\u0000"];

for (const [where, listen] of [["node:http", overHttp], ["bytes", overBytes]] as const) {
  for (const version of ["hixie-75", "hixie-76"] as const) {
    describe(`websocket-driver over ${where}, asked for ${version},`, () => {
      const serve = async () => {
        const seen: Seen = { versions: new Inbox(), closes: new Inbox() };
        return { ...seen, ...await listen(seen) };
      };

      test("echoes our messages and takes our close", async () => {
        const server = await serve();
        const socket = await connect(`${server.url}/a?b=c`, { legacy: legacyClient(version) });
        assertEquals(await server.versions.next(), version);
        for (const text of TEXTS) socket.send(text);
        assertEquals(await take(socket, TEXTS.length), TEXTS);
        const { wasClean, error } = await within(socket.close(), "close");
        assertEquals([wasClean, error], [version === "hixie-76", undefined]);
        await server.closes.next();
        await server.close();
      });

      test("closes by itself", async () => {
        const server = await serve();
        const socket = await connect(server.url, { legacy: legacyClient(version) });
        await socket.send("bye");
        for await (const _ of socket);
        const { wasClean, error } = await within(socket.closed, "close");
        assertEquals([wasClean, error], [version === "hixie-76", undefined]);
        await server.close();
      });

      test("chooses no subprotocol, which a client that needs one does not take", async () => {
        const server = await serve();
        const options = { protocols: ["chat"], legacy: legacyClient(version) };
        const call = () => connect(server.url, options);
        const error = await assertRejects(call, HandshakeError, "none of the offered");
        assertEquals(error.status, 101);
        await server.close();
      });
    });
  }
}

test("websocket-driver speaks no hybi but 13, and its refusal is seen", async () => {
  const server = await overHttp({ versions: new Inbox(), closes: new Inbox() });
  for (const version of ["hybi-07", "hybi-08"] as const) {
    const call = () => connect(server.url, { legacy: legacyClient(version) });
    const error = await assertRejects(call, HandshakeError);
    assertEquals(error.status, 400);
  }
  await server.close();
});
