import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import {
  equalsIgnoreCase,
  hasToken,
  isHeaderValue,
  isHost,
  isToken,
  parseTokenList,
} from "../../src/handshake/mod.ts";
import { countingString } from "./helpers.ts";

test("isToken takes visible ASCII without the separators of RFC 2616", () => {
  const separators = '()<>@,;:\\"/[]?={} \t';
  for (let code = 0; code < 0x200; code++) {
    const character = String.fromCharCode(code);
    const expected = code > 0x20 && code < 0x7f && !separators.includes(character);
    assertEquals(isToken(character), expected, `code ${code}`);
    assertEquals(isToken(`a${character}b`), expected, `code ${code} inside`);
  }
  assertEquals(isToken(""), false);
});

test("isHeaderValue refuses controls other than HTAB, and what is above 0xFF", () => {
  for (let code = 0; code < 0x200; code++) {
    const expected = code === 0x09 || (code >= 0x20 && code !== 0x7f && code <= 0xff);
    assertEquals(isHeaderValue(`a${String.fromCharCode(code)}b`), expected, `code ${code}`);
  }
  assertEquals(isHeaderValue(""), true);
});

test("equalsIgnoreCase folds ASCII letters and nothing else", () => {
  assert(equalsIgnoreCase("WebSocket", "wEBsOCKET"));
  assert(!equalsIgnoreCase("websocket", "websockets"));
  assert(!equalsIgnoreCase("websoc\u212Aet", "websocket")); // the Kelvin sign
  assert(!equalsIgnoreCase("[", "{"));
  assert(!equalsIgnoreCase("@", "`"));
});

test("parseTokenList reads tokens and skips blanks and empty elements", () => {
  const lists: [string, string[] | null][] = [
    ["", []],
    [" \t,, ,", []],
    ["chat", ["chat"]],
    ["chat,superchat", ["chat", "superchat"]],
    [" ,\tchat ,, superchat\t, ", ["chat", "superchat"]],
    ["__proto__, constructor", ["__proto__", "constructor"]],
    ["a b", null],
    ["a, b c", null],
    ["a;b", null],
    ['"a"', null],
    ["a/b", null],
    ["caf\u00e9", null],
    ["a\u0000", null],
    ["a\r\n", null],
  ];
  for (const [value, expected] of lists) {
    assertEquals(parseTokenList(value), expected, JSON.stringify(value));
  }
});

test("hasToken finds a whole element in any case", () => {
  for (
    const value of [
      "upgrade",
      "UPGRADE",
      "keep-alive, Upgrade",
      "Upgrade , close",
      ",, \tupgrade\t,",
      "a b, upgrade",
    ]
  ) assert(hasToken(value, "upgrade"), value);
  for (
    const value of [null, "", "upgrad", "upgraded", "x-upgrade", "up grade", "upgrade close", ",,,"]
  ) assert(!hasToken(value, "upgrade"), String(value));
});

test("isHost takes one host with or without a port", () => {
  for (
    const host of [
      "example.com",
      "EXAMPLE.com:80",
      "127.0.0.1:8080",
      "a_b.example",
      "[::1]",
      "[2001:db8::1]:443",
      "[::ffff:1.2.3.4]",
      "example.com:",
      "example.com:65535",
    ]
  ) assert(isHost(host), host);
  for (
    const host of [
      "",
      ":80",
      "a, b",
      "a,a",
      ", a",
      "a b",
      "user@a",
      "a/b",
      "a:65536",
      "a:123456",
      `a:${"9".repeat(400)}`,
      "a:8o",
      "a:-1",
      "a:1:2",
      "[::1",
      "[]",
      "[::g]",
      "[::1]x",
      "::1",
      "a%00b",
      "b\u00fccher.example",
      "a#",
      "a?b",
      "a\\b",
      "a\u0000",
    ]
  ) assert(!isHost(host), host);
  for (let code = 0; code < 0x200; code++) {
    const character = String.fromCharCode(code);
    const expected = /[-\w.~!$&'()*+;=]/.test(character);
    assertEquals(isHost(`a${character}b`), expected, `code ${code}`);
  }
});

test("parseTokenList looks at each character a bounded number of times when a list is padded", () => {
  for (const text of [`b${" ".repeat(32768)}x`, `${" ,\t".repeat(20000)}`, "a,".repeat(30000)]) {
    const { value, looks } = countingString(text);
    parseTokenList(value);
    assert(looks() <= 6 * text.length + 10, `${looks()} looks at ${text.length} characters`);
  }
  assertEquals(parseTokenList(`b${" ".repeat(32768)}x`), null);
});

test("hasToken looks at each character a bounded number of times when a list is padded", () => {
  for (
    const text of [
      `${" ".repeat(65536)}x`,
      `x${" ".repeat(65536)}y`,
      `${" \t".repeat(30000)},${" ".repeat(30000)}`,
      "upgrad,".repeat(10000),
      `${"keep-alive, ".repeat(10000)}upgrade`,
    ]
  ) {
    const { value, looks } = countingString(text);
    assertEquals(hasToken(value, "upgrade"), text.endsWith("upgrade"));
    assert(looks() <= 4 * text.length + 10, `${looks()} looks at ${text.length} characters`);
  }
});
