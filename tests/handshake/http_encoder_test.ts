import { test } from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { encodeRequestHead, encodeResponseHead } from "../../src/handshake/mod.ts";
import { textOfBytes } from "./helpers.ts";

test("encodeRequestHead writes the fields in order and a blank line", () => {
  const bytes = encodeRequestHead({
    target: "/chat?x",
    headers: [["Host", "a"], ["X-Latin", "\xe9"], ["Empty", ""], ["Host", "b"]],
  });
  assertEquals(
    textOfBytes(bytes),
    "GET /chat?x HTTP/1.1\r\nHost: a\r\nX-Latin: \xe9\r\nEmpty: \r\nHost: b\r\n\r\n",
  );
  assertEquals(
    textOfBytes(encodeRequestHead({ method: "OPTIONS", target: "http://a/", headers: [] })),
    "OPTIONS http://a/ HTTP/1.1\r\n\r\n",
  );
});

test("encodeResponseHead takes the usual reason unless there is another", () => {
  const of = (status: number, statusText?: string) =>
    textOfBytes(encodeResponseHead({ status, statusText, headers: new Headers({ a: "b" }) }));
  assertEquals(of(101), "HTTP/1.1 101 Switching Protocols\r\na: b\r\n\r\n");
  assertEquals(of(426), "HTTP/1.1 426 Upgrade Required\r\na: b\r\n\r\n");
  assertEquals(of(418), "HTTP/1.1 418 \r\na: b\r\n\r\n");
  assertEquals(of(403, "Go away"), "HTTP/1.1 403 Go away\r\na: b\r\n\r\n");
});

test("the encoders refuse what would break out of a line", () => {
  const injections = ["a\r\nX: y", "a\nb", "a\rb", "a\0b", "a\u{1F600}", "a\u010Ab"];
  for (const text of injections) {
    const headers: [string, string][] = [["X", text]];
    assertThrows(() => encodeRequestHead({ target: "/", headers }), TypeError, "headers");
    assertThrows(() => encodeResponseHead({ status: 400, headers }), TypeError, "headers");
    assertThrows(
      () => encodeResponseHead({ status: 400, statusText: text, headers: [] }),
      TypeError,
      "status text",
    );
  }
  for (const name of ["", "a b", "a:", "a\r\n", "a\u010A", ...injections]) {
    const headers: [string, string][] = [[name, "x"]];
    assertThrows(() => encodeRequestHead({ target: "/", headers }), TypeError, "headers");
    assertThrows(() => encodeResponseHead({ status: 400, headers }), TypeError, "headers");
  }
  for (const target of ["", "a", "/ HTTP/1.1\r\nX: y", "/a b", "/\u010A", "/#x"]) {
    assertThrows(() => encodeRequestHead({ target, headers: [] }), TypeError, "target");
  }
  for (const method of ["", "G T", "GET\r\n"]) {
    assertThrows(
      () => encodeRequestHead({ method, target: "/", headers: [] }),
      TypeError,
      "method",
    );
  }
});

test("encodeResponseHead refuses a status that is none", () => {
  for (const status of [0, 99, 1000, 200.5, NaN]) {
    assertThrows(() => encodeResponseHead({ status, headers: [] }), RangeError, "status");
  }
});
