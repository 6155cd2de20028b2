import { test } from "node:test";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { serve } from "../../src/adapters/serve.ts";
import { WebSocketError } from "../../src/errors.ts";
import {
  acceptEventSource,
  type EventSourceClose,
  type EventSourceConnection,
  type EventSourceHandler,
  type EventSourceOptions,
  isEventSource,
  onEventSource,
  upgradeEventSource,
} from "../../src/server/mod.ts";
import { head, RawPeer } from "../adapters/support/raw.ts";
import { Inbox, sleep, until, within } from "../adapters/support/waiting.ts";
import { HOSTS, StreamReader } from "./support/event_hosts.ts";

/** A request for a stream. */
function request(headers: Record<string, string> = {}): Request {
  return new Request("http://example.com/events", {
    headers: { accept: "text/event-stream", ...headers },
  });
}

/** A stream in memory, and what comes out of it. */
async function inMemory(
  options: EventSourceOptions = {},
  headers: Record<string, string> = {},
): Promise<{
  source: EventSourceConnection;
  response: Response;
  reader: ReadableStreamDefaultReader<Uint8Array>;
  read(): Promise<string>;
}> {
  const { response, source } = await acceptEventSource(request(headers), {
    pingIntervalMs: 0,
    ...options,
  });
  const reader = response.body!.getReader();
  const read = async () => new TextDecoder().decode((await within(reader.read(), "a read")).value);
  assertEquals(await read(), `retry: ${options.retryMs ?? 5000}\n\n`);
  return { source: source!, response, reader, read };
}

