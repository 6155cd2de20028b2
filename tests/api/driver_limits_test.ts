/**
 * Drivers: what comes too late, or is none of theirs.
 */
import { test } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  clientDriver,
  type DriverEvents,
  plainDriver,
  sendRawFrame,
  serverDriver,
} from "../../src/api/driver/mod.ts";
import { concatBytes } from "../../src/bytes.ts";
import { open } from "../legacy/support.ts";
import { closeFrame, masked, OP, sleep, text, until } from "./ends.ts";

const { TEXT, PING, CLOSE } = OP;

/** Writes down the names of events, and keeps the bytes. */
function scribe(log: string[], wire: Uint8Array[], more: DriverEvents = {}): DriverEvents {
  return {
    write: (bytes) => void wire.push(bytes),
    open: () => void log.push("open"),
    message: (data) => void log.push(`message ${data}`),
    error: ({ code }) => void log.push(`error ${code}`),
    end: () => void log.push("end"),
    close: ({ closeCode }) => void log.push(`close ${closeCode}`),
    ...more,
  };
}

test("nothing is told and nothing sent when a driver is closed", () => {
  const log: string[] = [];
  const wire: Uint8Array[] = [];
  const driver = plainDriver("server", scribe(log, wire));
  driver.start();
  driver.feed(masked(closeFrame(4000)));
  assertEquals(log.splice(0), ["open", "end", "close 4000"]);
  wire.length = 0;
  driver.feed(masked(text("late")));
  driver.feedEnd();
  driver.pause();
  driver.resume();
  const sent = [driver.text("a"), driver.binary(new Uint8Array(1)), driver.ping(), driver.pong()];
  assertEquals([...sent, driver.close(), driver.frame({ opcode: PING })], Array(6).fill(false));
  assertEquals([log, wire], [[], []]);
});

test("a driver that is closing sends nothing more, and closes once", () => {
  const wire: Uint8Array[] = [];
  const driver = plainDriver("server", { write: (bytes) => void wire.push(bytes) });
  driver.start();
  assert(driver.close(4000));
  wire.length = 0;
  const sent = [driver.text("a"), driver.ping(), driver.pong(), driver.close(4001)];
  assertEquals([...sent, driver.frame({ opcode: PING })], Array(5).fill(false));
  assertEquals(wire, []);
});

test("bytes that end while the answer is checked open nothing", async () => {
  const log: string[] = [];
  const [asked, answered]: Uint8Array[][] = [[], []];
  const client = clientDriver("ws://h/", scribe(log, asked));
  const server = serverDriver({ write: (bytes) => void answered.push(bytes) });
  client.start();
  server.start();
  server.feed(concatBytes(asked));
  await until(() => server.state === "open", "the server");
  client.feed(concatBytes(answered));
  client.feedEnd();
  await sleep(20);
  assertEquals([log, client.state], [["error WS_CONNECT_FAILED", "end", "close 1006"], "closed"]);
});

test("a request that is given up while it is decided on is not answered", async () => {
  const wire: Uint8Array[] = [];
  let allow = () => {};
  const headers = new Headers({
    ...{ host: "h", upgrade: "websocket", connection: "upgrade", "sec-websocket-version": "13" },
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
  });
  const driver = serverDriver(scribe([], wire), {
    request: { method: "GET", url: "http://h/", headers },
    verify: () => new Promise<void>((resolve) => allow = resolve),
  });
  driver.start();
  driver.feedEnd();
  allow();
  await sleep(20);
  assertEquals([wire, driver.state], [[], "closed"]);
});

test("what verify throws is told, and arguments are checked before anything is sent", async () => {
  const errors: unknown[] = [];
  const wire: Uint8Array[] = [];
  const headers = new Headers({
    ...{ host: "h", upgrade: "websocket", connection: "upgrade", "sec-websocket-version": "13" },
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
  });
  const failing = serverDriver(scribe([], wire), {
    request: { method: "GET", url: "http://h/", headers },
    verify: () => Promise.reject(new Error("on purpose")),
    onError: (error) => errors.push((error as Error).message),
  });
  failing.start();
  await until(() => failing.state === "closed", "the refusal");
  assertEquals(errors, ["on purpose"]);

  wire.length = 0;
  const driver = plainDriver("server", scribe([], wire));
  driver.start();
  assertThrows(() => driver.text(1 as never), TypeError, "expected a string");
  assertThrows(() => driver.binary("x" as never), TypeError, "expected a BufferSource");
  assertThrows(() => driver.ping(1 as never), TypeError, "a string or a BufferSource");
  assertThrows(() => driver.ping("x".repeat(126)), RangeError, "payload is 126 bytes");
  assertThrows(() => driver.pong(new Uint8Array(126)), RangeError, "limit 125");
  assertThrows(() => driver.close(1006), RangeError, "1006");
  assertThrows(() => driver.close(null, "why"), TypeError, "needs a close code");
  for (const opcode of [1.5, NaN, -1, "1"]) {
    assertThrows(() => driver.frame({ opcode } as never), RangeError, "0 to 15");
  }
  assertEquals([wire, driver.state], [[], "open"]);
  assert(driver.ping("x".repeat(125)));
});

