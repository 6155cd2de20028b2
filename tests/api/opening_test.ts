import { test } from "node:test";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { HandshakeError } from "../../src/errors.ts";
import { type AcceptOptions, acceptWebSocket, connectWebSocket } from "../../src/api/stream.ts";
import type { ClientOptions } from "../../src/api/client_options.ts";
import { MemoryPeer } from "../support/memory_peer.ts";
import { ACCEPT, answerText, KEY, openAsClient, requestText } from "../support/raw_handshake.ts";
import { acceptPeer, connectPeer, masked, plain, sleep, soon, take, text } from "./ends.ts";
import { PATIENCE } from "../support/patience.ts";

/** Accepts on a new peer; the promise of the error, if there is one, is watched at once. */
function accepting(options: AcceptOptions = {}) {
  const peer = new MemoryPeer();
  const accepted = acceptWebSocket(peer.pair, { pingIntervalMs: 0, ...options });
  const failed = accepted.then(
    () => {
      throw new Error("the request was accepted");
    },
    (error: HandshakeError) => error,
  );
  failed.catch(() => {});
  return { peer, accepted, failed };
}

function connecting(options: ClientOptions = {}) {
  const peer = new MemoryPeer();
  const connected = connectWebSocket(peer.pair, "ws://example.com/chat?a=b", {
    pingIntervalMs: 0,
    ...options,
  });
  const failed = connected.then(
    () => {
      throw new Error("the response was accepted");
    },
    (error: HandshakeError) => error,
  );
  failed.catch(() => {});
  return { peer, connected, failed };
}

async function readText(peer: MemoryPeer): Promise<string> {
  return new TextDecoder().decode(await peer.readToEnd());
}

// ------------------------------------------------------------------------- server

test("a server accepts a request in any chunks, and knows what was asked", async () => {
  const request = requestText(
    ["Origin: https://example.com", "Sec-WebSocket-Protocol: a, b"],
    "/p?q",
  );
  for (const size of [1, 7, 1000]) {
    const { peer, accepted } = accepting({ protocols: ["b"], headers: { "x-extra": "1" } });
    for (let at = 0; at < request.length; at += size) peer.writeText(request.slice(at, at + size));
    const head = await peer.readHead();
    assert(head.startsWith("HTTP/1.1 101 Switching Protocols\r\n"), head);
    assert(head.includes(`Sec-WebSocket-Accept: ${ACCEPT}\r\n`));
    assert(head.includes("Sec-WebSocket-Protocol: b\r\n"));
    assert(/x-extra: 1\r\n/i.test(head));
    const socket = await accepted;
    assertEquals([socket.url, socket.protocol], ["ws://example.com/p?q", "b"]);
    assertEquals(socket.request?.headers.get("origin"), "https://example.com");
    socket.terminate();
  }
});

test("a server over TLS knows that its URL is wss", async () => {
  const { socket } = await acceptPeer({ secure: true });
  assertEquals([socket.url, socket.request?.url], ["wss://example.com/", "https://example.com/"]);
  socket.terminate();
});

test("a server answers what is no opening handshake with the status that says why", async () => {
  const good = requestText();
  const cases: [number, string][] = [
    [400, "GARBAGE\r\n\r\n"],
    [400, "GET /\r\n\r\n"],
    [505, good.replace("HTTP/1.1", "HTTP/1.0")],
    [405, good.replace("GET", "POST")],
    [400, good.replace("\r\n", "\n")],
    [400, good.replace(/Host:.*\r\n/, "")],
    [426, good.replace(/Upgrade: websocket\r\n/, "")],
    [426, good.replace("websocket", "h2c")],
    [426, good.replace("Connection: Upgrade", "Connection: close")],
    [426, good.replace("Version: 13", "Version: 8")],
    [400, good.replace(KEY, "short")],
    [400, good.replace("Host:", "Content-Length: 5\r\nHost:")],
    [400, good.replace("Host:", "Transfer-Encoding: chunked\r\nHost:")],
    [431, good.replace("Host:", `X: ${"x".repeat(17_000)}\r\nHost:`)],
    [431, good.replace("Host:", `${"X: y\r\n".repeat(101)}Host:`)],
  ];
  for (const [status, request] of cases) {
    const { peer, failed } = accepting();
    peer.writeText(request);
    peer.end();
    const response = await readText(peer);
    assert(response.startsWith(`HTTP/1.1 ${status} `), `${status} was due: ${response}`);
    assert(/\r\nConnection: (Upgrade, )?close\r\n/i.test(response), response);
    const error = await soon(failed, "the error");
    assertEquals([error instanceof HandshakeError, error.status], [true, status]);
  }
});

