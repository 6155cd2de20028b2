/** Options, names, events, ends: what users of both sides see. */
import { after, before, test } from "node:test";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { ReconnectingWebSocket } from "../../src/adapters/client.ts";
import { HandshakeError } from "../../src/errors.ts";
import type { ConnectionObserver, WebSocketConnection } from "../../src/api/mod.ts";
import { connectFallback, FallbackWebSocket } from "../../src/fallback/client/mod.ts";
import { createFallback } from "../../src/fallback/mod.ts";
import { listenRaw } from "../adapters/support/raw.ts";
import { Inbox, sleep, until, within } from "../adapters/support/waiting.ts";
import { installPage } from "./support/fake_page.ts";
import { HOSTS } from "./support/hosts.ts";

const [[, start]] = HOSTS;

const echo = {
  message: (socket: WebSocketConnection, data: string | Uint8Array) => {
    socket.send(data);
  },
};

let removePage = () => {};
before(() => void (removePage = installPage()));
after(() => removePage());

test("createFallback() refuses options and handlers that are wrong", () => {
  const refuses = (options: object, error: typeof TypeError | typeof RangeError, text: string) =>
    assertThrows(() => createFallback(echo, options), error, text);
  const wrong = ["compression", "legacy", "pingIntervalMs", "maxFragments", "mistake"];
  for (const name of wrong) refuses({ [name]: 1 }, TypeError, `"${name}": it does not exist`);
  for (const name of ["maxSessions", "pollTimeoutMs", "sessionTimeoutMs", "maxResponseBytes"]) {
    refuses({ [name]: "1" }, TypeError, name);
    refuses({ [name]: 0 }, RangeError, name);
    refuses({ [name]: 1.5 }, RangeError, name);
  }
  refuses({ maxRequestBytes: 1000 }, RangeError, "maxRequestBytes");
  refuses({ pollTimeoutMs: 5000, sessionTimeoutMs: 5000 }, RangeError, "not longer than");
  refuses({ modes: ["websocket"] }, TypeError, "modes");
  refuses({ credentials: 1 }, TypeError, "credentials");
  refuses({ origins: ["*"] }, TypeError, "origins");
  assertThrows(() => createFallback(5 as never), TypeError, "handler");
  assertThrows(() => createFallback({ frame() {} }), TypeError, "frame");
});

test("connectFallback() refuses options that are wrong", async () => {
  const refuses = async (options: object, text: string) => {
    const error = await assertRejects(() => connectFallback("ws://127.0.0.1:9", options), text);
    assert(error instanceof TypeError || error instanceof RangeError, text);
    assert(error.message.includes(text), error.message);
  };
  await refuses({ mistake: 1 }, '"mistake"');
  await refuses({ compression: true }, '"compression"');
  await refuses({ modes: ["polls"] }, '"modes"');
  await refuses({ credentials: "yes" }, '"credentials"');
  await refuses({ fetch: 5 }, '"fetch"');
  await refuses({ onMode: 5 }, '"onMode"');
  await refuses({ handler: 5 }, "handler");
  await refuses({ pollIntervalMs: 0 }, '"pollIntervalMs"');
  await refuses({ headers: {}, modes: ["event-source"] }, '"event-source" takes none');
  await assertRejects(() => connectFallback("ftp://x"), DOMException);
  await assertRejects(() => connectFallback("ws://x", { protocols: ["a b"] }), DOMException);
});

test("a refusal is an error with its status, headers and text", async () => {
  const host = await start(echo, {
    verify: () => new Response("who are you?", { status: 401, headers: { "x-a": "1" } }),
  });
  try {
    const error = await assertRejects(
      () => connectFallback(host.url, { modes: ["poll"] }),
      HandshakeError,
    );
    assertEquals([error.code, error.status, error.body, error.headers.get("x-a")], [
      "WS_HANDSHAKE_REFUSED",
      401,
      "who are you?",
      "1",
    ]);
    assertEquals(host.fallback.sessionCount, 0);
  } finally {
    await host.close();
  }
});

test("there is no session: nobody, silence, an abort, something else", async () => {
  const code = (promise: Promise<unknown>) =>
    promise.then(() => "connected", (error) => (error as HandshakeError).code);
  const silent = await listenRaw(() => {});
  const connect = (options = {}) => connectFallback(silent.url, { modes: ["poll"], ...options });
  assertEquals(await code(connect({ handshakeTimeoutMs: 50 })), "WS_HANDSHAKE_TIMEOUT");
  assertEquals(await code(connect({ signal: AbortSignal.timeout(50) })), "WS_HANDSHAKE_ABORTED");
  assertEquals(await code(connect({ signal: AbortSignal.abort() })), "WS_HANDSHAKE_ABORTED");
  await silent.close();
  assertEquals(await code(connect()), "WS_CONNECT_FAILED");
  const answer = {
    version: 1,
    session: "0".repeat(32),
    protocol: "",
    modes: ["poll"],
    pollTimeoutMs: 20_000,
    sessionTimeoutMs: 45_000,
    maxRequestBytes: 1 << 20,
  };
  const answers: unknown[] = [
    "<html>",
    "null",
    { ...answer, version: 2 },
    { ...answer, session: "0" },
    { ...answer, session: "../x" },
    { ...answer, protocol: "unasked" },
    { ...answer, modes: ["other"] },
    { ...answer, modes: ["long-poll"] },
    { ...answer, pollTimeoutMs: 0 },
    { ...answer, maxRequestBytes: 1 },
  ];
  for (const it of answers) {
    const text = typeof it === "string" ? it : JSON.stringify(it);
    const fetch = () => Promise.resolve(new Response(text));
    assertEquals(await code(connect({ fetch })), "WS_HANDSHAKE_INVALID", text);
  }
});

