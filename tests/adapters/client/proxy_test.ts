import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { test } from "node:test";
import { connect, type ConnectOptions } from "../../../src/adapters/client.ts";
import { type Handler, serve } from "../../../src/adapters/serve.ts";
import { CERT, hasIpv6, KEY } from "../support/runtime.ts";
import { Inbox, sleep, until, within } from "../support/waiting.ts";
import { failing } from "./support/failing.ts";
import { type ProxyBehaviour, startProxy, type TestProxy } from "./support/proxy.ts";

const echo: Handler = { message: (socket, data) => void socket.send(data) };
const TLS = { cert: CERT, key: KEY };
const TRUST = { ca: CERT };

/** How many pieces of 256 KiB a server would send: more than all buffers on the way can hold. */
const PIECES = 800;

async function withProxy(
  behaviour: ProxyBehaviour,
  run: (proxy: TestProxy) => Promise<void>,
): Promise<void> {
  const proxy = await startProxy(behaviour);
  try {
    await run(proxy);
    await until(() => proxy.empty, "end of the client's sockets", 5000);
  } finally {
    await proxy.close();
  }
}

/** Sends a small and a large message through and back. */
async function exchange(url: string, options: ConnectOptions): Promise<void> {
  await using socket = await within(connect(url, options), "connection");
  assertEquals(socket.remoteAddress, undefined); // the proxy's is not the peer's
  const large = new Uint8Array(3_000_000).fill(7);
  await socket.send("small");
  socket.send(large);
  const got: unknown[] = [];
  for await (const message of socket) {
    got.push(typeof message === "string" ? message : message.length);
    if (got.length === 2) break;
  }
  assertEquals(got, ["small", large.length]);
  await within(socket.close(), "close");
}

