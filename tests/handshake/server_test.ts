import { test } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  decideAtOnce,
  decideUpgrade,
  isUpgradeRequest,
  type ServerExtension,
  type ServerHandshakeOptions,
  switchingProtocols,
  type UpgradeDecision,
  type UpgradeRequest,
  validateServerOptions,
} from "../../src/handshake/mod.ts";
import { ACCEPT, accepted, countingString, KEY, openingRequest, refused } from "./helpers.ts";

type Changes = Record<string, string | null>;

async function decide(
  request: UpgradeRequest,
  options?: ServerHandshakeOptions,
): Promise<UpgradeDecision> {
  const policy = validateServerOptions(options);
  const atOnce = decideAtOnce(request, policy);
  const decision = await decideUpgrade(request, policy);
  // Where no function of the user's has a say, both roads lead to the same end.
  const asks = [options?.protocols, options?.origins, options?.verify, options?.headers]
    .some((option) => typeof option === "function");
  assertEquals(atOnce === undefined, asks);
  if (atOnce !== undefined) assertEquals(summary(atOnce), summary(decision));
  return decision;
}

/** What of a decision is not made anew each time. */
function summary(decision: UpgradeDecision): unknown {
  if (decision.accepted) return { ...decision, negotiated: decision.negotiated.length };
  const { error, response: { status, headers, body } } = decision;
  return { status, headers: [...headers], body, code: error.code, message: error.message };
}

/** Decides on a request with some fields changed, which must be refused. */
async function refusal(changes: Changes, options?: ServerHandshakeOptions) {
  return refused(await decide(openingRequest(changes), options));
}

test("the sample request is accepted with the sample answer", async () => {
  const decision = accepted(await decide(openingRequest()));
  assertEquals(decision, {
    accepted: true,
    key: KEY,
    protocol: "",
    extensions: "",
    negotiated: [],
    headers: [],
  });
  assertEquals(await switchingProtocols(decision), [
    ["Upgrade", "websocket"],
    ["Connection", "Upgrade"],
    ["Sec-WebSocket-Accept", ACCEPT],
  ]);
});

test("the 101 response has its fields in a fixed order, the user's last", async () => {
  const extension: ServerExtension = {
    name: "toy",
    accept: ([offer]) => ({ response: offer, extension: "running" }),
  };
  const request = openingRequest({
    "Sec-WebSocket-Protocol": "b, a",
    "Sec-WebSocket-Extensions": "unknown, toy; x=1",
  });
  const options = {
    protocols: ["a"],
    extensions: [extension],
    headers: [["X-Z", "1"], ["Set-Cookie", "a=1"], ["Set-Cookie", "b=2"]] as [string, string][],
  };
  const decision = accepted(await decide(request, options));
  assertEquals(decision.negotiated, ["running"]);
  assertEquals(await switchingProtocols(decision), [
    ["Upgrade", "websocket"],
    ["Connection", "Upgrade"],
    ["Sec-WebSocket-Accept", ACCEPT],
    ["Sec-WebSocket-Protocol", "a"],
    ["Sec-WebSocket-Extensions", "toy; x=1"],
    ["set-cookie", "a=1"],
    ["set-cookie", "b=2"],
    ["x-z", "1"],
  ]);
});

test("field values are taken in any case and among others", async () => {
  const changes: Changes[] = [
    { Upgrade: "WebSocket" },
    { Upgrade: "h2c, websocket" },
    { Connection: "keep-alive, Upgrade" },
    { Connection: "UPGRADE" },
    { "Content-Length": "0" },
    { Host: "[::1]:9001" },
    { Cookie: "a=%E0%A4%A" }, // undecodable, and nobody's business here
    { Cookie: "\x80\xff; =;;" },
    { Origin: "https://elsewhere.example" },
    { "X-Forwarded-For": "1.2.3.4", "X-Forwarded-Proto": "https" },
  ];
  for (const change of changes) accepted(await decide(openingRequest(change)));
});

test("a method other than GET is answered 405 with Allow", async () => {
  for (const method of ["POST", "HEAD", "CONNECT", "get", ""]) {
    const { status, code, headers } = refused(await decide(openingRequest({}, { method })));
    assertEquals([status, code, headers.get("allow")], [405, "WS_REQUEST_INVALID", "GET"]);
  }
});

