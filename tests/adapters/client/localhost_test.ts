import { assertEquals } from "@std/assert";
import { test } from "node:test";
import dns from "node:dns";
import { connect } from "../../../src/adapters/client.ts";
import { serve } from "../../../src/adapters/serve.ts";
import { CERT, hasIpv6, KEY, RUNTIME } from "../support/runtime.ts";
import { within } from "../support/waiting.ts";
import { failing } from "./support/failing.ts";

const BOTH = [{ address: "::1", family: 6 }, { address: "127.0.0.1", family: 4 }];

/** The addresses of localhost here. */
const found = await new Promise<dns.LookupAddress[]>((resolve) =>
  dns.lookup("localhost", { all: true }, (error, all) => resolve(error === null ? all : []))
);
const families = new Set(found.map(({ family }) => family));

/** Why the tests are skipped, if so. On Node, the answer of the resolver can be replaced. */
const skip = !await hasIpv6()
  ? "this machine has no IPv6"
  : families.size < 2 && RUNTIME !== "node"
  ? "localhost has one address here"
  : false;

type Lookup = (host: string, options: unknown, done: (...found: unknown[]) => void) => void;

/** Runs with a localhost that has an address of each family. */
async function withBoth(run: () => Promise<void>): Promise<void> {
  if (families.size === 2) return await run();
  const replaceable = dns as unknown as { lookup: Lookup };
  const { lookup } = replaceable;
  replaceable.lookup = (host, options, done) =>
    host === "localhost" ? done(null, BOTH) : lookup(host, options, done);
  try {
    await run();
  } finally {
    replaceable.lookup = lookup;
  }
}

for (const hostname of ["127.0.0.1", "::1"]) {
  for (const secure of [false, true]) {
    const scheme = secure ? "wss" : "ws";
    test(`${scheme}://localhost finds a server on ${hostname} alone`, { skip }, async () => {
      await using server = await serve({}, {
        port: 0,
        hostname,
        ...(secure ? { tls: { cert: CERT, key: KEY } } : {}),
      });
      await withBoth(async () => {
        const url = `${scheme}://localhost:${server.port}/`;
        const socket = await within(connect(url, { tls: { ca: CERT } }), "connection");
        assertEquals(socket.remoteAddress, hostname);
        await socket.close();
      });
    });
  }
}

test("a localhost without a server on either address is one error", { skip }, async () => {
  await withBoth(async () => {
    assertEquals((await failing("ws://localhost:1/")).code, "WS_CONNECT_FAILED");
  });
});
