import { test } from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { checkHandler, type Handler, type HandlerCallbacks } from "../../src/api/handler.ts";
import { hex } from "../support/bytes.ts";
import {
  closeFrame,
  connectPeer,
  handlePeer,
  masked,
  OP,
  plain,
  sleep,
  soon,
  text,
  until,
} from "./ends.ts";

const { CLOSE, PING, PONG } = OP;

test("a function's end closes the connection with 1000", async () => {
  for (const handler of [() => {}, async () => await sleep(1)]) {
    const { socket, peer, errors } = await handlePeer(handler as Handler);
    assertEquals((await peer.readFrame())?.payload, hex("03e8"));
    peer.write(masked(closeFrame()));
    peer.end();
    assertEquals((await socket.closed).wasClean, true);
    assertEquals(errors, []);
  }
});

test("a function's failure closes the connection with 1011, and onError sees the cause", async () => {
  const cause = new Error("secret detail");
  const failing: Handler[] = [
    () => {
      throw cause;
    },
    () => Promise.reject(cause),
    async (socket) => {
      for await (const _ of socket) throw cause;
    },
  ];
  for (const handler of failing) {
    const { socket, peer, errors } = await handlePeer(handler);
    peer.write(masked(text("x")));
    const frame = (await peer.readFrame())!;
    assertEquals([frame.opcode, ...frame.payload.slice(0, 2)], [CLOSE, 3, 243]);
    assertEquals(new TextDecoder().decode(frame.payload.slice(2)), "the handler failed");
    peer.end();
    const { error } = await socket.closed;
    assertEquals([error?.code, error?.cause], ["WS_HANDLER_FAILED", cause]);
    assertEquals(errors, [cause]);
  }
});

test("a handler that stumbles over the end of its own connection is not at fault", async () => {
  const { socket, peer, errors } = await handlePeer(async (socket) => {
    for await (const _ of socket);
  });
  peer.end();
  assertEquals((await socket.closed).error?.code, "WS_CONNECTION_LOST");
  await sleep(5);
  assertEquals(errors, []);
});

test("a failed handler's connection ends soon although its queue was full", async () => {
  const { socket, peer } = await handlePeer(async () => {
    await sleep(30);
    throw new Error("late");
  }, { highWaterMark: 0, closeTimeoutMs: 60_000 });
  for (let i = 0; i < 20; i++) peer.write(masked(text("unread")));
  await sleep(40);
  peer.end();
  assertEquals((await soon(socket.closed, "closed")).error?.code, "WS_HANDLER_FAILED");
});

test("callbacks are called at once, in the order in which things arrive", async () => {
  const log: string[] = [];
  const callbacks: HandlerCallbacks = {
    open: () => void log.push("open"),
    message: (_, data) => void log.push(`message ${data}`),
    ping: (_, payload) => void log.push(`ping ${payload}`),
    pong: (_, payload) => void log.push(`pong ${payload}`),
    close: (_, info) => void log.push(`close ${info.closeCode}`),
    error: (_, error) => void log.push(`error ${error.code}`),
  };
  const { socket, peer } = await handlePeer(callbacks);
  peer.write(masked(
    text("a"),
    { opcode: PING, payload: "\x01" },
    text("b"),
    { opcode: PONG, payload: "\x02" },
    { opcode: OP.BINARY, payload: "\x03" },
    closeFrame(4000),
    text("never"),
  ));
  peer.end();
  await socket.closed;
  assertEquals(log, [
    "open",
    "message a",
    "ping 1",
    "message b",
    "pong 2",
    "message 3",
    "close 4000",
  ]);
});

test("callbacks without message drop messages, so that a peer that talks is not held back", async () => {
  const { socket, peer } = await handlePeer({ open: (socket) => socket.send("hi") }, {
    highWaterMark: 1000,
  });
  assertEquals((await peer.readFrame())?.payload, new TextEncoder().encode("hi"));
  for (let i = 0; i < 20; i++) peer.write(masked(text("x".repeat(200))));
  peer.write(masked({ opcode: PING, payload: new Uint8Array([7]) }));
  const pong = (await peer.readFrame())!;
  assertEquals([pong.opcode, ...pong.payload], [PONG, 7]);
  assertThrows(() => socket[Symbol.asyncIterator](), DOMException, "something else reads them");
  socket.terminate();
});

test("callbacks without message may read in another way, if open begins it", async () => {
  const seen: unknown[] = [];
  const { socket, peer } = await handlePeer({
    open: async (socket) => {
      for await (const message of socket) seen.push(message);
    },
  });
  peer.write(masked(text("one")));
  await until(() => seen.length === 1, "the loop in open gets the message");
  assertEquals(seen, ["one"]);
  socket.terminate();
});

test("callbacks keep their object as this", async () => {
  const handler = { message: count };
  const seen: unknown[] = [];
  function count(this: unknown) {
    seen.push(this);
  }
  const { socket, peer } = await handlePeer(handler);
  peer.write(masked(text("a")));
  await until(() => seen.length === 1, "the message came");
  assertEquals(seen[0] === handler, true);
  socket.terminate();
});

test("a ping callback that returns false suppresses the pong", async () => {
  const { socket, peer } = await handlePeer({
    ping: (_, payload) => payload.length !== 1,
  });
  peer.write(masked({ opcode: PING, payload: "x" }, { opcode: PING, payload: "yy" }));
  assertEquals((await peer.readFrame())?.payload, hex("7979"));
  socket.terminate();
});

