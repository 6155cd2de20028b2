import { test } from "node:test";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { zlibCodec } from "../../src/adapters/zlib/mod.ts";
import type { ConnectionObserver, ObservedConnection } from "../../src/api/observer.ts";
import { prepareMessage } from "../../src/api/prepared_message.ts";
import { utf8Length } from "../../src/api/seen_message.ts";
import { setupServer } from "../../src/api/server_opening.ts";
import { acceptWebSocket, connectWebSocket } from "../../src/api/stream.ts";
import { Engine, type EngineSink } from "../../src/connection/mod.ts";
import { ObservedFrames } from "../../src/connection/observed_frames.ts";
import { FrameWriter } from "../../src/frames/mod.ts";
import { MemoryPeer } from "../support/memory_peer.ts";
import {
  acceptPeer,
  closeFrame,
  connectPeer,
  handlePeer,
  joined,
  masked,
  OP,
  plain,
  soon,
  take,
  text,
  until,
} from "./ends.ts";

/** An observer that writes one line per event. */
function recorder(): { lines: string[]; observer: ConnectionObserver; ids: Set<number> } {
  const lines: string[] = [];
  const ids = new Set<number>();
  const shown = (data: string | Uint8Array | undefined) =>
    data === undefined ? "streamed" : typeof data === "string" ? `"${data}"` : `[${data}]`;
  const note = (connection: ObservedConnection, line: string): void => {
    ids.add(connection.id);
    lines.push(line);
  };
  const observer: ConnectionObserver = {
    handshake: (c, { direction, method, status, headers }) =>
      note(c, `${direction} ${method ?? status} ${headers.get("upgrade")}`),
    open: (c, ms) => note(c, `open ${c.role} ${c.url} ${ms >= 0} ${c.socket!.readyState}`),
    refuse: (c, error, ms) => note(c, `refuse ${error.code} ${error.status} ${ms >= 0}`),
    frame: (c, { direction, opcode, fin, rsv1, masked, length }) =>
      note(c, `${direction} frame ${opcode} ${fin} ${rsv1} ${masked} ${length}`),
    framePayload: (c, { direction }, bytes) => note(c, `${direction} payload [${bytes}]`),
    control: (c, { direction, type, payload }) => note(c, `${direction} ${type} [${payload}]`),
    roundTrip: (c, ms) => note(c, `round trip ${ms >= 0}`),
    message: (c, { direction, type, length, data }) =>
      note(c, `${direction} ${type} ${length} ${shown(data)}`),
    closing: (c, { direction, closeCode, reason }) =>
      note(c, `${direction} closing ${closeCode} ${reason}`),
    error: (c, error) => note(c, `error ${error.code}`),
    close: (c, { closeCode, sentCode, sentReason, wasClean, durationMs }) =>
      note(c, `close ${closeCode} ${sentCode} ${sentReason} ${wasClean} ${durationMs >= 0}`),
  };
  return { lines, observer, ids };
}

test("an observer of a server sees everything in the order in which it happens", async () => {
  const { lines, observer, ids } = recorder();
  const { socket, peer } = await acceptPeer({ observer });
  peer.write(masked(text("hé"), { opcode: OP.PING, payload: "p" }));
  assertEquals(await soon(take(socket, 1), "the message"), ["hé"]);
  await socket.send(Uint8Array.of(7, 8));
  peer.write(masked(closeFrame(3000, "bye")));
  peer.end();
  await soon(socket.closed, "the end");
  assertEquals(lines, [
    "in GET websocket",
    "out 101 websocket",
    "open server ws://example.com/ true 1",
    "in frame 1 true false true 3",
    "in payload [104,195,169]",
    'in text 3 "hé"',
    "in frame 9 true false true 1",
    "in payload [112]",
    "in ping [112]",
    "out frame 10 true false false 1",
    "out payload [112]",
    "out pong [112]",
    "out frame 2 true false false 2",
    "out payload [7,8]",
    "out binary 2 [7,8]",
    "in frame 8 true false true 5",
    "in payload [11,184,98,121,101]",
    "in close [11,184,98,121,101]",
    "in closing 3000 bye",
    "out frame 8 true false false 5",
    "out payload [11,184,98,121,101]",
    "out close [11,184,98,121,101]",
    "out closing 3000 bye",
    "close 3000 3000 bye true true",
  ]);
  assertEquals(ids.size, 1);
});