test("a server that says what no server says is lost, and the client does not throw", async () => {
  const answer = (url: string) => {
    if (url.includes("=open")) {
      return {
        version: 1,
        session: "0".repeat(32),
        protocol: "",
        modes: ["poll", "xhr-stream"],
        pollTimeoutMs: 1000,
        sessionTimeoutMs: 2000,
        maxRequestBytes: 1 << 20,
      };
    }
  };
  const lines = [`1 x\n`, `2 t"a gap"\n`, `1 t5\n`, "x".repeat(200_000), `1 t"a"\n1 T\n`];
  for (const line of lines) {
    const socket = await connectFallback("ws://127.0.0.1:9", {
      modes: ["poll"],
      fetch: (url) => {
        const opened = answer(url);
        if (opened !== undefined) return Promise.resolve(Response.json(opened));
        return Promise.resolve(new Response(url.includes("=send") ? "a0\n" : line));
      },
    });
    const { closeCode, error } = await within(socket.closed, "the end", 10_000);
    assertEquals([closeCode, error!.code], [1006, "WS_CONNECTION_LOST"], line.slice(0, 10));
  }
  for (const reply of ["a7\n", "", "hello", "a-1\n", "a0"]) {
    const socket = await connectFallback("ws://127.0.0.1:9", {
      modes: ["poll"],
      fetch: (url) => {
        const opened = answer(url);
        if (opened !== undefined) return Promise.resolve(Response.json(opened));
        return Promise.resolve(new Response(url.includes("=send") ? reply : ""));
      },
    });
    socket.send("x");
    const { error } = await within(socket.closed, "the end", 10_000);
    assertEquals(error!.code, "WS_CONNECTION_LOST", reply);
  }
});

test("a server that is gone is noticed in sessionTimeoutMs, in every mode", async () => {
  for (const mode of ["poll", "long-poll", "xhr-stream", "event-source", "htmlfile"] as const) {
    const host = await start(echo, { pollTimeoutMs: 100, sessionTimeoutMs: 400 });
    const socket = await connectFallback(host.url, { modes: [mode] });
    await sleep(50);
    await host.close();
    const { closeCode } = await within(socket.closed, `the end of ${mode}`, 10_000);
    assertEquals(closeCode, 1006);
  }
});

test("requests of a client that nothing happens to are few", async () => {
  for (const mode of ["long-poll", "xhr-stream", "event-source", "poll"] as const) {
    let requests = 0;
    const host = await start(echo, {}, {});
    try {
      const socket = await connectFallback(host.url, {
        modes: [mode],
        pollIntervalMs: 200,
        fetch: (url, init) => {
          requests++;
          return fetch(url, init);
        },
      });
      await sleep(1000);
      assert(requests <= (mode === "poll" ? 12 : 3), `${requests} requests of ${mode}`);
      await socket.close();
    } finally {
      await host.close();
    }
  }
});

test("a response that ends at once, again and again, makes no storm of requests", async () => {
  let requests = 0;
  const host = await start(echo);
  try {
    const socket = await connectFallback(host.url, {
      modes: ["xhr-stream"],
      fetch: async (url, init) => {
        if (!url.includes("=xhr-stream")) return await fetch(url, init);
        requests++;
        return new Response("h\n");
      },
    });
    await sleep(1500);
    assert(requests < 15, `${requests} requests`);
    socket.terminate();
  } finally {
    await host.close();
  }
});

test("close() says 1001 to all, waits for them, and opens nothing more", async () => {
  const host = await start(echo);
  try {
    const socket = await connectFallback(host.url, { modes: ["long-poll"] });
    await within(host.fallback.close("a restart"), "the end");
    assertEquals(await within(socket.closed, "the end"), {
      closeCode: 1001,
      reason: "a restart",
      wasClean: true,
    });
    assertEquals(host.fallback.connections.size, 0);
    const error = await assertRejects(
      () => connectFallback(host.url, { modes: ["long-poll"] }),
      HandshakeError,
    );
    assertEquals(error.status, 503);
  } finally {
    await host.close();
  }
});