test("a server refuses by origin, and with the Response of verify, streamed body and all", async () => {
  const foreign = accepting({ origins: ["https://good.example"] });
  foreign.peer.writeText(requestText(["Origin: https://evil.example"]));
  foreign.peer.end();
  assert((await readText(foreign.peer)).startsWith("HTTP/1.1 403 "));
  assertEquals((await foreign.failed).code, "WS_ORIGIN_REFUSED");

  const { peer, failed } = accepting({
    verify: () =>
      new Response(
        new ReadableStream<Uint8Array>({
          async start(controller) {
            for (const piece of ["who ", "are ", "you?"]) {
              await sleep(1);
              controller.enqueue(new TextEncoder().encode(piece));
            }
            controller.close();
          },
        }),
        { status: 401, statusText: "Who", headers: { "www-authenticate": "Basic" } },
      ),
  });
  peer.writeText(requestText());
  peer.end();
  const response = await readText(peer);
  assert(response.startsWith("HTTP/1.1 401 Who\r\n"), response);
  assert(/www-authenticate: Basic\r\n/i.test(response));
  assert(response.endsWith("\r\n\r\nwho are you?"), response);
  assertEquals((await failed).code, "WS_VERIFY_REFUSED");
});

test("a body of verify that never ends, or a client that does not read it, is cut in time", async () => {
  for (const stall of [false, true]) {
    let cancelled = false;
    const { peer, failed } = accepting({
      closeTimeoutMs: 80,
      verify: () =>
        new Response(
          new ReadableStream<Uint8Array>({
            start: (controller) => controller.enqueue(new Uint8Array(10)),
            pull: () => new Promise(() => {}),
            cancel: () => void (cancelled = true),
          }),
          { status: 403 },
        ),
    });
    peer.writeText(requestText());
    if (stall) peer.stall();
    await soon(failed, "the refusal");
    peer.unstall();
    assertEquals(cancelled, true);
  }
});

test("a verify that throws answers 500 and tells nobody but onError", async () => {
  const cause = new Error("secret");
  const errors: unknown[] = [];
  const { peer, failed } = accepting({
    verify: () => {
      throw cause;
    },
    onError: (error) => errors.push(error),
  });
  peer.writeText(requestText());
  peer.end();
  const response = await readText(peer);
  assert(response.startsWith("HTTP/1.1 500 ") && !response.includes("secret"), response);
  assertEquals([errors, (await failed).cause], [[cause], cause]);
});

test("a request that drips is answered with 408 at an absolute deadline", async () => {
  const { peer, failed } = accepting({ handshakeTimeoutMs: 150, closeTimeoutMs: 50 });
  const started = performance.now();
  let over = false;
  failed.then(() => over = true);
  const request = requestText(Array.from({ length: 90 }, (_, i) => `X-${i}: y`));
  for (let i = 0; i < request.length && !over; i++) {
    peer.writeText(request[i]);
    await sleep(10);
  }
  const error = await failed;
  assertEquals([error.code, error.status], ["WS_HANDSHAKE_TIMEOUT", 408]);
  const took = performance.now() - started;
  assert(took >= 140 && took < 5000 * PATIENCE, `${took} ms`);
  assert((await readText(peer)).startsWith("HTTP/1.1 408 "));
});

