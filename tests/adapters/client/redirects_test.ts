import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { test } from "node:test";
import tls from "node:tls";
import { connect, type ConnectOptions } from "../../../src/adapters/client.ts";
import { acceptance, head, listenRaw, RawPeer, type RawServer } from "../support/raw.ts";
import { CERT, KEY } from "../support/runtime.ts";
import { until, within } from "../support/waiting.ts";
import { failing } from "./support/failing.ts";
import { CA, SERVER_CERT, SERVER_KEY, SERVER_NAME } from "./support/fixtures.ts";
import { PATIENCE } from "../../support/patience.ts";

/**
 * A server that sends `/to?LOCATION` on, `/status/303?LOCATION` with that status, `/loop` to itself,
 * and opens the rest.
 */
async function answer(peer: RawPeer, requests: string[]): Promise<void> {
  const request = await peer.readHead();
  requests.push(request);
  const target = request.split(" ")[1];
  const [, status = "302", location] = /^\/(?:to|status\/(\d+))\?(.*)$/.exec(target) ?? [];
  if (target === "/loop") peer.write("HTTP/1.1 308 Go\r\nLocation: \r\nContent-Length: 0\r\n\r\n");
  else if (location === undefined) peer.write(head(await acceptance(request)));
  if (location === undefined) return;
  peer.write(
    `HTTP/1.1 ${status} Go\r\nLocation: ${
      decodeURIComponent(location)
    }\r\nContent-Length: 0\r\n\r\n`,
  );
}

interface Redirecting extends RawServer {
  requests: string[];
}

async function start(): Promise<Redirecting> {
  const requests: string[] = [];
  const server = await listenRaw((peer) => void answer(peer, requests).catch(() => {}));
  return Object.assign(server, { requests });
}

async function withServers(run: (a: Redirecting, b: Redirecting) => Promise<void>): Promise<void> {
  const [a, b] = [await start(), await start()];
  try {
    await run(a, b);
    const gone = () => [...a.peers, ...b.peers].every((peer) => peer.gone);
    await until(gone, "end of the client's sockets", 5000);
  } finally {
    await Promise.all([a.close(), b.close()]);
  }
}

const to = (location: string) => `/to?${encodeURIComponent(location)}`;

/** Connects, and returns the URL it ended at. */
async function end(url: string, options: ConnectOptions = {}): Promise<string> {
  const socket = await within(connect(url, { maxRedirects: 5, ...options }), "connection");
  const final = socket.url;
  socket.terminate();
  return final;
}

function field(request: string, name: string): string | undefined {
  return new RegExp(`^${name}: (.*)$`, "im").exec(request)?.[1];
}

for (const status of [301, 302, 303, 307, 308]) {
  test(`a ${status} is followed on request`, async () => {
    await withServers(async (a, b) => {
      const url = `${a.url}/status/${status}?${b.url}/there?x=1`;
      assertEquals(await end(url), `${b.url}/there?x=1`);
      assertMatch(b.requests[0], /^GET \/there\?x=1 HTTP\/1\.1\r\n/);
      assertEquals(field(b.requests[0], "host"), `127.0.0.1:${b.port}`);
      const key = field(b.requests[0], "sec-websocket-key");
      assert(key !== field(a.requests[0], "sec-websocket-key"), "the key is not fresh");
    });
  });
}

test("locations may be relative, of http:, and have a fragment", async () => {
  await withServers(async (a, b) => {
    assertEquals(await end(`${a.url}/to?/root`), `${a.url}/root`);
    assertEquals(await end(`${a.url}/to?near`), `${a.url}/near`);
    assertEquals(await end(`${a.url}/to?//127.0.0.1:${b.port}/other`), `${b.url}/other`);
    assertEquals(await end(a.url + to(`http://127.0.0.1:${b.port}/http`)), `${b.url}/http`);
    assertEquals(await end(a.url + to("/x#part")), `${a.url}/x`);
  });
});

test("without maxRedirects, and for other statuses, a redirect is a refusal", async () => {
  await withServers(async (a, b) => {
    const error = await failing(`${a.url}/to?${b.url}`);
    assertEquals([error.code, error.status], ["WS_HANDSHAKE_REFUSED", 302]);
    for (const status of [300, 304, 305, 401]) {
      const other = await failing(`${a.url}/status/${status}?${b.url}`, { maxRedirects: 5 });
      assertEquals([other.code, other.status], ["WS_HANDSHAKE_REFUSED", status]);
    }
    assertEquals(b.requests, []);
  });
});

test("no more than maxRedirects are followed, in a loop as well", async () => {
  await withServers(async (a) => {
    const twice = a.url + to(to("/end"));
    assertEquals(await end(twice, { maxRedirects: 2 }), `${a.url}/end`);
    const error = await failing(twice, { maxRedirects: 1 });
    assertEquals([error.code, error.status], ["WS_REDIRECT_REFUSED", 302]);
    assertEquals(error.headers.get("location"), "/end");
    const requests = a.requests.length;
    const loop = await failing(`${a.url}/loop`, { maxRedirects: 20 });
    assertEquals([loop.code, loop.status], ["WS_REDIRECT_REFUSED", 308]);
    assertEquals(a.requests.length - requests, 21);
  });
});

const SECRETS = {
  Authorization: "Bearer token",
  Cookie: "a=1",
  "Proxy-Authorization": "Basic x",
  Host: "own.example",
};

function secretsIn(request: string): string[] {
  return Object.values(SECRETS).filter((value) => request.includes(value));
}

