import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { test } from "node:test";
import { inspect } from "node:util";
import net from "node:net";
import { connect } from "../../../src/adapters/client.ts";
import { serve } from "../../../src/adapters/serve.ts";
import { socksProxy } from "../../../src/adapters/socks/mod.ts";
import { join, toHex } from "../../support/bytes.ts";
import { listenRaw, type RawPeer } from "../support/raw.ts";
import { CERT, KEY } from "../support/runtime.ts";
import { until, within } from "../support/waiting.ts";
import { failing } from "./support/failing.ts";

type Say = (peer: RawPeer) => unknown;

/** A SOCKS proxy that says something. */
async function withSocks(
  say: Say,
  run: (port: number, seen: () => string) => Promise<void>,
): Promise<void> {
  const server = await listenRaw((peer) => void Promise.resolve(say(peer)).catch(() => {}));
  try {
    await run(server.port, () => toHex(join(server.peers[0].chunks)));
    await until(() => server.peers.every((peer) => peer.gone), "end of the client's socket", 5000);
  } finally {
    await server.close();
  }
}

/** Joins a proxy's client to a port. */
function tunnel(peer: RawPeer, port: number, answer: number[]): void {
  const upstream = net.connect({ host: "127.0.0.1", port }, () => {
    peer.write(Uint8Array.from(answer));
    peer.socket.pipe(upstream);
    upstream.pipe(peer.socket);
  });
  upstream.on("error", () => peer.destroy());
  upstream.on("close", () => peer.destroy());
  peer.closed.then(() => upstream.destroy());
}

const GRANTED_4 = [0, 90, 0, 0, 0, 0, 0, 0];
const GRANTED_5 = [5, 0, 0, 1, 0, 0, 0, 0, 0, 0];

for (const secure of [false, true]) {
  test(`${secure ? "wss" : "ws"} goes through a SOCKS4a proxy, which looks the name up`, async () => {
    await using server = await serve({ message: (socket, data) => void socket.send(data) }, {
      port: 0,
      ...(secure ? { tls: { cert: CERT, key: KEY } } : {}),
    });
    await withSocks(async (peer) => {
      await peer.readBytes(9 + "me\0".length + "localhost".length);
      tunnel(peer, server.port, GRANTED_4);
    }, async (port, seen) => {
      const url = server.url.replace("127.0.0.1", "localhost");
      const socket = await within(
        connect(url, { dial: socksProxy(`socks4a://me@127.0.0.1:${port}`), tls: { ca: CERT } }),
        "connection",
      );
      const asked = toHex(new TextEncoder().encode("me\0localhost\0"));
      const at = server.port.toString(16).padStart(4, "0");
      assert(seen().startsWith(`0401${at}00000001${asked}`), seen());
      assertEquals(socket.remoteAddress, undefined);
      await socket.send("hello");
      for await (const message of socket) {
        assertEquals(message, "hello");
        break;
      }
      await within(socket.close(), "close");
    });
  });
}

const SAYINGS: [what: string, say: Say, code: string][] = [
  ["wants a method nobody offered", (peer) => peer.write(Uint8Array.of(5, 9)), "WS_PROXY_FAILED"],
  ["accepts no method", (peer) => peer.write(Uint8Array.of(5, 255)), "WS_PROXY_REFUSED"],
  ["speaks HTTP", (peer) => peer.write("HTTP/1.1 400 Bad Request\r\n\r\n"), "WS_PROXY_FAILED"],
  ["leaves", (peer) => peer.destroy(), "WS_PROXY_FAILED"],
  ["leaves in the middle", async (peer) => {
    peer.write(Uint8Array.of(5, 0));
    await peer.readBytes(8);
    peer.write(Uint8Array.of(5, 0, 0));
    peer.end();
  }, "WS_PROXY_FAILED"],
  ["refuses", async (peer) => {
    peer.write(Uint8Array.of(5, 0));
    await peer.readBytes(8);
    peer.write(Uint8Array.of(5, 2, 0, 1, 0, 0, 0, 0, 0, 0));
  }, "WS_PROXY_REFUSED"],
  ["says more than its answer", async (peer) => {
    peer.write(Uint8Array.of(5, 0));
    await peer.readBytes(8);
    peer.write(Uint8Array.of(...GRANTED_5, 1, 2, 3));
  }, "WS_PROXY_FAILED"],
  ["leaves after its answer", async (peer) => {
    peer.write(Uint8Array.of(5, 0));
    await peer.readBytes(8);
    peer.write(Uint8Array.from(GRANTED_5));
    peer.end();
  }, "WS_CONNECT_FAILED"],
  ["says nothing", () => {}, "WS_HANDSHAKE_TIMEOUT"],
  ["drips its answer", async (peer) => {
    peer.write(Uint8Array.of(5));
    await peer.readBytes(8, 1).catch(() => {});
  }, "WS_HANDSHAKE_TIMEOUT"],
];

