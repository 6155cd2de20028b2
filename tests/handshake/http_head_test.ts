import { test } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  DEFAULT_MAX_HEADER_BYTES,
  type HeadKinds,
  HeadReader,
  type HeadReaderOptions,
  isTarget,
  toUpgradeRequest,
} from "../../src/handshake/mod.ts";
import { assertGuardsIntact, everyChunking } from "../support/chunks.ts";
import { bytesOfText, completed, faultOf, textOfBytes } from "./helpers.ts";

type Kind = keyof HeadKinds;

/** Feeds chunks to a fresh reader and flattens what comes of it, with all bytes after the head. */
function read(kind: Kind, chunks: Uint8Array[], options?: HeadReaderOptions): unknown {
  const reader = new HeadReader(kind, options);
  for (const [index, chunk] of chunks.entries()) {
    const result = reader.push(chunk);
    if (result === undefined) continue;
    if ("fault" in result) return result.fault;
    const { headers, ...start } = result.head;
    const rest = [result.rest, ...chunks.slice(index + 1)].map(textOfBytes).join("");
    return { ...start, headers: [...headers], rest };
  }
  return undefined;
}

/** Reads a vector whole, byte by byte and at every split; all must come to the same. */
function readEveryWay(kind: Kind, text: string, options?: HeadReaderOptions): unknown {
  const bytes = bytesOfText(text);
  const expected = read(kind, [bytes], options);
  for (const { name, chunks } of everyChunking(bytes)) {
    assertEquals(read(kind, chunks, options), expected, `${name}: ${JSON.stringify(text)}`);
    chunks.forEach(assertGuardsIntact);
  }
  return expected;
}

const bad = (status: number) => (fault: unknown, text: string) => {
  const { code, ...rest } = fault as { code: string; status: number };
  assertEquals([code, rest.status], ["WS_HANDSHAKE_MALFORMED", status], JSON.stringify(text));
};

const REQUEST = "GET /chat?x=1 HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\n\r\n";
const RESPONSE = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";

test("a request head is read with the bytes after it, however it is cut", () => {
  assertEquals(readEveryWay("request", `${REQUEST}\x81\x85abcd`), {
    method: "GET",
    target: "/chat?x=1",
    headers: [["host", "example.com"], ["upgrade", "websocket"]],
    rest: "\x81\x85abcd",
  });
});

test("a response head is read with the bytes after it, however it is cut", () => {
  assertEquals(readEveryWay("response", `${RESPONSE}\x81\x00`), {
    status: 101,
    statusText: "Switching Protocols",
    headers: [["upgrade", "websocket"]],
    rest: "\x81\x00",
  });
});

test("a head without the blank line is incomplete", () => {
  for (let at = 0; at < REQUEST.length; at++) {
    assertEquals(read("request", [bytesOfText(REQUEST.slice(0, at))]), undefined);
  }
});

test("the rest is a view of the last chunk", () => {
  const chunk = bytesOfText(`${REQUEST}xyz`);
  const { rest } = completed(new HeadReader("request").push(chunk));
  assert(rest.buffer === chunk.buffer);
  assertEquals(rest.byteOffset, REQUEST.length);
});

test("a reader does not keep the chunk that it was given", () => {
  const reader = new HeadReader("request");
  const bytes = bytesOfText(REQUEST);
  const reused = new Uint8Array(7);
  for (let at = 0; at < bytes.length; at += 7) {
    const part = bytes.subarray(at, at + 7);
    reused.set(part);
    const result = reader.push(reused.subarray(0, part.length));
    reused.fill(0);
    if (result === undefined) continue;
    assertEquals(completed(result).head.headers.get("host"), "example.com");
    return;
  }
  throw new Error("the head was never complete");
});

test("pushing after the end is misuse", () => {
  for (const text of [REQUEST, "\r\n"]) {
    const reader = new HeadReader("request");
    assert(reader.push(bytesOfText(text)) !== undefined);
    const error = assertThrows(() => reader.push(new Uint8Array(1)), DOMException);
    assertEquals((error as DOMException).name, "InvalidStateError");
  }
});

