import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { test } from "node:test";
import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { upgradeWebSocket as upgradeOnBun, websocket } from "../../src/adapters/bun/mod.ts";
import { connect } from "../../src/adapters/client.ts";
import { upgradeWebSocket as upgradeOnDeno } from "../../src/adapters/deno/mod.ts";
import { serve } from "../../src/adapters/serve.ts";
import {
  ACCESS_CHANNELS,
  consoleSink,
  createLog,
  DEFAULT_CHANNELS,
  diagnosticsSink,
  formatJson,
  formatText,
  type Log,
  LOG_CHANNELS,
  type LogChannel,
  type LogOptions,
  type LogRecord,
} from "../../src/server/mod.ts";
import { serveBun } from "../adapters/support/bun_server.ts";
import { serveDeno } from "../adapters/support/deno_server.ts";
import { RawPeer } from "../adapters/support/raw.ts";
import { RUNTIME } from "../adapters/support/runtime.ts";
import { until, within } from "../adapters/support/waiting.ts";

/** A log that keeps its records. */
function keeping(options: LogOptions = {}): { log: Log; records: LogRecord[] } {
  const records: LogRecord[] = [];
  return { log: createLog({ sink: (record) => void records.push(record), ...options }), records };
}

/** One of everything that a server can meet; `onMessage` runs in the middle of it. */
async function scenario(log: Log, onMessage = () => {}): Promise<void> {
  const server = await serve({
    message(socket, data) {
      if (data === "fail") throw new Error("the handler's own");
      onMessage();
      socket.send(data);
    },
  }, {
    port: 0,
    pingIntervalMs: 0,
    observer: log,
    onError: () => {},
    fetch: () => new Response("hi"),
    verify: (request) =>
      request.url.includes("closed") ? new Response("", { status: 403 }) : undefined,
  });
  try {
    const http = server.url.replace("ws", "http");
    await (await fetch(`${http}/page?token=1`, { headers: { "user-agent": "test" } })).text();
    await assertRejects(() => connect(`${server.url}/closed`));
    const socket = await connect(`${server.url}/open?token=1`, {
      headers: { "user-agent": "test", authorization: "Bearer 1", origin: "https://example.com" },
    });
    const messages = socket[Symbol.asyncIterator]();
    await socket.send("text");
    assertEquals((await within(messages.next(), "the echo")).value, "text");
    await socket.send(Uint8Array.of(1, 2, 3));
    await within(messages.next(), "the echo");
    await within(socket.ping("?"), "the pong");
    await within(socket.close(3001, "bye"), "the end");
    const failing = await connect(server.url);
    await failing.send("fail");
    await within(failing.closed, "the end");
    const breaking = await RawPeer.open(server.port);
    breaking.write(Uint8Array.of(0x83, 0x80, 0, 0, 0, 0));
    await breaking.readToEnd();
    breaking.destroy();
    const lost = await RawPeer.open(server.port);
    lost.destroy();
    await until(() => server.connections.size === 0, "the last connection's end");
  } finally {
    await within(server.close(), "the server's end");
  }
}

/** What a record says, without what differs from run to run. */
function told({ time, connection, remoteAddress, durationMs, error, ...rest }: LogRecord): object {
  assert(time > 1e12 && Math.abs(Date.now() - time) < 60_000);
  assert(connection === undefined || Number.isInteger(connection));
  if (remoteAddress !== undefined) assertMatch(remoteAddress, /127\.0\.0\.1$/);
  assert(durationMs === undefined || durationMs >= 0);
  void error;
  return rest;
}

