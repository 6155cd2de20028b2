import { assertEquals, assertMatch } from "@std/assert";
import { test } from "node:test";
import { MemoryPeer } from "../../support/memory_peer.ts";
import {
  answer,
  connecting,
  Log,
  type MemoryOptions,
  thrown,
  URL as CHAT,
  WebSocket,
} from "./sockets.ts";

const url = (input: unknown) => new WebSocket(input as string).url;
const hasLocation = "location" in globalThis && globalThis.location !== undefined;

test("a URL is taken as the URL standard parses and serialises it", () => {
  assertEquals(url("ws://example.com"), "ws://example.com/");
  assertEquals(url("  WS://EXAMPLE.com:80/a b?c#".slice(0, -1)), "ws://example.com/a%20b?c");
  assertEquals(url("wss://example.com:443/"), "wss://example.com/");
  assertEquals(url("wss://example.com:80/"), "wss://example.com:80/");
  assertEquals(url("ws://example.com:8080/../x"), "ws://example.com:8080/x");
  assertEquals(url("ws://münchen.example/\u{d800}"), "ws://xn--mnchen-3ya.example/%EF%BF%BD");
  assertEquals(url("ws://[::1]:9/"), "ws://[::1]:9/");
  assertEquals(url("ws://user:secret@example.com/"), "ws://user:secret@example.com/");
});

test("http means ws and https means wss", () => {
  assertEquals(url("http://example.com:80/a"), "ws://example.com/a");
  assertEquals(url("http://example.com:443/"), "ws://example.com:443/");
  assertEquals(url("https://example.com:443/"), "wss://example.com/");
  assertEquals(url("HTTPS://example.com:80/"), "wss://example.com:80/");
});

test("a URL object and any other object count as the text that they convert to", () => {
  assertEquals(url(new URL("ws://example.com/a")), "ws://example.com/a");
  assertEquals(url({ toString: () => "ws://example.com/b" }), "ws://example.com/b");
});

for (
  const wrong of [
    "ftp://example.com/",
    "mailto:a@example.com",
    "about:blank",
    "wsss://example.com",
    "ws+unix:///tmp/socket",
    "ws://",
    "ws://foo bar/",
    "ws://example.com:65536/",
    "ws://[::1/",
  ]
) {
  test(`the URL ${wrong} is a SyntaxError`, () => {
    assertEquals(thrown(() => url(wrong)), "SyntaxError");
  });
}

test("a fragment is a SyntaxError, an empty one too", () => {
  assertEquals(thrown(() => url("ws://example.com/#a")), "SyntaxError");
  assertEquals(thrown(() => url("ws://example.com/#")), "SyntaxError");
  assertEquals(thrown(() => url("https://example.com#")), "SyntaxError");
  assertEquals(url("ws://example.com/%23?%23"), "ws://example.com/%23?%23");
});

test("a relative URL is a SyntaxError where there is no location", { skip: hasLocation }, () => {
  for (const relative of ["", "chat", "/chat", "//example.com/chat", "?a"]) {
    assertEquals(thrown(() => url(relative)), "SyntaxError", relative);
  }
});

test("a relative URL is resolved against the location", { skip: hasLocation }, () => {
  const location = { href: "https://example.com:8443/app/index.html" };
  Object.defineProperty(globalThis, "location", { value: location, configurable: true });
  try {
    assertEquals(url("chat?x"), "wss://example.com:8443/app/chat?x");
    assertEquals(url("//other.example/"), "wss://other.example/");
    assertEquals(url("ws://example.org"), "ws://example.org/");
  } finally {
    delete (globalThis as { location?: unknown }).location;
  }
});

test("a URL that cannot be converted throws what the conversion throws", () => {
  assertEquals(thrown(() => url(Symbol("ws://example.com"))), "TypeError");
  assertEquals(
    thrown(() =>
      url({
        toString() {
          throw new RangeError("no");
        },
      })
    ),
    "RangeError",
  );
});

test("the message of a SyntaxError does not show a password", () => {
  let message = "";
  try {
    url("ws://user:secret@exa mple.com/");
  } catch (error) {
    message = (error as Error).message;
  }
  assertMatch(message, /^Cannot open WebSocket/);
  assertEquals(message.includes("secret"), false);
});

// -------------------------------------------------------------------- subprotocols

