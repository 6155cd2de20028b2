import { test } from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { FragmentEncoder } from "../../src/api/fragment_encoder.ts";
import { hex, join } from "../support/bytes.ts";
import { fuzz } from "../support/random.ts";

test("the first piece decides the type unless the caller did", () => {
  const strings = new FragmentEncoder(undefined);
  strings.encode("a");
  assertEquals(strings.type, "text");
  const bytes = new FragmentEncoder(undefined);
  bytes.encode(hex("00"));
  assertEquals(bytes.type, "binary");
  const chosen = new FragmentEncoder("binary");
  assertEquals(chosen.encode("a"), hex("61"));
  assertEquals(chosen.type, "binary");
  assertEquals(new FragmentEncoder(undefined).type, "binary");
});

test("text cut anywhere encodes as it would whole", () => {
  fuzz(100, (random) => {
    const text = random.text(30);
    const encoder = new FragmentEncoder(undefined);
    const parts: Uint8Array[] = [];
    for (let at = 0; at < text.length;) {
      const size = random.int(0, 3);
      parts.push(encoder.encode(text.slice(at, at + size)));
      at += size;
    }
    parts.push(encoder.end());
    assertEquals(join(parts), new TextEncoder().encode(text));
  });
});

test("every piece is valid UTF-8 by itself, so that no fragment splits a character", () => {
  const encoder = new FragmentEncoder(undefined);
  assertEquals(encoder.encode("a\ud83d"), hex("61"));
  assertEquals(encoder.encode(""), hex(""));
  assertEquals(encoder.encode("\ude00"), hex("f09f9880"));
  assertEquals(encoder.encode("\ud83d"), hex(""));
  assertEquals(encoder.end(), hex("efbfbd"));
});

test("a half pair before bytes stays in its place", () => {
  for (const type of ["text", "binary"] as const) {
    const encoder = new FragmentEncoder(type);
    encoder.encode("a\ud83d");
    assertEquals(encoder.encode(hex("62")), hex("efbfbd 62"));
    assertEquals(encoder.end(), hex(""));
  }
});

test("bytes of a text must be UTF-8 over all pieces, and end with a character", () => {
  const encoder = new FragmentEncoder("text");
  encoder.encode(hex("e2"));
  encoder.encode(hex("82"));
  assertThrows(() => encoder.encode("x"), TypeError, "not valid UTF-8");
  assertThrows(() => encoder.end(), TypeError, "not valid UTF-8");
  const bad = new FragmentEncoder("text");
  assertThrows(() => bad.encode(hex("ff")), TypeError, "not valid UTF-8");
  const good = new FragmentEncoder("text");
  good.encode(hex("e2 82"));
  good.encode(hex("ac"));
  assertEquals(good.encode("x"), hex("78"));
  assertEquals(good.end(), hex(""));
});

test("pieces that are neither text nor bytes are refused", () => {
  for (const bad of [undefined, null, 1, {}, ["a"], new Date()]) {
    assertThrows(() => new FragmentEncoder(undefined).encode(bad), TypeError, "text or bytes");
  }
});