test("a request with a body is answered 400", async () => {
  const changes: Changes[] = [
    { "Content-Length": "5" },
    { "Content-Length": "0, 0" },
    { "Content-Length": "0, 5" },
    { "Content-Length": "5, 0" },
    { "Content-Length": "00" },
    { "Content-Length": "+0" },
    { "Content-Length": "-1" },
    { "Content-Length": "" },
    { "Transfer-Encoding": "chunked" },
    { "Transfer-Encoding": "identity" },
    { "Transfer-Encoding": "" },
    { "Content-Length": "0", "Transfer-Encoding": "chunked" },
    { "Content-Length": "5", "Transfer-Encoding": "\x0bchunked" },
  ];
  for (const change of changes) {
    const { status, code } = await refusal(change);
    assertEquals([status, code], [400, "WS_REQUEST_INVALID"], JSON.stringify(change));
  }
});

test("a missing, repeated or malformed Host is answered 400", async () => {
  for (const Host of [null, "", "a, a", "a, b", "a b", "user@a", "a/b", "a:99999", ", a"]) {
    assertEquals((await refusal({ Host })).status, 400, String(Host));
  }
});

test("a request that asks for no WebSocket is answered 426 with Upgrade", async () => {
  const changes: Changes[] = [
    { Upgrade: null },
    { Upgrade: "" },
    { Upgrade: "h2c" },
    { Upgrade: "websockets" },
    { Upgrade: "websocket/13" },
    { Connection: null },
    { Connection: "keep-alive" },
    { Connection: "close" },
    { Connection: "upgrade-insecure" },
    { Upgrade: "h2c", Connection: "Upgrade, HTTP2-Settings", "HTTP2-Settings": "AAMAAABk" },
    { Upgrade: null, Connection: null },
  ];
  for (const change of changes) {
    const { status, code, headers } = await refusal(change);
    assertEquals([status, code], [426, "WS_REQUEST_INVALID"], JSON.stringify(change));
    assertEquals(headers.get("upgrade"), "websocket");
    assertEquals(headers.get("connection"), "Upgrade, close");
  }
});

test("another version is answered 426, a malformed one 400, both with version 13", async () => {
  for (const version of ["0", "7", "8", "12", "14", "25", "255"]) {
    const { status, code, headers } = await refusal({ "Sec-WebSocket-Version": version });
    assertEquals([status, code], [426, "WS_VERSION_UNSUPPORTED"], version);
    assertEquals(headers.get("sec-websocket-version"), "13");
    assertEquals(headers.get("upgrade"), "websocket");
  }
  for (
    const version of [
      null,
      "",
      "013",
      "13.0",
      "1.5",
      "+13",
      "-1",
      "-0",
      "1e1",
      "0xd",
      "256",
      "1000",
      "13, 13",
      "13, 8",
      "13;",
      "x",
      "NaN",
    ]
  ) {
    const { status, code, headers } = await refusal({ "Sec-WebSocket-Version": version });
    assertEquals([status, code], [400, "WS_REQUEST_INVALID"], String(version));
    assertEquals(headers.get("sec-websocket-version"), "13");
  }
});

test("a missing, repeated or malformed key is answered 400", async () => {
  for (
    const key of [
      null,
      "",
      "x",
      KEY.slice(1),
      `${KEY}, ${KEY}`,
      `, ${KEY}`,
      KEY.replace("d", "\x80"),
    ]
  ) assertEquals((await refusal({ "Sec-WebSocket-Key": key })).status, 400, String(key));
});

test("a malformed subprotocol offer is answered 400, whatever the server speaks", async () => {
  for (
    const value of [
      "",
      ",",
      "a b",
      "a, a",
      "a;b",
      "caf\xe9",
      "\x80",
      '"a"',
      "a@b",
      `b${" ".repeat(32768)}x`,
    ]
  ) {
    for (const options of [{}, { protocols: ["a", "b"] }]) {
      const { status } = await refusal({ "Sec-WebSocket-Protocol": value }, options);
      assertEquals(status, 400, value.slice(0, 20));
    }
  }
});

test("a malformed extension offer is answered 400, whatever the server knows", async () => {
  for (const value of ["", ",", "a b", "a;", "a;b=", `a;b="${"\\c".repeat(15000)}`, "caf\xe9"]) {
    const { status } = await refusal({ "Sec-WebSocket-Extensions": value });
    assertEquals(status, 400, value.slice(0, 20));
  }
});

test("extensions named like Object.prototype's members are ignored", async () => {
  const value = "constructor; __proto__=1, __proto__; constructor, toString; valueOf";
  const request = openingRequest({ "Sec-WebSocket-Extensions": value });
  assertEquals(accepted(await decide(request)).extensions, "");
});

