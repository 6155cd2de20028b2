/** WebSocket++ as a server of versions 0, 7, 8 and 13, and as a client of version 13. */
import { assertEquals, assertRejects } from "@std/assert";
import { describe, test } from "node:test";
import { acceptWebSocket, connectWebSocket } from "../../src/api/stream.ts";
import { HandshakeError } from "../../src/errors.ts";
import { legacy, legacyClient, type LegacyVersion } from "../../src/legacy/mod.ts";
import { within } from "../adapters/support/waiting.ts";
import { take } from "../api/ends.ts";
import { compile, missing, start, type WebsocketppPeer } from "./websocketpp/peer.ts";

const skip = missing() ?? false;
const URL_ = "ws://example.com/demo?a=b";
const ORIGIN = "http://page.example";
const TEXTS = ["", "a", "h☕llo 😀", "x".repeat(200_000), "\u0000"];

let program: Promise<string> | undefined;

/** Runs a test with the program, which is compiled when the first test needs it. */
async function withPeer(
  args: string[],
  body: (peer: WebsocketppPeer) => Promise<void>,
): Promise<void> {
  const peer = start(await (program ??= compile()), ...args);
  try {
    await body(peer);
  } finally {
    peer.kill();
  }
}

if (skip !== false) test(`WebSocket++: ${skip}`, { skip }, () => {}); // Bun shows no skipped suite

describe("the server of WebSocket++", { skip }, () => {
  for (const version of ["hixie-76", "hybi-07", "hybi-08", "hybi-13"] as const) {
    const hixie = version === "hixie-76";
    const options = {
      headers: { Origin: ORIGIN },
      protocols: ["chat"],
      legacy: version === "hybi-13" ? undefined : legacyClient(version as LegacyVersion),
    };

    test(`echoes to our client of ${version}, and sees its origin`, () =>
      withPeer(["server"], async ({ pair, ended }) => {
        const socket = await connectWebSocket(pair, URL_, options);
        assertEquals(socket.protocol, "chat");
        for (const text of TEXTS) socket.send(text);
        assertEquals(await take(socket, TEXTS.length), TEXTS);
        socket.send("origin?");
        assertEquals(await take(socket, 1), [ORIGIN]);
        if (!hixie) {
          const bytes = Uint8Array.from({ length: 70_000 }, (_, i) => i * 7);
          socket.send(bytes);
          assertEquals(await take(socket, 1), [bytes]);
          // It pings nobody, but answers.
          assertEquals(typeof await socket.ping("are you there?"), "number");
          const { closeCode, wasClean } = await within(socket.close(3002, "bye"), "close");
          assertEquals([closeCode, wasClean], [3002, true]);
          assertEquals(await within(ended, "end"), "3002 bye");
        } else {
          // It takes our FF 00 for a fault, which it answers with one of its own.
          const { closeCode, wasClean } = await within(socket.close(), "close");
          assertEquals([closeCode, wasClean], [1005, true]);
        }
      }));

    test(`closes our connection of ${version}`, () =>
      withPeer(["server"], async ({ pair }) => {
        const socket = await connectWebSocket(pair, URL_, options);
        await socket.send("close me");
        for await (const _ of socket);
        const { closeCode, reason, wasClean, error } = await within(socket.closed, "close", 15_000);
        const expected = hixie ? [1005, "", true] : [3001, "reason", true];
        assertEquals([closeCode, reason, wasClean, error], [...expected, undefined]);
      }));
  }

  test("takes a request of hixie-75 for one of version 0 and refuses it", () =>
    withPeer(["server"], async ({ pair }) => {
      const call = () => connectWebSocket(pair, URL_, { legacy: legacyClient("hixie-75") });
      const error = await assertRejects(call, HandshakeError);
      assertEquals([error.code, error.status], ["WS_HANDSHAKE_REFUSED", 500]);
    }));
});

describe("the client of WebSocket++", { skip }, () => {
  for (const old of [false, true]) {
    test(`talks to our server ${old ? "that speaks the old versions too" : "of RFC 6455"}`, () =>
      withPeer(["client", URL_], async ({ pair, ended }) => {
        const socket = await acceptWebSocket(pair, {
          protocols: ["chat"],
          legacy: old ? legacy() : undefined,
        });
        assertEquals([socket.protocol, socket.url], ["chat", URL_]);
        for (const text of TEXTS) socket.send(text);
        assertEquals(await take(socket, TEXTS.length), TEXTS);
        const bytes = Uint8Array.from({ length: 70_000 }, (_, i) => i * 7);
        socket.send(bytes);
        assertEquals(await take(socket, 1), [bytes]);
        const { closeCode, reason, wasClean } = await within(socket.close(3003, "so"), "close");
        assertEquals([closeCode, reason, wasClean], [3003, "so", true]);
        assertEquals(await within(ended, "end"), "3003 so");
      }));
  }
});
