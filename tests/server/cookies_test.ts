import { assert, assertEquals, assertThrows } from "@std/assert";
import { test } from "node:test";
import { type CookieOptions, parseCookies, serializeCookie } from "../../src/server/cookies.ts";
import { PATIENCE } from "../support/patience.ts";

test("cookies are read as servers must read them", () => {
  const cases: [header: string | null | undefined, cookies: [string, string][]][] = [
    [null, []],
    [undefined, []],
    ["", []],
    ["a=b", [["a", "b"]]],
    ["a=b; c=d", [["a", "b"], ["c", "d"]]],
    ["a=b;c=d;", [["a", "b"], ["c", "d"]]],
    [" a = b ;; c=", [["a", "b"], ["c", ""]]],
    ['a="b c"; d="', [["a", "b c"], ["d", '"']]],
    ["a=1; a=2", [["a", "1"]]],
    ["a=b=c==", [["a", "b=c=="]]],
    ["alone; =nameless; a=b", [["a", "b"]]],
    ["a=%C3%BC%20x", [["a", "ü x"]]],
    ["a=%E0%A4%A", [["a", "%E0%A4%A"]]],
    ["a=%; b=%zz", [["a", "%"], ["b", "%zz"]]],
  ];
  for (const [header, cookies] of cases) assertEquals([...parseCookies(header)], cookies);
});

test("names of Object's are names like any other", () => {
  const cookies = parseCookies("__proto__=a; constructor=b; toString=c");
  assertEquals([...cookies.values()], ["a", "b", "c"]);
  assertEquals(parseCookies("a=b").get("constructor"), undefined);
  assertEquals(({} as { a?: string }).a, undefined);
});

test("a hostile header costs little, and makes at most 180 cookies", () => {
  const hostile = [
    Array.from({ length: 100_000 }, (_, i) => `c${i}=${i}`).join("; "),
    ";".repeat(1_000_000),
    "=".repeat(1_000_000),
    "a=" + " ".repeat(1_000_000) + "x",
    "a=" + "%".repeat(1_000_000),
    "a".repeat(1_000_000),
  ];
  const start = performance.now();
  const sizes = hostile.map((header) => parseCookies(header).size);
  assertEquals(sizes, [180, 0, 0, 1, 1, 0]);
  assert(performance.now() - start < 2000 * PATIENCE);
});

test("cookies are written with all of their attributes, in one order", () => {
  const expires = new Date(Date.UTC(2026, 10, 20, 12));
  const all: CookieOptions = {
    partitioned: true,
    sameSite: "None",
    httpOnly: true,
    secure: true,
    path: "/a b",
    domain: "example.com",
    expires,
    maxAgeSeconds: 60,
  };
  assertEquals(
    serializeCookie("a", 'ü;,\r\n="', all),
    "a=%C3%BC%3B%2C%0D%0A%3D%22; Max-Age=60; Expires=Fri, 20 Nov 2026 12:00:00 GMT; " +
      "Domain=example.com; Path=/a b; Secure; HttpOnly; SameSite=None; Partitioned",
  );
  assertEquals(serializeCookie("a", ""), "a=");
  assertEquals(serializeCookie("__Host-a", "b", { secure: true, path: "/" }).split("; ").length, 3);
});

test("what is written is what is read", () => {
  for (const value of ["", "a b", "ü€😀", '"', "%", "a=b; c=d", "\0\n"]) {
    assertEquals(parseCookies(serializeCookie("n", value)).get("n"), value);
  }
});

test("injections, and cookies that browsers drop, are refused", () => {
  const wrong: [name: unknown, value: unknown, options?: unknown][] = [
    ["", "b"],
    ["a b", "b"],
    ["a=b", "b"],
    ["a;b", "b"],
    ["a\r\nSet-Cookie: x", "b"],
    ["ä", "b"],
    [1, "b"],
    ["a", 1],
    ["a", "\ud800"],
    ["a", "b", { path: "x" }],
    ["a", "b", { path: "/; Domain=evil.example" }],
    ["a", "b", { path: "/\r\nX: y" }],
    ["a", "b", { domain: "example.com; Secure" }],
    ["a", "b", { domain: "a b" }],
    ["a", "b", { domain: "" }],
    ["a", "b", { domain: "a\n" }],
    ["a", "b", { sameSite: "lax" }],
    ["a", "b", { sameSite: "Lax; Secure" }],
    ["a", "b", { sameSite: "None" }],
    ["a", "b", { secure: "true" }],
    ["a", "b", { httponly: true }],
    ["a", "b", { partitioned: true }],
    ["__Secure-a", "b"],
    ["__Host-a", "b", { secure: true }],
    ["__Host-a", "b", { secure: true, path: "/", domain: "example.com" }],
    ["__HOST-a", "b", { path: "/" }],
    ["a", "b", null],
  ];
  for (const [name, value, options] of wrong) {
    assertThrows(
      () => serializeCookie(name as string, value as string, options as CookieOptions),
      TypeError,
      "Cannot",
      JSON.stringify([name, value, options]),
    );
  }
  assertThrows(() => serializeCookie("a", "b", { maxAgeSeconds: 0.5 }), RangeError);
  assertThrows(() => serializeCookie("a", "b", { expires: new Date(NaN) }), RangeError);
});