test("a silent client, and one that stops in its head, are answered with 408", async () => {
  for (const start of ["", "GET / HT", requestText().slice(0, -2)]) {
    const { peer, failed } = accepting({ handshakeTimeoutMs: 60, closeTimeoutMs: 50 });
    if (start !== "") peer.writeText(start);
    assertEquals((await soon(failed, "the time-out")).code, "WS_HANDSHAKE_TIMEOUT");
    assert((await readText(peer)).startsWith("HTTP/1.1 408 "));
  }
});

test("a verify that never answers ends in 503 at the deadline", async () => {
  const { peer, failed } = accepting({
    handshakeTimeoutMs: 60,
    closeTimeoutMs: 50,
    verify: () => new Promise<void>(() => {}),
  });
  peer.writeText(requestText());
  assertEquals((await soon(failed, "the time-out")).status, 503);
  assert((await readText(peer)).startsWith("HTTP/1.1 503 "));
});

test("a client that leaves in the handshake is WS_CONNECT_FAILED", async () => {
  for (const how of ["end", "destroy"] as const) {
    const { peer, failed } = accepting();
    peer.writeText("GET / HTTP/1.1\r\n");
    await sleep(5);
    peer[how]();
    assertEquals((await soon(failed, "the loss")).code, "WS_CONNECT_FAILED");
  }
});

test("a signal ends the server's handshake, before and in it", async () => {
  const reason = new Error("stop");
  const before = accepting({ signal: AbortSignal.abort(reason) });
  assertEquals((await before.failed).cause, reason);
  const controller = new AbortController();
  const during = accepting({ signal: controller.signal });
  await sleep(5);
  controller.abort(reason);
  const error = await during.failed;
  assertEquals([error.code, error.cause], ["WS_HANDSHAKE_ABORTED", reason]);
  await during.peer.readToEnd();
});

test("acceptWebSocket and connectWebSocket refuse what is no pair of free byte streams", async () => {
  const { pair } = new MemoryPeer();
  for (const bad of [undefined, null, {}, { readable: pair.readable }]) {
    await assertRejects(() => acceptWebSocket(bad as typeof pair), TypeError, "readable, writable");
    await assertRejects(
      () => connectWebSocket(bad as typeof pair, "ws://example.com"),
      TypeError,
      "readable, writable",
    );
  }
  pair.readable.getReader();
  await assertRejects(() => acceptWebSocket(pair), TypeError, "locked");
  await assertRejects(
    () => acceptWebSocket(pair, { port: 1 } as AcceptOptions),
    TypeError,
    '"port"',
  );
});

// ------------------------------------------------------------------------- client

test("a client sends its request and takes a right answer, in any chunks", async () => {
  for (const size of [1, 11, 1000]) {
    const { peer, connected } = connecting({
      protocols: ["x", "y"],
      headers: { Origin: "http://o" },
    });
    const request = await peer.readHead();
    assert(request.startsWith("GET /chat?a=b HTTP/1.1\r\n"), request);
    assert(/\r\nHost: example.com\r\n/.test(request));
    assert(/\r\nSec-WebSocket-Protocol: x, y\r\n/.test(request));
    assert(/\r\nOrigin: http:\/\/o\r\n/i.test(request));
    const answer = await answerText(request, ["Sec-WebSocket-Protocol: y"]);
    for (let at = 0; at < answer.length; at += size) peer.writeText(answer.slice(at, at + size));
    const socket = await connected;
    assertEquals([socket.protocol, socket.url], ["y", "ws://example.com/chat?a=b"]);
    assertEquals(socket.request, undefined);
    socket.terminate();
  }
});

