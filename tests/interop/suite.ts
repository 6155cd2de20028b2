/**
 * What must work between this library and any other, whichever of the two is the server.
 *
 * Both servers echo, and obey three text messages: "fragments" asks for one message in several
 * frames, "ping me" for a ping and a report of its pong, "close me" for 3001 with a reason.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import http from "node:http";
import { test } from "node:test";
import { connect, HandshakeError } from "../../src/adapters/client.ts";
import { onUpgrade, type ServerOptions } from "../../src/adapters/node/mod.ts";
import { type CloseInfo, serve, type WebSocketConnection } from "../../src/adapters/serve.ts";
import { CERT, KEY } from "../adapters/support/runtime.ts";
import { Inbox, within } from "../adapters/support/waiting.ts";
import { assertBytes } from "../support/bytes.ts";
import { listenLocally } from "./http_server.ts";
import { type PeerClient, PeerRefusal, type PeerServer, type PeerSocket } from "./peer.ts";

const SIZES = [0, 1, 125, 126, 65535, 65536, 1 << 20];
const PIECES = ["Frag", "mented ☕ ", "", "𝄞", " message"];
const NON_ASCII = "naïve ☕ Ωmega 日本語 𝄞 \u0000 \u{10FFFF}";
const REASON = "reason ☕";

function binary(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => i * 31 + (i >> 8));
}

function text(size: number): string {
  return "0123456789abcdef".repeat(size / 16 + 1).slice(0, size);
}

function pieces(): ReadableStream<string> {
  const left = [...PIECES];
  return new ReadableStream({
    pull(controller) {
      const piece = left.shift();
      if (piece === undefined) controller.close();
      else controller.enqueue(piece);
    },
  });
}

// ------------------------------------------------------------------ our server, their client

interface OurServer {
  url: string;
  ended: Inbox<CloseInfo>;
  close(): Promise<void>;
}

async function obey(socket: WebSocketConnection, ended: Inbox<CloseInfo>): Promise<void> {
  socket.closed.then((info) => ended.push(info));
  for await (const message of socket) {
    if (message === "fragments") await socket.send(pieces());
    else if (message === "close me") void socket.close(3001, REASON);
    else if (message === "ping me") {
      await socket.ping("are you there?");
      await socket.send("there was a pong");
    } else await socket.send(message);
  }
}

const OPTIONS: ServerOptions = {
  protocols: ["v2.chat"],
  verify: (request) =>
    new URL(request.url).pathname === "/refused"
      ? new Response("not you\n", { status: 403, headers: { "X-Why": "test" } })
      : undefined,
};

const OUR_SERVERS: Record<string, () => Promise<OurServer>> = {
  async "serve()"() {
    const ended = new Inbox<CloseInfo>();
    const server = await serve((socket) => obey(socket, ended), { ...OPTIONS, port: 0 });
    return { url: server.url, ended, close: () => server.close() };
  },
  async "onUpgrade()"() {
    const ended = new Inbox<CloseInfo>();
    const server = http.createServer();
    server.on("upgrade", onUpgrade((socket) => obey(socket, ended), OPTIONS));
    const { url, close } = await listenLocally(server);
    return { url, ended, close };
  },
};

/** What a client's API lets be seen. */
export interface ClientTraits {
  /** Whether a refusal's status is seen. */
  status: boolean;
  /** Whether a refusal's body is seen. Default: false. */
  body?: boolean;
  /** Whether the class takes a certificate to trust. Default: false. */
  ca?: boolean;
}