test("credentials stay behind when host or port change, for good; other fields go along", async () => {
  await withServers(async (a, b) => {
    const back = `${a.url}${to("/end")}`;
    const options = { headers: { ...SECRETS, "X-Own": "1", Origin: "https://o.example" } };
    await end(a.url + to(b.url + to(back)), { ...options, protocols: [] });
    assertEquals(a.requests.length + b.requests.length, 4);
    assertEquals(secretsIn(a.requests[0]), Object.values(SECRETS));
    for (const request of [b.requests[0], a.requests[1], a.requests[2]]) {
      assertEquals(secretsIn(request), [], request);
      assertEquals(field(request, "x-own"), "1");
      assertEquals(field(request, "origin"), "https://o.example");
      assertEquals(field(request, "cookie"), undefined);
      assertEquals(field(request, "authorization"), undefined);
    }
    // The same machine by another name is another host.
    const named = a.url.replace("127.0.0.1", "localhost");
    await end(a.url + to(named), options);
    assertEquals(secretsIn(a.requests.at(-1)!), []);
  });
});

test("credentials stay with the same host", async () => {
  await withServers(async (a) => {
    await end(`${a.url}${to("/end")}`, { headers: SECRETS });
    assertEquals(secretsIn(a.requests[1]), Object.values(SECRETS));
    await end(`${a.url.replace("//", "//user:pw@")}${to("/end")}`);
    assertEquals(field(a.requests[3], "authorization"), `Basic ${btoa("user:pw")}`);
  });
});

test("the URL's credentials stay behind, and a server's own are not sent", async () => {
  await withServers(async (a, b) => {
    const invented = `${b.url.replace("//", "//their:own@")}/end`;
    const final = await end(a.url.replace("//", "//user:pw@") + to(invented));
    assertEquals(final, `${b.url}/end`);
    assertEquals(field(a.requests[0], "authorization"), `Basic ${btoa("user:pw")}`);
    assertEquals(field(b.requests[0], "authorization"), undefined);
  });
});

test("from wss a redirect leads to wss alone, and the client's servername stays behind", async () => {
  await withServers(async (plain) => {
    const requests: string[] = [];
    const peers: RawPeer[] = [];
    const listen = async (cert: string, key: string) => {
      const server = tls.createServer({ cert, key }, (socket) => {
        const peer = new RawPeer(socket);
        peers.push(peer);
        answer(peer, requests).catch(() => {});
      });
      server.on("tlsClientError", () => {});
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const { port } = server.address() as { port: number };
      return { url: `wss://127.0.0.1:${port}`, server };
    };
    const named = await listen(SERVER_CERT, SERVER_KEY);
    const addressed = await listen(CERT, KEY);
    const options = { tls: { ca: [CA, CERT], servername: SERVER_NAME }, maxRedirects: 5 };
    try {
      const down = await failing(named.url + to(`${plain.url}/`), options);
      assertEquals([down.code, down.status], ["WS_REDIRECT_REFUSED", 302]);
      assertMatch(down.message, /from wss: to ws:/);
      assertEquals(plain.requests, []);
      const http = plain.url.replace("ws:", "http:");
      assertEquals((await failing(named.url + to(http), options)).code, "WS_REDIRECT_REFUSED");
      assertEquals(await end(named.url + to("/x"), options), `${named.url}/x`);
      const https = addressed.url.replace("wss:", "https:");
      assertEquals(await end(named.url + to(`${https}/y`), options), `${addressed.url}/y`);
      assertEquals(
        await end(plain.url + to(`${addressed.url}/z`), { tls: { ca: CERT } }),
        `${addressed.url}/z`,
      );
      await until(() => peers.every((peer) => peer.gone), "end of the client's sockets", 5000);
    } finally {
      for (const { server } of [named, addressed]) server.close();
      for (const peer of peers) peer.destroy();
    }
  });
});

for (const location of ["ftp://a/", "ws+unix:/a.sock:/", "mailto:a@b", "ws://", "ws://[bad/"]) {
  test(`a redirect to ${location} is refused`, async () => {
    await withServers(async (a) => {
      const error = await failing(a.url + to(location), { maxRedirects: 5 });
      assertEquals([error.code, error.status], ["WS_REDIRECT_REFUSED", 302]);
    });
  });
}

test("all hops share one deadline", async () => {
  const server = await listenRaw(async (peer) => {
    await peer.readHead();
    setTimeout(
      () => peer.write("HTTP/1.1 302 Go\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n"),
      100 * PATIENCE,
    );
  });
  try {
    const start = performance.now();
    const error = await failing(server.url, {
      maxRedirects: 20,
      handshakeTimeoutMs: 350 * PATIENCE,
    });
    assertEquals(error.code, "WS_HANDSHAKE_TIMEOUT");
    assert(performance.now() - start < 1500 * PATIENCE);
    await until(() => server.peers.every((peer) => peer.gone), "end of the sockets", 5000);
  } finally {
    await server.close();
  }
});

const WRONG: [value: unknown, error: typeof TypeError | typeof RangeError][] = [
  [-1, RangeError],
  [1.5, RangeError],
  [21, RangeError],
  [Infinity, RangeError],
  ["5", TypeError],
  [true, TypeError],
];

for (const [value, kind] of WRONG) {
  test(`maxRedirects: ${JSON.stringify(value)} is refused`, async () => {
    const options = { maxRedirects: value } as ConnectOptions;
    await assertRejects(() => connect("ws://127.0.0.1:1/", options), kind, '"maxRedirects"');
  });
}
