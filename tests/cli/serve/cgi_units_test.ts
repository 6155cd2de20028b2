import { test } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { makeEnvironment, type ProgramRequest } from "../../../src/cli/serve/cgi/environment.ts";
import { HEAD_BYTES, HeadCollector, parseHead } from "../../../src/cli/serve/cgi/head.ts";
import { LineLog } from "../../../src/cli/serve/cgi/line_log.ts";

const bytes = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));

test("a program's head is the same wherever its bytes are split", () => {
  for (
    const [head, rest] of [
      ["Content-Type: a/b\n\n", "body\n\nmore"],
      ["Content-Type: a/b\r\n\r\n", "body"],
      ["Content-Type: a/b\r\n\n", ""],
      ["A: b\n\r\n", "\n"],
      ["\n", "body"],
      ["\r\n", "body"],
    ]
  ) {
    const all = bytes(head + rest);
    for (let split = 0; split <= all.length; split++) {
      const collector = new HeadCollector();
      const first = collector.push(all.slice(0, split));
      const whole = first ?? collector.push(all.slice(split));
      assertEquals(whole?.head, head, `split at ${split}`);
      const left = first === undefined ? rest : rest.slice(0, split - head.length);
      assertEquals(whole?.rest, bytes(left), `split at ${split}`);
    }
    const collector = new HeadCollector();
    const found = [...all].findIndex((byte) => collector.push(Uint8Array.of(byte)) !== undefined);
    assertEquals(found, head.length - 1, "byte by byte");
  }
});

test("a program's head may have 16 KiB, and not a byte more", () => {
  const field = `A: ${"x".repeat(HEAD_BYTES - 5)}`;
  assertEquals(new HeadCollector().push(bytes(`${field}\n\nrest`))?.head.length, HEAD_BYTES);
  assertThrows(() => new HeadCollector().push(bytes(`${field}x\n\n`)), Error, "longer than 16384");
  const collector = new HeadCollector();
  assertThrows(
    () => {
      for (let i = 0; i < HEAD_BYTES; i++) collector.push(Uint8Array.of(0x41));
    },
    Error,
    "longer than 16384",
  );
});

test("a program's head comes to a status, fields, or a redirect", () => {
  const read = (text: string) => {
    const { status, reason, fields, redirect, contentLength } = parseHead(text);
    return [status, reason, Object.fromEntries(fields), redirect, contentLength];
  };
  const type = { "content-type": ["a/b"] };
  assertEquals(read("Content-Type: a/b\n\n"), [200, "", type, undefined, undefined]);
  assertEquals(read("content-type:a/b  \r\nStatus: 404 Not here\r\n\r\n"), [
    ...[404, "Not here", type, undefined, undefined],
  ]);
  assertEquals(read("Status: 204\n\n"), [204, "", {}, undefined, undefined]);
  assertEquals(read("Location: /a?b\n\n"), [302, "", { location: ["/a?b"] }, "/a?b", undefined]);
  for (const url of ["http://a.example/", "mailto:a@b", "a/b"]) {
    assertEquals(read(`Location: ${url}\n\n`), [
      302,
      "",
      { location: [url] },
      undefined,
      undefined,
    ]);
  }
  assertEquals(
    read("Location: /a\nStatus: 303 See\n\n")[3],
    undefined,
    "the client is to go there",
  );
  assertEquals(read("Content-Type: a/b\nContent-Length: 12\n\n")[4], 12);
  assertEquals(read("Content-Type: a/b\nSet-Cookie: a=1\nset-cookie: b=2\nX-U: \xfc\n\n"), [
    ...[200, "", { ...type, "set-cookie": ["a=1", "b=2"], "x-u": ["\xfc"] }, undefined, undefined],
  ]);
  const hops = "Connection: close\nKeep-Alive: x\nUpgrade: h2c\nTE: x\nTrailer: x\n";
  assertEquals(read(`${hops}Content-Type: a/b\n\n`)[2], type);
  assertEquals(read("__proto__: 1\nconstructor: 2\nStatus: 200\n\n")[2], {
    ["__proto__"]: ["1"],
    constructor: ["2"],
  });
});

test("a head that a client could misread is refused", () => {
  const type = "Content-Type: a/b\n";
  const cases: [text: string, part: string][] = [
    ["\n", "neither Content-Type nor"],
    ["X-A: b\n\n", "neither Content-Type nor"],
    ["HTTP/1.1 200 OK\nContent-Type: a/b\n\n", "no header field"],
    [`${type}X: a\rSet-Cookie: b=1\n\n`, "no header field"],
    [`${type}X: a\r\rb\n\n`, "no header field"],
    [`${type}X: a\0b\n\n`, "no header field"],
    [`${type}X: a\x1b[2J\n\n`, "no header field"],
    [`${type}X: a\x7f\n\n`, "no header field"],
    [`${type} folded\n\n`, "no header field"],
    [`${type}X A: b\n\n`, "no header field"],
    [`${type}X : b\n\n`, "no header field"],
    [`${type}: b\n\n`, "no header field"],
    [`${type}X\xfc: b\n\n`, "no header field"],
    [`${type}nonsense\n\n`, "no header field"],
    [`${type}${type}\n`, "Content-Type twice"],
    ["Status: 200\nstatus: 404\n\n", "status twice"],
    ["Location: /a\nLocation: /b\n\n", "Location twice"],
    [`${type}Content-Length: 1\nContent-Length: 1\n\n`, "Content-Length twice"],
    [`${type}Content-Length: 1, 1\n\n`, "no number"],
    [`${type}Content-Length: -1\n\n`, "no number"],
    [`${type}Content-Length: 1e3\n\n`, "no number"],
    [`${type}Transfer-Encoding: chunked\n\n`, "Transfer-Encoding"],
    ["Content-Type:\n\n", "Content-Type is empty"],
    ["Location: \n\n", "Location is empty"],
    ["Status: 101 Switching\n\n", "no final status"],
    ["Status: 100\n\n", "no final status"],
    ["Status: 600\n\n", "no final status"],
    ["Status: 2000\n\n", "no final status"],
    ["Status: OK\n\n", "no final status"],
    [`${"A: b\n".repeat(100)}${type}\n`, "more than 100 fields"],
  ];
  for (const [text, part] of cases) {
    assertThrows(() => parseHead(text), Error, part, JSON.stringify(text));
  }
});