test("a log has one record for each thing that happens, on its channel", async () => {
  const { log, records } = keeping({ channels: "all" });
  await scenario(log);
  const on = (channel: LogChannel) =>
    records.filter((record) => record.channel === channel).map(told);
  const server = { role: "server" } as const;
  const text = { ...server, channel: "messageHeader", message: "message" };

  assertEquals(on("connect")[0], {
    ...server,
    channel: "connect",
    message: "opened",
    path: "/open",
    origin: "https://example.com",
    userAgent: "test",
    status: 101,
  });
  assertEquals(on("connect").length, 4);
  assertEquals(
    on("disconnect").map((record) => {
      const { closeCode, reason, sentCode, sentReason, wasClean, code } = record as LogRecord;
      return [closeCode, reason, sentCode, sentReason, wasClean, code];
    }),
    [
      [3001, "bye", 3001, "bye", true, undefined],
      [1006, "", 1011, "the handler failed", false, "WS_HANDLER_FAILED"],
      [1006, "", 1002, "a frame has a reserved opcode", false, "WS_OPCODE_RESERVED"],
      [1006, "", undefined, undefined, false, "WS_CONNECTION_LOST"],
    ],
  );
  assertEquals(on("messageHeader").slice(0, 4), [
    { ...text, direction: "in", type: "text", length: 4 },
    { ...text, direction: "out", type: "text", length: 4 },
    { ...text, direction: "in", type: "binary", length: 3 },
    { ...text, direction: "out", type: "binary", length: 3 },
  ]);
  assertEquals(
    on("messagePayload").slice(0, 3).map((record) => (record as LogRecord).payload),
    ["text", "text", Uint8Array.of(1, 2, 3)],
  );
  assertEquals(on("frameHeader")[0], {
    ...server,
    channel: "frameHeader",
    message: "frame",
    direction: "in",
    opcode: 1,
    fin: true,
    rsv1: false,
    rsv2: false,
    rsv3: false,
    masked: true,
    length: 4,
  });
  assertEquals(on("framePayload")[0], {
    ...server,
    channel: "framePayload",
    message: "payload",
    direction: "in",
    opcode: 1,
    length: 4,
    payload: new TextEncoder().encode("text"),
  });
  assertEquals(on("control").slice(0, 2), [
    {
      ...server,
      channel: "control",
      message: "ping",
      direction: "in",
      type: "ping",
      length: 1,
      payload: Uint8Array.of(63),
    },
    {
      ...server,
      channel: "control",
      message: "pong",
      direction: "out",
      type: "pong",
      length: 1,
      payload: Uint8Array.of(63),
    },
  ]);
  assertEquals(on("close").slice(0, 2), [
    {
      ...server,
      channel: "close",
      message: "close frame",
      direction: "in",
      closeCode: 3001,
      reason: "bye",
    },
    {
      ...server,
      channel: "close",
      message: "close frame",
      direction: "out",
      closeCode: 3001,
      reason: "bye",
    },
  ]);
  assertEquals(on("http"), [{
    ...server,
    channel: "http",
    message: "request",
    method: "GET",
    path: "/page",
    status: 200,
    userAgent: "test",
    complete: true,
  }]);
  const [fail] = on("fail") as LogRecord[];
  assertEquals([fail.code, fail.status, fail.path], ["WS_VERIFY_REFUSED", 403, "/closed"]);
  assertEquals(on("endpoint").map((record) => (record as LogRecord).state), [
    "listening",
    "closing",
    "closed",
  ]);
  const heads = on("handshake") as LogRecord[];
  assertEquals(
    heads.slice(0, 4).map(({ direction, message, status, method, path }) => [
      direction,
      message,
      status ?? method,
      path,
    ]),
    [
      ["in", "request", "GET", "/closed"],
      ["out", "response", 403, undefined],
      ["in", "request", "GET", "/open"],
      ["out", "response", 101, undefined],
    ],
  );
  assertEquals(heads[2].headers!.authorization, "[secret]");
  assertEquals(heads[2].headers!["sec-websocket-version"], "13");
  assertEquals(
    LOG_CHANNELS.filter((channel) => !ACCESS_CHANNELS.includes(channel as "app"))
      .map((level) => on(level).map((record) => (record as LogRecord).code)),
    [[], [], ["WS_CONNECTION_LOST"], ["WS_OPCODE_RESERVED"], ["WS_HANDLER_FAILED"], []],
  );
  const ids = new Set(records.map(({ connection }) => connection));
  assertEquals(ids.size, 6); // five tried to connect, and some records are of none
});