for (const [name, start] of HOSTS) {
  test(`${name}: events reach a raw client as they are sent, with the right fields`, async () => {
    const sources = new Inbox<EventSourceConnection>();
    const server = await start({ open: (source) => sources.push(source) }, {
      headers: { "x-more": "1" },
      retryMs: 1234,
    });
    try {
      const client = await StreamReader.open(server.port, ["Last-Event-ID: caf\u00e9 7"]);
      assertEquals(client.status, 200);
      for (
        const field of [
          "content-type: text/event-stream",
          "cache-control: no-cache, no-transform",
          "x-accel-buffering: no",
          "x-more: 1",
        ]
      ) assert(client.head.includes(`\r\n${field}`), `${field} in ${client.head}`);
      assertEquals(await client.until("\n\n"), "retry: 1234\n\n");
      const source = await sources.next();
      assertEquals(source.lastEventId, "café 7");
      assertEquals(new URL(source.url).pathname, "/events");
      source.send("one\ntwo\r\nthree\rfour\n", { event: "lines", id: "é1" });
      source.send("");
      source.comment("a\nb");
      source.retry(77);
      assertEquals(
        (await client.until("retry: 77\n\n")).slice("retry: 1234\n\n".length),
        "event: lines\nid: é1\ndata: one\ndata: two\ndata: three\ndata: four\ndata: \n\n" +
          "data: \n\n: a\n: b\n\nretry: 77\n\n",
      );
      source.send("last");
      assertEquals(await within(source.close(), "the end"), { by: "server" });
      await until(() => client.complete, "the end of the response");
      assert(client.text.endsWith("data: last\n\n"));
      client.peer.destroy();
    } finally {
      await server.close();
    }
  });

  test(`${name}: a client that leaves is noticed while nothing is sent`, async () => {
    const ends = new Inbox<EventSourceClose>();
    const sources = new Inbox<EventSourceConnection>();
    const server = await start({
      open: (source) => sources.push(source),
      close: (_, info) => ends.push(info),
    }, { pingIntervalMs: 0 });
    try {
      const client = await StreamReader.open(server.port);
      const source = await sources.next();
      await client.until("retry");
      client.peer.destroy();
      assertEquals(await ends.next("end"), { by: "client" });
      assertEquals(source.readyState, 3);
      await assertRejects(() => source.send("late"), WebSocketError, "Cannot send");
      assertEquals(source.trySend("late"), false);
      assertEquals((await source.closed).by, "client");
    } finally {
      await server.close();
    }
  });

  test(`${name}: a client that leaves before there is an answer is noticed`, async () => {
    const sources = new Inbox<EventSourceConnection>();
    const asked = new Inbox<void>();
    let go = () => {};
    const gone = new Promise<undefined>((resolve) => go = () => resolve(undefined));
    const server = await start({ open: (source) => sources.push(source) }, {
      pingIntervalMs: 0,
      closeTimeoutMs: 1000,
      verify: () => {
        asked.push();
        return gone;
      },
    });
    try {
      const peer = await RawPeer.connect(server.port);
      peer.write(head(["GET /events HTTP/1.1", "Host: x", "Accept: text/event-stream"]));
      await asked.next("request");
      peer.destroy();
      await sleep(50);
      go();
      await within((await sources.next("stream")).closed, "its end");
    } finally {
      await server.close();
    }
  });

  test(`${name}: a slow reader holds the sender back, and nobody's memory grows`, async () => {
    const sources = new Inbox<EventSourceConnection>();
    const server = await start({ open: (source) => sources.push(source) }, { pingIntervalMs: 0 });
    try {
      const client = await StreamReader.open(server.port);
      const source = await sources.next();
      client.peer.pause();
      const event = "x".repeat(64 * 1024);
      let sent = 0;
      let most = 0;
      let stopped = false;
      const sending = (async () => {
        while (sent < 2000 && !stopped) {
          await source.send(event);
          sent++;
          most = Math.max(most, source.bufferedAmount);
        }
      })();
      let before = -1;
      for (let quiet = 0; quiet < 10;) { // half a second without progress
        await sleep(50);
        quiet = sent === before ? quiet + 1 : 0;
        before = sent;
      }
      assert(sent < 500, `${sent} events of 64 KiB went to a client that does not read`);
      assert(source.bufferedAmount > 0 && most < 512 * 1024, String(most));
      assertEquals(source.trySend("more"), false);
      stopped = true;
      client.peer.resume();
      await within(sending, "the sender");
      source.close();
      await until(() => client.complete, "the end of the response");
      assertEquals(client.text.match(/^data: x+$/gm)!.length, sent);
      client.peer.destroy();
    } finally {
      await server.close();
    }
  });

  test(`${name}: an idle stream gets comments, and a handler's end is the stream's`, async () => {
    let done = () => {};
    const finished = new Promise<void>((resolve) => done = resolve);
    const server = await start(async (source) => {
      await source.send("hello");
      await finished;
    }, { pingIntervalMs: 20 });
    try {
      const client = await StreamReader.open(server.port);
      await client.until("data: hello\n\n:\n\n:\n\n");
      done();
      await until(() => client.complete, "the end of the response");
      client.peer.destroy();
    } finally {
      await server.close();
    }
  });

  test(`${name}: other methods, types and origins are refused`, async () => {
    const server = await start({}, { origins: ["https://good.example"] });
    const ask = async (method: string, fields: string[]): Promise<string> => {
      const peer = await RawPeer.connect(server.port);
      peer.write(head([`${method} /events HTTP/1.1`, "Host: x", "Connection: close", ...fields]));
      const answer = await peer.readToEnd();
      peer.destroy();
      return answer.toLowerCase();
    };
    try {
      for (const method of ["HEAD", "POST", "OPTIONS"]) {
        const answer = await ask(method, ["Accept: text/event-stream", "Content-Length: 0"]);
        assert(answer.startsWith("http/1.1 405 ") && answer.includes("\r\nallow: get\r\n"), answer);
      }
      assert((await ask("GET", ["Accept: text/html"])).startsWith("http/1.1 406 "));
      assert((await ask("GET", ["Origin: https://bad.example"])).startsWith("http/1.1 403 "));
      const client = await StreamReader.open(server.port, ["Origin: https://good.example"]);
      assert(client.head.includes("\r\naccess-control-allow-origin: https://good.example"));
      assert(/\r\nvary: origin/.test(client.head));
      client.peer.destroy();
    } finally {
      await server.close();
    }
  });
}

test("serve() and node:http cut a client that takes nothing for stallTimeoutMs", async () => {
  for (const [name, start] of HOSTS.slice(0, 2)) {
    const ends = new Inbox<EventSourceClose>();
    const errors: unknown[] = [];
    const server = await start({
      open: async (source) => {
        while (source.readyState === 1) await source.send("x".repeat(64 * 1024));
      },
      close: (_, info) => ends.push(info),
    }, { pingIntervalMs: 0, stallTimeoutMs: 200, onError: (error) => errors.push(error) });
    try {
      const client = await StreamReader.open(server.port);
      client.peer.pause();
      const { by, error } = await ends.next("end");
      assertEquals([name, by, error?.code], [name, "server", "WS_PING_TIMEOUT"]);
      // Also while it does not read.
      if (server.sockets !== undefined) await until(() => server.sockets!() === 0, "the cut");
      client.peer.resume();
      await until(() => client.peer.gone, "the cut");
      assertEquals(client.complete, false);
      assertEquals(errors, []);
    } finally {
      await server.close();
    }
  }
});