test("an observer of a client sees its side, and the round trip of a ping", async () => {
  const { lines, observer } = recorder();
  const { socket, peer } = await connectPeer({ observer });
  const pong = socket.ping("x");
  await until(() => lines.includes("out ping [120]"), "the ping went");
  peer.write(plain({ opcode: OP.PONG, payload: "x" }, text("")));
  assert(await soon(pong, "the pong") >= 0);
  await soon(take(socket, 1), "the message");
  socket.close(1001);
  peer.write(plain(closeFrame(1001)));
  peer.end();
  await soon(socket.closed, "the end");
  assertEquals(lines, [
    "out GET websocket",
    "in 101 websocket",
    "open client ws://example.com/ true 1",
    "out frame 9 true false true 1",
    "out payload [120]",
    "out ping [120]",
    "in frame 10 true false false 1",
    "in payload [120]",
    "in pong [120]",
    "round trip true",
    "in frame 1 true false false 0",
    'in text 0 ""',
    "out frame 8 true false true 2",
    "out payload [3,233]",
    "out close [3,233]",
    "out closing 1001 ",
    "in frame 8 true false false 2",
    "in payload [3,233]",
    "in close [3,233]",
    "in closing 1001 ",
    "close 1001 1001  true true",
  ]);
});

test("fragments and chunks are seen as they come, the message as a whole", async () => {
  const { lines, observer } = recorder();
  const { socket, peer } = await acceptPeer({ observer });
  const bytes = masked(
    { opcode: OP.BINARY, fin: false, payload: Uint8Array.of(1, 2) },
    { opcode: OP.PING, payload: "pq" },
    { opcode: OP.CONT, payload: Uint8Array.of(3) },
  );
  for (const byte of bytes) peer.write(Uint8Array.of(byte));
  await soon(take(socket, 1), "the message");
  assertEquals(lines.slice(3).filter((line) => line.startsWith("in")), [
    "in frame 2 false false true 2",
    "in payload [1]",
    "in payload [2]",
    "in frame 9 true false true 2",
    "in payload [112]",
    "in payload [113]",
    "in ping [112,113]",
    "in frame 0 true false true 1",
    "in payload [3]",
    "in binary 3 [1,2,3]",
  ]);
  socket.terminate();
});

test("text in fragments is as long as its bytes, and no longer for what came before", async () => {
  const { lines, observer } = recorder();
  const { socket, peer } = await acceptPeer({ observer });
  const [first, second] = [Uint8Array.of(0xe2, 0x82), Uint8Array.of(0xac, 0x61)];
  peer.write(masked(
    text("before"),
    { opcode: OP.TEXT, fin: false, payload: first },
    { opcode: OP.PING, payload: "in between" },
    { opcode: OP.CONT, payload: second },
    text(""),
  ));
  await soon(take(socket, 3), "the messages");
  await Promise.all([socket.send("€a"), socket.send("b", { type: "binary" })]);
  assertEquals(lines.filter((line) => / (text|binary) /.test(line)), [
    'in text 6 "before"',
    'in text 4 "€a"',
    'in text 0 ""',
    'out text 4 "€a"',
    "out binary 1 [98]",
  ]);
  socket.terminate();
});