test("each channel is on or off by itself", async () => {
  const quiet: LogChannel[] = ["app", "devel", "debug", "library", "fatal"];
  for (const channel of LOG_CHANNELS) {
    const { log, records } = keeping({ channels: [channel] });
    await scenario(log);
    assertEquals(
      [...new Set(records.map(({ channel }) => channel))],
      quiet.includes(channel) ? [] : [channel],
    );
  }
  const { log, records } = keeping({ channels: [] });
  await scenario(log);
  assertEquals(records, []);
});

test("channels are switched while a connection is open", async () => {
  const { log, records } = keeping({ channels: [] });
  let messages = 0;
  await scenario(log, () => {
    if (++messages === 1) log.enable("frameHeader", "messageHeader");
    else log.disable("messageHeader");
  });
  assertEquals(
    records.slice(0, 4).map(({ channel, direction, opcode, length }) => [
      channel,
      direction,
      opcode,
      length,
    ]),
    [
      ["frameHeader", "out", 1, 4],
      ["messageHeader", "out", undefined, 4],
      ["frameHeader", "in", 2, 3],
      ["messageHeader", "in", undefined, 3],
    ],
  );
  assertEquals(records.filter(({ channel }) => channel === "messageHeader").length, 2);
  assertEquals(log.channels, ["frameHeader"]);
});

test("a client's log has its side", async () => {
  const { log, records } = keeping({ channels: "all" });
  await using server = await serve({}, { port: 0 });
  const socket = await connect(`${server.url}/x`, { observer: log });
  await within(socket.ping(), "the pong");
  await within(socket.close(), "the end");
  await assertRejects(() => connect("ws://127.0.0.1:1/none", { observer: log }));
  assertEquals(
    records.map(({ role, channel, direction }) => [role, channel, direction]),
    [
      ...[["handshake", "out"], ["handshake", "in"], ["connect", undefined]],
      ...[["frameHeader", "out"], ["framePayload", "out"], ["control", "out"]],
      ...[["frameHeader", "in"], ["framePayload", "in"], ["control", "in"], ["devel", undefined]],
      ...[["frameHeader", "out"], ["framePayload", "out"], ["control", "out"], ["close", "out"]],
      ...[["frameHeader", "in"], ["framePayload", "in"], ["control", "in"], ["close", "in"]],
      ...[["disconnect", undefined], ["fail", undefined]],
    ].map((row) => ["client", ...row]),
  );
  assertEquals(records.at(-1)!.code, "WS_CONNECT_FAILED");
});

test("payloads are copied and cut, and secrets kept out unless they are asked for", async () => {
  const { log, records } = keeping({ channels: "all", maxPayloadBytes: 2, secrets: true });
  await scenario(log);
  const payloads = records.filter(({ channel }) => channel === "messagePayload");
  assertEquals(
    payloads.slice(0, 3).map(({ payload, length, truncated }) => [payload, length, truncated]),
    [
      ["te", 4, true],
      ["te", 4, true],
      [Uint8Array.of(1, 2), 3, true],
    ],
  );
  const frames = records.filter(({ channel }) => channel === "framePayload");
  assertEquals(frames[0].payload, new TextEncoder().encode("te"));
  assertEquals((frames[0].payload as Uint8Array).buffer.byteLength, 2, "a copy");
  const request = records.find(({ channel, headers }) =>
    channel === "handshake" && headers?.authorization
  );
  assertEquals([request!.headers!.authorization, request!.path], ["Bearer 1", "/open?token=1"]);
});