test("a callback that throws, or whose promise rejects, fails the connection with 1011", async () => {
  const cause = new Error("mine");
  for (
    const message of [() => Promise.reject(cause), () => {
      throw cause;
    }]
  ) {
    const seen: string[] = [];
    const { socket, peer, errors } = await handlePeer({
      message,
      error: (_, error) => void seen.push(error.code),
      close: (_, info) => void seen.push(`close ${info.error?.code}`),
    });
    peer.write(masked(text("a")));
    assertEquals((await peer.readFrame())?.payload.slice(0, 2), hex("03f3"));
    peer.end();
    await socket.closed;
    assertEquals(seen, ["WS_HANDLER_FAILED", "close WS_HANDLER_FAILED"]);
    assertEquals(errors, [cause]);
  }
});

test("failures of the open, error and close callbacks reach onError, and the end still comes", async () => {
  for (const name of ["open", "error", "close", "ping", "pong"]) {
    const cause = new Error(name);
    const handler = {
      [name]: () => {
        throw cause;
      },
    };
    const { socket, peer, errors } = await handlePeer(handler);
    peer.write(masked({ opcode: PING }, { opcode: PONG }));
    await sleep(5);
    peer.destroy();
    await soon(socket.closed, "closed");
    assertEquals(errors, [cause], name);
  }
});

test("the error callback is told why the connection failed, then close", async () => {
  const cases = [
    ["WS_CONNECTION_LOST", (end: Awaited<ReturnType<typeof handlePeer>>) => end.peer.end()],
    ["WS_OPCODE_RESERVED", (end: Awaited<ReturnType<typeof handlePeer>>) => {
      end.peer.write(masked({ opcode: 5 }));
      end.peer.end();
    }],
    ["WS_SEND_BUFFER_FULL", (end: Awaited<ReturnType<typeof handlePeer>>) => {
      end.peer.stall();
      for (let i = 0; i < 5; i++) end.socket.send("x".repeat(1000));
    }],
  ] as const;
  for (const [code, happen] of cases) {
    const seen: string[] = [];
    const end = await handlePeer({
      message() {},
      error: (_, error) => void seen.push(error.code),
      close: () => void seen.push("close"),
    }, { maxBufferedBytes: 2000 });
    await sleep(5);
    happen(end);
    await soon(end.socket.closed, code);
    assertEquals(seen, [code, "close"]);
  }
});

test("no error callback is called when this side leaves", async () => {
  const seen: string[] = [];
  const { socket } = await handlePeer({ error: () => void seen.push("error") });
  socket.terminate();
  await socket.closed;
  assertEquals(seen, []);
});

test("the drain callback is called when all that waited has left", async () => {
  let drains = 0;
  const { socket, peer } = await handlePeer({ drain: () => void drains++ });
  await until(() => socket.bufferedAmount === 0, "the response has left");
  await sleep(5);
  drains = 0;
  peer.stall();
  socket.send("x".repeat(1000));
  await sleep(10);
  socket.send("y".repeat(1000));
  await sleep(10);
  assertEquals(drains, 0);
  peer.unstall();
  await until(() => drains > 0 && socket.bufferedAmount === 0, "it drained");
  await sleep(10);
  assertEquals(drains, 1);
  socket.terminate();
});

test("a callback may leave inside its call: nothing more is delivered", async () => {
  for (const leave of ["close", "terminate"] as const) {
    const got: unknown[] = [];
    const { socket, peer } = await handlePeer({
      message(socket, data) {
        got.push(data);
        socket[leave]();
      },
    });
    peer.write(masked(text("a"), text("b"), closeFrame()));
    peer.end();
    await soon(socket.closed, leave);
    assertEquals(got, ["a"]);
  }
});

test("callbacks hold the peer back with pause() and resume()", async () => {
  const got: unknown[] = [];
  const { socket, peer } = await handlePeer({
    message(socket, data) {
      got.push(data);
      socket.pause();
    },
  });
  peer.write(masked(text("a"), text("b"), text("c")));
  for (const expected of [["a"], ["a", "b"], ["a", "b", "c"]]) {
    await until(() => got.length === expected.length, "a message came");
    await sleep(5);
    assertEquals(got, expected);
    socket.resume();
  }
  socket.terminate();
});

test("an open callback may choose how messages are read", async () => {
  const got: unknown[] = [];
  const { socket, peer } = await handlePeer(
    {
      async open(socket) {
        for await (const message of socket) got.push(message);
      },
    },
    {},
    masked(text("early")),
  );
  peer.write(masked(text("later"), closeFrame()));
  peer.end();
  await socket.closed;
  await until(() => got.length === 2, "both came");
  assertEquals(got, ["early", "later"]);
});

test("a client's handler works like a server's", async () => {
  const errors: unknown[] = [];
  const { socket, peer } = await connectPeer({
    handler: async (socket) => {
      for await (const message of socket) {
        if (message === "fail") throw new Error("failed");
        await socket.send(message);
      }
    },
    onError: (error) => errors.push((error as Error).message),
  }, plain(text("glued")));
  assertEquals((await peer.readFrame())?.payload, hex("676c756564"));
  peer.write(plain(text("fail")));
  assertEquals((await peer.readFrame())?.payload.slice(0, 2), hex("03f3"));
  peer.end();
  await socket.closed;
  assertEquals(errors, ["failed"]);
});

test("a handler that is none is refused", () => {
  for (const bad of [undefined, null, 1, "echo", []]) {
    if (Array.isArray(bad)) continue;
    assertThrows(() => checkHandler(bad), TypeError, "a function or an object of callbacks");
  }
  assertThrows(() => checkHandler({ onmessage() {} }), TypeError, '"onmessage"');
  assertThrows(() => checkHandler({ message: "x" }), TypeError, '"message" must be a function');
  checkHandler({});
  checkHandler(() => {});
});
