import { test } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { refuse, refuseWith } from "../../src/handshake/mod.ts";

test("refuse answers with one line of plain text and closes", () => {
  const { response, error } = refuse({
    status: 408,
    code: "WS_HANDSHAKE_TIMEOUT",
    message: "the head did not come in time",
  });
  const text = "Cannot upgrade: the head did not come in time\n";
  assertEquals(new TextDecoder().decode(response.body as Uint8Array), text);
  assertEquals(response.status, 408);
  assertEquals(response.headers, [
    ["Content-Type", "text/plain; charset=utf-8"],
    ["Content-Length", String(text.length)],
    ["Connection", "close"],
  ]);
  assertEquals([error.status, error.code, error.body], [408, "WS_HANDSHAKE_TIMEOUT", text]);
  assertEquals(error.message, text.trim());
  assertEquals(error.headers.get("content-length"), String(text.length));
});

test("refuse names Upgrade in Connection when it offers an upgrade", () => {
  const { response } = refuse({
    status: 426,
    code: "WS_REQUEST_INVALID",
    message: "x",
    headers: [["Upgrade", "websocket"]],
  });
  assertEquals(new Headers([...response.headers]).get("connection"), "Upgrade, close");
});

test("refuse keeps the cause from the client", () => {
  const cause = new Error("secret");
  const { response, error } = refuse({
    status: 500,
    code: "WS_VERIFY_FAILED",
    message: "the server failed to decide",
    cause,
  });
  assert(error.cause === cause);
  assert(!new TextDecoder().decode(response.body as Uint8Array).includes("secret"));
});

test("refuseWith takes over status, fields and body of a Response", async () => {
  const { response, error } = refuseWith(
    new Response("no", {
      status: 401,
      statusText: "Go Away",
      headers: [["WWW-Authenticate", "Basic"], ["Set-Cookie", "a=1"], ["Set-Cookie", "b=2"]],
    }),
  );
  assertEquals([response.status, response.statusText], [401, "Go Away"]);
  const cookies = response.headers.filter(([name]) => name === "set-cookie").map(([, it]) => it);
  assertEquals(cookies, ["a=1", "b=2"]);
  const headers = new Headers([...response.headers]);
  assertEquals(headers.get("www-authenticate"), "Basic");
  assertEquals(headers.get("connection"), "close");
  assertEquals(headers.get("content-length"), null);
  assertEquals(await new Response(response.body as ReadableStream).text(), "no");
  assertEquals([error.code, error.status], ["WS_VERIFY_REFUSED", 401]);
  assertEquals(error.headers.get("www-authenticate"), "Basic");
});

test("refuseWith tells the length of an empty body, where a body could be", () => {
  const of = (status: number) =>
    new Headers([...refuseWith(new Response(null, { status })).response.headers]);
  assertEquals(of(403).get("content-length"), "0");
  assertEquals(of(204).get("content-length"), null);
  assertEquals(of(304).get("content-length"), null);
});

test("refuseWith leaves the framing of the connection to the adapter", () => {
  const headers = { "Connection": "keep-alive", "Keep-Alive": "5", "Transfer-Encoding": "chunked" };
  const { response } = refuseWith(new Response("x", { headers }));
  const fields = response.headers.filter(([name]) => name.toLowerCase() !== "content-type");
  assertEquals(fields, [["Connection", "close"]]);
});

test("refuseWith takes a Response of another class", () => {
  const { status, statusText, headers, body, bodyUsed } = new Response(null, { status: 404 });
  assertEquals(refuseWith({ status, statusText, headers, body, bodyUsed }).response.status, 404);
});

test("refuseWith takes a network error for no answer at all", () => {
  const { response, error } = refuseWith(Response.error());
  assertEquals(response, { status: 0, headers: [], body: null });
  assertEquals([error.code, error.status], ["WS_VERIFY_REFUSED", 0]);
});

test("refuseWith refuses what cannot be sent as a refusal", async () => {
  const read = new Response("x");
  await read.text();
  const locked = new Response("x");
  locked.body!.getReader();
  const begun = new Response("x");
  const reader = begun.body!.getReader();
  await reader.read();
  reader.releaseLock();
  for (
    const answer of [
      null,
      true,
      false,
      403,
      "no",
      {},
      { status: 403 },
      read,
      begun,
      locked,
    ]
  ) assertThrows(() => refuseWith(answer), TypeError, "verify");
  const { statusText, headers, body, bodyUsed } = new Response(null);
  for (const status of [101, 199, 600]) {
    const answer = { status, statusText, headers, body, bodyUsed };
    assertThrows(() => refuseWith(answer), TypeError, "verify");
  }
});