test("fields padded at length are looked at a bounded number of times", async () => {
  const pad = " ".repeat(50000);
  const values: Record<string, string> = {
    "host": "example.com",
    "upgrade": `${pad}websocket${pad}`,
    "connection": `keep-alive,${pad}Upgrade${pad},${pad}`,
    "sec-websocket-version": "13",
    "sec-websocket-key": KEY,
    "sec-websocket-protocol": `a,${pad}b`,
    "sec-websocket-extensions": `a;${pad}b${pad}=${pad}c`,
  };
  const counted = ["upgrade", "connection", "sec-websocket-protocol", "sec-websocket-extensions"];
  const looks: (() => number)[] = [];
  let length = 0;
  const get = (name: string) => {
    const value = values[name] ?? null;
    if (value === null || !counted.includes(name)) return value;
    const counting = countingString(value);
    looks.push(counting.looks);
    length += value.length;
    return counting.value;
  };
  const request = { method: "GET", url: "http://example.com/", headers: { get } };
  accepted(await decideUpgrade(request as unknown as UpgradeRequest, validateServerOptions()));
  const total = looks.reduce((sum, count) => sum + count(), 0);
  assertEquals(looks.length, counted.length);
  assert(total <= 4 * length, `${total} looks at ${length} characters`);
});

test("2000 header fields do no harm when an HTTP server lets them through", async () => {
  const request = openingRequest();
  for (let i = 0; i < 2000; i++) request.headers.append(`X-${i}`, "y");
  accepted(await decide(request));
  request.headers.delete("upgrade");
  assertEquals(refused(await decide(request)).status, 426);
});

test("a foreign origin is answered 403 when there is a policy", async () => {
  for (const origins of ["same-origin", ["http://example.com"], () => false] as const) {
    const { status, code } = await refusal({ Origin: "http://evil.example" }, { origins });
    assertEquals([status, code], [403, "WS_ORIGIN_REFUSED"]);
  }
  for (const origins of ["same-origin", ["http://example.com"]] as const) {
    for (const Origin of ["http://example.com.evil.example", "http://evilexample.com", "null"]) {
      assertEquals((await refusal({ Origin }, { origins })).status, 403, Origin);
    }
    accepted(await decide(openingRequest({ Origin: "http://example.com" }), { origins }));
    accepted(await decide(openingRequest(), { origins }));
  }
  const origins = () => Promise.resolve(true);
  accepted(await decide(openingRequest({ Origin: "http://evil.example" }), { origins }));
});

test("verify lets a request pass with nothing and refuses it with a Response", async () => {
  accepted(await decide(openingRequest(), { verify: () => {} }));
  accepted(await decide(openingRequest(), { verify: async () => {} }));
  const verify = (request: UpgradeRequest) =>
    Promise.resolve(new Response(`not ${request.url}`, { status: 401, headers: { "X-A": "b" } }));
  const { status, code, headers, response } = await refusal({}, { verify });
  assertEquals([status, code, headers.get("x-a")], [401, "WS_VERIFY_REFUSED", "b"]);
  const body = await new Response(response.body as ReadableStream).text();
  assertEquals(body, "not http://example.com/chat");
});

test("what the user's functions throw or make of nonsense is answered 500 without a word", async () => {
  const secret = new Error("secret");
  const fail = () => {
    throw secret;
  };
  const reject = () => Promise.reject(secret);
  const extension = (accept: ServerExtension["accept"]): ServerHandshakeOptions => ({
    extensions: [{ name: "toy", accept }],
  });
  const thrown: ServerHandshakeOptions[] = [
    { verify: fail },
    { verify: reject },
    { origins: fail },
    { origins: reject },
    { protocols: fail },
    { protocols: reject },
    { headers: fail },
    { headers: reject },
    extension(fail),
  ];
  const nonsense = [
    { verify: () => false },
    { verify: () => null },
    { verify: () => 403 },
    { origins: () => "yes" },
    { origins: () => undefined },
    { protocols: () => "other" },
    { protocols: () => 1 },
    { headers: () => ({ Upgrade: "secret" }) },
    { headers: () => ({ "X-A": "secret\r\nX-B: c" }) },
    { headers: () => 1 },
    extension(() => ({ response: { name: "other", params: [] }, extension: 1 })),
    extension(() => ({
      response: { name: "toy", params: [{ name: "secret\r\n", value: null }] },
      extension: 1,
    })),
    extension((() => undefined) as unknown as ServerExtension["accept"]),
  ] as ServerHandshakeOptions[];
  const changes = {
    "Sec-WebSocket-Protocol": "a",
    "Sec-WebSocket-Extensions": "toy",
    "Origin": "http://example.com",
  };
  for (const [index, options] of [...thrown, ...nonsense].entries()) {
    const { status, code, error, response } = await refusal(changes, options);
    assertEquals([status, code], [500, "WS_VERIFY_FAILED"], `case ${index}`);
    if (index < thrown.length) assert(error.cause === secret);
    else assert(error.cause instanceof TypeError, `case ${index}`);
    const sent = new TextDecoder().decode(response.body as Uint8Array) +
      JSON.stringify(response.headers);
    assert(!sent.includes("secret"), `case ${index}`);
  }
});

