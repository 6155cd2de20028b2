import { test } from "node:test";
import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import type { HandshakeError } from "../../src/errors.ts";
import {
  type ClientExtension,
  type ClientHandshake,
  type ClientHandshakeOptions,
  createClientHandshake,
  isKey,
  refusedError,
  verifyResponse,
} from "../../src/handshake/mod.ts";
import { ACCEPT, errorOf, KEY } from "./helpers.ts";

const create = (options: Partial<ClientHandshakeOptions> = {}): ClientHandshake =>
  createClientHandshake({ url: "ws://example.com/chat", ...options });

const field = (handshake: ClientHandshake, name: string): string | undefined =>
  handshake.headers.find(([it]) => it.toLowerCase() === name)?.[1];

const toy: ClientExtension<string> = {
  name: "toy",
  offers: () => [
    { name: "toy", params: [{ name: "level", value: "9" }] },
    { name: "toy", params: [] },
  ],
  accept: ({ params }) => params.length > 1 ? null : { extension: params[0]?.value ?? "plain" },
};

/** Verifies the sample answer, with some fields changed, to the sample key. */
async function verify(
  changes: Record<string, string | null> = {},
  options: Partial<ClientHandshakeOptions> = {},
  status = 101,
) {
  const headers = new Headers({
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Accept": ACCEPT,
  });
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) headers.delete(name);
    else headers.set(name, value);
  }
  const handshake = { ...create(options), key: KEY };
  return await verifyResponse(handshake, { status, statusText: "", headers });
}

async function failure(...args: Parameters<typeof verify>): Promise<HandshakeError> {
  return errorOf(await verify(...args));
}

test("a handshake has the fields that RFC 6455 asks for, in order", () => {
  const handshake = create({
    protocols: ["a", "b"],
    extensions: [toy],
    headers: { "User-Agent": "x", "Cookie": "a=b", "Origin": "https://a.example" },
  });
  assert(isKey(handshake.key));
  assertEquals(handshake.headers, [
    ["Host", "example.com"],
    ["Upgrade", "websocket"],
    ["Connection", "Upgrade"],
    ["Sec-WebSocket-Key", handshake.key],
    ["Sec-WebSocket-Version", "13"],
    ["Sec-WebSocket-Protocol", "a, b"],
    ["Sec-WebSocket-Extensions", "toy; level=9, toy"],
    ["cookie", "a=b"],
    ["origin", "https://a.example"],
    ["user-agent", "x"],
  ]);
});

test("a handshake without options offers nothing and has a key of its own", () => {
  const handshake = create();
  assertEquals(handshake.headers.length, 5);
  assertNotEquals(handshake.key, create().key);
  assertEquals(create({ protocols: "a" }).protocols, ["a"]);
});

test("the URL tells where to connect and what to ask for", () => {
  const urls: [string | URL, Partial<ClientHandshake>][] = [
    ["ws://example.com", {
      url: "ws://example.com/",
      secure: false,
      hostname: "example.com",
      port: 80,
      host: "example.com",
      target: "/",
    }],
    ["wss://EXAMPLE.com:443/a/../b?c=d e", {
      url: "wss://example.com/b?c=d%20e",
      secure: true,
      hostname: "example.com",
      port: 443,
      host: "example.com",
      target: "/b?c=d%20e",
    }],
    ["ws://[2001:DB8::1]:8080/x", {
      hostname: "2001:db8::1",
      port: 8080,
      host: "[2001:db8::1]:8080",
    }],
    ["http://127.0.0.1:443/", { url: "ws://127.0.0.1:443/", secure: false, port: 443 }],
    [new URL("https://example.com:80/"), {
      url: "wss://example.com:80/",
      secure: true,
      port: 80,
      host: "example.com:80",
    }],
    ["ws://b\u00fccher.example/\u00fc", {
      host: "xn--bcher-kva.example",
      target: "/%C3%BC",
    }],
  ];
  for (const [url, expected] of urls) {
    const handshake = create({ url });
    for (const [name, value] of Object.entries(expected)) {
      assertEquals(handshake[name as keyof ClientHandshake], value, `${name} of ${url}`);
    }
    assertEquals(field(handshake, "host"), handshake.host);
  }
});

