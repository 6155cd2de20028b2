import { readdir, readFile } from "node:fs/promises";
import { test } from "node:test";
import { assert, assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import {
  HANDSHAKE_ERROR_CODES,
  HandshakeError,
  WEBSOCKET_ERROR_CODES,
  WebSocketError,
  type WebSocketErrorCode,
} from "../src/errors.ts";

const listed = [...Object.keys(WEBSOCKET_ERROR_CODES), ...Object.keys(HANDSHAKE_ERROR_CODES)];

/** Reads every source file, as it is or as it was compiled, by its path below src. */
async function sources(): Promise<Map<string, string>> {
  const root = new URL("../src/", import.meta.url);
  const texts = new Map<string, string>();
  for (const path of await readdir(root, { recursive: true })) {
    const name = path.replaceAll("\\", "/");
    if (!/(?<!\.d)\.(ts|js)$/.test(name)) continue;
    texts.set(name, await readFile(new URL(name, root), "utf8"));
  }
  return texts;
}

/** The codes that a source text names in quotes. */
function quotedCodes(text: string): string[] {
  return [...text.matchAll(/["'`](WS_[A-Z0-9_]+)["'`]/g)].map((match) => match[1]);
}

test("every code is listed once", async () => {
  const source = [...(await sources())].find(([name]) => /^errors\.(ts|js)$/.test(name))![1];
  const keys = [...source.matchAll(/^\s*(WS_[A-Z0-9_]+):/gm)].map((match) => match[1]);
  assertEquals(keys.length, new Set(keys).size);
  assertEquals(keys.toSorted(), listed.toSorted());
});

test("every code is a WS_ name with a meaning of its own", () => {
  const meanings = [
    ...Object.values(WEBSOCKET_ERROR_CODES),
    ...Object.values(HANDSHAKE_ERROR_CODES),
  ];
  for (const code of listed) assert(/^WS(_[A-Z0-9]+)+$/.test(code), code);
  for (const meaning of meanings) assert(/^\S.*[^\s.]$/.test(meaning), meaning);
  assertEquals(new Set<string>(meanings).size, meanings.length);
});

test("every code that the sources name is listed", async () => {
  const unlisted = [];
  for (const [name, text] of await sources()) {
    for (const code of quotedCodes(text)) {
      if (!listed.includes(code)) unlisted.push(`${code} in ${name}`);
    }
  }
  assertEquals(unlisted, []);
});

test("every listed code is used by the sources", async () => {
  const used = new Set<string>();
  for (const [name, text] of await sources()) {
    // Its examples are comments, and quote codes too.
    if (/^errors\./.test(name)) continue;
    for (const code of quotedCodes(text)) used.add(code);
  }
  assertEquals(listed.filter((code) => !used.has(code)), []);
});

test("every message in the sources says what cannot be done", async () => {
  const odd = [];
  for (const [name, text] of await sources()) {
    for (const match of text.matchAll(/new (?:WebSocket|Handshake)Error\(\s*(["`])([^"`]*)\1/g)) {
      if (!/^(Cannot |\$\{)/.test(match[2])) odd.push(`"${match[2]}" in ${name}`);
    }
  }
  assertEquals(odd, []);
});

test("a WebSocketError carries its code, close code, reason and cause", () => {
  const cause = new TypeError("reset");
  const error = new WebSocketError("Cannot decode frame: RSV1 is set", {
    code: "WS_RSV1_UNEXPECTED",
    closeCode: 1002,
    reason: "protocol error",
    cause,
  });
  assertInstanceOf(error, Error);
  assertInstanceOf(error, WebSocketError);
  assertEquals(error.name, "WebSocketError");
  assertEquals(error.message, "Cannot decode frame: RSV1 is set");
  assertEquals(String(error), "WebSocketError: Cannot decode frame: RSV1 is set");
  assertEquals(error.code, "WS_RSV1_UNEXPECTED");
  assertEquals(error.closeCode, 1002);
  assertEquals(error.reason, "protocol error");
  assertStrictEquals(error.cause, cause);
});

test("a WebSocketError has close code 1006, no reason and no cause when none are given", () => {
  const code: WebSocketErrorCode = "WS_CONNECTION_LOST";
  const error = new WebSocketError("Cannot read: the connection was lost", { code });
  assertEquals(error.closeCode, 1006);
  assertEquals(error.reason, "");
  assertEquals("cause" in error, false);
});

test("a HandshakeError carries its code, the response and the cause", () => {
  const cause = new Error("refused");
  const headers = new Headers({ "www-authenticate": "Basic" });
  const error = new HandshakeError("Cannot connect: the server answered 401", {
    code: "WS_HANDSHAKE_REFUSED",
    status: 401,
    headers,
    body: "who are you?",
    cause,
  });
  assertInstanceOf(error, Error);
  assertInstanceOf(error, HandshakeError);
  assertEquals(error.name, "HandshakeError");
  assertEquals(String(error), "HandshakeError: Cannot connect: the server answered 401");
  assertEquals(error.code, "WS_HANDSHAKE_REFUSED");
  assertEquals(error.status, 401);
  assertStrictEquals(error.headers, headers);
  assertEquals(error.body, "who are you?");
  assertStrictEquals(error.cause, cause);
});

test("a HandshakeError has status 0, no headers and no body when there was no response", () => {
  const error = new HandshakeError("Cannot connect: the name is unknown", {
    code: "WS_CONNECT_FAILED",
  });
  assertEquals(error.status, 0);
  assertEquals([...error.headers], []);
  assertEquals(error.body, "");
  assertEquals("cause" in error, false);
});

test("a WebSocketError without a code is the application's own, with the proposal's rules", () => {
  const made = (init?: { closeCode?: number; reason?: string }) => {
    const { code, closeCode, reason, message } = new WebSocketError(undefined, init);
    assertEquals([code, message], ["WS_CLOSED_BY_APPLICATION", ""]);
    return [closeCode, reason];
  };
  assertEquals(made(), [1005, ""]);
  assertEquals(made({ closeCode: 1000 }), [1000, ""]);
  assertEquals(made({ closeCode: 4999, reason: "x".repeat(123) }), [4999, "x".repeat(123)]);
  assertEquals(made({ reason: "only" }), [1000, "only"]);
  const name = (init: { closeCode?: number; reason?: string }) => {
    try {
      made(init);
    } catch (error) {
      return (error as Error).name;
    }
  };
  for (const closeCode of [0, 999, 1001, 1005, 1006, 2999, 5000, NaN]) {
    assertEquals(name({ closeCode }), "InvalidAccessError");
  }
  assertEquals(name({ reason: "é".repeat(62) }), "SyntaxError");
});
