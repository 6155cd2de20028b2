import { test } from "node:test";
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { acceptKey, createKey, findSha1, isKey, useSha1 } from "../../src/handshake/mod.ts";

test("acceptKey gives the known answers", async () => {
  const vectors = [
    ["dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="], // RFC 6455, section 1.3
    ["2SCVXUeP9cTjV+0mWB8J6A==", "mLDKNeBNWz6T9SxU+o0Fy/HgeSw="],
    ["x3JJHMbDL1EzLkh9GBhXDw==", "HSmrc0sMlYUkAGmm5OPpG2HaGWk="],
    ["mh3xLXeRuIWNPwq7ATG9jA==", "SIEylb7zRYJAEgiqJXaOW3V+ZWQ="],
  ];
  for (const [key, accept] of vectors) assertEquals(await acceptKey(key), accept);
});

test("createKey makes a different valid key each time", () => {
  const keys = new Set<string>();
  for (let i = 0; i < 200; i++) {
    const key = createKey();
    assert(isKey(key), key);
    assertEquals(atob(key).length, 16);
    keys.add(key);
  }
  assertEquals(keys.size, 200);
  assertNotEquals(createKey(), createKey());
});

test("isKey takes 24 characters of base64 that stand for 16 bytes", () => {
  assert(isKey("AQIDBAUGBwgJCgsMDQ4PEC==")); // RFC 6455, section 4.1: padding bits are not zero
  assert(isKey("++++////azAZ0189+/+/Ag=="));
  for (
    const value of [
      "",
      "dGhlIHNhbXBsZSBub25jZQ",
      "dGhlIHNhbXBsZSBub25jZQ=",
      "dGhlIHNhbXBsZSBub25jZQ===",
      "dGhlIHNhbXBsZSBub25jZQA=", // 17 bytes
      "dGhlIHNhbXBsZSBub25jZQAA", // 18 bytes
      "dGhlIHNhbXBsZSBub25jZ===",
      "dGhlIHNhbXBsZSBub25j-_==",
      "dGhlIHNhbXBsZSBub25jZ ==",
      " dGhlIHNhbXBsZSBub25jZQ==",
      "dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ==",
      "dGhlIHNhbXBsZSBub25j\u0161Q==",
    ]
  ) assert(!isKey(value), value);
});

test("isKey takes exactly the base64 alphabet at every place before the padding", () => {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (let code = 0; code < 0x200; code++) {
    const character = String.fromCharCode(code);
    for (const at of [0, 10, 21]) {
      const key = "A".repeat(at) + character + "A".repeat(21 - at) + "==";
      assertEquals(isKey(key), alphabet.includes(character), `code ${code} at ${at}`);
    }
  }
});

test("useSha1 changes who computes, and back", async () => {
  const key = "dGhlIHNhbXBsZSBub25jZQ==";
  useSha1((text) => `sha1 of ${text}`);
  try {
    assertEquals(acceptKey(key), `sha1 of ${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`);
  } finally {
    useSha1();
  }
  assertEquals(await acceptKey(key), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
});

test("findSha1 asks who computes when it is first needed, and once", async () => {
  const key = "dGhlIHNhbXBsZSBub25jZQ==";
  let asked = 0;
  try {
    findSha1(() => (asked++, (text) => text.slice(0, 3)));
    assertEquals(asked, 0);
    assertEquals([acceptKey(key), acceptKey(key), asked], ["dGh", "dGh", 1]);
    findSha1(() => undefined);
    assertEquals(await acceptKey(key), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  } finally {
    useSha1();
  }
});
