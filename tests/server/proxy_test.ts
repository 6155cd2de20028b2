import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { test } from "node:test";
import { compileTrust, type ProxyHeader, type TrustProxy } from "../../src/server/proxy.ts";
import { ask, statusOf, withRouter } from "./rig.ts";
import { PATIENCE } from "../support/patience.ts";

interface Sent {
  from?: string;
  secure?: boolean;
  fields?: Record<string, string>;
}

/** `address scheme host`, as found. */
function found(trust: TrustProxy, sent: Sent, kind?: ProxyHeader): string {
  const fields: Record<string, string> = { host: "direct.example", ...sent.fields };
  const { address, secure, host } = compileTrust(trust, kind)({
    remoteAddress: sent.from ?? "10.0.0.1",
    secure: sent.secure ?? false,
    header: (name) => Object.hasOwn(fields, name) ? fields[name] : null,
  });
  return `${address} ${secure ? "https" : "http"} ${host}`;
}

const SPOOFED = {
  "x-forwarded-for": "6.6.6.6",
  "x-forwarded-proto": "https",
  "x-forwarded-host": "evil.example",
  "forwarded": "for=6.6.6.6;proto=https;host=evil.example",
  "x-real-ip": "6.6.6.6",
};

test("nothing that a client says is believed by default", () => {
  assertEquals(found(false, { fields: SPOOFED }), "10.0.0.1 http direct.example");
});

test("nothing is believed of an address that is not on the list", () => {
  const fields = SPOOFED;
  assertEquals(found(["10.0.0.2", "192.168.0.0/16"], { fields }), "10.0.0.1 http direct.example");
  assertEquals(found([], { fields }), "10.0.0.1 http direct.example");
  assertEquals(found(["::1"], { fields, from: "bad" }), "bad http direct.example");
});

test("a proxy on the list is believed, and no further than its own words", () => {
  const trust = ["10.0.0.0/8"];
  const cases: [fields: Record<string, string>, expected: string][] = [
    [{}, "10.0.0.1 http direct.example"],
    [{ "x-forwarded-for": "1.2.3.4" }, "1.2.3.4 http direct.example"],
    // The client sent the first address itself; the proxy appended who it really was.
    [{ "x-forwarded-for": "6.6.6.6, 1.2.3.4" }, "1.2.3.4 http direct.example"],
    [{ "x-forwarded-for": "6.6.6.6, 1.2.3.4, 10.1.1.1" }, "1.2.3.4 http direct.example"],
    [{ "x-forwarded-for": "10.9.9.9, 10.1.1.1" }, "10.9.9.9 http direct.example"],
    [{ "x-forwarded-for": "6.6.6.6, unknown" }, "undefined http direct.example"],
    [{ "x-forwarded-for": "6.6.6.6, evil, 10.1.1.1" }, "undefined http direct.example"],
    [{ "x-forwarded-for": "1.2.3.4:5678" }, "1.2.3.4 http direct.example"],
    [{ "x-forwarded-for": "2001:db8::1" }, "2001:db8::1 http direct.example"],
    [{ "x-forwarded-for": "[2001:db8::1]:80" }, "2001:db8::1 http direct.example"],
    [{ "x-forwarded-proto": "https" }, "10.0.0.1 https direct.example"],
    [{ "x-forwarded-proto": "WSS" }, "10.0.0.1 https direct.example"],
    [{ "x-forwarded-proto": "https, http" }, "10.0.0.1 http direct.example"],
    [{ "x-forwarded-proto": "gopher" }, "10.0.0.1 http direct.example"],
    [{ "x-forwarded-host": "a.example:8080" }, "10.0.0.1 http a.example:8080"],
    [{ "x-forwarded-host": "a.example/../x" }, "10.0.0.1 http direct.example"],
    [{ "x-forwarded-host": "a@b" }, "10.0.0.1 http direct.example"],
    [{ "x-forwarded-host": "1.2.3.999" }, "10.0.0.1 http direct.example"],
    [{ "x-forwarded-for": "" }, "undefined http direct.example"],
    [{ "forwarded": "for=6.6.6.6" }, "10.0.0.1 http direct.example"],
  ];
  for (const [fields, expected] of cases) assertEquals(found(trust, { fields }), expected);
});

test("a number of proxies is so many steps back, and not one more", () => {
  const fields = { "x-forwarded-for": "6.6.6.6, 1.1.1.1, 2.2.2.2", "x-forwarded-proto": "https" };
  assertEquals(found(1, { fields }), "2.2.2.2 https direct.example");
  assertEquals(found(2, { fields }), "1.1.1.1 https direct.example");
  assertEquals(found(9, { fields }), "6.6.6.6 https direct.example");
  assertEquals(found(true, { fields }), "6.6.6.6 https direct.example");
});

