import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { test } from "node:test";
import tls from "node:tls";
import {
  type ClientTlsOptions,
  connect,
  type ConnectOptions,
} from "../../../src/adapters/client.ts";
import { serve } from "../../../src/adapters/serve.ts";
import { acceptance, head, RawPeer } from "../support/raw.ts";
import { CERT, KEY } from "../support/runtime.ts";
import { sleep, until, within } from "../support/waiting.ts";
import { failing } from "./support/failing.ts";
import {
  CA,
  CLIENT_CERT,
  CLIENT_KEY,
  CLIENT_KEY_ENCRYPTED,
  PASSPHRASE,
  SERVER_CERT,
  SERVER_KEY,
  SERVER_NAME,
} from "./support/fixtures.ts";

/** What a TLS server saw of a client. */
interface Seen {
  servername: unknown;
  /** The common name of its certificate. */
  client: unknown;
}

/** A TLS server that says 101 and tells what it saw; with `mutual`, to certified clients alone. */
async function withTls(
  options: { mutual?: boolean; cert?: string; key?: string },
  run: (url: string, seen: Seen[]) => Promise<void>,
): Promise<void> {
  const { mutual = false, cert = SERVER_CERT, key = SERVER_KEY } = options;
  const seen: Seen[] = [];
  const peers: RawPeer[] = [];
  const server = tls.createServer({
    cert,
    key,
    ...(mutual ? { ca: CA, requestCert: true, rejectUnauthorized: true } : {}),
  }, (socket) => {
    const { subject } = socket.getPeerCertificate() as { subject?: { CN: string } };
    const { servername } = socket as { servername?: unknown };
    seen.push({ servername, client: subject?.CN });
    const peer = new RawPeer(socket);
    peers.push(peer);
    peer.readHead().then(async (request) => peer.write(head(await acceptance(request))))
      .catch(() => {});
  });
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await run(`wss://127.0.0.1:${(server.address() as { port: number }).port}/`, seen);
    await until(() => peers.every((peer) => peer.gone), "end of the client's sockets", 5000);
  } finally {
    for (const peer of peers) peer.destroy();
    // Deno 2.9 waits for ever for a connection whose handshake failed.
    const stopped = new Promise<void>((resolve) => server.close(() => resolve()));
    await Promise.race([stopped, sleep(1000)]);
  }
}

async function opens(url: string, options: ConnectOptions): Promise<void> {
  const socket = await within(connect(url, options), "connection");
  assertEquals(socket.readyState, 1);
  socket.terminate();
}

test("a certificate is checked against the authorities in ca, and the name in servername", async () => {
  await withTls({}, async (url, seen) => {
    await opens(url, { tls: { ca: CA, servername: SERVER_NAME } });
    await opens(url, { tls: { ca: [CERT, CA], servername: SERVER_NAME } });
    await opens(url, { tls: { ca: new TextEncoder().encode(CA), servername: SERVER_NAME } });
    assertEquals(seen.map(({ servername }) => servername), Array(3).fill(SERVER_NAME));
    for (
      const bad of [
        { ca: CA },
        { ca: CA, servername: "other.test" },
        { ca: CA, servername: undefined },
        { ca: CERT, servername: SERVER_NAME },
        { servername: SERVER_NAME },
      ]
    ) {
      const error = await failing(url, { tls: bad });
      assertEquals(error.code, "WS_CONNECT_FAILED", JSON.stringify(Object.keys(bad)));
    }
  });
});

test("rejectUnauthorized: false takes any certificate", async () => {
  await withTls({}, async (url) => {
    await opens(url, { tls: { rejectUnauthorized: false } });
    assertEquals(
      (await failing(url, { tls: { rejectUnauthorized: true } })).code,
      "WS_CONNECT_FAILED",
    );
  });
});

test("a certificate for an address is good for that address", async () => {
  await withTls({ cert: CERT, key: KEY }, async (url) => {
    await opens(url, { tls: { ca: CERT } });
    await opens(url.replace("127.0.0.1", "localhost"), { tls: { ca: CERT } });
  });
});

const IDENTITIES: Record<string, ClientTlsOptions> = {
  "a certificate and its key": { cert: CLIENT_CERT, key: CLIENT_KEY },
  "a certificate and its key as bytes": {
    cert: new TextEncoder().encode(CLIENT_CERT),
    key: new TextEncoder().encode(CLIENT_KEY),
  },
  "a certificate and its key behind a passphrase": {
    cert: CLIENT_CERT,
    key: CLIENT_KEY_ENCRYPTED,
    passphrase: PASSPHRASE,
  },
};

for (const [what, identity] of Object.entries(IDENTITIES)) {
  test(`a client shows ${what}`, async () => {
    await withTls({ mutual: true }, async (url, seen) => {
      await opens(url, { tls: { ca: CA, servername: SERVER_NAME, ...identity } });
      assertEquals(seen.map(({ client }) => client), ["a client"]);
    });
  });
}

test("a server that wants a certificate turns others away", async () => {
  await withTls({ mutual: true }, async (url, seen) => {
    const trust = { ca: CA, servername: SERVER_NAME };
    assertEquals((await failing(url, { tls: trust })).code, "WS_CONNECT_FAILED");
    const stranger = { ...trust, cert: CERT, key: KEY };
    assertEquals((await failing(url, { tls: stranger })).code, "WS_CONNECT_FAILED");
    assertEquals(seen, []);
  });
});

test("a key that is none, or behind another passphrase, is the caller's error", async () => {
  await withTls({ mutual: true }, async (url) => {
    const bad: ClientTlsOptions[] = [
      { cert: CLIENT_CERT, key: "no key" },
      { cert: CLIENT_CERT, key: CLIENT_KEY_ENCRYPTED, passphrase: "wrong" },
      { cert: CLIENT_CERT, key: KEY },
    ];
    for (const identity of bad) {
      const error = await assertRejects(() =>
        within(connect(url, { tls: { ca: CA, servername: SERVER_NAME, ...identity } }), "failure")
      );
      assertMatch((error as Error).message, /^Cannot (use option "tls"|connect)[^\n]*$/);
    }
  });
});

test("a TLS option that does not exist is refused", async () => {
  const options = { tls: { cafile: "x" } } as ConnectOptions;
  const error = await assertRejects(() => connect("wss://localhost/", options), TypeError);
  assertMatch(error.message, /option "cafile": it does not exist/);
});

test("wss to a server of plain TCP fails, and so does ws to one of TLS", async () => {
  await using plain = await serve({}, { port: 0 });
  const error = await failing(plain.url.replace("ws:", "wss:"), { tls: { ca: CERT } });
  assertEquals(error.code, "WS_CONNECT_FAILED");
  await using secure = await serve({}, { port: 0, tls: { cert: CERT, key: KEY } });
  const other = await failing(secure.url.replace("wss:", "ws:"));
  assertMatch(other.code, /^WS_(CONNECT_FAILED|HANDSHAKE_MALFORMED|HANDSHAKE_REFUSED)$/);
});
