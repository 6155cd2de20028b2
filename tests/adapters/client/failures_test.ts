import { assert, assertEquals } from "@std/assert";
import { test } from "node:test";
import process from "node:process";
import net from "node:net";
import tls from "node:tls";
import type { ConnectOptions } from "../../../src/adapters/client.ts";
import { RawPeer } from "../support/raw.ts";
import { CERT, KEY, RUNTIME } from "../support/runtime.ts";
import { sleep, until } from "../support/waiting.ts";
import { failing } from "./support/failing.ts";

/** What goes wrong, on the server's end of a connection. */
const FAULTS: Record<string, (peer: RawPeer) => void> = {
  silence: () => {},
  "an abort": () => {},
  "a reset": (peer) => peer.socket instanceof tls.TLSSocket ? peer.destroy() : peer.reset(),
  "an end": (peer) => peer.end(),
  nonsense: (peer) => peer.write("+OK POP3 server ready <1896.697170952@dbc.example>\r\n\r\n"),
};

/** A place on the way where things go wrong: how to get there, and what the errors are called. */
interface Place {
  /** What listens: TCP, or TLS with every connection. */
  listens: "tcp" | "tls";
  /** What the client opens, given the server's port. */
  url: (port: number) => string;
  options?: (port: number) => ConnectOptions;
  /** What the server says first, once it has read a head; `null` for a fault at once. */
  says: string | null;
  /** What is below the fault: a TLS handshake cannot be told nonsense from a reset. */
  lost: string;
  nonsense: string;
}

const TRUST = { ca: CERT };
const OK = "HTTP/1.1 200 OK\r\n\r\n";
const ws = () => "ws://a.example/";
const wss = () => "wss://a.example/";
const http = (port: number) => ({ proxy: `http://127.0.0.1:${port}` });
const https = (port: number) => ({ proxy: { url: `https://127.0.0.1:${port}`, tls: TRUST } });

const PLACES: Record<string, Place> = {
  "in the server's TLS": {
    listens: "tcp",
    url: (port) => `wss://127.0.0.1:${port}/`,
    says: null,
    lost: "WS_CONNECT_FAILED",
    nonsense: "WS_CONNECT_FAILED",
  },
  "in the handshake over ws": {
    listens: "tcp",
    url: (port) => `ws://127.0.0.1:${port}/`,
    says: "",
    lost: "WS_CONNECT_FAILED",
    nonsense: "WS_HANDSHAKE_MALFORMED",
  },
  "in the handshake over wss": {
    listens: "tls",
    url: (port) => `wss://127.0.0.1:${port}/`,
    options: () => ({ tls: TRUST }),
    says: "",
    lost: "WS_CONNECT_FAILED",
    nonsense: "WS_HANDSHAKE_MALFORMED",
  },
  "in the proxy's TLS": {
    listens: "tcp",
    url: ws,
    options: https,
    says: null,
    lost: "WS_PROXY_FAILED",
    nonsense: "WS_PROXY_FAILED",
  },
  "in an http proxy's answer": {
    listens: "tcp",
    url: ws,
    options: http,
    says: "",
    lost: "WS_PROXY_FAILED",
    nonsense: "WS_HANDSHAKE_MALFORMED",
  },
  "in an https proxy's answer": {
    listens: "tls",
    url: wss,
    options: https,
    says: "",
    lost: "WS_PROXY_FAILED",
    nonsense: "WS_HANDSHAKE_MALFORMED",
  },
  "in the server's TLS through an http proxy": {
    listens: "tcp",
    url: wss,
    options: http,
    says: OK,
    lost: "WS_CONNECT_FAILED",
    nonsense: "WS_CONNECT_FAILED",
  },
  "in the server's TLS through an https proxy": {
    listens: "tls",
    url: wss,
    options: https,
    says: OK,
    lost: "WS_CONNECT_FAILED",
    nonsense: "WS_CONNECT_FAILED",
  },
  "in the handshake through an http proxy": {
    listens: "tcp",
    url: ws,
    options: http,
    says: OK,
    lost: "WS_CONNECT_FAILED",
    nonsense: "WS_HANDSHAKE_MALFORMED",
  },
};

/** How much keeps this process busy, where the runtime tells. */
function busy(): number {
  const { getActiveResourcesInfo } = process as { getActiveResourcesInfo?: () => string[] };
  return getActiveResourcesInfo?.().length ?? 0;
}