test("what is sent at once goes out in one piece", async () => {
  const { source, read } = await inMemory();
  const reading = read();
  source.send("a", { id: "1" });
  source.send("b", { id: "2" });
  assertEquals(await reading, "id: 1\ndata: a\n\nid: 2\ndata: b\n\n");
  source.terminate();
});

test("send waits above the high-water mark, and close for what was sent", async () => {
  const { source, read, reader } = await inMemory({ highWaterMark: 10 });
  const sent: string[] = [];
  source.send("1").then(() => sent.push("first"));
  source.send("2").then(() => sent.push("second"));
  await sleep(0);
  assertEquals([sent, source.bufferedAmount, source.trySend("3")], [["first"], 18, false]);
  const closed = source.close();
  assertEquals(source.readyState, 2);
  await assertRejects(() => source.send("4"), WebSocketError);
  assertEquals(await read(), "data: 1\n\ndata: 2\n\n");
  assertEquals(await within(closed, "the end"), { by: "server" });
  assertEquals(sent, ["first", "second"]);
  assertEquals((await reader.read()).done, true);
  assertEquals(source.readyState, 3);
});

test("limits cut a stream: bytes that wait, and the time to close", async () => {
  const full = await inMemory({ maxBufferedBytes: 2048 });
  full.source.send("x".repeat(1000));
  await assertRejects(() => full.source.send("x".repeat(2000)), WebSocketError);
  assertEquals((await full.source.closed).error?.code, "WS_SEND_BUFFER_FULL");
  await assertRejects(() => full.reader.read(), WebSocketError);

  const slow = await inMemory({ closeTimeoutMs: 30 });
  slow.source.send("x");
  assertEquals((await within(slow.source.close(), "the end")).error?.code, "WS_CLOSE_TIMEOUT");

  const { source: unread } = await acceptEventSource(request(), { closeTimeoutMs: 30 });
  const { error } = await within(unread!.closed, "the end of what nobody reads");
  assertEquals(error?.code, "WS_CONNECTION_LOST");

  const cut = await inMemory();
  cut.source.terminate();
  assertEquals((await cut.source.closed).error?.code, "WS_TERMINATED");
});

test("the callbacks of a stream are called in order; drain when all has left that waited", async () => {
  const calls: string[] = [];
  const handler: EventSourceHandler = {
    open: (source) => {
      calls.push("open");
      source.send("x".repeat(100));
    },
    drain: (source) => {
      calls.push("drain");
      source.close();
    },
    close: (_, { by }) => calls.push(`close by ${by}`),
  };
  const response = await upgradeEventSource(request(), handler, { highWaterMark: 50 });
  await within(response.text(), "the response");
  assertEquals(calls, ["open", "drain", "close by server"]);
});

test("a handler that throws cuts the stream and is reported; one that stumbles over the end is not", async () => {
  const errors: unknown[] = [];
  const options = { onError: (error: unknown) => errors.push(error), pingIntervalMs: 0 };
  for (
    const handler of [
      () => {
        throw new Error("mine");
      },
      () => Promise.reject(new Error("mine")),
      {
        open: () => {
          throw new Error("mine");
        },
      },
    ] as EventSourceHandler[]
  ) {
    const response = await upgradeEventSource(request(), handler, options);
    await assertRejects(() => within(response.text(), "the response"));
  }
  assertEquals(errors.map((error) => (error as Error).message), ["mine", "mine", "mine"]);
  const started = new Inbox<EventSourceConnection>();
  const response = await upgradeEventSource(
    request(),
    async (source) => {
      started.push(source);
      for (;;) await source.send("x".repeat(1000));
    },
    { ...options, highWaterMark: 100 },
  );
  const source = await started.next();
  await response.body!.cancel();
  assertEquals((await within(source.closed, "the end")).by, "client");
  await sleep(0);
  assertEquals(errors.length, 3);
});

test("a signal closes streams in order, and leaves no listener behind", async () => {
  const stop = new AbortController();
  let listeners = 0;
  const { signal } = stop;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = ((...args: Parameters<typeof add>) => {
    listeners++;
    add(...args);
  }) as typeof signal.addEventListener;
  signal.removeEventListener = ((...args: Parameters<typeof remove>) => {
    listeners--;
    remove(...args);
  }) as typeof signal.removeEventListener;
  const left = await inMemory({ signal });
  assertEquals(listeners, 1);
  await left.reader.cancel();
  assertEquals((await left.source.closed).by, "client");
  assertEquals(listeners, 0);
  const { source, read, reader } = await inMemory({ signal });
  source.send("goodbye");
  stop.abort();
  assertEquals(await read(), "data: goodbye\n\n");
  assertEquals(await source.closed, { by: "server" });
  assertEquals((await reader.read()).done, true);
});

