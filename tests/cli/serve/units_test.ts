import { test } from "node:test";
import { resolve, sep } from "node:path";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { readAddress, showAddress } from "../../../src/cli/serve/addresses.ts";
import { readAliases } from "../../../src/cli/serve/aliases.ts";
import { BasicAuth, readCredentials } from "../../../src/cli/serve/auth.ts";
import { evaluate } from "../../../src/cli/serve/conditions.ts";
import { checkHosts } from "../../../src/cli/serve/hosts.ts";
import { splitTarget } from "../../../src/cli/serve/target.ts";
import { Random } from "../../support/random.ts";

test("a target is taken apart, and one that is clever is refused", () => {
  const good: [string, string, string[]][] = [
    ["/", "/", []],
    ["/a", "/a", ["a"]],
    ["/a/b/", "/a/b/", ["a", "b"]],
    ["/a%20b?x=/../y", "/a b", ["a b"]],
    ["/%C3%BC", "/ü", ["ü"]],
    ["http://example.com/a", "/a", ["a"]],
    ["/...", "/...", ["..."]],
  ];
  for (const [target, path, segments] of good) {
    const split = splitTarget(target);
    assertEquals([split?.path, split?.segments], [path, segments], target);
  }
  assertEquals(splitTarget("http://Example.com:80/a")?.authority, "Example.com:80");
  assertEquals(splitTarget("/a?b=c")?.query, "?b=c");
  const bad = ["", "*", "a", "/..", "/a/../b", "/.", "/%2e%2e/a", "/a%2fb", "/a%5cb", "/a\\b"];
  const worse = ["/a%00", "/a%0a", "//evil.example/", "/a//b", "/%ff", "/%", "/a#b", "//"];
  for (const target of [...bad, ...worse]) assertEquals(splitTarget(target), undefined, target);
});

test("no target leads out of a folder, whatever it is made of", () => {
  const pieces = [
    "/",
    "..",
    ".",
    "%2e",
    "%2E%2e",
    "%2f",
    "%5C",
    "\\",
    "a",
    "b.txt",
    "%00",
    "%c0%ae",
  ];
  pieces.push("http://x", "?", "#", "//", "%25", "%252e", ";", " ", "%20", "ü", "\0", "%", "~");
  let taken = 0;
  for (let seed = 0; seed < 20_000; seed++) {
    const random = new Random(seed);
    const target = `/${
      Array.from({ length: random.int(0, 8) }, () => random.pick(pieces)).join("")
    }`;
    const split = splitTarget(target);
    if (split === undefined) continue;
    taken++;
    const path = resolve("/root/folder", ...split.segments);
    const inside = path === resolve("/root/folder") ||
      path.startsWith(resolve("/root/folder") + sep);
    assert(inside && !path.includes("\0"), `seed ${seed}: ${target} is ${path}`);
  }
  assert(taken > 1000, `only ${taken} were taken`);
});

test("an address is read in all its forms and shown again", () => {
  const cases: [string, string][] = [
    ["8080", "127.0.0.1:8080"],
    [":0", "127.0.0.1:0"],
    ["0.0.0.0:80", "0.0.0.0:80"],
    ["[::1]:8080", "[::1]:8080"],
    ["example.com:65535", "example.com:65535"],
    ["unix:/tmp/x", "unix:/tmp/x"],
  ];
  for (const [text, shown] of cases) assertEquals(showAddress(readAddress(text)), shown);
  const bad = ["", "a", "a:", "a:65536", "a:1e3", "::1:80", "[::1]", "unix:", "http://a:1"];
  for (const text of [...bad, `unix:/${"x".repeat(103)}`]) {
    assertThrows(() => readAddress(text), Error, text.startsWith("unix") ? "103" : "--listen");
  }
});

test("a map file is read, and a line that is none is named", () => {
  const aliases = readAliases("# names\n\n/old /chat\r\n  /a/b   /c \n");
  assertEquals([...aliases], [["/old", "/chat"], ["/a/b", "/c"]]);
  const cases: [string, string][] = [
    ["/a /b\n/c", "line 2"],
    ["a /b", "line 1"],
    ["/a /../b", "line 1"],
    ["/a /b /c", "line 1"],
    ["/a /b\n/a /c", "line 2"],
    ["/a /b\n/b /c", "alias itself"],
  ];
  for (const [text, part] of cases) assertThrows(() => readAliases(text), Error, part);
});