/** A signal that counts its listeners. */
function countedSignal(): { controller: AbortController; count: () => number } {
  const controller = new AbortController();
  const { signal } = controller;
  const listeners = new Set<unknown>();
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: unknown[]) => {
    listeners.add(args[1]);
    addEventListener.apply(signal, args as Parameters<typeof addEventListener>);
  };
  signal.removeEventListener = (...args: unknown[]) => {
    listeners.delete(args[1]);
    removeEventListener.apply(signal, args as Parameters<typeof removeEventListener>);
  };
  return { controller, count: () => listeners.size };
}

async function run(place: Place, fault: string): Promise<void> {
  const before = busy();
  const peers: RawPeer[] = [];
  let reached = 0;
  const onSocket = async (socket: net.Socket) => {
    const peer = new RawPeer(socket);
    peers.push(peer);
    if (place.says !== null) await peer.readHead();
    if (place.says) {
      peer.write(place.says);
      // The next bytes are of the next step, which has begun then.
      await peer.readBytes(1);
    }
    reached++;
    FAULTS[fault](peer);
  };
  const take = (socket: net.Socket) => void onSocket(socket).catch(() => {});
  const server = place.listens === "tls"
    ? tls.createServer({ cert: CERT, key: KEY, allowHalfOpen: true } as tls.TlsOptions, take)
    : net.createServer({ allowHalfOpen: true }, take);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as net.AddressInfo;
  const { controller, count } = countedSignal();
  try {
    const failure = failing(place.url(port), {
      ...place.options?.(port),
      signal: controller.signal,
      handshakeTimeoutMs: fault === "silence" ? 500 : 10_000,
    });
    if (fault === "an abort") {
      await until(() => reached === 1, "fault", 9000);
      assertEquals(count(), 1);
      controller.abort(new Error("enough"));
    }
    const error = await failure;
    const code = {
      silence: "WS_HANDSHAKE_TIMEOUT",
      "an abort": "WS_HANDSHAKE_ABORTED",
      nonsense: place.nonsense,
    }[fault] ?? place.lost;
    assertEquals(error.code, code, error.message);
    if (fault === "an abort") assertEquals((error.cause as Error).message, "enough");
    assertEquals(peers.length, 1);
    await until(() => peers[0].gone, "end of the client's socket", 5000);
    assertEquals(fault === "an abort" ? 0 : count(), 0, "listeners on the signal");
  } finally {
    for (const peer of peers) peer.destroy();
    const stopped = new Promise<void>((resolve) => server.close(() => resolve()));
    await Promise.race([stopped, sleep(2000)]);
  }
  // Deno 2.9 and Bun 1.4 count nothing, or what is unref'ed as well.
  if (RUNTIME === "node") await until(() => busy() <= before, "end of timers and sockets", 5000);
}

for (const [where, place] of Object.entries(PLACES)) {
  for (const fault of Object.keys(FAULTS)) {
    test(`${fault} ${where} is one error, and leaves nothing behind`, () => run(place, fault));
  }
}

test("refused connections are one error, of the server or of the proxy", async () => {
  const before = busy();
  const { controller, count } = countedSignal();
  const { signal } = controller;
  const proxied = { proxy: "http://127.0.0.1:1", signal };
  assertEquals((await failing("ws://127.0.0.1:1/", { signal })).code, "WS_CONNECT_FAILED");
  assertEquals((await failing("wss://127.0.0.1:1/", { signal })).code, "WS_CONNECT_FAILED");
  assertEquals((await failing("ws://a.example/", proxied)).code, "WS_PROXY_FAILED");
  assertEquals((await failing("wss://a.example/", proxied)).code, "WS_PROXY_FAILED");
  assertEquals(count(), 0);
  if (RUNTIME === "node") await until(() => busy() <= before, "end of timers and sockets", 5000);
});

test("a proxy that is gone right after its answer is one error", async () => {
  for (const url of ["ws://a.example/", "wss://a.example/"]) {
    for (const leave of ["reset", "end", "destroy"] as const) {
      const server = net.createServer({ allowHalfOpen: true }, (socket) => {
        const peer = new RawPeer(socket);
        peer.readHead().then(() => {
          peer.write(OK);
          peer[leave]();
        }).catch(() => {});
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const { port } = server.address() as net.AddressInfo;
      try {
        const error = await failing(url, { ...http(port), handshakeTimeoutMs: 8000 });
        assert(["WS_CONNECT_FAILED", "WS_PROXY_FAILED"].includes(error.code), error.message);
      } finally {
        server.close();
      }
    }
  }
});
