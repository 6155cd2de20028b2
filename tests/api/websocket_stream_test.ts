import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { test } from "node:test";
import { inflateRawSync } from "node:zlib";
import { WebSocketError } from "../../src/errors.ts";
import { MemoryPeer } from "../support/memory_peer.ts";
import {
  answer,
  closeFrame,
  connecting,
  type MemoryOptions,
  OP,
  openedStream,
  plain,
  sleep,
  soon,
  text,
  thrown,
  until,
  URL,
  WebSocketStream,
} from "./websocket/sockets.ts";

const prototype = WebSocketStream.prototype;
const CLOSED = { closeCode: 1005, reason: "" };

/** Waits for a promise that must reject; returns what it rejects with. */
function rejection(promise: Promise<unknown>, what = "rejection"): Promise<unknown> {
  return soon(promise.then(() => Promise.reject(new Error("it resolved")), (error) => error), what);
}

/** Answers the close frame that comes next; returns its payload. */
async function answerClose(peer: MemoryPeer): Promise<number[]> {
  const { opcode, payload } = (await peer.readFrame())!;
  assertEquals(opcode, OP.CLOSE);
  peer.write(plain({ opcode, payload }));
  peer.end();
  return [...payload];
}

// ------------------------------------------------------------------------ interface

test("WebSocketStream is an interface of its own", () => {
  assertStrictEquals(Object.getPrototypeOf(prototype), Object.prototype);
  assertEquals((WebSocketStream as unknown as { length: number }).length, 1);
  assertEquals((WebSocketStream as unknown as { name: string }).name, "WebSocketStream");
  assertEquals(Object.prototype.toString.call(prototype), "[object WebSocketStream]");
  assertEquals(Object.keys(prototype).toSorted(), ["close", "closed", "opened", "url"]);
  assertEquals((prototype.close as { length: number }).length, 0);
  const call = WebSocketStream as unknown as (url?: string) => void;
  assertEquals(thrown(() => call(URL)), "TypeError");
  assertEquals(thrown(() => Reflect.construct(WebSocketStream, [])), "TypeError");
});

test("on any other object url and close() throw, opened and closed reject", async () => {
  const get = (key: string) => Object.getOwnPropertyDescriptor(prototype, key)!.get!;
  assertEquals(thrown(() => get("url").call({})), "TypeError");
  assertEquals(thrown(() => prototype.close.call({} as never)), "TypeError");
  await assertRejects(() => get("opened").call({}), TypeError);
  await assertRejects(() => get("closed").call(prototype), TypeError);
});

test("the same promises are given each time", () => {
  const stream = new WebSocketStream(URL);
  assertStrictEquals(stream.opened, stream.opened);
  assertStrictEquals(stream.closed, stream.closed);
});

test("URLs follow the rules of WebSocket", () => {
  assertEquals(new WebSocketStream("https://example.com:443/a?b").url, "wss://example.com/a?b");
  for (const wrong of ["ftp://example.com", "ws://example.com/#", "ws://"]) {
    assertEquals(thrown(() => new WebSocketStream(wrong)), "SyntaxError");
  }
});

test("protocols are a list of distinct tokens, and no string", () => {
  const make = (protocols: unknown) => () =>
    new WebSocketStream(URL, { protocols: protocols as string[] });
  for (const wrong of [[""], ["a", "a"], ["a", "A"], ["a b"]]) {
    assertEquals(thrown(make(wrong)), "SyntaxError");
  }
  for (const wrong of ["chat", null, 5, {}]) assertEquals(thrown(make(wrong)), "TypeError");
  assertEquals(thrown(make(undefined)), "nothing");
});

test("options that do not exist or are wrong are refused", () => {
  const make = (options: unknown) => () => new WebSocketStream(URL, options as MemoryOptions);
  for (const wrong of [5, "x", { handler: {} }, { signal: {} }, { maxPayload: 1 }]) {
    assertEquals(thrown(make(wrong)), "TypeError");
  }
  for (const right of [null, undefined, {}]) assertEquals(thrown(make(right)), "nothing");
});

