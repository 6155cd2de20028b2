/**
 * Drivers: how they end when bytes, callbacks or streams do not end as they should.
 */
import { test } from "node:test";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { concatBytes } from "../../src/bytes.ts";
import {
  clientDriver,
  plainDriver,
  serverDriver,
  type WebSocketDriver,
} from "../../src/api/driver/mod.ts";
import type { WebSocketError } from "../../src/api/mod.ts";
import { decodeFrames } from "../support/wire.ts";
import { closeFrame, masked, OP, sleep, soon, text, until } from "./ends.ts";

test("the end of the bytes comes after what was fed while a driver was paused", () => {
  const log: string[] = [];
  const make = () => {
    const driver = plainDriver("server", {
      write: () => log.push("write"),
      message: (data) => {
        log.push(`message ${data}`);
        driver.pause();
        driver.resume();
      },
      error: ({ code }) => log.push(`error ${code}`),
      close: ({ closeCode, wasClean }) => log.push(`close ${closeCode} ${wasClean}`),
    });
    driver.start();
    driver.pause();
    return driver;
  };
  const closed = make();
  closed.feed(masked(text("a"), text("b"), closeFrame(4000)));
  closed.feedEnd();
  assertEquals([log, closed.state], [[], "open"]);
  closed.resume();
  assertEquals(log.splice(0), ["message a", "message b", "write", "close 4000 true"]);
  const cut = make();
  cut.feed(masked(text("a"), text("b")));
  cut.feedEnd();
  cut.resume();
  assertEquals(log, [
    ...["message a", "message b", "error WS_CONNECTION_LOST", "close 1006 false"],
  ]);
});

test("the end of the bytes comes after messages that take time to inflate", async () => {
  const log: string[] = [];
  const options = { compression: { thresholdBytes: 1 } };
  const late: Uint8Array[] = [];
  const server: WebSocketDriver = serverDriver({
    write: (bytes) => client.feed(bytes),
    message: (data) => log.push(`message ${String(data).length}`),
    close: ({ closeCode, wasClean }) => log.push(`close ${closeCode} ${wasClean}`),
  }, options);
  const client: WebSocketDriver = clientDriver("ws://example.com/", {
    write: (bytes) => {
      if (client.state === "closing") late.push(bytes);
      else server.feed(bytes);
    },
  }, options);
  server.start();
  client.start();
  await until(() => client.state === "open" && server.state === "open", "open");
  assert(client.extensions !== "");
  client.text("x".repeat(4_000_000));
  client.close(4000);
  await until(() => late.at(-1)?.[0] === 0x88, "message and close frame");
  server.feed(concatBytes(late));
  server.feedEnd();
  assertEquals([server.state, log], ["open", []]); // it is being inflated
  await until(() => server.state === "closed", "end");
  assertEquals(log, ["message 4000000", "close 4000 true"]);
});

test("a callback that throws is heard where its bytes were fed, and the peer is told 1011", () => {
  const wire: Uint8Array[] = [];
  const errors: unknown[] = [];
  const driver = plainDriver("server", {
    write: (bytes) => void wire.push(bytes),
    message(data) {
      if (data === "b") throw new Error("mine");
    },
    error: (error) => errors.push(error),
  });
  driver.start();
  assertThrows(() => driver.feed(masked(text("a"), text("b"), text("c"))), Error, "mine");
  assertEquals(driver.state, "closed");
  assertEquals(errors.map((error) => (error as WebSocketError).code), ["WS_HANDLER_FAILED"]);
  assertEquals(((errors[0] as WebSocketError).cause as Error).message, "mine");
  const [close] = decodeFrames(concatBytes(wire));
  assertEquals([close.opcode, ...close.payload.subarray(0, 2)], [OP.CLOSE, 3, 243]);
});

test("an open callback that throws keeps nothing back", () => {
  const seen: unknown[] = [];
  const driver = plainDriver("server", {
    write() {},
    open() {
      driver.feed(masked(text("a")));
      throw new Error("mine");
    },
    message: (data) => seen.push(data),
  });
  assertThrows(() => driver.start(), Error, "mine");
  driver.feed(masked(text("b")));
  assertEquals([driver.state, seen], ["open", ["a", "b"]]);
});

test("streams that are cancelled or abort end a driver at once, and take bytes alone", async () => {
  for (const how of ["cancel", "abort"] as const) {
    const log: string[] = [];
    const driver = plainDriver("server", {
      error({ code }) {
        log.push(code);
        driver.text("too late");
      },
    });
    const { io } = driver;
    driver.start();
    driver.pause(); // nothing is awaited
    const writer = io.writable.getWriter();
    await assertRejects(
      () => plainDriver("client").io.writable.getWriter().write("text" as never),
      TypeError,
      "expected a Uint8Array, got string",
    );
    if (how === "cancel") await io.readable.cancel();
    else await writer.abort();
    assertEquals([driver.state, log], ["closed", ["WS_CONNECTION_LOST"]]);
  }
});

test("a peer that pings and does not read gets the latest pong, and no queue grows", async () => {
  const driver = plainDriver("server");
  const { io } = driver;
  driver.start();
  const writer = io.writable.getWriter();
  const payload = "x".repeat(120);
  for (let i = 0; i < 3000; i++) {
    await writer.write(masked({ opcode: OP.PING, payload: `${i} ${payload}`.slice(0, 120) }));
  }
  const chunks: Uint8Array[] = [];
  const reader = io.readable.getReader();
  const pongs = () => decodeFrames(concatBytes(chunks));
  const last = () => new TextDecoder().decode(pongs().at(-1)?.payload).split(" ")[0];
  while (last() !== "2999") chunks.push((await soon(reader.read(), "pong")).value!);
  assert(pongs().length < 600, `${pongs().length} pongs waited`);
  // With room, each is answered again.
  const before = pongs().length;
  for (let i = 0; i < 3; i++) {
    await writer.write(masked({ opcode: OP.PING, payload: `${i}` }));
    chunks.push((await soon(reader.read(), "pong")).value!);
  }
  assertEquals(pongs().length, before + 3);
});

test("a refusal's body that never comes is let go when the client has left", async () => {
  let cancelled = false;
  const body = new ReadableStream<Uint8Array>({ cancel: () => void (cancelled = true) });
  const headers = new Headers({
    ...{ host: "h", upgrade: "websocket", connection: "upgrade", "sec-websocket-version": "13" },
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
  });
  let written = 0;
  const driver = serverDriver({ write: () => written++ }, {
    request: { method: "GET", url: "http://h/", headers },
    verify: () => new Response(body, { status: 403 }),
  });
  driver.start();
  await until(() => written > 0, "head");
  await sleep(5);
  driver.feedEnd();
  await until(() => cancelled, "end of the body");
});