test("a compressed message has its wire length as a frame and its own as a message", async () => {
  const frames: [string, boolean, number][] = [];
  const messages: [string, number][] = [];
  const observer: ConnectionObserver = {
    frame: (_, { direction, rsv1, length }) => void frames.push([direction, rsv1, length]),
    message: (_, { direction, length }) => void messages.push([direction, length]),
  };
  const data = "é".repeat(5000);
  for (const codec of [undefined, zlibCodec]) {
    frames.length = messages.length = 0;
    const compression = codec === undefined ? true : { codec };
    const { server, client } = await joined({ observer, compression }, { compression });
    client.send(data);
    assertEquals(await soon(take(server, 1), "the message"), [data]);
    await server.send(data);
    assertEquals(await soon(take(client, 1), "the echo"), [data]);
    assertEquals(messages, [["in", 10_000], ["out", 10_000]]);
    assertEquals(frames.map(([direction, rsv1]) => [direction, rsv1]), [["in", true], [
      "out",
      true,
    ]]);
    assert(frames.every(([, , length]) => length < 1000), String(frames));
    server.terminate();
    client.terminate();
  }
});

test("streamed messages are told at their end, with their size and without their data", async () => {
  const { lines, observer } = recorder();
  const { server, client } = await joined({ observer }, { observer });
  const received = (async () => {
    for await (const message of server.messages()) {
      for await (const _ of message.body);
      break;
    }
  })();
  await client.send(
    new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(new Uint8Array(300));
        controller.enqueue(new Uint8Array(200));
        controller.close();
      },
    }),
  );
  await soon(received, "the stream");
  assertEquals(lines.filter((line) => line.includes("streamed")).sort(), [
    "in binary 500 streamed",
    "out binary 500 streamed",
  ]);
  server.terminate();
  client.terminate();
});

test("a prepared message is seen like any other, on every connection", async () => {
  const { lines, observer } = recorder();
  const options = { observer, compression: { codec: zlibCodec, thresholdBytes: 20 } };
  const pairs = [
    await joined(options),
    await joined(options, { compression: { codec: zlibCodec } }),
  ];
  lines.length = 0;
  const messages = [
    prepareMessage("é"),
    prepareMessage(Uint8Array.of(1, 2)),
    prepareMessage(
      "a".repeat(400),
    ),
  ];
  for (const { server, client } of pairs) {
    for (const message of messages) await server.send(message);
    await take(client, 3);
  }
  const common = [
    "out frame 1 true false false 2",
    "out payload [195,169]",
    'out text 2 "é"',
    "out frame 2 true false false 2",
    "out payload [1,2]",
    "out binary 2 [1,2]",
  ];
  const long = "a".repeat(400);
  const bytes = Array<number>(400).fill(97);
  assertEquals(lines.slice(0, 9), [
    ...common,
    "out frame 1 true false false 400",
    `out payload [${bytes}]`,
    `out text 400 "${long}"`,
  ]);
  assertEquals(lines.slice(9, 15), common);
  assert(/^out frame 1 true true false \d{1,2}$/.test(lines[15]), lines[15]);
  assertEquals(lines[17], `out text 400 "${long}"`);
  for (const { server, client } of pairs) {
    server.terminate();
    client.terminate();
  }
});

test("text is seen as bytes in a frame, however long, and the peer gets it whole", async () => {
  let seen = 0;
  const observer: ConnectionObserver = {
    framePayload: (_, { direction }, bytes) => {
      if (direction === "out") seen += bytes.length;
    },
  };
  const deaf: ConnectionObserver = { ...observer, wants: () => false };
  for (const options of [{ observer }, { observer: deaf }, {}]) {
    seen = 0;
    const { socket, peer } = await acceptPeer(options);
    const long = "aé€😀".repeat(20_000);
    await Promise.all([socket.send("é"), socket.send(long)]);
    const short = (await peer.readFrame())!;
    const whole = (await peer.readFrame())!;
    assertEquals(new TextDecoder().decode(short.payload), "é");
    assert(new TextDecoder().decode(whole.payload) === long);
    assertEquals(seen, options.observer === observer ? 200_002 : 0);
    socket.terminate();
  }
});

test("text is one frame, also where nobody wants its payload", async () => {
  const lengths: number[] = [];
  const { socket, peer } = await acceptPeer({
    observer: {
      frame: (_, { length }) => void lengths.push(length),
      framePayload() {},
      wants: (event) => event === "frame",
    },
  });
  await Promise.all([socket.send("é"), socket.send("é".repeat(50_000))]);
  assertEquals(lengths, [2, 100_000]);
  peer.destroy();
  socket.terminate();
});

