import { test } from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { toHeaderFields } from "../../src/handshake/extra_headers.ts";

test("toHeaderFields takes everything that Headers takes", () => {
  const expected: [string, string][] = [["a", "1"], ["b", "2"]];
  assertEquals(toHeaderFields(undefined), []);
  assertEquals(toHeaderFields({ A: "1", B: "2" }), expected);
  assertEquals(toHeaderFields([["B", "2"], ["A", "1"]]), expected);
  assertEquals(toHeaderFields(new Headers(expected)), expected);
});

test("toHeaderFields keeps Set-Cookie fields apart and joins others", () => {
  const fields = toHeaderFields([["Set-Cookie", "a=1"], ["X", "1"], ["Set-Cookie", "b=2"], [
    "x",
    "2",
  ]]);
  assertEquals(fields, [["set-cookie", "a=1"], ["set-cookie", "b=2"], ["x", "1, 2"]]);
});

test("toHeaderFields refuses the fields that the handshake owns", () => {
  for (
    const name of [
      "Upgrade",
      "connection",
      "SEC-WEBSOCKET-KEY",
      "Sec-WebSocket-Accept",
      "Sec-WebSocket-Protocol",
      "Sec-WebSocket-Extensions",
      "Sec-WebSocket-Version",
      "Sec-WebSocket-Anything",
      "Content-Length",
      "Transfer-Encoding",
    ]
  ) assertThrows(() => toHeaderFields({ [name]: "0" }), TypeError, "headers must not set");
});

test("toHeaderFields refuses injection and other types", () => {
  for (
    const bad of [
      { a: "b\r\nX: y" },
      { a: "b\nc" },
      { a: "b\0c" },
      { a: "b\x01c" },
      { a: "b\x7fc" },
      { a: "\u{1F600}" },
      { "a b": "c" },
      { "a\r\nb": "c" },
      { "": "c" },
      [["a"]],
      [["a", "b", "c"]],
      "a: b",
      1,
    ]
  ) assertThrows(() => toHeaderFields(bad as never), TypeError, "headers");
});