test("a sink that throws keeps nothing from the others, and is reported once", async () => {
  const records: LogRecord[] = [];
  const errors: unknown[] = [];
  const log = createLog({
    channels: ["messageHeader"],
    sink: [() => {
      throw new Error("disk full");
    }, (record) => void records.push(record)],
  });
  const onError = (error: unknown) => errors.push(error);
  await using server = await serve({ message: (socket, data) => socket.send(data) }, {
    port: 0,
    observer: log,
    onError,
  });
  await using socket = await connect(server.url);
  const messages = socket[Symbol.asyncIterator]();
  for (const word of ["a", "b", "c"]) {
    await socket.send(word);
    assertEquals((await within(messages.next(), "the echo")).value, word);
  }
  assertEquals(records.length, 6);
  assertEquals(errors.map((error) => (error as Error).message), ["disk full"]);
});

test("the console sink writes one line for each record, as text or as JSON", () => {
  for (const format of ["text", "json"] as const) {
    const lines: string[] = [];
    const log = createLog({
      channels: "all",
      sink: consoleSink({ format, write: (line) => lines.push(line) }),
    });
    log.write("app", "two\nlines\x1b[2J\u202e", {
      reason: 'a "quoted" = one\r\nfake\u009b',
      payload: Uint8Array.of(0, 255),
      closeCode: 1000,
      data: { big: 1n, none: undefined },
    });
    assertEquals(lines.length, 1);
    // deno-lint-ignore no-control-regex -- they are what must not be there
    assert(!/[\x00-\x1f\x7f-\x9f\u2028\u202e]/.test(lines[0]), lines[0]);
    if (format === "json") {
      const { time, ...rest } = JSON.parse(lines[0]);
      assert(Math.abs(Date.parse(time) - Date.now()) < 60_000);
      assertEquals(rest, {
        channel: "app",
        message: "two\nlines\x1b[2J\u202e",
        reason: 'a "quoted" = one\r\nfake\u009b',
        payload: "00ff",
        closeCode: 1000,
        data: { big: "1" },
      });
    }
  }
  const time = Date.UTC(2026, 10, 20, 12);
  assertEquals(
    formatText({
      time,
      channel: "close",
      message: "close frame",
      connection: 7,
      role: "server",
      direction: "in",
      closeCode: 1000,
      reason: "",
      durationMs: 1.23456,
    }),
    '2026-11-20T12:00:00.000Z close server#7 in: close frame closeCode=1000 reason="" durationMs=1.235',
  );
  const circular: Record<string, unknown> = {};
  circular.self = circular;
  assertEquals(
    formatJson({ time, channel: "app", message: "m", data: circular, error: new TypeError("x") }),
    '{"time":"2026-11-20T12:00:00.000Z","channel":"app","message":"m","data":"[unprintable]",' +
      '"error":{"name":"TypeError","message":"x"}}',
  );
});

test("diagnostics channels publish only where somebody has subscribed", async () => {
  const log = createLog({ channels: "all", sink: diagnosticsSink() });
  assertEquals(LOG_CHANNELS.filter((channel) => log.isEnabled(channel)), []);
  assertEquals(log.wants("frame"), false);
  const published: LogRecord[] = [];
  const take = (record: unknown) => void published.push(record as LogRecord);
  subscribe("fullduplex:frameHeader", take);
  subscribe("fullduplex:disconnect", take);
  try {
    assertEquals(LOG_CHANNELS.filter((channel) => log.isEnabled(channel)), [
      "disconnect",
      "frameHeader",
    ]);
    await scenario(log);
  } finally {
    unsubscribe("fullduplex:frameHeader", take);
    unsubscribe("fullduplex:disconnect", take);
  }
  assertEquals(published.filter(({ channel }) => channel === "disconnect").length, 4);
  assert(published.some(({ channel, opcode }) => channel === "frameHeader" && opcode === 9));
  assertEquals(log.isEnabled("disconnect"), false);
});