test("a client refuses a wrong answer and cuts the connection", async () => {
  const wrong: [string, (answer: string) => string][] = [
    ["WS_HANDSHAKE_INVALID", (answer) => answer.replace(/Accept: ./, "Accept: !")],
    ["WS_HANDSHAKE_INVALID", (answer) => answer.replace(/Upgrade: websocket\r\n/, "")],
    ["WS_HANDSHAKE_INVALID", (answer) => answer.replace(/Connection: Upgrade\r\n/, "")],
    [
      "WS_HANDSHAKE_INVALID",
      (answer) => answer.replace("\r\n\r\n", "\r\nSec-WebSocket-Protocol: z\r\n\r\n"),
    ],
    [
      "WS_HANDSHAKE_INVALID",
      (answer) => answer.replace("\r\n\r\n", "\r\nSec-WebSocket-Extensions: z\r\n\r\n"),
    ],
    ["WS_HANDSHAKE_MALFORMED", () => "SSH-2.0-OpenSSH\r\n\r\n"],
    ["WS_HANDSHAKE_MALFORMED", (answer) => answer.replace("\r\n", "\n")],
    [
      "WS_HANDSHAKE_TOO_LARGE",
      (answer) => answer.replace("\r\n", `\r\nX: ${"x".repeat(20_000)}\r\n`),
    ],
  ];
  for (const [code, change] of wrong) {
    const { peer, failed } = connecting();
    const answer = await answerText(await peer.readHead());
    peer.writeText(change(answer));
    const error = await soon(failed, code);
    assertEquals([error instanceof HandshakeError, error.code], [true, code]);
    await peer.readToEnd();
  }
});

test("a client shows the start of a refusal's body, however it is framed", async () => {
  const long = "x".repeat(5000);
  const chunked = (body: string) =>
    [...body].map((letter) => `1;ext="v"\r\n${letter}\r\n`).join("") + "0\r\nTrailer: t\r\n\r\n";
  const cases: [name: string, head: string, body: string, expected: string][] = [
    ["a length", "Content-Length: 5\r\n", "sorry and more", "sorry"],
    ["no length", "", "sorry", "sorry"],
    ["no body", "Content-Length: 0\r\n", "", ""],
    ["chunks", "Transfer-Encoding: chunked\r\n", chunked("sorry"), "sorry"],
    ["broken chunks", "Transfer-Encoding: chunked\r\n", "2\r\nso\r\nzz\r\n", "so"],
    ["a long body", "Content-Length: 5000\r\n", long, "x".repeat(1024)],
    ["a long body in chunks", "Transfer-Encoding: chunked\r\n", chunked(long), "x".repeat(1024)],
    ["an absurd length", "Content-Length: 99999999999999999999\r\n", "sorry", "sorry"],
  ];
  for (const [name, head, body, expected] of cases) {
    for (const size of [9, 100_000]) {
      const { peer, failed } = connecting();
      await peer.readHead();
      const response = `HTTP/1.1 403 No\r\nX-Why: because\r\n${head}\r\n${body}`;
      for (let at = 0; at < response.length; at += size) {
        peer.writeText(response.slice(at, at + size));
      }
      peer.end();
      const error = await soon(failed, name);
      assertEquals([error.code, error.status], ["WS_HANDSHAKE_REFUSED", 403], name);
      assertEquals(error.body, expected, name);
      assertEquals(error.headers.get("x-why"), "because");
      await peer.readToEnd();
    }
  }
});

test("a refusal's body that is endless or stays out does not hold the client", async () => {
  const endless = connecting();
  await endless.peer.readHead();
  endless.peer.writeText("HTTP/1.1 500 Oh\r\n\r\n");
  let sent = 0;
  let over = false;
  endless.failed.then(() => over = true);
  while (!over && sent++ < 1000) {
    endless.peer.writeText("y".repeat(100));
    // Enough comes at once: a machine that stands still must not let the time for it pass.
    if (sent > 20) await sleep(0);
  }
  assertEquals((await endless.failed).body, "y".repeat(1024));
  const silent = connecting();
  await silent.peer.readHead();
  silent.peer.writeText("HTTP/1.1 500 Oh\r\nContent-Length: 10\r\n\r\nhal");
  assertEquals((await soon(silent.failed, "the refusal")).body, "hal");
});

