/** Drains of what left at once: the socket took all of it when the callback had returned. */
import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { connect } from "../../src/adapters/client.ts";
import { type Handler, serve, type WebSocketConnection } from "../../src/adapters/serve.ts";
import { sleep, until } from "./support/waiting.ts";

const MARK = 1000;
const PIECE = new Uint8Array(100);

/** Serves a handler to one client that reads all, and counts what it got. */
async function withReader(
  handler: Handler,
  body: (got: () => number, socket: WebSocketConnection) => Promise<void>,
  highWaterMark = MARK,
): Promise<void> {
  await using server = await serve(handler, { port: 0, highWaterMark });
  let got = 0;
  const socket = await connect(server.url, { handler: { message: () => void got++ } });
  await socket.send("go");
  try {
    await body(() => got, socket);
  } finally {
    socket.terminate();
  }
}

test("a refusal of trySend in a callback is followed by one drain when all left at once", async () => {
  let refused = 0;
  const drained: number[] = [];
  await withReader({
    message(socket) {
      while (socket.trySend(PIECE));
      refused++;
    },
    drain: (socket) => void drained.push(socket.bufferedAmount),
  }, async () => {
    await until(() => drained.length > 0, "a drain");
    await sleep(50);
    assertEquals([refused, drained], [1, [0]]);
  });
});

for (const way of ["send", "trySend"] as const) {
  test(`a handler that pauses by bufferedAmount after ${way} hears of the drain`, async () => {
    let drains = 0;
    let messages = 0;
    await withReader({
      message(socket) {
        messages++;
        while (socket.bufferedAmount <= MARK) void socket[way](PIECE);
        socket.pause();
      },
      drain(socket) {
        drains++;
        socket.resume();
      },
    }, async () => {
      await until(() => drains > 0, "a drain");
      await sleep(50);
      assertEquals([messages, drains], [1, 1]);
    });
  });
}

test("no drain is told where no more than the mark waited", async () => {
  let drains = 0;
  await withReader({
    message: (socket) => void socket.trySend(PIECE),
    drain: () => void drains++,
  }, async (got) => {
    await until(() => got() === 1, "the message");
    await sleep(50);
    assertEquals(drains, 0);
  });
});

test("a handler that fills up at each drain neither calls itself nor keeps others waiting", async () => {
  let depth = 0;
  let deepest = 0;
  let drains = 0;
  const fill = (socket: { trySend(data: Uint8Array): boolean }) => {
    deepest = Math.max(deepest, ++depth);
    while (socket.trySend(PIECE));
    depth--;
  };
  await withReader({
    message: fill,
    drain(socket) {
      if (++drains < 500) fill(socket);
    },
  }, async (got) => {
    await sleep(0); // a timer gets its turn
    await until(() => drains === 500, "five hundred drains");
    const perFill = Math.floor(MARK / (2 + PIECE.length)) + 1; // frames until more than the mark waits
    await until(() => got() === 500 * perFill, "all messages");
    assertEquals(deepest, 1);
  });
});

test("a refusal because of control frames alone is followed by a drain", async () => {
  let drains = 0;
  await withReader(
    {
      message(socket) {
        void socket.ping();
        assertEquals(socket.trySend(PIECE), false);
      },
      drain: () => void drains++,
    },
    () => until(() => drains === 1, "a drain"),
    1,
  );
});

test("a drain is never told inside of a send", async () => {
  let sending = false;
  const told: boolean[] = [];
  await withReader({
    async message(socket) {
      await sleep(0); // out of the receive call, where what is gathered is written by size
      sending = true;
      for (let i = 0; i < 5; i++) void socket.send(new Uint8Array(60_000));
      sending = false;
    },
    drain: () => void told.push(sending),
  }, async () => {
    await until(() => told.length > 0, "a drain");
    assertEquals(told.includes(true), false);
  }, 200_000);
});

test("what had to wait is told once when it has left, and not again with what is sent later", async () => {
  let drains = 0;
  let server: WebSocketConnection | undefined;
  await withReader({
    message(socket) {
      server = socket;
      for (let i = 0; i < 200; i++) void socket.send(new Uint8Array(100_000));
    },
    drain: () => void drains++,
  }, async (got, socket) => {
    await until(() => server !== undefined && server.bufferedAmount > 0, "a wait");
    socket.pause();
    await sleep(50);
    assertEquals(drains, 0);
    socket.resume();
    await until(() => got() === 200 && drains > 0, "a drain");
    await sleep(50);
    assertEquals(drains, 1);
    await server!.send("small");
    await until(() => got() === 201, "the small one");
    await sleep(50);
    assertEquals(drains, 1);
  });
});

for (const when of ["before it has left", "when it has left"]) {
  test(`no drain is told when the connection is over ${when}`, async () => {
    const events: string[] = [];
    await withReader({
      message(socket) {
        while (socket.trySend(PIECE));
        if (when === "before it has left") socket.terminate();
        else void Promise.resolve().then(() => socket.terminate());
      },
      drain: () => void events.push("drain"),
      close: () => void events.push("close"),
    }, async () => {
      await until(() => events.length > 0, "the end");
      await sleep(50);
      assertEquals(events, ["close"]);
    });
  });
}