const offer = (protocols?: unknown) => new WebSocket(CHAT, protocols as string);

for (
  const [what, protocols] of [
    ["an empty one", ""],
    ["an empty one in a list", [""]],
    ["a space", "a b"],
    ["a space at the end", ["a "]],
    ["a comma", "a,b"],
    ["a letter beyond ASCII", "ü"],
    ["a control character", "a\u0080"],
    ["a tab", "\t"],
    ["the same twice", ["chat", "chat"]],
    ["the same twice in different case", ["chat", "Chat"]],
    ["an object that is no list", {}],
    ...["(", ")", "<", ">", "@", ";", ":", "\\", '"', "/", "[", "]", "?", "=", "{", "}"]
      .map((separator) => [`the separator ${separator}`, `a${separator}b`]),
  ] as [string, unknown][]
) {
  test(`subprotocols with ${what} are a SyntaxError`, () => {
    assertEquals(thrown(() => offer(protocols)), "SyntaxError");
  });
}

/** The Sec-WebSocket-Protocol field that is sent. */
async function offered(protocols?: unknown): Promise<string | undefined> {
  const peer = new MemoryPeer();
  new WebSocket(CHAT, protocols as string, { peer });
  return /^sec-websocket-protocol: (.*?)\r$/im.exec(await peer.readHead())?.[1];
}

test("subprotocols are offered in order", async () => {
  assertEquals(await offered(["b", "a", "c!#$%&'*+-.^_`|~"]), "b, a, c!#$%&'*+-.^_`|~");
  assertEquals(await offered("chat"), "chat");
  assertEquals(await offered(new Set(["x", "y"])), "x, y");
  assertEquals(await offered([1, null]), "1, null");
});

test("no subprotocol is offered for an empty list or none", async () => {
  assertEquals(await offered(), undefined);
  assertEquals(await offered(undefined), undefined);
  assertEquals(await offered([]), undefined);
});

test("null is the subprotocol null, as Web IDL converts it", async () => {
  assertEquals(await offered(null), "null");
});

test("protocol and extensions are empty until open, then as the server says", async () => {
  const peer = new MemoryPeer();
  const socket = new WebSocket(CHAT, ["a", "b"], { peer, compression: true });
  const log = new Log(socket);
  assertEquals([socket.protocol, socket.extensions, socket.binaryType], ["", "", "blob"]);
  const request = await answer(peer, {
    lines: ["Sec-WebSocket-Protocol: b", "Sec-WebSocket-Extensions: permessage-deflate"],
  });
  assertMatch(request, /^GET \/chat HTTP\/1\.1\r\n/);
  await log.until("open");
  assertEquals([socket.protocol, socket.extensions], ["b", "permessage-deflate"]);
});

test("a server that chooses none of the subprotocols fails the connection", async () => {
  const { socket, peer } = connecting({}, ["a"]);
  const log = new Log(socket);
  await answer(peer);
  await log.until("close");
  assertEquals(log.types, ["error", "close"]);
  assertEquals(socket.protocol, "");
});

// ------------------------------------------------------------------------- options

test("options that do not exist or have another place are a TypeError", () => {
  for (const name of ["protocols", "handler", "onError", "maxPayload", "agent"]) {
    const options = { [name]: undefined } as MemoryOptions;
    assertEquals(thrown(() => new WebSocket(CHAT, [], options)), "TypeError", name);
  }
  for (const wrong of [5, "x", true]) {
    assertEquals(thrown(() => new WebSocket(CHAT, [], wrong as never)), "TypeError");
  }
  const signal = {} as AbortSignal;
  assertEquals(thrown(() => new WebSocket(CHAT, [], { signal })), "TypeError");
  assertEquals(thrown(() => new WebSocket(CHAT, [], { maxMessageBytes: -1 })), "RangeError");
});

test("options may be left out in every way", () => {
  for (const none of [undefined, null, {}]) {
    assertEquals(new WebSocket(CHAT, [], none as MemoryOptions).readyState, 0);
  }
});

test("options reach the handshake", async () => {
  const peer = new MemoryPeer();
  new WebSocket(CHAT, [], { peer, headers: { "X-Token": "t" } });
  assertMatch(await peer.readHead(), /\r\nX-Token: t\r\n/i);
});