test("the steps come in order, and the first refusal ends them", async () => {
  const calls: string[] = [];
  const note = <T>(name: string, result: T) => () => {
    calls.push(name);
    return result;
  };
  const options: ServerHandshakeOptions = {
    origins: note("origins", true),
    verify: note("verify", undefined),
    protocols: note("protocols", "a"),
    headers: note("headers", {}),
    extensions: [{ name: "toy", accept: note("extensions", null) }],
  };
  const changes = { "Sec-WebSocket-Protocol": "a", "Sec-WebSocket-Extensions": "toy" };
  accepted(await decide(openingRequest(changes), options));
  assertEquals(calls, ["origins", "verify", "protocols", "headers", "extensions"]);
  calls.length = 0;
  await refusal({ ...changes, Connection: null }, options);
  await refusal({ ...changes, "Sec-WebSocket-Key": "x" }, options);
  assertEquals(calls, []);
  await refusal(changes, { ...options, origins: note("origins", false) });
  assertEquals(calls, ["origins"]);
});

test("a request target that makes no URL never reaches the user's functions", async () => {
  let calls = 0;
  const verify = () => void calls++;
  for (const url of ["http://1.2.3.999/", "http://[:::]/", "/relative", ""]) {
    const request = openingRequest({}, { url });
    const { status, code } = refused(await decide(request, { verify }));
    assertEquals([status, code], [400, "WS_REQUEST_INVALID"], url);
  }
  assertEquals(calls, 0);
});

test("a headers function gets the request and may take its time", async () => {
  const headers = (request: UpgradeRequest) => Promise.resolve({ "X-Url": request.url });
  const decision = accepted(await decide(openingRequest(), { headers }));
  assertEquals(decision.headers, [["x-url", "http://example.com/chat"]]);
});

test("only get() of the request's headers is called", async () => {
  const { method, url, headers } = openingRequest({
    "Sec-WebSocket-Protocol": "a",
    "Sec-WebSocket-Extensions": "toy",
    "Origin": "http://example.com",
  });
  const lazy = { get: (name: string) => headers.get(name) } as Headers;
  const request = { method, url, headers: lazy };
  assert(isUpgradeRequest(request));
  accepted(await decide(request, { origins: "same-origin", protocols: ["a"] }));
});

test("isUpgradeRequest tells what to route here", () => {
  assert(isUpgradeRequest(openingRequest()));
  assert(isUpgradeRequest(openingRequest({ "Sec-WebSocket-Version": "8" })));
  assert(!isUpgradeRequest(openingRequest({ Upgrade: null })));
  assert(!isUpgradeRequest(openingRequest({ Upgrade: "h2c" })));
  assert(!isUpgradeRequest(openingRequest({}, { method: "POST" })));
  // What node:http gives.
  assert(isUpgradeRequest({ method: "GET", headers: { upgrade: "WebSocket" } }));
  for (const headers of [{}, { upgrade: "h2c" }, { upgrade: undefined }, { upgrade: ["a"] }]) {
    assert(!isUpgradeRequest({ method: "GET", headers }));
  }
  assert(!isUpgradeRequest({ headers: { upgrade: "websocket" } }));
});

test("validateServerOptions names the option that it refuses", () => {
  const wrong: [string, unknown][] = [
    ["protocols", "chat"],
    ["protocols", ["a b"]],
    ["protocols", ["a", "a"]],
    ["protocols", null],
    ["origins", "any"],
    ["origins", ["example.com"]],
    ["verify", true],
    ["verify", null],
    ["headers", { Connection: "close" }],
    ["headers", { "Sec-WebSocket-Protocol": "a" }],
    ["headers", { "X-A": "b\r\nc" }],
    ["headers", 1],
    ["extensions", {}],
    ["extensions", [{}]],
  ];
  for (const [name, value] of wrong) {
    const options = { [name]: value } as ServerHandshakeOptions;
    assertThrows(() => validateServerOptions(options), TypeError, name);
  }
  validateServerOptions();
});
