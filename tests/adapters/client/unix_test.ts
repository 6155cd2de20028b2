import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { test } from "node:test";
import http from "node:http";
import https from "node:https";
import fs from "node:fs";
import os from "node:os";
import { connect, type ConnectOptions } from "../../../src/adapters/client.ts";
import { onUpgrade } from "../../../src/adapters/node/mod.ts";
import { parseUnixUrl } from "../../../src/adapters/node/unix_url.ts";
import type { WebSocketConnection } from "../../../src/api/mod.ts";
import { CERT, KEY } from "../support/runtime.ts";
import { within } from "../support/waiting.ts";
import { failing } from "./support/failing.ts";

/** Serves on a unix socket of that name, in a folder of its own. */
async function withSocket(
  name: string,
  secure: boolean,
  run: (path: string) => Promise<void>,
): Promise<void> {
  const folder = fs.mkdtempSync(`${os.tmpdir()}/fd-`);
  const path = `${folder}/${name}`;
  const server = secure ? https.createServer({ cert: CERT, key: KEY }) : http.createServer();
  const greet = (socket: WebSocketConnection) => {
    socket.send(`${socket.request!.headers.get("host")} ${new URL(socket.request!.url).pathname}`);
  };
  server.on("upgrade", (request, socket, head) => {
    if (request.url!.startsWith("/to?")) {
      const location = decodeURIComponent(request.url!.slice("/to?".length));
      socket.end(`HTTP/1.1 307 Go\r\nLocation: ${location}\r\nContent-Length: 0\r\n\r\n`);
    } else onUpgrade({ open: greet })(request, socket, head);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  try {
    await run(path);
  } finally {
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
      setTimeout(resolve, 1000);
    });
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

async function greeting(url: string | URL, options: ConnectOptions = {}): Promise<string[]> {
  const socket = await within(connect(url, options), "connection");
  for await (const message of socket) {
    const facts = [message as string, socket.url];
    assertEquals(socket.remoteAddress, undefined);
    await socket.close();
    return facts;
  }
  return [];
}

test("ws+unix connects to a unix socket", async () => {
  await withSocket("a.sock", false, async (path) => {
    const url = `ws+unix:${path}:/chat/room?x=1`;
    assertEquals(await greeting(url), ["localhost /chat/room", url]);
    assertEquals(await greeting(new URL(url)), ["localhost /chat/room", url]);
    assertEquals(await greeting(`ws+unix://${path}`), ["localhost /", `ws+unix:${path}:/`]);
    const own = await greeting(url, { headers: { Host: "own.example" } });
    assertEquals(own[0], "own.example /chat/room");
  });
});

test("a unix socket's path may have blanks and, encoded, colons", async () => {
  await withSocket("a b:c.sock", false, async (path) => {
    const encoded = path.replace("a b:c", "a b%3Ac");
    assertEquals((await greeting(`ws+unix:${encoded}:/x`))[0], "localhost /x");
  });
});

test("wss+unix does TLS over a unix socket, for localhost unless servername says other", async () => {
  await withSocket("a.sock", true, async (path) => {
    const url = `wss+unix:${path}:/chat`;
    assertEquals(await greeting(url, { tls: { ca: CERT } }), ["localhost /chat", url]);
    assertEquals((await failing(url)).code, "WS_CONNECT_FAILED");
    const other = { ca: CERT, servername: "other.example" };
    assertEquals((await failing(url, { tls: other })).code, "WS_CONNECT_FAILED");
  });
});

test("redirects from a unix socket stay on it or are refused", async () => {
  await withSocket("a.sock", false, async (path) => {
    const to = (location: string) => `ws+unix:${path}:/to?${encodeURIComponent(location)}`;
    const follow = { maxRedirects: 3 };
    assertEquals(await greeting(to("/there?y=2"), follow), [
      "localhost /there",
      `ws+unix:${path}:/there?y=2`,
    ]);
    assertEquals((await greeting(to("near"), follow))[0], "localhost /near");
    for (const away of ["ws://localhost/", "http://a.example/", "//a.example/x", "\\\\a\\b"]) {
      const error = await failing(to(away), follow);
      assertEquals(error.code, "WS_REDIRECT_REFUSED", away);
    }
  });
});

test("a unix socket that is not there fails", async () => {
  const error = await failing("ws+unix:/nowhere/at/all.sock:/");
  assertEquals(error.code, "WS_CONNECT_FAILED");
  assertMatch(error.message, /Cannot connect to \/nowhere\/at\/all\.sock: /);
});

test("a unix socket's URL is taken apart", () => {
  assertEquals(parseUnixUrl("WS+unix:/a/b.sock:/c?d#e"), {
    socketPath: "/a/b.sock",
    url: "ws://localhost/c?d#e",
    prefix: "ws+unix:/a/b.sock:",
  });
  assertEquals(parseUnixUrl("wss+unix:./near.sock:/c")?.socketPath, "./near.sock");
  assertEquals(parseUnixUrl("ws+unix:/a.sock:/b:c")?.url, "ws://localhost/b:c");
  assertEquals(parseUnixUrl("ws://localhost/"), undefined);
});

const WRONG: [url: string, message: RegExp][] = [
  ["ws+unix:", /must name a socket/],
  ["ws+unix:/", /must name a socket/],
  ["ws+unix::/path", /must name a socket/],
  ["ws+unix://host/a.sock:/", /must name a socket/],
  ["ws+unix:/a%00b.sock:/", /NUL/],
  ["ws+unix:/a%ff.sock:/", /valid URL/],
  ["ws+unix:/a.sock:b", /begins with \//],
  ["ws+unix:/a.sock:/b#c", /fragment/],
  ["http+unix:/a.sock:/b", /scheme ws, wss, http or https/],
];

for (const [url, message] of WRONG) {
  test(`the URL ${url} is refused`, async () => {
    const error = await assertRejects(() => connect(url), TypeError);
    assertMatch(error.message, message);
  });
}

test("a unix socket is a way of its own", async () => {
  for (const way of [{ proxy: "http://a/" }, { dial: () => Promise.reject("no") }]) {
    const error = await assertRejects(() => connect("ws+unix:/a.sock:/", way), TypeError);
    assertMatch(error.message, /with a unix socket's URL: choose one way/);
  }
});
