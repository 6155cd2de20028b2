import { test } from "node:test";
import { mkdtemp, rm } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import tls from "node:tls";
import { existsSync, readFileSync } from "node:fs";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { connect, HandshakeError } from "../../src/adapters/client.ts";
import { serve, type ServeOptions } from "../../src/adapters/serve.ts";
import { clientText, head, RawPeer, requestLines } from "./support/raw.ts";
import { CERT, KEY } from "./support/runtime.ts";
import { until, within } from "./support/waiting.ts";

const fixture = (name: string) =>
  readFileSync(new URL(`../fixtures/${name}`, import.meta.url), "utf8");

test("serve listens on a Unix socket, which goes when the server closes", {
  skip: process.platform === "win32" && "Windows has no such sockets",
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), "fullduplex-"));
  const path = join(folder, "s.sock");
  try {
    const server = await serve({ message: (socket, data) => void socket.send(data) }, {
      path,
      backlog: 5,
      fetch: () => new Response("hi"),
    });
    assertEquals([server.url, server.hostname, server.port], [`ws+unix:${path}`, "", 0]);
    const peer = new RawPeer(net.connect({ path }));
    peer.write(head(requestLines("/", "localhost")));
    assertMatch(await peer.readHead(), /^HTTP\/1\.1 101 /);
    peer.write(clientText("over a file"));
    await until(() => peer.size >= 13, "echo");
    assertEquals(new TextDecoder().decode(peer.frames()[0].payload), "over a file");
    for (const { remoteAddress } of server.connections) assertEquals(remoteAddress, undefined);
    const error = await assertRejects(() => serve({}, { path }), Error);
    assertEquals(error.message, `Cannot listen on ${path}: the socket is in use`);
    peer.destroy();
    await server.close();
    assert(!existsSync(path));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test("serve refuses a path that is none, or that comes with a port, a host or TLS", async () => {
  const cases: [ServeOptions, string][] = [
    [{ path: "" }, "expected a path"],
    [{ path: 1 as unknown as string }, "expected a path, got number"],
    [{ path: "/tmp/x\0y" }, "expected a path"],
    [{ path: "/tmp/x", port: 0 }, 'has no "port"'],
    [{ path: "/tmp/x", hostname: "::1" }, 'has no "hostname"'],
    [{ path: "/tmp/x", tls: { cert: CERT, key: KEY } }, 'has no "tls"'],
    [{ port: 0, backlog: 0 }, '"backlog": expected an integer from 1'],
  ];
  for (const [options, part] of cases) {
    const error = await serve({}, options).then((server) => server.close(), (error) => error);
    assert(error?.message.includes(part), String(error));
  }
});

/** Opens TLS with a certificate or without; what it comes to. */
function present(port: number, own: { cert: string; key: string } | undefined): Promise<string> {
  const socket = tls.connect({
    host: "127.0.0.1",
    port,
    ca: CERT,
    servername: "localhost",
    ...own,
  });
  const outcome = new Promise<string>((resolve) => {
    let text = "";
    socket.on("secureConnect", () => socket.write(head(requestLines("/", "localhost"))));
    socket.on("data", (chunk: Uint8Array) => {
      text += new TextDecoder("latin1").decode(chunk);
      if (text.includes("\r\n\r\n")) resolve(text.slice(9, 12));
    });
    socket.on("error", () => resolve("refused"));
    socket.on("close", () => resolve("refused"));
  });
  return within(outcome, "end of the TLS handshake").finally(() => socket.destroy());
}

test("serve asks clients for a certificate, and refuses those of others", async () => {
  const own = { cert: fixture("client_cert.pem"), key: fixture("client_key.pem") };
  const other = { cert: CERT, key: KEY };
  const certificates = { cert: CERT, key: KEY, ca: fixture("ca_cert.pem"), requestCert: true };
  await using strict = await serve({}, { port: 0, tls: certificates });
  assertEquals(await present(strict.port, own), "101");
  assertEquals(await present(strict.port, undefined), "refused");
  assertEquals(await present(strict.port, other), "refused");
  await using lenient = await serve({}, {
    port: 0,
    tls: { ...certificates, rejectUnauthorized: false },
  });
  for (const certificate of [own, undefined]) {
    assertEquals(await present(lenient.port, certificate), "101");
  }
});

test("verify cuts the connection without an answer when it answers Response.error()", async () => {
  const errors: unknown[] = [];
  await using server = await serve({}, {
    port: 0,
    verify: () => Response.error(),
    onError: (error) => errors.push(error),
  });
  const peer = await RawPeer.connect(server.port);
  peer.write(head(requestLines()));
  assertEquals(await peer.readToEnd(), "");
  peer.destroy();
  const error = await assertRejects(() => connect(server.url), HandshakeError);
  assertEquals((error as HandshakeError).status, 0);
  assertEquals([errors.length, server.connections.size], [0, 0]);
});