test("basic auth lets in who knows the password, and nobody else", () => {
  const auth = new BasicAuth(["ann:s3cret:x", "bøb:ü"]);
  const field = (text: string) =>
    `Basic ${btoa(String.fromCharCode(...new TextEncoder().encode(text)))}`;
  assert(auth.allows(field("ann:s3cret:x")));
  assert(auth.allows(field("bøb:ü").replace("Basic", "basic")));
  const wrong = ["ann:s3cret", "ann:", ":s3cret:x", "Ann:s3cret:x", "bøb:u", ""];
  for (const text of wrong) assert(!auth.allows(field(text)), text);
  for (const odd of [null, "", "Basic", "Basic !", "Basic a", `Bearer ${btoa("ann:s3cret:x")}`]) {
    assert(!auth.allows(odd), String(odd));
  }
  assertThrows(() => new BasicAuth(["ann"]), Error, "USER:PASSWORD");
  assertThrows(() => new BasicAuth([]), Error, "no USER:PASSWORD");
  assertEquals(readCredentials("# users\nann:1\r\n\nbob:2\n"), ["ann:1", "bob:2"]);
});

test("a listener of this machine answers for addresses and localhost only", () => {
  const local = checkHosts([], "127.0.0.1");
  for (const host of ["localhost:80", "LOCALHOST.", "a.localhost", "127.0.0.1", "[::1]:8080"]) {
    assert(local(host), host);
  }
  for (const host of ["", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example"]) {
    assert(!local(host), host);
  }
  assert(checkHosts([], "0.0.0.0")("example.com"));
  assert(checkHosts([], undefined)("example.com"));
  const named = checkHosts(["Example.com", "a.example:81"], "0.0.0.0");
  for (const host of ["example.com", "EXAMPLE.com:8080", "a.example:81"]) assert(named(host), host);
  for (const host of ["a.example", "a.example:82", "localhost", "127.0.0.1", "xexample.com"]) {
    assert(!named(host), host);
  }
});

test("preconditions and ranges come to what RFC 9110 says", () => {
  const version = { etag: '"v1"', modified: 784111777 }; // Sun, 06 Nov 1994 08:49:37 GMT
  const at = "Sun, 06 Nov 1994 08:49:37 GMT", before = "Sun, 06 Nov 1994 08:49:36 GMT";
  const part = (first: number, last: number) => ({ status: 206, range: { first, last } });
  const cases: [Record<string, string>, unknown][] = [
    [{}, { status: 200 }],
    [{ "If-None-Match": '"v1"' }, { status: 304 }],
    [{ "If-None-Match": '"x", W/"v1"' }, { status: 304 }],
    [{ "If-None-Match": "*" }, { status: 304 }],
    [{ "If-None-Match": '"v2"', "If-Modified-Since": at }, { status: 200 }],
    [{ "If-Modified-Since": at }, { status: 304 }],
    [{ "If-Modified-Since": before }, { status: 200 }],
    [{ "If-Modified-Since": "yesterday" }, { status: 200 }],
    [{ "If-Match": '"v2"' }, { status: 412 }],
    [{ "If-Match": 'W/"v1"' }, { status: 412 }],
    [{ "If-Match": '"v1"' }, { status: 200 }],
    [{ "If-Unmodified-Since": before }, { status: 412 }],
    [{ "If-Unmodified-Since": at }, { status: 200 }],
    [{ Range: "bytes=0-0" }, part(0, 0)],
    [{ Range: "bytes=2-" }, part(2, 9)],
    [{ Range: "bytes=2-99" }, part(2, 9)],
    [{ Range: "bytes=-3" }, part(7, 9)],
    [{ Range: "bytes=-99" }, part(0, 9)],
    [{ Range: "bytes=10-" }, { status: 416 }],
    [{ Range: "bytes=-0" }, { status: 416 }],
    [{ Range: "bytes=5-2" }, { status: 200 }],
    [{ Range: "bytes=-" }, { status: 200 }],
    [{ Range: "bytes=0-1,3-4" }, { status: 200 }],
    [{ Range: "lines=0-1" }, { status: 200 }],
    [{ Range: "bytes=0-1", "If-Range": '"v1"' }, part(0, 1)],
    [{ Range: "bytes=0-1", "If-Range": 'W/"v1"' }, { status: 200 }],
    [{ Range: "bytes=0-1", "If-Range": '"v2"' }, { status: 200 }],
    [{ Range: "bytes=0-1", "If-Range": at }, part(0, 1)],
    [{ Range: "bytes=0-1", "If-Range": before }, { status: 200 }],
    [{ Range: "bytes=0-1", "If-None-Match": '"v1"' }, { status: 304 }],
  ];
  for (const [fields, outcome] of cases) {
    assertEquals(evaluate(new Headers(fields), version, 10, true) as unknown, outcome);
  }
  assertEquals(evaluate(new Headers({ Range: "bytes=0-1" }), version, 10, false).status, 200);
  assertEquals(evaluate(new Headers({ Range: "bytes=-1" }), version, 0, true).status, 416);
});