/** Registers the tests of a foreign client with our servers. */
export function testPeerClient(peer: PeerClient, traits: ClientTraits): void {
  for (const [kind, start] of Object.entries(OUR_SERVERS)) {
    const check = (
      what: string,
      run: (url: string, server: OurServer) => Promise<void>,
    ) =>
      test(`${peer.name}'s client and our ${kind}: ${what}`, async () => {
        const server = await start();
        try {
          await within(run(server.url, server), "end of the test", 20_000);
        } finally {
          await within(server.close(), "end of the server");
        }
      });

    check("messages of all length forms come back", async (url) => {
      await echoesEverything(await peer.connect(url));
    });
    check("100 messages in flight keep their order", async (url) => {
      await keepsOrder(await peer.connect(url));
    });
    check("a fragmented message of ours arrives whole", async (url) => {
      const socket = await peer.connect(url);
      socket.send("fragments");
      assertEquals(await socket.inbox.next(), PIECES.join(""));
      await leave(socket);
    });
    check("a fragmented message of theirs arrives whole", async (url) => {
      const socket = await peer.connect(url);
      if (socket.sendFragments !== undefined) {
        socket.sendFragments(PIECES);
        assertEquals(await socket.inbox.next(), PIECES.join(""));
      }
      await leave(socket);
    });
    check("our ping is answered, and theirs", async (url) => {
      const socket = await peer.connect(url);
      socket.send("ping me");
      assertEquals(await socket.inbox.next(), "there was a pong");
      if (socket.pings !== undefined) assertEquals(await socket.pings.next(), "are you there?");
      if (socket.ping !== undefined) {
        socket.ping("who is there?");
        assertEquals(await socket.pongs!.next("pong"), "who is there?");
      }
      await leave(socket);
    });
    check("the subprotocol that both know is chosen", async (url) => {
      const socket = await peer.connect(url, { protocols: ["v1.chat", "v2.chat"] });
      assertEquals(socket.protocol, "v2.chat");
      await leave(socket);
    });
    check("an offer of permessage-deflate is declined", async (url) => {
      const socket = await peer.connect(url);
      assertEquals(socket.extensions, "");
      socket.send(text(5000)); // long enough to be compressed, if it were
      assertEquals(await socket.inbox.next(), text(5000));
      await leave(socket);
    });
    check("both sides see the code and reason of their close", async (url, server) => {
      const socket = await peer.connect(url);
      socket.close(4001, REASON);
      assertEquals(await server.ended.next("end of our side"), {
        closeCode: 4001,
        reason: REASON,
        wasClean: true,
      });
      assertEquals((await within(socket.closed, "end of their side")).code, 4001);
    });
    check("both sides see the code and reason of our close", async (url, server) => {
      const socket = await peer.connect(url);
      socket.send("close me");
      assertEquals(await within(socket.closed, "end of their side"), {
        code: 3001,
        reason: REASON,
      });
      const { closeCode, wasClean } = await server.ended.next("end of our side");
      const answer = peer.closeAnswer ?? 3001;
      assertEquals({ closeCode, wasClean }, { closeCode: answer, wasClean: true });
    });
    check("a refusal fails their handshake", async (url) => {
      const refusal = await assertRejects(
        () => within(peer.connect(`${url}/refused`), "refusal"),
        PeerRefusal,
      );
      assertEquals(refusal.status, traits.status ? 403 : undefined);
      assertEquals(refusal.body, traits.body ? "not you\n" : undefined);
    });
  }

  if (!traits.ca) return;
  test(`${peer.name}'s client and our serve() with TLS`, async () => {
    await using server = await serve((socket) => obey(socket, new Inbox()), {
      port: 0,
      tls: { cert: CERT, key: KEY },
    });
    // By name: faye-websocket asks for whatever the URL's host is as the TLS server name.
    const url = server.url.replace("127.0.0.1", "localhost");
    const socket = await within(peer.connect(url, { ca: CERT }), "connection");
    await echoesEverything(socket);
  });
}

async function echoesEverything(socket: PeerSocket): Promise<void> {
  for (const size of SIZES) {
    socket.send(text(size));
    const message = await socket.inbox.next(`echo of ${size} characters`);
    assertEquals(typeof message, "string");
    assertEquals(message === text(size), true, `${size} characters came back different`);
    socket.send(binary(size));
    const bytes = await socket.inbox.next(`echo of ${size} bytes`);
    assertBytes(bytes as Uint8Array, binary(size));
  }
  socket.send(NON_ASCII);
  assertEquals(await socket.inbox.next(), NON_ASCII);
  await leave(socket);
}

async function keepsOrder(socket: PeerSocket): Promise<void> {
  const sent = Array.from({ length: 100 }, (_, i) => `${i} ${text(i * 37)}`);
  for (const message of sent) socket.send(message);
  for (const message of sent) assertEquals(await socket.inbox.next(), message);
  await leave(socket);
}

async function leave(socket: PeerSocket): Promise<void> {
  socket.close(1000, "");
  assertEquals((await within(socket.closed, "end of their side")).code, 1000);
}

// ------------------------------------------------------------------ their server, our client

/** Does for a peer's socket what `obey` does for ours. */
function obeyAsPeer(socket: PeerSocket): void {
  (async () => {
    for (;;) {
      const message = await socket.inbox.next("message", Infinity);
      if (message === "fragments" && socket.sendFragments !== undefined) {
        socket.sendFragments(PIECES);
      } else if (message === "close me") socket.close(3001, REASON);
      else if (message === "ping me") {
        socket.ping!("are you there?");
        socket.send(`pong: ${await socket.pongs!.next("pong")}`);
      } else socket.send(message);
    }
  })().catch(() => {}); // the connection is over: nothing more comes
}