test("no timer outlives a stream, however it ends", async () => {
  // deno-lint-ignore no-explicit-any -- the signatures differ between runtimes
  const timers = globalThis as Record<string, any>;
  const originals = Object.fromEntries(
    ["setTimeout", "setInterval", "clearTimeout", "clearInterval"].map((name) =>
      [name, timers[name]] as const
    ),
  );
  const running = new Set<unknown>();
  for (const name of ["setTimeout", "setInterval"]) {
    timers[name] = (callback: () => void, ms: number) => {
      const timer = originals[name](() => {
        if (name === "setTimeout") running.delete(timer);
        callback();
      }, ms);
      running.add(timer);
      return timer;
    };
  }
  for (const name of ["clearTimeout", "clearInterval"]) {
    timers[name] = (timer: unknown) => {
      running.delete(timer);
      originals[name](timer);
    };
  }
  const most: number[] = [];
  try {
    for (
      const end of [
        (source: EventSourceConnection) => source.terminate(),
        (source: EventSourceConnection) => source.send("x".repeat(10_000)),
        (_: EventSourceConnection, reader: ReadableStreamDefaultReader) => reader.cancel(),
        async (source: EventSourceConnection, reader: ReadableStreamDefaultReader) => {
          const closed = source.close();
          while (!(await reader.read()).done);
          await closed;
        },
      ]
    ) {
      const { response, source } = await acceptEventSource(request(), { maxBufferedBytes: 9000 });
      const reader = response.body!.getReader();
      await reader.read();
      source!.send("x".repeat(1000));
      source!.send("y");
      await reader.read();
      source!.send("z"); // it waits, so that the time is taken
      most.push(running.size);
      await Promise.resolve(end(source!, reader)).catch(() => {});
      await source!.closed;
      assertEquals(running.size, 0);
    }
  } finally {
    Object.assign(timers, originals);
  }
  assertEquals(most, [2, 2, 2, 2]); // pings, and the time that nothing is taken
});

test("nothing can be smuggled into an event", async () => {
  const { source, read } = await inMemory();
  const bad: [name: string, value: unknown][] = [
    ...["\n", "\r", "\r\n", "\0", "a\ndata: b"].map((value): [string, unknown] => ["id", value]),
    ...["\n", "\r", "\0", "a\rb"].map((value): [string, unknown] => ["event", value]),
    ["id", 1],
    ["event", null],
  ];
  for (const [name, value] of bad) {
    const options = { [name]: value } as { id?: string };
    assertThrows(() => source.send("x", options), TypeError, `"${name}"`);
    assertThrows(() => source.trySend("x", options), TypeError, `"${name}"`);
  }
  for (const data of [undefined, null, 1, {}, new Uint8Array(1)]) {
    assertThrows(() => source.send(data as string), TypeError, "expected a string");
  }
  for (const ms of [-1, 1.5, NaN, Infinity, "1"]) {
    assertThrows(() => source.retry(ms as number), RangeError);
  }
  assertEquals(source.bufferedAmount, 0);
  source.comment("x\ndata: y\r\revent: z");
  assertEquals(await read(), ": x\n: data: y\n: \n: event: z\n\n");
  source.send("x\r\n\r\ndata: y\n\nid: 1\u2028\u0085");
  assertEquals(await read(), "data: x\ndata: \ndata: data: y\ndata: \ndata: id: 1\u2028\u0085\n\n");
  source.terminate();
});

test("the last event's id is decoded if it is UTF-8, and taken as it is if not", async () => {
  const latin1 = (text: string) => String.fromCharCode(...new TextEncoder().encode(text));
  for (
    const [field, id] of [
      ["7", "7"],
      [latin1("é€😀"), "é€😀"],
      ["\xff\xfe", "\xff\xfe"],
      ["a b,c", "a b,c"],
    ]
  ) {
    const { source } = await inMemory({}, { "last-event-id": field });
    assertEquals(source.lastEventId, id);
    source.terminate();
  }
  assertEquals((await inMemory()).source.lastEventId, "");
});

