import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { dechunk } from "../../src/api/dechunk.ts";
import { fuzz } from "../support/random.ts";

function read(raw: string): [string, boolean] {
  const { body, ended } = dechunk(new TextEncoder().encode(raw));
  return [new TextDecoder().decode(body), ended];
}

test("a chunked body is decoded as far as it has come", () => {
  const raw = "4\r\nWiki\r\n6;name=value\r\npedia \r\nE\r\nin \r\n\r\nchunks.\r\n0\r\n\r\n";
  const whole = "Wikipedia in \r\n\r\nchunks.";
  assertEquals(read(raw), [whole, true]);
  for (let at = 0; at < raw.length; at++) {
    const [body] = read(raw.slice(0, at));
    assertEquals(whole.startsWith(body), true, body);
  }
});

test("a body ends at the last chunk, and where the coding is broken", () => {
  assertEquals(read(""), ["", false]);
  assertEquals(read("3"), ["", false]);
  assertEquals(read("3\r\nab"), ["ab", false]);
  assertEquals(read("0\r\nTrailer: x\r\n\r\n"), ["", true]);
  assertEquals(read("zz\r\nabc"), ["", true]);
  assertEquals(read("\r\nabc"), ["", true]);
  assertEquals(read("-1\r\nabc"), ["", true]);
  assertEquals(read("ffffffffffff\r\nabc"), ["abc", false]);
});

test("noise is decoded without an exception, and never to more than there was", () => {
  fuzz(300, (random) => {
    const raw = new TextEncoder().encode(
      Array.from({ length: random.int(0, 60) }, () => random.pick([..."012af;\r\n\nx"])).join(""),
    );
    if (dechunk(raw).body.length > raw.length) throw new Error("more came out than went in");
  });
});