const REQUEST: ProgramRequest = {
  method: "POST",
  query: "a=b&c",
  httpVersion: "1.1",
  rawHeaders: ["Host", "example.com:81", "Content-Type", "a/b", "Content-Length", "3"],
  remoteAddress: "::ffff:192.0.2.1",
  host: "example.com:81",
  port: 8080,
  secure: false,
  user: undefined,
  hasBody: true,
};

function environment(
  changes: Partial<ProgramRequest> = {},
  pathInfo = "",
  root?: string,
): Record<string, string> {
  const program = { file: "/x/p", directory: "/x", scriptName: "/cgi-bin/p", pathInfo };
  const all = { ...makeEnvironment(program, { ...REQUEST, ...changes }, root) };
  assert(all.PATH.length > 0);
  delete all.PATH;
  return all;
}

test("a program is told what RFC 3875 names, and nothing else", () => {
  assertEquals(environment(), {
    GATEWAY_INTERFACE: "CGI/1.1",
    SERVER_SOFTWARE: "fullduplex/0.1.0",
    SERVER_PROTOCOL: "HTTP/1.1",
    SERVER_NAME: "example.com",
    SERVER_PORT: "8080",
    REQUEST_METHOD: "POST",
    SCRIPT_NAME: "/cgi-bin/p",
    QUERY_STRING: "a=b&c",
    REMOTE_ADDR: "192.0.2.1",
    REMOTE_HOST: "192.0.2.1",
    CONTENT_LENGTH: "3",
    CONTENT_TYPE: "a/b",
    HTTP_HOST: "example.com:81",
  });
  const more = environment({ user: "ann", secure: true, hasBody: false }, "/a b/", "/srv/www");
  assertEquals([more.AUTH_TYPE, more.REMOTE_USER, more.HTTPS], ["Basic", "ann", "on"]);
  assertEquals([more.PATH_INFO, more.PATH_TRANSLATED], ["/a b/", "/srv/www/a b/"]);
  assertEquals([more.CONTENT_LENGTH, more.CONTENT_TYPE], [undefined, undefined]);
  assertEquals(environment({}, "/a").PATH_TRANSLATED, undefined, "there is no document root");
  const unix = environment({ remoteAddress: undefined, port: undefined, host: "[::1]:99" });
  assertEquals([unix.REMOTE_ADDR, unix.SERVER_NAME, unix.SERVER_PORT], [
    "127.0.0.1",
    "[::1]",
    "99",
  ]);
  for (const host of ["a b", "$(id)", "a/b", "", "a:b:c"]) {
    assertEquals(environment({ host }).SERVER_NAME, "localhost", host);
  }
});

test("fields become variables, but none that a program would take for something else", () => {
  const rawHeaders = [
    ...["Proxy", "http://evil.example", "Authorization", "Basic YTpi", "Cookie", "a=1"],
    ...["Proxy-Authorization", "x", "Connection", "close", "Transfer-Encoding", "x", "TE", "x"],
    ...["Upgrade", "x", "Keep-Alive", "x", "Trailer", "x", "Proxy-Connection", "x"],
    ...["X_Forwarded_For", "evil", "X-Forwarded-For", "192.0.2.9", "Cookie", "b=2"],
    ...["Accept", "a/b", "accept", "c/d", "__proto__", "x", "X.Y", "x", "BASH_ENV", "x"],
    ...["Content-Length", "9", "Content-Type", "a/b", "X-Text", "\xc3\xbc", "X-Latin", "\xfc"],
    ...["X-Shell", "() { :;}; echo hacked"],
  ];
  const all = environment({ rawHeaders });
  assertEquals(Object.fromEntries(Object.entries(all).filter(([name]) => /^HTTP_/.test(name))), {
    HTTP_COOKIE: "a=1; b=2",
    HTTP_X_FORWARDED_FOR: "192.0.2.9",
    HTTP_ACCEPT: "a/b, c/d",
    HTTP_X_TEXT: "ü",
    HTTP_X_LATIN: "\xfc",
    HTTP_X_SHELL: "() { :;}; echo hacked",
  });
  assertEquals([all.CONTENT_LENGTH, all.CONTENT_TYPE], ["9", "a/b"]);
  // No field can take the place of a variable of the server's.
  assertEquals(Object.getOwnPropertyNames(all).filter((name) => /proto|BASH/.test(name)), []);
});

test("lines of standard error are bounded in length and number", () => {
  const lines: string[] = [];
  const log = new LineLog((line) => lines.push(line));
  for (const byte of bytes("one\r\n\n  two\n")) log.push(Uint8Array.of(byte));
  log.push(bytes(`${"x".repeat(500)}\n${"y".repeat(100_000)}`));
  log.push(bytes(`${"y".repeat(100_000)}\nend`));
  assertEquals(lines, ["one", "  two", "x".repeat(500), `${"y".repeat(500)}…`]);
  log.end();
  assertEquals(lines.at(-1), "end");
  log.push(bytes("z\n".repeat(100_000)));
  log.end();
  assertEquals(lines.length, 101);
  assertEquals(lines.slice(-2), ["z", "(it writes more, which is not logged)"]);
});