test("Forwarded is read where the proxies write that, and X-Forwarded-* is not", () => {
  const trust = ["10.0.0.0/8"];
  const cases: [value: string, expected: string][] = [
    ["for=1.2.3.4", "1.2.3.4 http direct.example"],
    ["For=1.2.3.4;Proto=https;Host=a.example", "1.2.3.4 https a.example"],
    ['for="[2001:db8::1]:80";by=10.0.0.1', "2001:db8::1 http direct.example"],
    ['for="1.2.3.4:80"', "1.2.3.4 http direct.example"],
    ["for=6.6.6.6, for=1.2.3.4;proto=https", "1.2.3.4 https direct.example"],
    ["for=1.2.3.4;proto=https, for=10.1.1.1;proto=http", "1.2.3.4 https direct.example"],
    ["for=unknown", "undefined http direct.example"],
    ["for=_hidden", "undefined http direct.example"],
    ['host="a.example:80"', "10.0.0.1 http a.example:80"],
    ['host="a.ex\\ample"', "10.0.0.1 http a.example"],
    ["for=1.2.3.4;for=6.6.6.6", "10.0.0.1 http direct.example"],
    ["for=1.2.3.4;;", "10.0.0.1 http direct.example"],
    ['for="1.2.3.4', "10.0.0.1 http direct.example"],
    ["nonsense", "10.0.0.1 http direct.example"],
    ["__proto__=x;constructor=y;for=1.2.3.4", "1.2.3.4 http direct.example"],
  ];
  for (const [forwarded, expected] of cases) {
    const fields = { ...SPOOFED, forwarded };
    assertEquals(found(trust, { fields }, "forwarded"), expected, forwarded);
  }
});

test("a hostile field costs little", () => {
  const start = performance.now();
  for (
    const value of [",".repeat(1e6), "a,".repeat(5e5), '"'.repeat(1e6), "for=" + "\\".repeat(1e6)]
  ) {
    found(true, { fields: { "x-forwarded-for": value, "x-forwarded-host": value } });
    found(true, { fields: { forwarded: value } }, "forwarded");
    found(true, { fields: { forwarded: `for="${"\\a".repeat(5e5)}` } }, "forwarded");
    found(true, { fields: { forwarded: " ".repeat(1e6) + "x" } }, "forwarded");
  }
  assertEquals(performance.now() - start < 3000 * PATIENCE, true);
});

test("wrong options are refused", () => {
  for (const trust of ["10.0.0.1", {}, null, [1], ["x"], ["10.0.0.0/99"]]) {
    assertThrows(() => compileTrust(trust as never), TypeError, "Cannot use");
  }
  for (const trust of [0, -1, 1.5, 33, NaN]) assertThrows(() => compileTrust(trust), RangeError);
  assertThrows(() => compileTrust(true, "via" as never), TypeError, '"proxyHeader"');
});

test("routes see the client that a believed proxy tells of, and its limits are its own", async () => {
  const seen: string[] = [];
  const limits = { maxConnectionsPerAddress: 1 };
  await withRouter(
    { trustProxy: ["127.0.0.1"], limits, origins: "same-origin" },
    async (router, server) => {
      router.route("/:x", {
        verify: (_, { url, address, secure }) => void seen.push(`${url} ${address} ${secure}`),
        handler: { message() {} },
      });
      const via = (address: string, ...more: string[]) => [`X-Forwarded-For: ${address}`, ...more];
      const https = ["X-Forwarded-Proto: https", "X-Forwarded-Host: a.example"];
      const { status, peer } = await ask(
        server.port,
        "/a?b=c",
        ...via("1.2.3.4", ...https, "Origin: https://a.example"),
      );
      assertEquals(status, 101);
      assertEquals(seen, ["https://a.example/a?b=c 1.2.3.4 true"]);
      assertEquals(await statusOf(server.port, "/a", ...via("1.2.3.4")), 429);
      assertEquals(await statusOf(server.port, "/a", ...via("1.2.3.5")), 101);
      const evil = ["Origin: https://127.0.0.1", ...https];
      assertEquals(await statusOf(server.port, "/a", ...via("1.2.3.6", ...evil)), 403);
      peer.destroy();
    },
  );
});

test("without trustProxy a client that says it is many has one limit", async () => {
  await withRouter({ limits: { maxConnectionsPerAddress: 1 } }, async (router, { port }) => {
    router.route("/", { handler: { message() {} } });
    const { head, peer } = await ask(port, "/", "X-Forwarded-For: 1.2.3.4");
    assertMatch(head, / 101 /);
    assertEquals(await statusOf(port, "/", "X-Forwarded-For: 1.2.3.5"), 429);
    assertEquals(await statusOf(port, "/", "Forwarded: for=1.2.3.6"), 429);
    peer.destroy();
  });
});