test("header values lose the blanks around them and keep every Latin-1 byte", () => {
  const head = "GET / HTTP/1.1\r\nA:\r\nB: \t \r\nC:x\r\nD:\t y\tz \r\nE: \x80\x93\xff\r\n\r\n";
  assertEquals(readEveryWay("request", head), {
    method: "GET",
    target: "/",
    headers: [["a", ""], ["b", ""], ["c", "x"], ["d", "y\tz"], ["e", "\x80\x93\xff"]],
    rest: "",
  });
});

test("repeated fields are joined, and Set-Cookie fields stay apart", () => {
  const request = completed(
    new HeadReader("request").push(
      bytesOfText("GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\nhost: b\r\nx: 2\r\n\r\n"),
    ),
  );
  assertEquals(request.head.headers.get("host"), "a, b");
  assertEquals(request.head.headers.get("x"), "1, 2");
  const response = completed(
    new HeadReader("response").push(
      bytesOfText("HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\n"),
    ),
  );
  assertEquals(response.head.headers.getSetCookie(), ["a=1", "b=2"]);
});

test("field names of Object.prototype are ordinary names", () => {
  const head = "GET / HTTP/1.1\r\n__proto__: a\r\nconstructor: b\r\ntoString: c\r\n\r\n";
  const result = completed(new HeadReader("request").push(bytesOfText(head)));
  for (const [name, value] of [["__proto__", "a"], ["constructor", "b"], ["tostring", "c"]]) {
    assertEquals(result.head.headers.get(name), value);
  }
});

test("a malformed request line is a fault", () => {
  for (
    const line of [
      "",
      " ",
      "GET",
      "GET /",
      "GET / ",
      "GET  / HTTP/1.1",
      "GET /  HTTP/1.1",
      "GET / HTTP/1.1 ",
      " GET / HTTP/1.1",
      "G(T / HTTP/1.1",
      "GET /a b HTTP/1.1",
      "GET /\t HTTP/1.1",
      "GET /\x00 HTTP/1.1",
      "GET /\x7f HTTP/1.1",
      "GET /caf\xe9 HTTP/1.1",
      "GET /#fragment HTTP/1.1",
      "GET chat HTTP/1.1",
      "GET * HTTP/1.1",
      "GET example.com:80 HTTP/1.1",
      "GET ftp://example.com/ HTTP/1.1",
      "GET http:///x HTTP/1.1",
      "GET http://user@example.com/ HTTP/1.1",
      "GET / http/1.1",
      "GET / HTTP/1",
      "GET / HTTP/1.10",
      "GET / HTTP/x.y",
      "GET / HTTPS/1.1",
      "GET / HTTP/1.1\r",
      "GET /\r HTTP/1.1",
    ]
  ) bad(400)(readEveryWay("request", `${line}\r\nHost: a\r\n\r\n`), line);
});

test("a request of another HTTP version is a fault with status 505", () => {
  for (const version of ["HTTP/1.0", "HTTP/0.9", "HTTP/1.2", "HTTP/2.0"]) {
    bad(505)(readEveryWay("request", `GET / ${version}\r\nHost: a\r\n\r\n`), version);
  }
});

test("a malformed header field is a fault", () => {
  for (
    const field of [
      "Host",
      "Host a",
      ": a",
      "Host : a",
      "Host\t: a",
      " Host: a",
      "\tHost: a",
      "Ho st: a",
      "H\xf6st: a",
      "Host\x00: a",
      "A: b\r\n folded",
      "A: b\r\n\tfolded",
      "A: b\r\n ",
      "A: b\x00c",
      "A: b\x0bc",
      "A: b\x7fc",
      "A: b\rc",
      "A: b\r\rB: c",
      "A: b\r",
      "A\r: b",
    ]
  ) {
    bad(400)(readEveryWay("request", `GET / HTTP/1.1\r\n${field}\r\n\r\n`), field);
    bad(0)(readEveryWay("response", `HTTP/1.1 101 X\r\n${field}\r\n\r\n`), field);
  }
});

test("a line that ends in a bare LF is a fault", () => {
  for (
    const text of [
      "\n",
      "GET / HTTP/1.1\nHost: a\n\n",
      "GET / HTTP/1.1\r\nHost: a\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\n\n",
      "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
    ]
  ) bad(400)(readEveryWay("request", text), text);
});