for (const secure of [false, true]) {
  for (const [what, say, code] of SAYINGS) {
    test(`a SOCKS proxy that ${what} fails ${secure ? "wss" : "ws"} with ${code}`, async () => {
      await withSocks(say, async (port) => {
        const error = await failing(`${secure ? "wss" : "ws"}://a.example/`, {
          dial: socksProxy(`socks5://user:secret@127.0.0.1:${port}`),
          handshakeTimeoutMs: code === "WS_HANDSHAKE_TIMEOUT" ? 300 : 10_000,
        });
        assertEquals(error.code, code);
        assert(!inspect(error, { depth: 9 }).includes("secret"), "the error holds the password");
      });
    });
  }
}

test("giving up cuts the connection to a SOCKS proxy", async () => {
  await withSocks(() => {}, async (port) => {
    const controller = new AbortController();
    const failure = failing("ws://a.example/", {
      dial: socksProxy(`socks5://127.0.0.1:${port}`),
      signal: controller.signal,
    });
    setTimeout(() => controller.abort(new Error("enough")), 50);
    assertEquals((await failure).code, "WS_HANDSHAKE_ABORTED");
  });
});

test("a host that SOCKS cannot carry fails alone", async () => {
  const long = await failing(`ws://${"a".repeat(250)}.example/`, {
    dial: socksProxy("socks5://127.0.0.1:1"),
  });
  assertEquals(long.code, "WS_PROXY_FAILED");
  assertMatch(long.message, /SOCKS5 cannot carry this host/);
  const ipv6 = await failing("ws://[::1]/", { dial: socksProxy("socks4a://127.0.0.1:1") });
  assertEquals(ipv6.code, "WS_PROXY_FAILED");
  assertMatch(ipv6.message, /SOCKS4 cannot carry this host/);
});

const WRONG: [url: unknown, message: RegExp][] = [
  ["", /such as socks5:\/\/localhost:1080/],
  ["localhost:1080", /expected the scheme/],
  ["http://secret@a/", /expected the scheme socks5, socks5h, socks4 or socks4a, not http:/],
  ["socks5a://a/", /expected the scheme/],
  ["socks5://", /with a host/],
  ["socks5://a/path", /without a path/],
  ["socks5://a?secret", /without a path/],
  [`socks5://${"u".repeat(256)}@a`, /255 bytes/],
  ["socks5://u:%00@a", /255 bytes/],
  ["socks5://%ff@a", /such as socks5/],
  ["socks4://user:secret@a", /no password/],
  [5, /expected a URL, got number/],
];

for (const [url, message] of WRONG) {
  test(`socksProxy refuses ${JSON.stringify(url).slice(0, 30)}`, () => {
    const error = assertThrows(() => socksProxy(url as string), TypeError, "Cannot use SOCKS");
    assertMatch(error.message, message);
    assert(!error.message.includes("secret"), "the message has the password");
  });
}

test("the proxy option names ./socks for SOCKS proxies", async () => {
  const options = { proxy: "socks5://u:secret@localhost:1080" };
  const error = await assertRejects(() => connect("ws://localhost/", options), TypeError);
  assertMatch(error.message, /\.\/socks/);
});