test("a body that is shorter than it was to be is not taken, and shall be sent again", async () => {
  const seen: unknown[] = [];
  const fallback = createFallback({ message: (_, data) => void seen.push(data) });
  const post = async (target: string, body: string, length = body.length) => {
    const url = `http://h/?fullduplex=${target}`;
    const headers = { "content-length": `${length}` };
    return await fallback.fetch(new Request(url, { method: "POST", body, headers }));
  };
  const { session } = await (await post("open", `{"version":1}`)).json();
  assertEquals((await post(`send.${session}`, `1 t"a"\n`, 20)).status, 408);
  assertEquals(seen, []);
  assertEquals(await (await post(`send.${session}`, `1 t"a"\n2 t"b"\n`)).text(), "a2\n");
  assertEquals(seen, ["a", "b"]);
  for (const socket of fallback.connections) socket.terminate();
});

test("signals cut a connection on either side", async () => {
  const [ours, theirs] = [new AbortController(), new AbortController()];
  const host = await start(echo, { signal: theirs.signal });
  try {
    const first = await connectFallback(host.url, { modes: ["poll"], signal: ours.signal });
    ours.abort();
    assertEquals((await within(first.closed, "the end")).error!.code, "WS_ABORTED");
    const second = await connectFallback(host.url, { modes: ["long-poll"] });
    theirs.abort();
    assertEquals((await within(second.closed, "the end")).error!.code, "WS_CONNECTION_LOST");
    assertEquals(host.fallback.sessionCount, 0);
    await assertRejects(() => connectFallback(host.url, { modes: ["poll"] }), HandshakeError);
  } finally {
    await host.close();
  }
});

test("observers see both ends", async () => {
  const record = (seen: string[]): ConnectionObserver => ({
    handshake: (_, { status, method }) => void seen.push(`${method ?? status}`),
    open: () => void seen.push("open"),
    message: (_, { direction, length }) => void seen.push(`${direction} ${length}`),
    closing: (_, { direction, closeCode }) => void seen.push(`${direction} ${closeCode}`),
    close: (_, { closeCode }) => void seen.push(`close ${closeCode}`),
    refuse: (_, { code }) => void seen.push(code),
  });
  const [here, there]: string[][] = [[], []];
  const host = await start(echo, { observer: record(there), origins: ["https://a.example"] });
  try {
    const socket = await connectFallback(host.url, { modes: ["poll"], observer: record(here) });
    socket.send("héllo");
    for await (const _ of socket) break;
    await socket.close(4000);
    await until(() => there.includes("close 4000"), "the end there");
    const headers = { origin: "https://b.example" };
    const refused = await connectFallback(host.url, {
      modes: ["poll"],
      headers,
      observer: record(here),
    })
      .catch((error) => error);
    assertEquals(refused.status, 403);
    assertEquals(here, [
      "open",
      "out 6",
      "in 6",
      "out 4000",
      "in 4000",
      "close 4000",
      "WS_HANDSHAKE_REFUSED",
    ]);
    assertEquals(there, [
      "GET",
      "open",
      "in 6",
      "out 6",
      "in 4000",
      "close 4000",
      "GET",
      "403",
      "WS_ORIGIN_REFUSED",
    ]);
  } finally {
    await host.close();
  }
});

test("FallbackWebSocket has the face of the standard's class", async () => {
  const host = await start(echo, { protocols: ["b"] });
  try {
    const socket = new FallbackWebSocket(host.url, ["a", "b"], { modes: ["xhr-stream"] });
    socket.binaryType = "arraybuffer";
    assertEquals(socket.readyState, 0);
    assertThrows(() => socket.send("too early"), DOMException);
    const events = new Inbox<Event>();
    for (const type of ["open", "message", "close"]) {
      socket.addEventListener(type, (event) => events.push(event));
    }
    assertEquals((await events.next("open")).type, "open");
    assertEquals([socket.protocol, socket.readyState, socket.extensions], ["b", 1, ""]);
    socket.send("text é");
    assertEquals(socket.bufferedAmount, 7);
    assertEquals((await events.next() as MessageEvent).data, "text é");
    socket.send(new Uint8Array([1, 2]));
    assertEquals((await events.next() as MessageEvent).data, new Uint8Array([1, 2]).buffer);
    socket.send(new Blob(["blob"]));
    assertEquals(((await events.next()) as MessageEvent).data.byteLength, 4);
    await until(() => socket.bufferedAmount === 0, "nothing waits");
    socket.close(4001, "bye");
    const { code, reason, wasClean } = await events.next() as CloseEvent;
    assertEquals([code, reason, wasClean], [4001, "bye", true]);
  } finally {
    await host.close();
  }
});

test("ReconnectingWebSocket takes it, and connects again when the server has lost the session", async () => {
  const host = await start(echo);
  const socket = new ReconnectingWebSocket(host.url, [], {
    WebSocket: FallbackWebSocket,
    socketOptions: { modes: ["long-poll"] },
    initialDelayMs: 10,
  });
  try {
    const messages = new Inbox<string>();
    const opened = new Inbox<Event>();
    socket.onmessage = ({ data }) => messages.push(data);
    socket.onopen = (event) => opened.push(event);
    socket.send("one");
    assertEquals(await messages.next(), "one");
    for (const connection of host.fallback.connections) connection.terminate();
    await opened.next();
    await opened.next("second connection");
    socket.send("two");
    assertEquals(await messages.next(), "two");
  } finally {
    socket.close();
    await host.close();
  }
});