for (const secureProxy of [false, true]) {
  for (const secure of [false, true]) {
    const name = `${secure ? "wss" : "ws"} goes through an ${secureProxy ? "https" : "http"} proxy`;
    test(name, async () => {
      await using server = await serve(echo, { port: 0, ...(secure ? { tls: TLS } : {}) });
      await withProxy({ secure: secureProxy }, async (proxy) => {
        const option = secureProxy ? { url: proxy.url, tls: TRUST } : proxy.url;
        await exchange(server.url, { proxy: option, tls: TRUST });
        const authority = server.url.replace(/^wss?:\/\//, "");
        assertEquals(proxy.heads, [`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}`]);
      });
    });

    test(`${name}, and a slow reader holds the server back`, async () => {
      let sent = 0;
      const ended = new Inbox<true>();
      await using server = await serve(async (socket) => {
        const piece = new Uint8Array(256 * 1024);
        while (socket.readyState === 1 && sent < PIECES) {
          await socket.send(piece).catch(() => {});
          sent++;
        }
        ended.push(true);
      }, { port: 0, ...(secure ? { tls: TLS } : {}) });
      await withProxy({ secure: secureProxy }, async (proxy) => {
        const option = secureProxy ? { url: proxy.url, tls: TRUST } : proxy.url;
        const socket = await connect(server.url, { proxy: option, tls: TRUST });
        let held = -1;
        for (const end = performance.now() + 20_000; sent !== held && performance.now() < end;) {
          held = sent;
          await sleep(500);
        }
        assertEquals(sent, held, "the server still sends");
        assert(held > 0 && held < PIECES / 2, `${held} pieces are on their way`);
        for await (const _ of socket) if (sent > held) break;
        socket.terminate();
        await ended.next("end of the server's handler");
      });
    });
  }
}

test("compression is agreed on through a proxy", async () => {
  await using server = await serve(echo, { port: 0, compression: true });
  await withProxy({}, async (proxy) => {
    await using socket = await connect(server.url, { proxy: proxy.url, compression: true });
    assertMatch(socket.extensions, /^permessage-deflate/);
    await socket.send("again and ".repeat(10_000));
    for await (const message of socket) {
      assertEquals(message, "again and ".repeat(10_000));
      break;
    }
  });
});

test("a proxy is asked for the server by its name, and for an IPv6 address in brackets", async () => {
  await using server = await serve(echo, { port: 0 });
  await withProxy({ to: server }, async (proxy) => {
    for (const host of ["far.example", "[2001:db8::1]"]) {
      const socket = await connect(`ws://${host}/x`, { proxy: proxy.url });
      assertEquals(socket.url, `ws://${host}/x`);
      await socket.close();
    }
    assertEquals(proxy.heads, [
      "CONNECT far.example:80 HTTP/1.1\r\nHost: far.example:80",
      "CONNECT [2001:db8::1]:80 HTTP/1.1\r\nHost: [2001:db8::1]:80",
    ]);
  });
});

test("a proxy at an IPv6 literal is found", async () => {
  if (!await hasIpv6()) return; // this machine has no IPv6
  const error = await failing("ws://a.example/", { proxy: "http://[::1]:1" });
  assertMatch(error.message, /the proxy \[::1\]:1: /);
});

test("a proxy gets the credentials of its URL and the header fields asked for", async () => {
  await using server = await serve(echo, { port: 0 });
  await withProxy({}, async (proxy) => {
    const url = proxy.url.replace("//", "//us%20er:p%3Aw@");
    const plain = await connect(server.url, { proxy: new URL(url) });
    await plain.close();
    assertMatch(proxy.heads[0], new RegExp(`\r\nProxy-Authorization: Basic ${btoa("us er:p:w")}`));
    const headers = { "Proxy-Authorization": "Bearer token", "X-Own": "1" };
    const own = await connect(server.url, { proxy: { url, headers } });
    await own.close();
    assertEquals(proxy.heads[1].split("\r\n").slice(2), [
      "proxy-authorization: Bearer token",
      "x-own: 1",
    ]);
  });
});

test("the server's header fields stay out of the CONNECT request", async () => {
  await using server = await serve(echo, { port: 0 });
  await withProxy({}, async (proxy) => {
    const url = server.url.replace("//", "//user:secret@");
    const socket = await connect(url, { proxy: proxy.url, headers: { Cookie: "a=1" } });
    await socket.close();
    assert(!/cookie|authorization/i.test(proxy.heads[0]), proxy.heads[0]);
  });
});

test("a proxy that refuses is reported with its answer", async () => {
  await withProxy({
    onConnect: (peer) =>
      peer.write(
        "HTTP/1.1 407 Who?\r\nProxy-Authenticate: Basic\r\nContent-Length: 11\r\n\r\nwho are you",
      ),
  }, async (proxy) => {
    const error = await failing("ws://127.0.0.1:1/", { proxy: proxy.url });
    assertEquals([error.code, error.status, error.body], [
      "WS_PROXY_REFUSED",
      407,
      "who are you",
    ]);
    assertEquals(error.headers.get("proxy-authenticate"), "Basic");
  });
});

const ANSWERS: [what: string, answer: string, code: string][] = [
  ["switches protocols", "HTTP/1.1 101 Hm\r\nUpgrade: websocket\r\n\r\n", "WS_PROXY_REFUSED"],
  ["redirects", "HTTP/1.1 302 Go\r\nLocation: http://x/\r\n\r\n", "WS_PROXY_REFUSED"],
  ["speaks no HTTP", "SSH-2.0-OpenSSH_9.6\r\n\r\n", "WS_HANDSHAKE_MALFORMED"],
  ["says more than its answer", "HTTP/1.1 200 OK\r\n\r\nboo", "WS_HANDSHAKE_MALFORMED"],
  ["goes on and on", `HTTP/1.1 200 OK\r\nX: ${"x".repeat(20_000)}`, "WS_HANDSHAKE_TOO_LARGE"],
];

for (const [what, answer, code] of ANSWERS) {
  for (const secure of [false, true]) {
    test(`a proxy that ${what} is refused${secure ? ", before wss" : ""}`, async () => {
      await withProxy({ onConnect: (peer) => peer.write(answer) }, async (proxy) => {
        const options = { proxy: proxy.url, maxRedirects: 5 };
        const error = await failing(`${secure ? "wss" : "ws"}://a.example/`, options);
        assertEquals(error.code, code);
        assertMatch(error.message, /the proxy 127\.0\.0\.1:\d+/);
      });
    });
  }
}

test("interim responses of a proxy, and an answer in HTTP/1.0, are understood", async () => {
  await using server = await serve(echo, { port: 0 });
  const answer = "HTTP/1.1 102 Wait\r\n\r\nHTTP/1.0 200 Connection established\r\nVia: x\r\n\r\n";
  await withProxy({ answer }, async (proxy) => {
    await exchange(server.url, { proxy: proxy.url });
  });
});

test("a proxy's certificate is checked", async () => {
  await using server = await serve(echo, { port: 0, tls: TLS });
  await withProxy({ secure: true }, async (proxy) => {
    // What the server's TLS trusts is no word for the proxy's.
    const error = await failing(server.url, { proxy: proxy.url, tls: TRUST });
    assertEquals(error.code, "WS_PROXY_FAILED");
    assertEquals(proxy.heads, []);
    const named = { url: proxy.url, tls: { ...TRUST, servername: "other.example" } };
    assertEquals((await failing(server.url, { proxy: named })).code, "WS_PROXY_FAILED");
    await exchange(server.url, {
      proxy: { url: proxy.url, tls: { rejectUnauthorized: false } },
      tls: TRUST,
    });
  });
});

for (const secureProxy of [false, true]) {
  test(`the server's certificate is checked through an ${secureProxy ? "https" : "http"} proxy`, async () => {
    await using server = await serve(echo, { port: 0, tls: TLS });
    await withProxy({ secure: secureProxy, to: server }, async (proxy) => {
      const option = { url: proxy.url, tls: secureProxy ? TRUST : {} };
      const untrusted = await failing(server.url, { proxy: option });
      assertEquals(untrusted.code, "WS_CONNECT_FAILED");
      // The certificate is for localhost, 127.0.0.1 and ::1.
      for (const host of ["other.example", "127.0.0.2", "[::2]"]) {
        const error = await failing(`wss://${host}/`, { proxy: option, tls: TRUST });
        assertEquals(error.code, "WS_CONNECT_FAILED", host);
      }
      for (const host of ["localhost", "127.0.0.1", "[::1]"]) {
        const socket = await connect(`wss://${host}/`, { proxy: option, tls: TRUST });
        await socket.close();
      }
    });
  });
}

const WRONG: [proxy: unknown, message: RegExp][] = [
  ["", /expected an absolute URL/],
  ["localhost", /expected an absolute URL/],
  ["ftp://a/", /expected an http: or https: URL, got ftp:/],
  ["http://a/path", /without a path/],
  ["http://a/?q", /without a path/],
  ["socks5://user:secret@a:1080", /a matter of \.\/socks/],
  ["socks4a://a:1080", /a matter of \.\/socks/],
  ["http://%ff:x@a/", /valid percent-encoded/],
  [{}, /expected a URL, got undefined/],
  [3, /expected an object, got number/],
  [{ url: "http://a/", agent: 1 }, /option "agent": it does not exist/],
  [{ url: "http://a/", tls: { sni: "x" } }, /option "sni": it does not exist/],
  [{ url: "http://a/", headers: { "a b": "1" } }, /headers/],
  [{ url: "http://a/", headers: { "x": "a\r\nb: c" } }, /headers/],
];

for (const [proxy, message] of WRONG) {
  test(`the proxy option ${JSON.stringify(proxy)} is refused`, async () => {
    const options = { proxy } as ConnectOptions;
    const error = await assertRejects(() => connect("ws://127.0.0.1:1/", options), TypeError);
    assertMatch(error.message, message);
    assert(!error.message.includes("secret"), "the message has the password");
  });
}

test("proxy and dial are not for the same connection", async () => {
  const options: ConnectOptions = { proxy: "http://a/", dial: () => Promise.reject("no") };
  const error = await assertRejects(() => connect("ws://a/", options), TypeError);
  assertMatch(error.message, /Cannot use option "dial" with proxy: choose one way/);
});