test("a malformed status line is a fault", () => {
  for (
    const line of [
      "",
      "HTTP/1.1",
      "HTTP/1.1 ",
      "HTTP/1.1 10",
      "HTTP/1.1 1011 X",
      "HTTP/1.1 1O1 X",
      "HTTP/1.1 099 X",
      "HTTP/1.1 101X",
      "HTTP/1.1  101 X",
      "HTTP/1.1\t101 X",
      "HTTP/1.1 +10 X",
      "HTTP/1.1 101 X\x00",
      "HTTP/1.1 101 X\x7f",
      "HTTP/1.0 101 X", // an upgrade needs HTTP/1.1
      "HTTP/1.0 100 X",
      "HTTP/2.0 200 OK",
      "HTTP/0.9 200 OK",
      "ICY 200 OK",
      " HTTP/1.1 101 X",
      "\x81\x05hello", // a frame before the 101
    ]
  ) bad(0)(readEveryWay("response", `${line}\r\nA: b\r\n\r\n`), line);
});

test("a status line may lack a reason, and a refusal may be HTTP/1.0", () => {
  for (
    const [line, status, statusText] of [
      ["HTTP/1.1 101", 101, ""],
      ["HTTP/1.1 101 ", 101, ""],
      ["HTTP/1.1 404 Not\tFound \xe9", 404, "Not\tFound \xe9"],
      ["HTTP/1.0 403 Forbidden", 403, "Forbidden"],
      ["HTTP/1.1 999 Denied", 999, "Denied"],
    ] as const
  ) {
    const expected = { status, statusText, headers: [["a", "b"]], rest: "x" };
    assertEquals(readEveryWay("response", `${line}\r\nA: b\r\n\r\nx`), expected);
  }
});

test("interim responses are skipped with their fields", () => {
  const interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n";
  assertEquals(readEveryWay("response", `${interim}${RESPONSE}rest`), {
    status: 101,
    statusText: "Switching Protocols",
    headers: [["upgrade", "websocket"]],
    rest: "rest",
  });
});

test("endless interim responses end at maxHeaderBytes", () => {
  const reader = new HeadReader("response");
  const interim = bytesOfText("HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n");
  for (let total = 0; total <= DEFAULT_MAX_HEADER_BYTES + interim.length;) {
    const result = reader.push(interim);
    total += interim.length;
    if (result === undefined) continue;
    assert(total > DEFAULT_MAX_HEADER_BYTES);
    const { code, status } = faultOf(result);
    assertEquals([code, status], ["WS_HANDSHAKE_TOO_LARGE", 0]);
    return;
  }
  throw new Error("no fault");
});

test("a head of exactly maxHeaderBytes is read, and one byte more is a fault", () => {
  const limit = REQUEST.length;
  const result = readEveryWay("request", `${REQUEST}rest`, { maxHeaderBytes: limit });
  assertEquals((result as { rest: string }).rest, "rest");
  const fault = readEveryWay("request", REQUEST, { maxHeaderBytes: limit - 1 });
  assertEquals(fault, {
    status: 431,
    code: "WS_HANDSHAKE_TOO_LARGE",
    message: "the head is larger than maxHeaderBytes",
  });
  const response = readEveryWay("response", RESPONSE, { maxHeaderBytes: RESPONSE.length - 1 });
  assertEquals((response as { status: number }).status, 0);
});

test("an endless line ends at maxHeaderBytes when it drips in", () => {
  for (const start of ["", "GET /", "GET / HTTP/1.1\r\nA: "]) {
    const reader = new HeadReader("request");
    assertEquals(reader.push(bytesOfText(start)), undefined);
    const byte = bytesOfText("a");
    for (let total = start.length; total < DEFAULT_MAX_HEADER_BYTES; total++) {
      assertEquals(reader.push(byte), undefined);
    }
    assertEquals(faultOf(reader.push(byte)).status, 431);
  }
});