test("a URL that is none for a WebSocket is misuse", () => {
  for (
    const url of [
      "",
      "/chat",
      "example.com",
      "ftp://example.com/",
      "file:///x",
      "ws://",
      "ws://example.com/#a",
      "ws://example.com/#",
      "ws://example.com:99999/",
    ]
  ) assertThrows(() => create({ url }), TypeError, "url");
});

test("a given URL object is left as it was", () => {
  const url = new URL("https://user:secret@example.com/");
  create({ url });
  assertEquals(url.href, "https://user:secret@example.com/");
});

test("credentials of the URL become Basic authorization and show nowhere else", () => {
  const handshake = create({ url: "ws://us%20er:p%C3%A9@example.com/" });
  assertEquals(field(handshake, "authorization"), `Basic ${btoa("us er:p\xc3\xa9")}`);
  assertEquals(handshake.url, "ws://example.com/");
  const { headers: _, ...shown } = handshake;
  assert(!JSON.stringify(shown).includes("us%20er"));
  assertEquals(field(create({ url: "ws://u@a/" }), "authorization"), `Basic ${btoa("u:")}`);
  assertEquals(field(create({ url: "ws://:p@a/" }), "authorization"), `Basic ${btoa(":p")}`);
  const headers = { authorization: "Bearer x" };
  assertEquals(field(create({ url: "ws://u:p@a/", headers }), "authorization"), "Bearer x");
  for (const url of ["ws://a%ff@b/", "ws://a%zz@b/", "ws://a%3Ab@b/"]) {
    const error = assertThrows(() => create({ url }), TypeError, "url");
    assert(!String(error).includes("a%"));
  }
});

test("the user may set Host, and it comes first and once", () => {
  const handshake = create({ headers: { host: "other.example:8080", "X-A": "b" } });
  assertEquals(handshake.host, "other.example:8080");
  assertEquals(handshake.headers[0], ["Host", "other.example:8080"]);
  assertEquals(handshake.headers.filter(([name]) => name.toLowerCase() === "host").length, 1);
  for (const host of ["", "a b", "a/b", "a, b"]) {
    assertThrows(() => create({ headers: { host } }), TypeError, "headers");
  }
});

test("options with wrong values are misuse, by name", () => {
  const wrong: [string, unknown][] = [
    ["protocols", ["a", "a"]],
    ["protocols", ""],
    ["protocols", "a, b"],
    ["protocols", ["a\r\nX: y"]],
    ["headers", { Upgrade: "h2c" }],
    ["headers", { Connection: "close" }],
    ["headers", { "Sec-WebSocket-Key": KEY }],
    ["headers", { "Sec-WebSocket-Protocol": "a" }],
    ["headers", { "Content-Length": "1" }],
    ["headers", { "Transfer-Encoding": "chunked" }],
    ["headers", { "X-A": "b\r\nX-B: c" }],
    ["extensions", [toy, toy]],
    ["extensions", [{ ...toy, name: "other" }]],
  ];
  for (const [name, value] of wrong) {
    assertThrows(() => create({ [name]: value }), TypeError, name);
  }
});

test("the sample answer is taken", async () => {
  assertEquals(await verify(), { ok: true, protocol: "", extensions: "", negotiated: [] });
});

test("answers are taken in any case and with other fields", async () => {
  const taken: Record<string, string>[] = [
    { Upgrade: "WebSocket" },
    { Connection: "keep-alive, UPGRADE" },
    { "Set-Cookie": "a=%E0%A4%A" },
    { "Content-Length": "0" },
  ];
  for (const changes of taken) assert((await verify(changes)).ok, JSON.stringify(changes));
});

