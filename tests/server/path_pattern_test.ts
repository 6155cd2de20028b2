import { assert, assertEquals, assertThrows } from "@std/assert";
import { test } from "node:test";
import { PathPattern } from "../../src/server/path_pattern.ts";
import { PATIENCE } from "../support/patience.ts";

/** The web's own, as far as it is used. */
type WebPattern = new (init: { pathname: string }) => {
  exec(input: { pathname: string }): {
    pathname: { groups: Record<string, string | undefined> };
  } | null;
};
const { URLPattern } = globalThis as { URLPattern?: WebPattern };

const PATHS = [
  ...["/", "/a", "/a/", "/a/b", "/a/b/c", "/a/b/c/d", "//", "//a", "/A", "/ab", "/a.b", "/a-b-c"],
  ...["/rooms", "/rooms/", "/rooms/7", "/rooms/7/", "/rooms/7/x", "/rooms/x", "/rooms/7/x/y"],
  ...["/rooms/07a", "/rooms/a%20b", "/rooms/%2F", "/%C3%A4", "/ä", "/b", "/a+b", "/a?", "/(a)"],
  ...["/constructor", "/__proto__", "/rooms/__proto__", "/files/a.txt", "/files/x/y/a.txt"],
  ...["/a*b", "/1/2/3", "/1-2", "/2026-11-20", "/x/1", "/x/1/2", "/x", "/xx", "/xxx", ""],
];

/** Each with a path that matches, if one of those above does, and what it finds there. */
const PATTERNS: [pattern: string, path: string, groups: Record<string, string | undefined>][] = [
  ["/", "/", {}],
  ["/a", "/a", {}],
  ["/a/", "/a/", {}],
  ["/*", "/a/b", { 0: "a/b" }],
  ["*", "/a/b", { 0: "/a/b" }],
  ["/a/*", "/a/b/c", { 0: "b/c" }],
  ["/a*", "/ab", { 0: "b" }],
  ["/*/b", "/a/b", { 0: "a" }],
  ["/*/b/*", "/a/b/c", { 0: "a", 1: "c" }],
  ["/rooms/:id", "/rooms/a%20b", { id: "a%20b" }],
  ["/rooms/:id", "/rooms/__proto__", { id: "__proto__" }],
  ["/rooms/:id?", "/rooms", { id: undefined }],
  ["/rooms/:id/:tab?", "/rooms/7/x", { id: "7", tab: "x" }],
  ["/rooms/:id/:tab?", "/rooms/7", { id: "7", tab: undefined }],
  ["/rooms/:id+", "/rooms/7/x/y", { id: "7/x/y" }],
  ["/rooms/:id*", "/rooms", { id: undefined }],
  ["/rooms/:id(\\d+)", "/rooms/7", { id: "7" }],
  ["/rooms/(\\d+)", "/rooms/7", { 0: "7" }],
  ["/rooms/(\\d+)/:tab/*", "/rooms/7/x/y", { 0: "7", tab: "x", 1: "y" }],
  ["/rooms/:id(\\d+)*", "/rooms/7", { id: "7" }],
  ["/rooms/:id{/x}?", "/rooms/7/x", { id: "7" }],
  ["/rooms{/:id}?", "/rooms/7", { id: "7" }],
  ["/rooms{/:id}+", "/rooms/7/x", { id: "7/x" }],
  ["/rooms{/}?", "/rooms/", {}],
  ["/{a}{b}?", "/ab", {}],
  ["/x{x}*", "/xxx", {}],
  ["/x{x}+", "/xx", {}],
  ["/:a/:b/:c", "/a/b/c", { a: "a", b: "b", c: "c" }],
  ["/:a-:b", "/a-b-c", { a: "a", b: "b-c" }],
  ["/:a.:b", "/a.b", { a: "a", b: "b" }],
  ["/:y(\\d{4})-:m(\\d\\d)-:d(\\d\\d)", "/2026-11-20", { y: "2026", m: "11", d: "20" }],
  ["/(a|b)", "/b", { 0: "b" }],
  ["/:which(rooms|files)/:rest*", "/files/x/y/a.txt", { which: "files", rest: "x/y/a.txt" }],
  ["/files/:path+.txt", "/files/x/y/a.txt", { path: "x/y/a" }],
  ["/files/*.txt", "/files/x/y/a.txt", { 0: "x/y/a" }],
  ["/files/{:name.txt}", "/files/a.txt", { name: "a" }],
  ["/ä", "/%C3%A4", {}],
  ["/%C3%A4", "/%C3%A4", {}],
  ["/a\\*b", "/a*b", {}],
  ["/a\\?", "/none", {}],
  ["/\\(a\\)", "/(a)", {}],
  ["/a.b", "/a.b", {}],
  ["/a+b", "/none", {}],
  ["/:constructor", "/a", { constructor: "a" }],
  ["/:$a_1/b", "/a/b", { $a_1: "a" }],
  ["/a/./b", "/a/b", {}],
  ["/x/../a", "/a", {}],
  ["/([a-z0-9.]+)", "/a.b", { 0: "a.b" }],
  ["/(?:a)", "/none", {}],
];