test("a client gives up a server that drips, is silent, or leaves", async () => {
  const drip = connecting({ handshakeTimeoutMs: 150 });
  const started = performance.now();
  await drip.peer.readHead();
  let over = false;
  drip.failed.then(() => over = true);
  drip.peer.writeText("HTTP/1.1 101 ok\r\n");
  while (!over) {
    drip.peer.writeText("X: y\r\n");
    await sleep(10);
  }
  const error = await drip.failed;
  assertEquals(error.code, "WS_HANDSHAKE_TIMEOUT");
  assert(performance.now() - started < 5000 * PATIENCE);
  await drip.peer.readToEnd();

  const silent = connecting({ handshakeTimeoutMs: 60 });
  assertEquals((await soon(silent.failed, "silence")).code, "WS_HANDSHAKE_TIMEOUT");
  for (const how of ["end", "destroy"] as const) {
    const leaving = connecting();
    await leaving.peer.readHead();
    leaving.peer[how]();
    assertEquals((await soon(leaving.failed, how)).code, "WS_CONNECT_FAILED");
  }
});

test("an endless response head ends at maxHeaderBytes, interim responses included", async () => {
  for (const piece of ["HTTP/1.1 100 Continue\r\n\r\n", "X: y\r\n", "x"]) {
    const { peer, failed } = connecting({ maxHeaderBytes: 1000 });
    await peer.readHead();
    if (piece !== "HTTP/1.1 100 Continue\r\n\r\n") peer.writeText("HTTP/1.1 101 ok\r\n");
    for (let i = 0; i < 3000; i++) peer.writeText(piece);
    const error = await soon(failed, piece);
    assertEquals(error.code, "WS_HANDSHAKE_TOO_LARGE");
    assert(peer.taken < 3000, `${peer.taken} bytes were read`);
  }
});

test("a signal ends the client's handshake, before and in it", async () => {
  const reason = new Error("stop");
  const before = connecting({ signal: AbortSignal.abort(reason) });
  assertEquals((await before.failed).cause, reason);
  const controller = new AbortController();
  const during = connecting({ signal: controller.signal });
  await during.peer.readHead();
  controller.abort(reason);
  const error = await during.failed;
  assertEquals([error.code, error.cause], ["WS_HANDSHAKE_ABORTED", reason]);
  await during.peer.readToEnd();
});

test("data that the server sends together with its 101 is delivered", async () => {
  const client = await connectPeer({}, plain(text("welcome"), text("again")));
  assertEquals(await take(client.socket, 2), ["welcome", "again"]);
  client.socket.terminate();
  const server = await acceptPeer({}, masked(text("hello")));
  assertEquals(await take(server.socket, 1), ["hello"]);
  server.socket.terminate();
});

test("messages sent as soon as there is a connection follow the 101", async () => {
  const peer = new MemoryPeer();
  const accepted = acceptWebSocket(peer.pair, { pingIntervalMs: 0 });
  accepted.then((socket) => socket.send("welcome"));
  await openAsClient(peer);
  assertEquals(new TextDecoder().decode((await peer.readFrame())?.payload), "welcome");
  (await accepted).terminate();
});

test("a connection has the engine's capabilities, which cannot be changed", async () => {
  const { socket } = await acceptPeer();
  const { engine, ...able } = socket.capabilities;
  assertEquals(engine, "fullduplex");
  assertEquals(Object.values(able).every((value) => value === true), true);
  assertThrows(() => {
    (socket.capabilities as { ping: boolean }).ping = false;
  }, TypeError);
  socket.terminate();
});