test("a 101 that breaks a MUST of section 4.1 fails", async () => {
  const changes: Record<string, string | null>[] = [
    { Upgrade: null },
    { Upgrade: "" },
    { Upgrade: "h2c" },
    { Upgrade: "websocket, websocket" },
    { Upgrade: "websocket, h2c" },
    { Upgrade: "websoc\xe9et" },
    { Connection: null },
    { Connection: "keep-alive" },
    { Connection: "x-upgrade" },
    { "Sec-WebSocket-Accept": null },
    { "Sec-WebSocket-Accept": "" },
    { "Sec-WebSocket-Accept": KEY },
    { "Sec-WebSocket-Accept": ACCEPT.toLowerCase() },
    { "Sec-WebSocket-Accept": `${ACCEPT}, ${ACCEPT}` },
    { "Sec-WebSocket-Accept": ACCEPT.slice(0, -1) },
    { "Sec-WebSocket-Protocol": "a" },
    { "Sec-WebSocket-Protocol": "" },
    { "Sec-WebSocket-Extensions": "toy" },
    { "Sec-WebSocket-Extensions": "" },
    { "Sec-WebSocket-Extensions": "__proto__" },
  ];
  for (const change of changes) {
    const error = await failure(change);
    assertEquals([error.code, error.status], ["WS_HANDSHAKE_INVALID", 101], JSON.stringify(change));
    assert(error.message.startsWith("Cannot connect: "));
  }
});

test("the subprotocol must be one of the offered", async () => {
  const options = { protocols: ["a", "b"] };
  const verdict = await verify({ "Sec-WebSocket-Protocol": "b" }, options);
  assert(verdict.ok && verdict.protocol === "b");
  for (const answer of ["c", "A", "a, b", "a, a", "", "__proto__", null]) {
    const error = await failure({ "Sec-WebSocket-Protocol": answer }, options);
    assertEquals(error.code, "WS_HANDSHAKE_INVALID", String(answer));
  }
});

test("the extensions must be among the offered and acceptable", async () => {
  const other = { ...toy, name: "other", offers: () => [{ name: "other", params: [] }] };
  const options = { extensions: [toy, other] };
  assertEquals(await verify({ "Sec-WebSocket-Extensions": "other, toy; level=9" }, options), {
    ok: true,
    protocol: "",
    extensions: "other, toy; level=9",
    negotiated: ["plain", "9"],
  });
  const none = await verify({}, options);
  assert(none.ok && none.extensions === "" && none.negotiated.length === 0);
  for (
    const answer of [
      "toy, toy",
      "unknown",
      "toy, unknown",
      "TOY",
      "constructor",
      "toy; a; b",
      "toy;",
      "",
      `toy;b="${"\\c".repeat(1000)}`,
    ]
  ) {
    const error = await failure({ "Sec-WebSocket-Extensions": answer }, options);
    assertEquals(error.code, "WS_HANDSHAKE_INVALID", answer);
  }
});

test("a negotiator that throws fails the handshake with its error as cause", async () => {
  const cause = new RangeError("level");
  const accept = () => {
    throw cause;
  };
  const options = { extensions: [{ ...toy, accept }] };
  const error = await failure({ "Sec-WebSocket-Extensions": "toy" }, options);
  assert(error.code === "WS_HANDSHAKE_INVALID" && error.cause === cause);
});

test("another status is a refusal with status, fields and what was read of the body", async () => {
  for (const status of [200, 301, 401, 426, 503, 999]) {
    const error = await failure({ "X-A": "b" }, {}, status);
    assertEquals([error.code, error.status, error.body], ["WS_HANDSHAKE_REFUSED", status, ""]);
    assertEquals(error.headers.get("x-a"), "b");
  }
  const head = { status: 401, statusText: "No", headers: new Headers({ a: "b" }) };
  const error = refusedError(head, "token expired");
  assertEquals([error.status, error.body], [401, "token expired"]);
});