test("an observer that throws, or rejects, is reported once and changes nothing", async () => {
  const errors: unknown[] = [];
  const boom = () => {
    throw new Error("boom");
  };
  const reject = () => Promise.reject(new Error("async boom"));
  const all = (method: () => unknown): ConnectionObserver => ({
    handshake: method,
    open: method,
    frame: method,
    framePayload: method,
    control: method,
    message: method,
    closing: method,
    error: method,
    close: method,
  });
  const wants = { message() {}, wants: boom } as ConnectionObserver;
  const observer = [all(boom), all(reject), wants];
  const { socket, peer } = await acceptPeer({ observer, onError: (error) => errors.push(error) });
  peer.write(masked(text("a"), text("b")));
  assertEquals(await soon(take(socket, 2), "the messages"), ["a", "b"]);
  await socket.send("c");
  peer.write(masked(closeFrame(1000)));
  peer.end();
  assertEquals((await soon(socket.closed, "the end")).wasClean, true);
  assertEquals(errors.map((error) => (error as Error).message).sort(), [
    "async boom",
    "boom",
    "boom",
  ]);
});

test("an onError that throws as well does no harm", async () => {
  const observer: ConnectionObserver = {
    message() {
      throw new Error("boom");
    },
  };
  const { socket, peer } = await acceptPeer({
    observer,
    onError: () => {
      throw new Error("and again");
    },
  });
  peer.write(masked(text("a")));
  assertEquals(await soon(take(socket, 1), "the message"), ["a"]);
  socket.terminate();
});

test("what an observer does with the connection is not shown to it", async () => {
  let told = 0;
  const observer: ConnectionObserver = {
    message: ({ socket }) => {
      if (++told < 1000) socket!.send(`message ${told}`);
    },
  };
  const { socket, peer } = await acceptPeer({ observer });
  peer.write(masked(text("a")));
  await soon(take(socket, 1), "the message");
  assertEquals(told, 1);
  const events: string[] = [];
  const nosy = (event: string) => ({ socket }: ObservedConnection) => {
    if (events.push(event) < 1000) socket?.pong("x");
  };
  const more = await acceptPeer({ observer: { frame: nosy("frame"), control: nosy("control") } });
  more.socket.pong("y");
  assertEquals(events, ["frame", "control"]);
  more.socket.terminate();
  assertEquals(new TextDecoder().decode((await peer.readFrame())!.payload), "message 1");
  socket.terminate();
});

test("frequent events can be declined from moment to moment", async () => {
  const { lines, observer } = recorder();
  let wanted = false;
  const { socket, peer } = await acceptPeer({ observer: { ...observer, wants: () => wanted } });
  lines.length = 0;
  await socket.send("unseen");
  wanted = true;
  await socket.send("seen");
  wanted = false;
  await socket.send("unseen");
  assertEquals(lines, [
    "out frame 1 true false false 4",
    "out payload [115,101,101,110]",
    'out text 4 "seen"',
  ]);
  peer.destroy();
  socket.terminate();
});

