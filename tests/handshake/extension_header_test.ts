import { test } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { type ExtensionOffer, formatExtensions, parseExtensions } from "../../src/handshake/mod.ts";
import { countingString } from "./helpers.ts";

const offer = (name: string, ...params: [string, string | null][]): ExtensionOffer => ({
  name,
  params: params.map(([name, value]) => ({ name, value })),
});

test("parseExtensions reads names, parameters and quoted values in order", () => {
  const values: [string, ExtensionOffer[]][] = [
    ["foo", [offer("foo")]],
    ["foo, bar; baz=2", [offer("foo"), offer("bar", ["baz", "2"])]],
    ['a;b="c"', [offer("a", ["b", "c"])]],
    ['a;b="\\c\\d"', [offer("a", ["b", "cd"])]],
    [" a ; b = c\t; d ,, e , ", [offer("a", ["b", "c"], ["d", null]), offer("e")]],
    ["a;b;b=1;b", [offer("a", ["b", null], ["b", "1"], ["b", null])]],
    ["a, a;x", [offer("a"), offer("a", ["x", null])]],
    [
      "permessage-deflate; client_max_window_bits; server_max_window_bits=10, permessage-deflate",
      [
        offer(
          "permessage-deflate",
          ["client_max_window_bits", null],
          ["server_max_window_bits", "10"],
        ),
        offer("permessage-deflate"),
      ],
    ],
    [
      "constructor; __proto__=toString; hasOwnProperty, __proto__; valueOf",
      [
        offer("constructor", ["__proto__", "toString"], ["hasOwnProperty", null]),
        offer("__proto__", ["valueOf", null]),
      ],
    ],
  ];
  for (const [value, expected] of values) assertEquals(parseExtensions(value), expected, value);
});

test("parseExtensions gives null when the grammar is broken", () => {
  for (
    const value of [
      "",
      " , ,",
      ";a",
      "a;",
      "a;;b",
      "a b",
      "a;b c",
      "a=b",
      "a;b=",
      "a;b=,c",
      "a;=b",
      "a;b==c",
      'a;b=""',
      'a;b="',
      'a;b="c',
      'a;b="c\\',
      'a;b="c\\"',
      'a;b="c d"',
      'a;b="c,d"',
      'a;b="\\ "',
      'a;b="c"d',
      'a;b="c";',
      'a;b=c"d"',
      '"a"',
      "a/b",
      "caf\u00e9",
      "a;b=\u0080",
      "a\u0000",
      "a\r\nb",
    ]
  ) assertEquals(parseExtensions(value), null, JSON.stringify(value));
});

test("parseExtensions looks at each character a bounded number of times on hostile values", () => {
  for (
    const text of [
      `a;b="${"\\c".repeat(30000)}`,
      `a;b="${"\\c".repeat(30000)}"`,
      `a;b="${"\\".repeat(30000)}`,
      `a${" ".repeat(60000)}b`,
      `a;${" ".repeat(60000)}`,
      `a;b=${" ".repeat(60000)}`,
      "a;b=c,".repeat(10000),
      `a${";b".repeat(30000)}=`,
      `${",".repeat(60000)}"`,
    ]
  ) {
    const { value, looks } = countingString(text);
    parseExtensions(value);
    assert(looks() <= 8 * text.length + 20, `${looks()} looks at ${text.length} characters`);
  }
  assertEquals(parseExtensions(`a;b="${"\\c".repeat(30000)}`), null);
});

test("formatExtensions writes what parseExtensions reads", () => {
  for (
    const list of [
      [offer("foo")],
      [offer("a", ["b", null], ["c", "d"]), offer("a"), offer("__proto__", ["constructor", "1"])],
    ]
  ) assertEquals(parseExtensions(formatExtensions(list)), list);
  assertEquals(formatExtensions([]), "");
  assertEquals(
    formatExtensions([offer("a", ["b", null], ["c", "10"]), offer("d")]),
    "a; b; c=10, d",
  );
});

test("formatExtensions refuses names and values that are no tokens", () => {
  for (
    const bad of [
      offer(""),
      offer("a\r\nX: y"),
      offer("a", ["b c", null]),
      offer("a", ["b", ""]),
      offer("a", ["b", "c\r\n"]),
      offer("a", ["b", "c,d"]),
      offer("a", ["b", 15 as unknown as string]),
    ]
  ) assertThrows(() => formatExtensions([bad]), TypeError, "must be tokens");
});