function compile(source: string): PathPattern | undefined {
  try {
    return new PathPattern(source);
  } catch (error) {
    assert(error instanceof TypeError);
    return undefined;
  }
}

test("a pattern finds its groups in a path", () => {
  for (const [source, path, groups] of PATTERNS) {
    const found = compile(source)?.exec(path) ?? null;
    if (path === "/none") continue;
    assert(found !== null, `${source} must match ${path}`);
    assertEquals({ ...found }, groups, `${source} on ${path}`);
  }
});

test("patterns match as the platform's URLPattern does", {
  skip: URLPattern === undefined && "this runtime has no URLPattern",
}, () => {
  let compared = 0;
  for (const [source] of PATTERNS) {
    const own = compile(source);
    let web: InstanceType<WebPattern> | undefined;
    try {
      web = new URLPattern!({ pathname: source });
    } catch {
      assertEquals(own, undefined, `${source} is malformed`);
      continue;
    }
    if (own === undefined) throw new Error(`${source} is well-formed`);
    for (const path of PATHS) {
      const pathname = path === "" ? "" : new URL(`http://localhost${path}`).pathname;
      const expected = web.exec({ pathname })?.pathname.groups;
      const found = own.exec(pathname);
      const at = `${source} on ${pathname}`;
      assertEquals(found === null, expected === undefined, at);
      if (found === null || expected === undefined) continue;
      // Older engines say "" where the standard says undefined.
      for (const [name, value] of Object.entries(expected)) {
        assertEquals(found[name] ?? "", value ?? "", at);
      }
      assertEquals(Object.keys(found).sort(), Object.keys(expected).sort(), at);
      compared++;
    }
  }
  assert(compared > 100, `only ${compared} matches were compared`);
});

test("groups have no prototype, whatever their names are", () => {
  const groups = new PathPattern("/:__proto__/:constructor/:x?").exec("/a/b")!;
  assertEquals(Object.getPrototypeOf(groups), null);
  assertEquals(Object.entries(groups), [["__proto__", "a"], ["constructor", "b"], [
    "x",
    undefined,
  ]]);
  assertEquals(groups.toString, undefined);
});

test("what no URL has in its path matches nothing", () => {
  for (const end of ["\n", "\r", "\u2028", "\u2029"]) {
    assertEquals(new PathPattern("/*").exec(`/a${end}`), null);
    assertEquals(new PathPattern("/:a").exec(`/a${end}`), null);
  }
});

test("malformed patterns are refused", () => {
  const malformed = [
    ...[
      "",
      "a",
      ":a",
      "/:",
      "/: a",
      "/(",
      "/(a",
      "/()",
      "/(?:a)",
      "/((a))",
      "/{a",
      "/a}",
      "/{{a}}",
    ],
    ...["/\\", "/:a/:a", "/?", "/+a+", "/(ä)", "/a(b", "/([)"],
  ];
  for (const source of malformed) assertThrows(() => new PathPattern(source), TypeError, "Cannot");
  assertThrows(() => new PathPattern(7 as unknown as string), TypeError);
});

test("patterns that a path could make slow are refused", () => {
  const slow = [
    ...["/((?:a+)+)", "/x(\\d+)+", "/x:a(\\d+)*", "/((?:a|aa)+)", "/((a+)+)", "/(a*a*a*)b", "/**"],
    ...["/*a*b*c", "/:a-:b-:c", "/{:a}+x", "/{a:b}*x", "/(.*)/(.*)/(.*)/x", "/(a(?=b))", "/(\\1)"],
    ...["/(\\w+\\w+\\w+)", "/*/:a-:b/x", "/:a{/x}?:b{/y}?:c", "/(a{1,}a{1,}a{1,})", "/(\\bx)"],
    ...[
      "/:a(.+)/:b(.+)/:c(.+)",
      "/(\\p{L}+)",
      "/((?:x){9})",
      "/(?<n>a)",
      "/:a(\\w+){:b(\\w+)}?{c}+",
    ],
  ];
  for (const source of slow) {
    assertThrows(() => new PathPattern(source), TypeError, "Cannot use path pattern", source);
  }
});

test("the slowest patterns allowed take milliseconds on the worst of paths", () => {
  const worst: [string, string][] = [
    ["/*a*b", "a"],
    ["/*/x/:id/y", "/x"],
    ["/:a-:b", "-"],
    ["/:a(\\d+\\d+)x", "1"],
    ["/:a*/:b*/x", "/a"],
    ["/:a+x", "/a"],
    ["/*x", "a"],
    ["/{a}*{b}*x", "a"],
    ["/(.*)/(.*)", "/"],
    ["/(.*)/(.*)x", "/"],
    ["/:a/*", "/"],
  ];
  for (const [source, unit] of worst) {
    const pattern = new PathPattern(source);
    for (const length of [1000, 8190, 100_000, 10_000_000]) {
      for (const end of ["!", "\n", ""]) {
        const path = "/" + unit.repeat(length / unit.length) + end;
        const start = performance.now();
        pattern.exec(path);
        const took = performance.now() - start;
        assert(took < 500 * PATIENCE, `${source} took ${took} ms for ${length} characters`);
      }
    }
  }
});