test("a connection that breaks the rules, or is cut, has one error before its end", async () => {
  const broken = recorder();
  const one = await acceptPeer({ observer: broken.observer });
  one.peer.write(Uint8Array.of(0x83, 0x80, 0, 0, 0, 0)); // a reserved opcode
  one.peer.end();
  await soon(one.socket.closed, "the end");
  assertEquals(broken.lines.slice(3).filter((line) => !/ frame \d| payload \[/.test(line)), [
    "out close [" + [
      3,
      234,
      ...new TextEncoder().encode("a frame has a reserved opcode"),
    ] + "]",
    "out closing 1002 a frame has a reserved opcode",
    "error WS_OPCODE_RESERVED",
    "close 1006 1002 a frame has a reserved opcode false true",
  ]);
  const cut = recorder();
  const two = await acceptPeer({ observer: cut.observer });
  two.socket.terminate();
  await soon(two.socket.closed, "the end");
  assertEquals(cut.lines.slice(3), ["error WS_TERMINATED", "close 1006 undefined  false true"]);
  const failed = recorder();
  const three = await handlePeer(() => {
    throw new Error("mine");
  }, { observer: failed.observer });
  three.peer.end();
  await soon(three.socket.closed, "the end");
  assertEquals(failed.lines.filter((line) => line.startsWith("error")), [
    "error WS_HANDLER_FAILED",
  ]);
});

test("a handshake that fails is told on both sides, with its status and code", async () => {
  const server = recorder();
  const client = recorder();
  const up = new TransformStream<Uint8Array, Uint8Array>();
  const down = new TransformStream<Uint8Array, Uint8Array>();
  const accepted = acceptWebSocket({ readable: up.readable, writable: down.writable }, {
    observer: server.observer,
    verify: () => new Response("no", { status: 403 }),
  });
  const connected = connectWebSocket(
    { readable: down.readable, writable: up.writable },
    "ws://example.com/",
    { observer: client.observer },
  );
  await Promise.all([assertRejects(() => accepted), assertRejects(() => connected)]);
  assertEquals(server.lines, [
    "in GET websocket",
    "out 403 null",
    "refuse WS_VERIFY_REFUSED 403 true",
  ]);
  assertEquals(client.lines, [
    "out GET websocket",
    "in 403 null",
    "refuse WS_HANDSHAKE_REFUSED 403 true",
  ]);
  assert(![...server.ids].some((id) => client.ids.has(id)), "ids are not shared");

  const late = recorder();
  const peer = new MemoryPeer();
  const options = { observer: late.observer, handshakeTimeoutMs: 30, closeTimeoutMs: 30 };
  await assertRejects(() => soon(acceptWebSocket(peer.pair, options), "the time-out"));
  const lost = new MemoryPeer();
  const loss = acceptWebSocket(lost.pair, { observer: late.observer });
  lost.end();
  await assertRejects(() => soon(loss, "the loss"));
  const garbled = new MemoryPeer();
  const fault = acceptWebSocket(garbled.pair, { ...options, handshakeTimeoutMs: 5000 });
  garbled.write(new TextEncoder().encode("HELO\r\n\r\n"));
  await assertRejects(() => soon(fault, "the fault"));
  assertEquals(late.lines, [
    "out 408 null",
    "refuse WS_HANDSHAKE_TIMEOUT 408 true",
    "refuse WS_CONNECT_FAILED 0 true",
    "out 400 null",
    "refuse WS_HANDSHAKE_MALFORMED 400 true",
  ]);
});

test("an observer that is none is refused by name", () => {
  for (const bad of [null, 1, "log", () => {}, [1], [[]]]) {
    const options = { observer: bad } as unknown as { observer: ConnectionObserver };
    assertThrows(() => setupServer(options), TypeError, 'Cannot use option "observer"');
  }
  const bad = { observer: { frame: 1 } } as unknown as { observer: ConnectionObserver };
  assertThrows(() => setupServer(bad), TypeError, '"frame" must be a function, got number');
  assertEquals(setupServer({ observer: [] }).options.observers, undefined);
});

test("without an observer nothing stands between the engine and its frames", () => {
  const sink = {} as EngineSink;
  const options = { role: "server", maxMessageBytes: 1024, maxFragments: 10 } as const;
  assert(new Engine(sink, options).output.constructor === FrameWriter);
  const observer = { wantsPayloads: false, onFrame() {}, onFramePayload() {} };
  const observed = new ObservedFrames(observer);
  assert(new Engine(sink, { ...options, observed }).output.constructor !== FrameWriter);
});

test("the bytes of text are counted as they would be encoded", () => {
  const samples = [
    "",
    "a",
    "é",
    "€",
    "😀",
    "\ud83d",
    "\ude00",
    "\ude00\ud83d",
    "a\ud83dé€😀\ud83d",
  ];
  for (const sample of [...samples, samples.join("")]) {
    assertEquals(utf8Length(sample), new TextEncoder().encode(sample).length, sample);
  }
});