/** Registers the tests of our client with a foreign server. */
export function testPeerServer(peer: PeerServer): void {
  const check = (
    what: string,
    run: (url: string, sockets: Inbox<PeerSocket>) => Promise<void>,
  ) =>
    test(`our connect() and ${peer.name}'s server: ${what}`, async () => {
      const sockets = new Inbox<PeerSocket>();
      const server = await peer.listen((socket) => {
        sockets.push(socket);
        obeyAsPeer(socket);
      });
      try {
        await within(run(server.url, sockets), "end of the test", 20_000);
      } finally {
        await within(server.close(), "end of the server");
      }
    });

  check("messages of all length forms come back", async (url) => {
    await using socket = await connect(url);
    const messages = socket[Symbol.asyncIterator]();
    const next = async () => (await within(messages.next(), "echo")).value;
    for (const size of SIZES) {
      socket.send(text(size));
      assertEquals(await next() === text(size), true, `${size} characters came back different`);
      socket.send(binary(size));
      assertBytes(await next(), binary(size));
    }
    socket.send(NON_ASCII);
    assertEquals(await next(), NON_ASCII);
  });
  check("100 messages in flight keep their order", async (url) => {
    await using socket = await connect(url);
    const sent = Array.from({ length: 100 }, (_, i) => `${i} ${text(i * 37)}`);
    for (const message of sent) socket.send(message);
    const expected = [...sent];
    for await (const message of socket) {
      assertEquals(message, expected.shift());
      if (expected.length === 0) break;
    }
  });
  check("a fragmented message of ours arrives whole", async (url) => {
    await using socket = await connect(url);
    await socket.send(pieces());
    assertEquals((await socket[Symbol.asyncIterator]().next()).value, PIECES.join(""));
  });
  check("a fragmented message of theirs arrives whole", async (url) => {
    await using socket = await connect(url);
    const messages = socket[Symbol.asyncIterator]();
    await socket.send("fragments");
    const { value } = await within(messages.next(), "message");
    // A library that cannot fragment echoes the request.
    if (value !== "fragments") assertEquals(value, PIECES.join(""));
    else assertEquals(peer.name, "faye-websocket");
  });
  check("our ping is answered, and theirs", async (url, sockets) => {
    const pings = new Inbox<string>();
    const messages = new Inbox<unknown>();
    await using socket = await connect(url, {
      handler: {
        message: (_socket, data) => messages.push(data),
        ping: (_socket, payload) => pings.push(new TextDecoder().decode(payload)),
      },
    });
    const theirs = await sockets.next("their socket");
    assertEquals(await within(socket.ping("hello?"), "pong") >= 0, true);
    if (theirs.pings !== undefined) assertEquals(await theirs.pings.next("ping"), "hello?");
    await socket.send("ping me");
    assertEquals(await pings.next("ping"), "are you there?");
    assertEquals(await messages.next(), "pong: are you there?");
  });
  check("the server's choice of a subprotocol is ours", async (url) => {
    await using socket = await connect(url, { protocols: ["v1.chat", "v2.chat"] });
    assertEquals(socket.protocol, "v2.chat");
    assertEquals(socket.extensions, "");
  });
  check("both sides see the code and reason of our close", async (url, sockets) => {
    const socket = await connect(url);
    const theirs = await sockets.next("their socket");
    const info = await within(socket.close(4001, REASON), "end of our side");
    const { closeCode, wasClean } = info;
    const answer = peer.closeAnswer ?? 4001;
    assertEquals({ closeCode, wasClean }, { closeCode: answer, wasClean: true });
    assertEquals(await within(theirs.closed, "end of their side"), { code: 4001, reason: REASON });
  });
  check("both sides see the code and reason of their close", async (url, sockets) => {
    const socket = await connect(url);
    const theirs = await sockets.next("their socket");
    await socket.send("close me");
    assertEquals(await within(socket.closed, "end of our side"), {
      closeCode: 3001,
      reason: REASON,
      wasClean: true,
    });
    assertEquals((await within(theirs.closed, "end of their side")).code, 3001);
  });
  check("a refusal is shown with status, headers and body", async (url) => {
    const error = await assertRejects(
      () => within(connect(`${url}/refused`), "refusal"),
      HandshakeError,
    );
    assertEquals([error.code, error.status], ["WS_HANDSHAKE_REFUSED", 403]);
    assertEquals(error.headers.get("x-why"), "test");
    assertEquals(error.body, peer.refusal?.body === false ? "" : "no\n");
  });
}