test("the application writes records of its own, and errors with onError", () => {
  const { log, records } = keeping();
  log.write("app", "hello", { data: { n: 1 } });
  log.write("debug", "not on");
  log.onError(new Error("oops"));
  log.onError("odd");
  assertEquals(records.map(told), [
    { channel: "app", message: "hello", data: { n: 1 } },
    { channel: "error", message: "oops" },
    { channel: "error", message: "odd" },
  ]);
  assertEquals(log.channels, LOG_CHANNELS.filter((name) => DEFAULT_CHANNELS.includes(name)));
});

test("a log refuses channels, sinks and options that do not exist", () => {
  const wrong = (options: object) => () => createLog(options as LogOptions);
  assertThrows(wrong({ level: "info" }), TypeError, '"level"');
  assertThrows(wrong({ channels: ["frame_header"] }), TypeError, '"frame_header"');
  assertThrows(wrong({ channels: "connect" }), TypeError, '"channels"');
  assertThrows(wrong({ sink: "console" }), TypeError, '"sink"');
  assertThrows(wrong({ sink: [null] }), TypeError, '"sink"');
  assertThrows(wrong({ maxPayloadBytes: -1 }), RangeError, '"maxPayloadBytes"');
  assertThrows(wrong({ secrets: 1 }), TypeError, '"secrets"');
  assertThrows(() => createLog().enable("nothing" as "app"), TypeError, '"nothing"');
  assertThrows(() => createLog().write("nothing" as "app", ""), TypeError, '"nothing"');
  assertThrows(() => consoleSink({ format: "xml" as "json" }), TypeError, '"format"');
  assertThrows(() => consoleSink({ write: 1 as unknown as () => void }), TypeError, '"write"');
});

test("on a runtime's own socket a log has all but frames, and says so beforehand", {
  skip: RUNTIME === "node" && "Node.js has no WebSocket server of its own",
}, async () => {
  const { log, records } = keeping({ channels: "all" });
  let frameEvents: boolean | undefined;
  const handler = {
    message(socket: { send(data: unknown): unknown }, data: unknown) {
      socket.send(data);
    },
    open(socket: { capabilities: { frameEvents: boolean } }) {
      ({ frameEvents } = socket.capabilities);
    },
  };
  const options = {
    observer: log,
    pingIntervalMs: 0,
    verify: (request: { url: string }) =>
      request.url.endsWith("/no") ? new Response("", { status: 401 }) : undefined,
  };
  const server = RUNTIME === "deno"
    ? serveDeno((request, info) => upgradeOnDeno(request, handler as never, options, info))
    : serveBun(
      websocket,
      (request, server) => upgradeOnBun(request, server, handler as never, options),
    );
  try {
    const socket = await connect(server.url);
    await socket.send("hé");
    await within(socket[Symbol.asyncIterator]().next(), "the echo");
    await within(socket.close(3000, "bye"), "the end");
    await until(() => records.some(({ channel }) => channel === "disconnect"), "the end");
    await assertRejects(() => connect(`${server.url}/no`));
    await until(() => records.some(({ channel }) => channel === "fail"), "the refusal");
  } finally {
    await server.close();
  }
  assertEquals(frameEvents, false);
  const kinds = records.map(({ channel, direction, length, closeCode, status }) =>
    [channel, direction, length ?? closeCode ?? status].filter((part) => part !== undefined).join(
      " ",
    )
  );
  assertEquals(kinds.filter((kind) => !kind.startsWith("close")), [
    "handshake in",
    "handshake out 101",
    "connect 101",
    "messageHeader in 3",
    "messagePayload in 3",
    "messageHeader out 3",
    "messagePayload out 3",
    "disconnect 3000",
    "handshake in",
    "handshake out 401",
    "fail 401",
  ]);
  assert(kinds.includes("close in 3000"), kinds.join());
});
