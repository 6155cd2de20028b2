import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import {
  type ClientExtension,
  type ClientHandshakeOptions,
  createClientHandshake,
  decideUpgrade,
  encodeRequestHead,
  encodeResponseHead,
  HeadReader,
  type ServerExtension,
  type ServerHandshakeOptions,
  switchingProtocols,
  toUpgradeRequest,
  validateServerOptions,
  verifyResponse,
} from "../../src/handshake/mod.ts";
import { bytesOfText, completed, errorOf, textOfBytes } from "./helpers.ts";

/** Lets a client and a server shake hands over bytes, as two processes would. */
async function shakeHands(client: ClientHandshakeOptions, server: ServerHandshakeOptions) {
  const handshake = createClientHandshake(client);
  const sent = encodeRequestHead(handshake);
  const { head } = completed(new HeadReader("request").push(sent));
  const request = toUpgradeRequest(head, handshake.secure);
  const decision = await decideUpgrade(request, validateServerOptions(server));
  const answer = decision.accepted
    ? encodeResponseHead({ status: 101, headers: await switchingProtocols(decision) })
    : encodeResponseHead(decision.response);
  const response = completed(new HeadReader("response").push(answer));
  return { request, decision, verdict: await verifyResponse(handshake, response.head) };
}

const clientToy: ClientExtension<string> = {
  name: "toy",
  offers: () => ["9", "3"].map((value) => ({ name: "toy", params: [{ name: "level", value }] })),
  accept: ({ params: [level] }) => ({ extension: `client ${level.value}` }),
};

const serverToy: ServerExtension<string> = {
  name: "toy",
  accept(offers) {
    const response = offers.find(({ params }) => Number(params[0].value) < 5);
    return response === undefined ? null : { response, extension: "server 3" };
  },
};

test("a client and a server agree on subprotocol and extension over the wire", async () => {
  const { request, decision, verdict } = await shakeHands(
    {
      url: "wss://user:pass@example.com/chat?x=1",
      protocols: ["b", "a"],
      extensions: [clientToy],
      headers: { Origin: "https://example.com", Cookie: "a=%E0%A4%A" },
    },
    {
      protocols: ["a", "b"],
      origins: "same-origin",
      extensions: [serverToy],
      headers: { "Set-Cookie": "s=1" },
      verify: ({ headers }) =>
        headers.get("authorization") === `Basic ${btoa("user:pass")}`
          ? undefined
          : new Response(null, { status: 401 }),
    },
  );
  assertEquals(request.url, "https://example.com/chat?x=1");
  assertEquals(request.headers.get("cookie"), "a=%E0%A4%A");
  assert(decision.accepted && decision.negotiated[0] === "server 3");
  assertEquals(verdict, {
    ok: true,
    protocol: "b",
    extensions: "toy; level=3",
    negotiated: ["client 3"],
  });
});

test("a client sees the server's refusal", async () => {
  const { verdict } = await shakeHands(
    { url: "ws://example.com/", headers: { Origin: "http://evil.example" } },
    { origins: ["http://example.com"] },
  );
  const error = errorOf(verdict);
  assertEquals([error.code, error.status], ["WS_HANDSHAKE_REFUSED", 403]);
  assertEquals(error.headers.get("connection"), "close");
});

test("a client that needs a subprotocol fails when the server speaks none of its", async () => {
  const { decision, verdict } = await shakeHands(
    { url: "ws://example.com/", protocols: "c" },
    { protocols: ["a"] },
  );
  assert(decision.accepted && decision.protocol === "");
  assert(!verdict.ok && verdict.error.code === "WS_HANDSHAKE_INVALID");
});

/** Reads raw bytes as a server does and tells the status of the answer. */
async function statusOf(text: string): Promise<number> {
  const result = new HeadReader("request").push(bytesOfText(text));
  if (result === undefined) return 0;
  if ("fault" in result) return result.fault.status;
  const decision = await decideUpgrade(
    toUpgradeRequest(result.head, false),
    validateServerOptions({ verify: () => {} }),
  );
  return decision.accepted ? 101 : decision.response.status;
}

test("raw requests that smuggle are never answered 101", async () => {
  const opening = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
  assertEquals(await statusOf(`${opening}\r\n`), 101);
  const added: [string, number][] = [
    ["Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400],
    ["Content-Length: 0\r\nContent-Length: 5\r\n", 400],
    ["Content-Length: 0\r\nContent-Length: 0\r\n", 400],
    ["Transfer-Encoding : chunked\r\n", 400],
    ["Transfer-Encoding:\x0bchunked\r\n", 400],
    [" Transfer-Encoding: chunked\r\n", 400],
    ["X: y\nTransfer-Encoding: chunked\r\n", 400],
    ["X: y\rTransfer-Encoding: chunked\r\n", 400],
    ["X: y\r\n z\r\n", 400],
    ["Host: b\r\n", 400],
    ["Host: a\r\n", 400],
    ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", 400],
    ["Sec-WebSocket-Version: 13\r\n", 400],
    ["Sec-WebSocket-Version: 8\r\n", 400],
    ["Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: a\r\n", 400],
    [`Sec-WebSocket-Protocol: b${" ".repeat(8000)}x\r\n`, 400],
    [`Sec-WebSocket-Extensions: a;b="${"\\c".repeat(4000)}\r\n`, 400],
    [`Sec-WebSocket-Protocol: b${" ".repeat(32768)}x\r\n`, 431],
    ["X: y\r\n".repeat(2000), 431],
    ["\0: y\r\n", 400],
    ["", 101],
    ["Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b\r\n", 101],
  ];
  for (const [fields, status] of added) {
    assertEquals(await statusOf(`${opening}${fields}\r\n`), status, fields.slice(0, 80));
  }
  const replaced: [string, string, number][] = [
    ["websocket", "h2c", 426],
    ["Upgrade: websocket\r\n", "", 426],
    ["Connection: Upgrade\r\n", "", 426],
    ["Host: a\r\n", "", 400],
    ["Host: a", "Host: 1.2.3.999", 400],
    ["Version: 13", "Version: 12", 426],
    ["Key: dGhl", "Key: dGh", 400],
    ["GET", "POST", 405],
    ["HTTP/1.1", "HTTP/1.0", 505],
    ["GET / ", "GET http://b/ ", 101],
    ["GET / ", "GET http://b,c/ ", 400],
    ["GET / ", "GET /#x ", 400],
    ["GET ", "\r\nGET ", 400],
  ];
  for (const [from, to, status] of replaced) {
    assert(opening.includes(from));
    assertEquals(await statusOf(`${opening.replace(from, to)}\r\n`), status, `${from} -> ${to}`);
  }
});

test("what a caller adds cannot break out of the heads", () => {
  const text = textOfBytes(encodeRequestHead(createClientHandshake({
    url: "ws://example.com/a\r\nX-Injected: 1",
    headers: { "X-A": " padded \r\n" },
  })));
  assertEquals(text.split("\r\n").filter((line) => line.startsWith("X-Injected")), []);
  assertEquals(text.split("\r\n").filter((line) => line === "x-a: padded").length, 1);
  assert(text.startsWith("GET /aX-Injected:%201 HTTP/1.1\r\n")); // the URL parser drops CR and LF
});