// -------------------------------------------------------------------------- opening

test("opened tells what was agreed on", async () => {
  const { stream, peer } = await openedStream({ protocols: ["a"], compression: true }, {
    lines: ["Sec-WebSocket-Protocol: a", "Sec-WebSocket-Extensions: permessage-deflate"],
  });
  const info = await stream.opened;
  assertEquals([info.protocol, info.extensions], ["a", "permessage-deflate"]);
  assert(info.readable instanceof ReadableStream && info.writable instanceof WritableStream);
  assertEquals(Object.keys(info).toSorted(), ["extensions", "protocol", "readable", "writable"]);
  peer.destroy();
});

test("a refused handshake rejects opened and closed with one WebSocketError", async () => {
  const peer = new MemoryPeer();
  const stream = new WebSocketStream(URL, { peer });
  await peer.readHead();
  peer.writeText("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
  const error = await rejection(stream.opened) as WebSocketError;
  assert(error instanceof WebSocketError);
  assertEquals([error.code, error.closeCode, error.reason], ["WS_OPENING_FAILED", 1006, ""]);
  const cause = error.cause as { code: string; status: number };
  assertEquals([cause.code, cause.status], ["WS_HANDSHAKE_REFUSED", 404]);
  assertStrictEquals(await rejection(stream.closed), error);
});

test("the signal gives the opening up with its own reason", async () => {
  const controller = new AbortController();
  const peer = new MemoryPeer();
  const stream = new WebSocketStream(URL, {
    peer,
    signal: controller.signal,
    handshakeTimeoutMs: 60_000,
  });
  await peer.readHead();
  const reason = new Error("changed my mind");
  controller.abort(reason);
  assertStrictEquals(await rejection(stream.opened), reason);
  assertStrictEquals(await rejection(stream.closed), reason);
  await until(() => peer.over, "the byte stream was cut");
});

test("a signal that is aborted already rejects with its reason", async () => {
  const stream = new WebSocketStream(URL, {
    peer: new MemoryPeer(),
    signal: AbortSignal.abort("early"),
  });
  assertEquals(await rejection(stream.opened), "early");
  assertEquals(await rejection(stream.closed), "early");
});

test("once open, the signal means nothing", async () => {
  const controller = new AbortController();
  const { stream, peer } = await openedStream({ signal: controller.signal });
  controller.abort();
  const { readable } = await stream.opened;
  peer.write(plain(text("still here")));
  assertEquals(await soon(readable.getReader().read(), "message"), {
    value: "still here",
    done: false,
  });
  peer.destroy();
});

test("close() while opening rejects opened and closed", async () => {
  const peer = new MemoryPeer();
  const stream = new WebSocketStream(URL, { peer, handshakeTimeoutMs: 60_000 });
  await peer.readHead();
  stream.close({ closeCode: 3000, reason: "ignored" });
  const error = await rejection(stream.opened) as WebSocketError;
  assertEquals([error.code, error.closeCode], ["WS_CLOSED_BY_APPLICATION", 1006]);
  assertStrictEquals(await rejection(stream.closed), error);
  await until(() => peer.over, "the byte stream was cut");
});

// ------------------------------------------------------------------------- messages

test("text is read as strings and binary as Uint8Arrays, each a chunk", async () => {
  const { stream, peer } = await openedStream({}, { glued: plain(text("in the same chunk")) });
  const reader = (await stream.opened).readable.getReader();
  peer.write(
    plain(text(""), { opcode: OP.BINARY, payload: Uint8Array.of(1, 2) }, closeFrame(1000)),
  );
  peer.end();
  const chunks: unknown[] = [];
  for (let read; !(read = await soon(reader.read(), "chunk")).done;) chunks.push(read.value);
  assertEquals(chunks, ["in the same chunk", "", Uint8Array.of(1, 2)]);
  assertEquals(await stream.closed, { closeCode: 1000, reason: "" });
});

test("strings are written as text, bytes as binary, the rest as what it converts to", async () => {
  const { stream, peer } = await openedStream();
  const writer = (await stream.opened).writable.getWriter() as WritableStreamDefaultWriter<unknown>;
  const { buffer } = Uint8Array.of(1, 2, 3, 4);
  const written = ["é\ud800", buffer, new DataView(buffer, 1, 2), 5, null, {
    toString: () => "own",
  }];
  for (const chunk of written) void writer.write(chunk);
  const got = [];
  for (let i = 0; i < written.length; i++) {
    const { opcode, payload } = (await peer.readFrame())!;
    got.push(opcode === OP.TEXT ? new TextDecoder().decode(payload) : [...payload]);
  }
  assertEquals(got, ["é\ufffd", [1, 2, 3, 4], [2, 3], "5", "null", "own"]);
  peer.destroy();
});

test("a chunk that cannot be converted fails the writable, and not the connection", async () => {
  const { stream, peer } = await openedStream();
  const { readable, writable } = await stream.opened;
  const writer = (writable as WritableStream<unknown>).getWriter();
  assert(await rejection(writer.write(Symbol("x"))) instanceof TypeError);
  peer.write(plain(text("still")));
  assertEquals((await soon(readable.getReader().read(), "message")).value, "still");
  peer.destroy();
});

test("what the writer does to its buffer afterwards does not show", async () => {
  for (const compression of [false, true]) {
    const lines = compression ? ["Sec-WebSocket-Extensions: permessage-deflate"] : [];
    const { stream, peer } = await openedStream({ compression }, { lines });
    const writer = (await stream.opened).writable.getWriter();
    await writer.ready;
    const bytes = new Uint8Array(100_000).fill(7);
    const done = writer.write(bytes);
    bytes.fill(1);
    const { payload } = (await peer.readFrame())!;
    const got = compression ? inflateRawSync(payload, { finishFlush: 2 }) : payload;
    assertEquals([...new Set(got)], [7]);
    await done;
    peer.destroy();
  }
});

test("a write waits while the peer does not read", async () => {
  const { stream, peer } = await openedStream({ highWaterMark: 10_000 });
  const writer = (await stream.opened).writable.getWriter();
  peer.stall();
  const writes = Array.from({ length: 50 }, () => writer.write(new Uint8Array(1000)));
  let done = 0;
  for (const write of writes) void write.then(() => done++);
  await sleep(50);
  assert(done >= 5 && done < 20, `${done} writes are done`);
  assertEquals(writer.desiredSize! < 0, true);
  peer.unstall();
  await soon(Promise.all(writes), "the writes");
  peer.destroy();
});

test("a reader who does not read stops the sender", async () => {
  const { stream, peer } = await openedStream({ highWaterMark: 50_000 });
  const chunk = plain({ opcode: OP.BINARY, payload: new Uint8Array(1000) });
  for (let i = 0; i < 1000; i++) peer.write(chunk);
  await sleep(50);
  const { taken } = peer;
  assert(taken < 150_000, `${taken} bytes were taken`);
  await sleep(50);
  assertEquals(peer.taken, taken);
  const reader = (await stream.opened).readable.getReader();
  for (let i = 0; i < 1000; i++) await reader.read();
  assert(peer.taken >= 1000 * chunk.length);
  peer.destroy();
});

// -------------------------------------------------------------------------- closing

test("close() sends what it was given, or nothing", async () => {
  for (
    const [closeInfo, payload] of [
      [undefined, []],
      [null, []],
      [{}, []],
      [{ reason: "" }, []],
      [{ closeCode: undefined, reason: undefined }, []],
      [{ code: 3456 }, []], // no such member
      [{ closeCode: 3456, reason: "pizza" }, [0x0d, 0x80, ...new TextEncoder().encode("pizza")]],
      [{ closeCode: "1000.9" }, [0x03, 0xe8]],
      [{ reason: "only" }, [0x03, 0xe8, ...new TextEncoder().encode("only")]],
    ] as const
  ) {
    const { stream, peer } = await openedStream();
    stream.close(closeInfo as never);
    assertEquals(await answerClose(peer), [...payload]);
    const { closeCode, reason } = await soon(stream.closed, "end");
    const info = closeInfo as { reason?: string } | undefined;
    assertEquals([closeCode === 1005, reason], [payload.length === 0, info?.reason ?? ""]);
  }
});

test("close() refuses wrong arguments, in every state", async () => {
  const { stream, peer } = await openedStream();
  const check = (on: typeof stream) => {
    for (const closeCode of [0, 999, 1001, 1005, 2999, 5000]) {
      assertEquals(thrown(() => on.close({ closeCode })), "InvalidAccessError");
    }
    for (const closeCode of [-1, 65536, NaN, Infinity, "x", 1000n]) {
      assertEquals(thrown(() => on.close({ closeCode: closeCode as number })), "TypeError");
    }
    assertEquals(thrown(() => on.close({ reason: "x".repeat(124) })), "SyntaxError");
    for (const wrong of [true, 5, "x"]) {
      assertEquals(thrown(() => on.close(wrong as never)), "TypeError");
    }
  };
  check(stream);
  check(new WebSocketStream(URL));
  stream.close();
  await answerClose(peer);
  await stream.closed;
  check(stream);
  stream.close({ closeCode: 1000 });
});

test("closing the writable closes the connection and waits for the end", async () => {
  const { stream, peer } = await openedStream();
  const { readable, writable } = await stream.opened;
  const writer = writable.getWriter();
  void writer.write("last words");
  const closing = writer.close();
  assertEquals((await peer.readFrame())!.opcode, OP.TEXT);
  let over = false;
  void closing.then(() => over = true);
  await sleep(20);
  assertEquals(over, false);
  assertEquals(await answerClose(peer), []);
  await soon(closing, "end of the writer");
  assertEquals(await stream.closed, CLOSED);
  assertEquals((await readable.getReader().read()).done, true);
});

for (const how of ["abort", "cancel"] as const) {
  const leave = async (stream: InstanceType<typeof WebSocketStream>, reason?: unknown) => {
    const { readable, writable } = await stream.opened;
    await soon(how === "abort" ? writable.abort(reason) : readable.cancel(reason), how);
  };

  test(`${how}() without a WebSocketError closes without a code`, async () => {
    for (const reason of [undefined, new Error("x"), { closeCode: 3456, reason: "set" }]) {
      const { stream, peer } = await openedStream();
      await leave(stream, reason);
      assertEquals(await answerClose(peer), []);
      assertEquals(await soon(stream.closed, "end"), CLOSED);
    }
  });

  test(`${how}() with a WebSocketError closes with its code and reason`, async () => {
    for (
      const [init, payload] of [
        [{ closeCode: 4001, reason: "é" }, [0x0f, 0xa1, 0xc3, 0xa9]],
        [{ closeCode: 1000 }, [0x03, 0xe8]],
        [{ reason: "r" }, [0x03, 0xe8, 0x72]],
        [{}, []],
        // What a server or this library said is not for applications to say.
        [{ code: "WS_CONNECTION_LOST" }, []],
        [{ code: "WS_UTF8_INVALID", closeCode: 1007, reason: "x" }, []],
      ] as const
    ) {
      const { stream, peer } = await openedStream();
      await leave(stream, new WebSocketError("", init));
      assertEquals(await answerClose(peer), [...payload]);
      await soon(stream.closed, "end");
    }
  });

  test(`${how}() takes the platform's WebSocketError as well`, async () => {
    const { stream, peer } = await openedStream();
    const error = new DOMException("", "WebSocketError");
    await leave(stream, Object.assign(error, { closeCode: null, reason: "" }));
    assertEquals(await answerClose(peer), []);
    const second = await openedStream();
    await leave(
      second.stream,
      Object.assign(new DOMException("", "WebSocketError"), { closeCode: 3000, reason: "r" }),
    );
    assertEquals(await answerClose(second.peer), [0x0b, 0xb8, 0x72]);
  });
}

test("aborting the writable leaves the readable until the end", async () => {
  const { stream, peer } = await openedStream();
  const { readable, writable } = await stream.opened;
  await writable.abort();
  const read = readable.getReader().read();
  await answerClose(peer);
  assertEquals((await soon(read, "end of the readable")).done, true);
});

test("when the server closes, the readable ends and the writable cannot be written to", async () => {
  const { stream, peer } = await openedStream();
  const { readable, writable } = await stream.opened;
  const writer = writable.getWriter();
  peer.write(plain(text("last"), closeFrame(4321, "done")));
  await peer.readFrame();
  peer.end();
  assertEquals(await soon(stream.closed, "end"), { closeCode: 4321, reason: "done" });
  const reader = readable.getReader();
  assertEquals((await reader.read()).value, "last");
  assertEquals((await reader.read()).done, true);
  await reader.closed;
  assertEquals((await rejection(writer.write("x")) as Error).name, "InvalidStateError");
  assertEquals((await rejection(writer.closed) as Error).name, "InvalidStateError");
});

test("when the connection is lost, all end with one WebSocketError", async () => {
  const { stream, peer } = await openedStream();
  const { readable, writable } = await stream.opened;
  const writer = writable.getWriter();
  const before = peer.taken;
  peer.write(plain(text("last")));
  await until(() => peer.taken > before, "the message was taken");
  peer.destroy();
  const error = await rejection(stream.closed, "end") as WebSocketError;
  assert(error instanceof WebSocketError);
  assertEquals([error.code, error.closeCode, error.reason], ["WS_CONNECTION_LOST", 1006, ""]);
  const reader = readable.getReader();
  assertEquals((await reader.read()).value, "last");
  assertStrictEquals(await rejection(reader.read()), error);
  assertStrictEquals(await rejection(writer.write("x")), error);
});

test("a broken rule ends with the code of the error and 1006 as the close code", async () => {
  const { stream, peer } = await openedStream();
  peer.write(plain({ opcode: 11, payload: "x" }));
  await peer.readFrame();
  peer.end();
  const error = await rejection(stream.closed, "end") as WebSocketError;
  assertEquals([error.code, error.closeCode], ["WS_OPCODE_RESERVED", 1006]);
  assertEquals((error.cause as WebSocketError).closeCode, 1002);
});

test("a write that waits when the connection is lost rejects", async () => {
  const { stream, peer } = await openedStream({ highWaterMark: 1000 });
  const writer = (await stream.opened).writable.getWriter();
  peer.stall();
  const write = writer.write(new Uint8Array(100_000));
  await sleep(10);
  peer.destroy();
  const error = await rejection(write, "write") as WebSocketError;
  assertEquals(error.code, "WS_CONNECTION_LOST");
  assertStrictEquals(await rejection(stream.closed), error);
});

test("writer.close() rejects when the peer never answers", async () => {
  const { stream, peer } = await openedStream({ closeTimeoutMs: 50 });
  const closing = (await stream.opened).writable.close();
  const error = await rejection(closing, "close") as WebSocketError;
  assertEquals(error.code, "WS_CLOSE_TIMEOUT");
  await until(() => peer.over, "the byte stream was cut");
});

test("streams can be piped through", async () => {
  const { stream, peer } = await openedStream();
  const { readable, writable } = await stream.opened;
  const shout = new TransformStream<string | Uint8Array, string>({
    transform: (chunk, controller) => controller.enqueue(`${chunk}!`),
  });
  const piped = readable.pipeThrough(shout).pipeTo(writable as WritableStream<string>);
  peer.write(plain(text("a"), text("b")));
  for (const wanted of ["a!", "b!"]) {
    assertEquals(new TextDecoder().decode((await peer.readFrame())!.payload), wanted);
  }
  peer.write(plain(closeFrame(1000)));
  assertEquals((await peer.readFrame())!.opcode, OP.CLOSE);
  peer.end();
  await soon(stream.closed, "end");
  await soon(piped.catch(() => {}), "end of the pipe");
});

test("an opening that is closed before it settles is cut when it comes late", async () => {
  const { socket, peer } = connecting({ handshakeTimeoutMs: 60_000 });
  void answer(peer).catch(() => {});
  socket.close();
  await until(() => peer.over, "the byte stream was cut");
});