test("isEventSource looks at the method and the Accept field, of either kind of request", () => {
  const asks = (accept: string, method = "GET") => [
    isEventSource(new Request("http://x/", { method, headers: { accept } })),
    isEventSource({ method, headers: { accept } }),
  ];
  for (const accept of ["text/event-stream", "text/html, TEXT/Event-Stream;q=0.5"]) {
    assertEquals(asks(accept), [true, true]);
    assertEquals(asks(accept, "POST"), [false, false]);
  }
  for (const accept of ["*/*", "text/html", "text/event-stream;q=0", "text/event-streams", ""]) {
    assertEquals(asks(accept), [false, false]);
  }
  assertEquals(isEventSource({ method: "GET", headers: {} }), false);
});

test("CORS: origins are listed, checked or computed; credentials only when told", async () => {
  const answer = async (options: EventSourceOptions, origin?: string) => {
    const { response, source } = await acceptEventSource(
      request(origin === undefined ? {} : { origin }),
      options,
    );
    source?.terminate();
    const allowed = response.headers.get("access-control-allow-origin");
    return [response.status, allowed, response.headers.get("access-control-allow-credentials")];
  };
  const a = "https://a.example";
  assertEquals(await answer({}, a), [200, null, null]);
  assertEquals(await answer({ origins: [a] }, a), [200, a, null]);
  assertEquals(await answer({ origins: [a], credentials: true }, a), [200, a, "true"]);
  assertEquals(await answer({ origins: [a] }), [200, null, null]);
  assertEquals(await answer({ origins: [a] }, "https://b.example"), [403, null, null]);
  assertEquals(await answer({ origins: "same-origin" }, a), [403, null, null]);
  assertEquals(await answer({ origins: (origin) => Promise.resolve(origin === a) }, a), [
    200,
    a,
    null,
  ]);
  const errors: unknown[] = [];
  const onError = (error: unknown) => errors.push(error);
  const boom = () => {
    throw new Error("boom");
  };
  assertEquals((await answer({ origins: boom, onError }, a))[0], 500);
  assertEquals((await answer({ verify: boom, onError }))[0], 500);
  assertEquals(errors.length, 2);
  assertEquals((await answer({ verify: () => new Response(null, { status: 204 }) }))[0], 204);
  assertEquals((await answer({ verify: () => undefined }))[0], 200);
});

test("options and handlers that do not exist or are out of range are refused", async () => {
  const bad: [object, typeof TypeError | typeof RangeError, string][] = [
    [{ ping: 1 }, TypeError, '"ping"'],
    [{ retryMs: -1 }, RangeError, '"retryMs"'],
    [{ retryMs: "1" }, TypeError, '"retryMs"'],
    [{ pingIntervalMs: 1.5 }, RangeError, '"pingIntervalMs"'],
    [{ stallTimeoutMs: 2 ** 31 }, RangeError, '"stallTimeoutMs"'],
    [{ highWaterMark: NaN }, RangeError, '"highWaterMark"'],
    [{ credentials: 1 }, TypeError, '"credentials"'],
    [{ verify: 1 }, TypeError, '"verify"'],
    [{ origins: ["*"] }, TypeError, "origins"],
    [{ onError: 1 }, TypeError, '"onError"'],
    [{ signal: {} }, TypeError, '"signal"'],
    [{ headers: { "content-type": "text/html" } }, TypeError, "content-type"],
  ];
  for (const [options, type, message] of bad) {
    assertThrows(() => onEventSource({}, options), type, message);
    await assertRejects(() => acceptEventSource(request(), options), type, message);
  }
  const wrong = { message() {} } as unknown as EventSourceHandler;
  assertThrows(() => onEventSource(wrong), TypeError, '"message"');
  await assertRejects(() => upgradeEventSource(request(), wrong), TypeError, '"message"');
  await assertRejects(() => upgradeEventSource(request(), 1 as never), TypeError, "handler");
  const noFunction = { open: 1 } as unknown as EventSourceHandler;
  assertThrows(() => onEventSource(noFunction), TypeError, '"open" must be a function');
  await assertRejects(() => upgradeEventSource(request(), noFunction), TypeError, '"open"');
});

test("a server that shuts down with its signal leaves no stream open", async () => {
  const stop = new AbortController();
  const sources = new Inbox<EventSourceConnection>();
  const handler = { open: (source: EventSourceConnection) => sources.push(source) };
  const server = await serve({}, {
    port: 0,
    signal: stop.signal,
    fetch: (request) => upgradeEventSource(request, handler, { signal: stop.signal }),
  });
  const client = await StreamReader.open(server.port);
  const source = await sources.next();
  await client.until("retry");
  stop.abort();
  await until(() => client.complete, "the end of the response");
  assertEquals(source.readyState, 3);
  client.peer.end();
  await within(server.closed, "the server's end", 5000);
});
