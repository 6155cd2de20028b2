/**
 * Delivery of data frames one by one, and frames that are sent as they are given.
 */
import { test } from "node:test";
import { assertEquals, assertIsError, assertThrows } from "@std/assert";
import type { WebSocketConnection } from "../../src/api/connection.ts";
import type { DataFrame } from "../../src/api/frame_consumer.ts";
import { plainDriver } from "../../src/api/driver/mod.ts";
import { checkHandler, type HandlerCallbacks } from "../../src/api/handler.ts";
import { useAllocator } from "../../src/frames/mod.ts";
import { encodeFrame } from "../support/wire.ts";
import { closeFrame, handlePeer, joined, masked, OP, sleep, soon, text, until } from "./ends.ts";

const { CONT, TEXT, BINARY, PING } = OP;
const KEY = Uint8Array.of(1, 2, 3, 4);

/** One line for a frame. */
function show({ type, payload, first, final }: DataFrame): string {
  const bytes = Array.from(payload, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `${first ? "" : "…"}${type} ${bytes}${final ? "" : "…"}`;
}

const MESSAGES = masked(
  text("hi"),
  { opcode: TEXT, fin: false, payload: new Uint8Array([0x61, 0xc3]) },
  { opcode: PING, payload: "between" },
  { opcode: CONT, fin: false, payload: "" },
  { opcode: CONT, fin: true, payload: new Uint8Array([0xbc]) },
  { opcode: BINARY, fin: false, payload: "" },
  { opcode: CONT, fin: true, payload: "" },
  { opcode: BINARY, payload: new Uint8Array(200).fill(7) },
);

const SHOWN = [
  ...["text 6869", "text 61c3…", "ping", "…text …", "…text bc", "binary …", "…binary "],
  `binary ${"07".repeat(200)}`,
];

test("the frame callback gets each data frame, however the bytes are cut", async () => {
  for (const size of [1, 3, 64, MESSAGES.length]) {
    const seen: string[] = [];
    const { peer, socket, errors } = await handlePeer({
      open: () => void seen.push("open"),
      frame: (_socket, frame) => void seen.push(show(frame)),
      ping: () => void seen.push("ping"),
    });
    for (let at = 0; at < MESSAGES.length; at += size) {
      peer.write(MESSAGES.slice(at, at + size));
    }
    await until(() => seen.length > SHOWN.length, `all has come, ${size} bytes at a time`);
    assertEquals(seen, ["open", ...SHOWN]);
    assertEquals(errors, []);
    socket.terminate();
  }
});

test("frames that come one by one keep the rules: order, UTF-8, and a limit for each", async () => {
  for (
    const [frames, code] of [
      [[{ opcode: CONT, payload: "" }], "WS_CONTINUATION_UNEXPECTED"],
      [[{ opcode: TEXT, fin: false, payload: "a" }, text("b")], "WS_CONTINUATION_EXPECTED"],
      [[{ opcode: TEXT, fin: false, payload: new Uint8Array([0xff]) }], "WS_UTF8_INVALID"],
      [[{ opcode: BINARY, payload: new Uint8Array(11) }], "WS_FRAME_TOO_LARGE"],
    ] as const
  ) {
    const { peer, socket } = await handlePeer({ frame() {} }, { maxMessageBytes: 10 });
    peer.write(masked(...frames));
    peer.end();
    assertEquals((await soon(socket.closed, code)).error?.code, code);
  }
  const seen: number[] = [];
  const { peer, socket } = await handlePeer({
    frame: (_socket, { payload }) => void seen.push(payload.length),
  }, { maxMessageBytes: 10, maxFragments: 2 });
  const frame = { opcode: CONT, fin: false, payload: new Uint8Array(10) };
  peer.write(masked({ ...frame, opcode: BINARY }, frame, frame, frame));
  await until(() => seen.length === 4, "a message that is longer than any limit of messages");
  socket.terminate();
});

test("a frame that the runtime has no memory for fails the connection, and is not handed over", async () => {
  const frame = masked({ opcode: BINARY, payload: new Uint8Array(300_000) });
  const fill = useAllocator(() => {
    throw new RangeError("Array buffer allocation failed");
  });
  try {
    const seen: unknown[] = [];
    const driver = plainDriver("server", {
      write() {},
      frame: (it) => seen.push(it.payload.length),
      error: ({ code }) => seen.push(code),
    });
    driver.start();
    for (let at = 0; at < frame.length; at += 60_000) driver.feed(frame.slice(at, at + 60_000));
    assertEquals(seen, ["WS_MESSAGE_TOO_LARGE"]);
    const { peer, socket } = await handlePeer({ frame: () => void seen.push("frame") });
    for (let at = 0; at < frame.length; at += 60_000) peer.write(frame.slice(at, at + 60_000));
    peer.end();
    const { error } = await soon(socket.closed, "end");
    assertEquals([error?.code, error?.closeCode], ["WS_MESSAGE_TOO_LARGE", 1009]);
    assertEquals(seen.length, 1);
  } finally {
    useAllocator(fill);
  }
});

test("a frame callback may pause and close, and what it throws fails the connection", async () => {
  const seen: string[] = [];
  const paused = await handlePeer({
    frame(socket, frame) {
      seen.push(show(frame));
      socket.pause();
    },
  });
  const two = masked({ opcode: TEXT, fin: false, payload: "a" }, { opcode: CONT, payload: "b" });
  paused.peer.write(two);
  await until(() => seen.length === 1, "the first");
  paused.socket.resume();
  await until(() => seen.length === 2, "the second");
  assertEquals(seen, ["text 61…", "…text 62"]);
  paused.socket.terminate();
  let count = 0;
  const closed = await handlePeer({
    frame(socket) {
      count++;
      void socket.close(4000);
    },
  });
  closed.peer.write(two);
  closed.peer.write(masked(closeFrame(4000)));
  closed.peer.end();
  await soon(closed.socket.closed, "close");
  assertEquals(count, 1);
  const failing = await handlePeer({ frame: () => Promise.reject(new Error("on purpose")) });
  failing.peer.write(two);
  failing.peer.end();
  await soon(failing.socket.closed, "failure");
  assertIsError(failing.errors[0], Error, "on purpose");
});

test("frame and message go not together, and frame not with compression", async () => {
  const both: HandlerCallbacks = { frame() {}, message() {} };
  assertThrows(() => checkHandler(both), TypeError, '"frame" takes the place of "message"');
  const errors: unknown[] = [];
  let opened = false;
  const { server } = await joined({ compression: true }, {
    compression: true,
    handler: { frame() {}, open: () => opened = true },
    onError: (error) => errors.push(error),
  });
  const { closeCode } = await soon(server.closed, "end");
  assertEquals([closeCode, opened], [1011, false]);
  assertIsError(errors[0], DOMException, "with compression");
  assertEquals(server.capabilities.frameDelivery, false);
});

test("an observer sees frames and whole messages, also of a handler with a frame callback", async () => {
  const seen: string[] = [];
  const frames: string[] = [];
  const { peer, socket } = await handlePeer({
    frame: (_socket: WebSocketConnection, frame: DataFrame) => void frames.push(show(frame)),
  }, {
    observer: {
      message: (_connection, { type, length }) => void seen.push(`${type} ${length}`),
      frame: (_connection, { direction, opcode }) => void seen.push(`${direction} ${opcode}`),
    },
  });
  assertEquals(socket.capabilities.frameDelivery, true);
  const bytes = [
    encodeFrame({ opcode: TEXT, fin: false, payload: "ab", key: KEY }),
    encodeFrame({ opcode: CONT, payload: "c", key: KEY }),
  ];
  for (const frame of bytes) peer.write(frame);
  await until(() => seen.length === 3, "all was seen");
  assertEquals(seen, ["in 1", "in 0", "text 3"]);
  assertEquals(frames, ["text 6162…", "…text 63"]);
  socket.terminate();
});

test("a frame that began before close() and ends after it is not handed over", async () => {
  const seen: string[] = [];
  const { peer, socket } = await handlePeer({ frame: (_, frame) => void seen.push(show(frame)) });
  const frame = masked({ opcode: TEXT, fin: false, payload: "begun" });
  peer.write(frame.slice(0, -2));
  await until(() => socket.readyState === 1, "the first half");
  await sleep(20);
  void socket.close(4000);
  peer.write(frame.slice(-2), masked({ opcode: CONT, payload: "ended" }, closeFrame(4000)));
  peer.end();
  await soon(socket.closed, "close");
  assertEquals(seen, []);
});