test("a hundred header fields are read, and one more is a fault", () => {
  const headOf = (count: number) => {
    const fields = Array.from({ length: count }, (_, i) => `X-${i}: y\r\n`).join("");
    return `GET / HTTP/1.1\r\n${fields}\r\n`;
  };
  const result = read("request", [bytesOfText(headOf(100))]) as { headers: unknown[] };
  assertEquals(result.headers.length, 100);
  const fault = read("request", [bytesOfText(headOf(101))]) as { status: number; code: string };
  assertEquals([fault.status, fault.code], [431, "WS_HANDSHAKE_TOO_LARGE"]);
});

test("a flood of headers with Upgrade hidden among them is a fault", () => {
  const fields = Array.from({ length: 2000 }, (_, i) => `X-${i}: y\r\n`);
  fields[1000] = "Upgrade: websocket\r\n";
  const text = `GET / HTTP/1.1\r\nHost: a\r\n${fields.join("")}\r\n`;
  const options = { maxHeaderBytes: 1 << 20 };
  for (const size of [1, 1000, text.length]) {
    const bytes = bytesOfText(text);
    const chunks = [];
    for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
    assertEquals((read("request", chunks, options) as { status: number }).status, 431);
  }
});

test("maxHeaderBytes must be a positive integer", () => {
  for (const maxHeaderBytes of [0, -1, 1.5, NaN, Infinity, "16" as unknown as number]) {
    assertThrows(() => new HeadReader("request", { maxHeaderBytes }), RangeError, "maxHeaderBytes");
  }
});

test("a head that comes byte by byte is copied and scanned a bounded number of times", () => {
  const text = `GET / HTTP/1.1\r\nHost: a\r\nA: ${"b".repeat(60000)}\r\n\r\n`;
  const reader = new HeadReader("request", { maxHeaderBytes: 100000 });
  let copied = 0;
  let scanned = 0;
  const { set, indexOf } = Uint8Array.prototype;
  const prototype = Uint8Array.prototype as unknown as Record<string, unknown>;
  prototype.set = function (this: Uint8Array, source: Uint8Array, offset?: number): void {
    copied += source.length;
    set.call(this, source, offset);
  };
  prototype.indexOf = function (this: Uint8Array, byte: number, from = 0): number {
    scanned += this.length - from;
    return indexOf.call(this, byte, from);
  };
  let result;
  try {
    for (const byte of bytesOfText(text)) result = reader.push(Uint8Array.of(byte));
  } finally {
    delete prototype.set; // the methods live on the prototype's prototype
    delete prototype.indexOf;
  }
  assertEquals(completed(result).head.headers.get("a"), "b".repeat(60000));
  assert(copied >= text.length && copied <= 4 * text.length, `${copied} bytes copied`);
  assert(scanned >= text.length && scanned <= 2 * text.length, `${scanned} bytes scanned`);
});

test("isTarget takes origin-form and absolute-form", () => {
  for (
    const target of ["/", "//x", "/a?b=%20&c={}", "http://a", "HTTPS://[::1]:8/x", "http://a?b"]
  ) assert(isTarget(target), target);
  for (const target of ["", "a", "*", "a:80", "http:/a", "http://", "http://a,b/", "/ ", "/#"]) {
    assert(!isTarget(target), target);
  }
});

test("toUpgradeRequest makes an absolute URL of the target and the Host field", () => {
  const of = (target: string, secure: boolean, host: string | null = "example.com:8080") => {
    const headers = new Headers(host === null ? {} : { host });
    const request = toUpgradeRequest({ method: "GET", target, headers }, secure);
    return [request.method, request.url, request.headers.get("host")];
  };
  assertEquals(of("/a?b", false), ["GET", "http://example.com:8080/a?b", "example.com:8080"]);
  assertEquals(of("/", true), ["GET", "https://example.com:8080/", "example.com:8080"]);
  assertEquals(of("//evil.example/", false)[1], "http://example.com:8080//evil.example/");
  // RFC 9112 §3.2.2: the target's host replaces the Host field, and the scheme is the transport's.
  assertEquals(of("HTTP://other.example?x", true), [
    "GET",
    "https://other.example/?x",
    "other.example",
  ]);
  assertEquals(of("http://other.example/x", false, "a, b")[2], "a, b");
  assertEquals(of("http://other.example/x", false, null)[2], null);
});