test("one pong answers all pings before it, and nothing follows a raw close frame", () => {
  const answered: string[] = [];
  const driver = plainDriver("server", { write() {} });
  driver.start();
  for (const name of ["a", "b", "c"]) driver.ping(name, () => answered.push(name));
  driver.feed(masked({ opcode: OP.PONG, payload: "b" }));
  assertEquals(answered, ["a", "b"]);
  driver.feed(masked({ opcode: OP.PONG, payload: "x" }));
  assertEquals(answered, ["a", "b"]);
  driver.frame({ opcode: CLOSE, payload: "" });
  assertEquals([driver.frame({ opcode: PING }), driver.state], [false, "closing"]);
});

test("sendRawFrame() is refused where the frames are others", async () => {
  const { socket } = await open("hixie-76");
  const error = assertThrows(() => sendRawFrame(socket, { opcode: TEXT }), DOMException);
  assertEquals(error.name, "NotSupportedError");
  socket.terminate();
});

test("the streams wait for the driver to be open, and refuse what is no message", async () => {
  const wire: Uint8Array[] = [];
  const driver = plainDriver("server", { write: (bytes) => void wire.push(bytes) });
  const writer = driver.messages.writable.getWriter();
  const first = writer.write("early");
  await sleep(20);
  assertEquals(wire, []);
  driver.start();
  await first;
  assertEquals(wire.length, 1);
  const refused = await writer.write(1 as never).then(() => undefined, (error) => error as Error);
  assertEquals(refused?.message, "Cannot send: expected a string or bytes, got number");

  const closed = plainDriver("server", { write() {} });
  closed.start();
  closed.feed(masked(closeFrame(4000)));
  const late = await closed.messages.writable.getWriter().write("x")
    .then(() => undefined, (error) => error as Error);
  assertEquals(late?.message, "Cannot send: the driver is not open");
});

test("what is fed while open is told comes after what came with the head", async () => {
  const log: string[] = [];
  const headers = new Headers({
    ...{ host: "h", upgrade: "websocket", connection: "upgrade", "sec-websocket-version": "13" },
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
  });
  const request = { method: "GET", url: "http://h/", headers };
  const more: DriverEvents = { open: () => driver.feed(masked(text("second"))) };
  const driver = serverDriver(scribe(log, [], more), { request });
  driver.feed(masked(text("first")));
  driver.start();
  await until(() => log.length === 2, "both");
  assertEquals(log, ["message first", "message second"]);
});

test("a failure is told once, and a refusal that is given up is written no further", async () => {
  const log: string[] = [];
  const driver = plainDriver("server", {
    ...scribe(log, []),
    error(error) {
      log.push(`error ${error.code}`);
      driver.feedEnd();
    },
  });
  driver.start();
  driver.feed(masked({ opcode: 3, payload: "" }));
  assertEquals(log.filter((line) => line.startsWith("error")), ["error WS_OPCODE_RESERVED"]);

  const wire: Uint8Array[] = [];
  const headers = new Headers({
    ...{ host: "h", upgrade: "websocket", connection: "upgrade", "sec-websocket-version": "13" },
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
  });
  let pulled = 0;
  const body = new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      pulled++;
      await sleep(1);
      controller.enqueue(new Uint8Array(1));
    },
  });
  const refusing = serverDriver(scribe([], wire), {
    request: { method: "GET", url: "http://h/", headers },
    verify: () => new Response(body, { status: 403 }),
  });
  refusing.start();
  await until(() => wire.length > 2, "some of the body");
  refusing.feedEnd();
  const { length } = wire;
  await sleep(20);
  const before = pulled;
  await sleep(20);
  assertEquals([wire.length, pulled], [length, before]);
});

test("a reader that takes nothing holds back what goes out", async () => {
  const driver = plainDriver("server");
  const { io, messages } = driver;
  driver.start();
  const writer = messages.writable.getWriter();
  let taken = 0;
  for (let i = 0; i < 8; i++) {
    void writer.write(new Uint8Array(40_000)).then(() => taken++);
  }
  await sleep(50);
  assertEquals(taken, 2); // the second found room for itself
  const reader = io.readable.getReader();
  for (let size = 0; size < 8 * 40_000; size += (await reader.read()).value!.length);
  await until(() => taken === 8, "all to be taken");
});
