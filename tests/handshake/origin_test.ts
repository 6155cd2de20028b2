import { test } from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { compileOrigins, type OriginPolicy } from "../../src/handshake/mod.ts";
import { openingRequest } from "./helpers.ts";

const check = (policy: OriginPolicy, origin: string | null, host = "example.com", url?: string) =>
  compileOrigins(policy)(origin, openingRequest({ host }, { url }));

test("a list passes exactly the origins it holds, in any case", () => {
  const list = ["https://example.com", "http://localhost:8080", "chrome-extension://abcdef"];
  for (const origin of [...list, "HTTPS://Example.COM", null]) {
    assertEquals(check(list, origin), true, String(origin));
  }
  for (
    const origin of [
      "https://evil.example",
      "https://example.com.evil.example", // the allowed one is a prefix
      "https://evilexample.com", // a suffix
      "https://sub.example.com",
      "https://example.co",
      "http://example.com",
      "https://example.com:8443",
      "https://example.com/",
      "https://example.com, https://example.com", // two fields
      "https://example.com@evil.example",
      "http://localhost:80801",
      "null",
      "",
      "__proto__",
    ]
  ) assertEquals(check(list, origin), false, origin);
});

test("the origin null passes only when it is listed", () => {
  assertEquals(check(["null"], "null"), true);
  assertEquals(check(["https://a.example"], "null"), false);
  assertEquals(check("same-origin", "null"), false);
});

test("an empty list passes only what is no browser", () => {
  assertEquals(check([], "https://example.com"), false);
  assertEquals(check([], null), true);
});

test("same-origin compares host and port with the Host field", () => {
  const passing: [string, string][] = [
    ["http://example.com", "example.com"],
    ["HTTP://EXAMPLE.com", "example.COM"],
    ["https://example.com", "example.com"], // TLS ends at a proxy
    ["https://example.com", "example.com:443"],
    ["http://example.com", "example.com:80"],
    ["http://localhost:8080", "localhost:8080"],
    ["http://[::1]:8080", "[::1]:8080"],
    ["http://[::1]", "[::1]:80"],
  ];
  for (const [origin, host] of passing) {
    assertEquals(check("same-origin", origin, host), true, `${origin} ${host}`);
  }
  const failing: [string, string][] = [
    ["http://evil.example", "example.com"],
    ["http://example.com.evil.example", "example.com"],
    ["http://evilexample.com", "example.com"],
    ["http://example.com", "example.com:8080"],
    ["http://example.com:8080", "example.com"],
    ["https://example.com:80", "example.com"],
    ["http://example.com", "example.com:443"],
    ["http://user@example.com", "example.com"],
    ["http://example.com/", "example.com"],
    ["http://example.com, http://example.com", "example.com"],
    ["ftp://example.com", "example.com"],
    ["example.com", "example.com"],
    ["://example.com", "example.com"],
    ["", "example.com"],
    ["http://", ""],
  ];
  for (const [origin, host] of failing) {
    assertEquals(check("same-origin", origin, host), false, `${origin} ${host}`);
  }
  assertEquals(check("same-origin", null), true);
});

test("same-origin refuses a page from http on a server with TLS", () => {
  const url = "https://example.com/";
  assertEquals(check("same-origin", "https://example.com", "example.com", url), true);
  assertEquals(check("same-origin", "http://example.com", "example.com", url), false);
});

test("a function gets the origin as it came, or null, and the request", () => {
  const seen: unknown[] = [];
  const policy: OriginPolicy = (origin, request) => {
    seen.push(origin, request.url);
    return origin === null;
  };
  assertEquals(check(policy, null), true);
  assertEquals(check(policy, "a, b"), false);
  assertEquals(seen, [null, "http://example.com/chat", "a, b", "http://example.com/chat"]);
});

test("compileOrigins refuses what no browser would send as an origin", () => {
  for (
    const origin of [
      "",
      "*",
      "example.com",
      "https://example.com/",
      "https://example.com/path",
      "https://example.com:443",
      "http://example.com:80",
      "https://*.example.com",
      "https://user@example.com",
      "https://b\u00fccher.example",
      "https://",
      "app://",
      "app://a/b",
      "a b://c",
      "https://a.example, https://b.example",
      "https://a.example\r\n",
      1,
      null,
    ]
  ) {
    assertThrows(() => compileOrigins([origin as string]), TypeError, "origins", String(origin));
  }
  for (const option of ["https://example.com", "same-site", {}, 1, null, true]) {
    assertThrows(() => compileOrigins(option as OriginPolicy), TypeError, "origins");
  }
  for (const origin of ["null", "file://", "https://xn--bcher-kva.example", "http://[::1]:8080"]) {
    assertEquals(check([origin], origin), true, origin);
  }
});
