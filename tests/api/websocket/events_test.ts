import { assert, assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import { test } from "node:test";
import { HandshakeError, WebSocketError } from "../../../src/errors.ts";
import {
  closeEvent,
  errorEvent,
  OwnCloseEvent,
  OwnErrorEvent,
  type WebSocketCloseEvent,
  type WebSocketErrorEvent,
} from "../../../src/api/websocket/events.ts";
import { MemoryPeer } from "../../support/memory_peer.ts";
import {
  answer,
  closeFrame,
  connecting,
  Log,
  OP,
  opened,
  plain,
  sleep,
  text,
  until,
  URL,
  WebSocket,
} from "./sockets.ts";

const binary = (...bytes: number[]) => ({ opcode: OP.BINARY, payload: Uint8Array.from(bytes) });

test("open, messages and close come in this order, each from this socket", async () => {
  const { socket, peer, log } = await opened({}, {
    glued: plain(text("a"), text("b"), closeFrame(1000, "bye")),
  });
  await peer.readFrame();
  peer.end();
  await log.until("close");
  assertEquals(log.types, ["open", "message", "message", "close"]);
  for (const event of log.events) {
    assertStrictEquals(event.target, socket);
    assertEquals([event.bubbles, event.cancelable, event.composed], [false, false, false]);
  }
});

test("nothing is fired before the open event of a connection that opens at once", async () => {
  const peer = new MemoryPeer();
  const socket = new WebSocket(URL, [], { peer });
  const states: number[] = [socket.readyState];
  await answer(peer);
  for (let i = 0; i < 20; i++) await Promise.resolve();
  // Listeners that are set many microtasks after the constructor are in time.
  const log = new Log(socket);
  socket.addEventListener("open", () => states.push(socket.readyState));
  await log.until("open");
  assertEquals(states, [0, 1]);
});

test("an opener that fails at once fires nothing while the constructor runs or soon after", async () => {
  let fired = 0;
  const failing = () =>
    Promise.reject(new HandshakeError("Cannot x", { code: "WS_CONNECT_FAILED" }));
  const socket = new WebSocket(URL, [], { instead: failing });
  for (let i = 0; i < 20; i++) await Promise.resolve();
  socket.onerror = () => fired++;
  assertEquals([fired, socket.readyState], [0, 0]);
  const log = new Log(socket);
  await log.until("close");
  assertEquals([fired, socket.readyState], [1, 3]);
});

test("messages wait for listeners that are set after awaiting the open event", async () => {
  const { socket, peer } = connecting();
  await answer(peer, { glued: plain(text("early")) });
  await new Promise((resolve) => socket.onopen = resolve);
  await Promise.resolve();
  const data = await new Promise((resolve) => socket.onmessage = (event) => resolve(event.data));
  assertEquals(data, "early");
});

test("code that awaits one message at a time misses none of those in one chunk", async () => {
  const wanted = Array.from({ length: 30 }, (_, i) => `m${i}`);
  const { socket, peer } = await opened();
  const viaOnce = () =>
    new Promise<string>((resolve) => {
      socket.addEventListener("message", ({ data }) => resolve(data), { once: true });
    });
  const viaHandler = () =>
    new Promise<string>((resolve) => socket.onmessage = (e) => resolve(e.data));
  const nested = async () => await Promise.race([viaHandler(), new Promise<string>(() => {})]);
  const got: string[] = [];
  peer.write(plain(...wanted.map(text)));
  for (let i = 0; i < 10; i++) got.push(await viaOnce());
  for (let i = 0; i < 10; i++) got.push(await viaHandler());
  for (let i = 0; i < 10; i++) got.push(await nested());
  assertEquals(got, wanted);
});

test("many messages to steady listeners keep their order", async () => {
  const wanted = Array.from({ length: 2000 }, (_, i) => `m${i}`);
  const { peer, log } = await opened();
  for (let i = 0; i < wanted.length; i += 50) {
    peer.write(plain(...wanted.slice(i, i + 50).map(text)));
    if (i % 500 === 0) await sleep(1);
  }
  await until(() => log.data.length === wanted.length, "all messages came");
  assertEquals(log.data, wanted);
});

test("a listener or handler that is set amid steady messages sees the next one", async () => {
  const { socket, peer, log } = await opened();
  socket.onmessage = () => {};
  peer.write(plain(...Array.from({ length: 200 }, () => text("x"))));
  await until(() => log.data.length === 200, "steady messages came");
  const next = () =>
    new Promise<unknown>((resolve) => {
      socket.addEventListener("message", (event) => resolve(event.data), { once: true });
    });
  const first = next();
  peer.write(plain(text("a"), text("b"), text("c")));
  assertEquals([await first, await next(), await next()], ["a", "b", "c"]);

  peer.write(plain(...Array.from({ length: 200 }, () => text("y"))));
  await until(() => log.data.length === 403, "more steady messages came");
  const replaced = () =>
    new Promise<unknown>((resolve) => socket.onmessage = (e) => resolve(e.data));
  const second = replaced();
  peer.write(plain(text("d"), text("e"), text("f")));
  assertEquals([await second, await replaced(), await replaced()], ["d", "e", "f"]);
});

test("messages after close() was called in a listener are dropped, in the same chunk too", async () => {
  const { socket, peer, log } = await opened();
  socket.onmessage = () => socket.close();
  peer.write(plain(text("a"), text("b"), text("c")));
  await peer.readFrame();
  peer.write(plain(closeFrame()));
  peer.end();
  await log.until("close");
  assertEquals(log.data, ["a"]);
});

test("messages on their way to listeners are dropped when close() is called meanwhile", async () => {
  const { socket, peer, log } = await opened();
  socket.onmessage = () => void Promise.resolve().then(() => socket.close());
  peer.write(plain(text("a"), text("b"), text("c")));
  await peer.readFrame();
  peer.write(plain(closeFrame()));
  peer.end();
  await log.until("close");
  assertEquals(log.data, ["a"]);
});

test("while messages before a close frame go out, the socket is open", async () => {
  const { socket, peer, log } = await opened();
  const states: number[] = [];
  socket.onmessage = () => states.push(socket.readyState);
  peer.write(plain(text("a"), text("b"), closeFrame()));
  await until(() => socket.readyState === WebSocket.CLOSING, "it is closing");
  assertEquals(states, [1, 1]);
  peer.end();
  await log.until("close");
  assertEquals(socket.readyState, 3);
});

test("text comes as a string with its byte order mark, binary as a Blob", async () => {
  const { peer, log } = await opened();
  peer.write(plain(text("\ufeffé€\u{1f600}"), text(""), binary(0, 255, 7), binary()));
  await log.until("message", 4);
  assertEquals(log.data.slice(0, 2), ["\ufeffé€\u{1f600}", ""]);
  const [first, empty] = log.data.slice(2) as Blob[];
  assertInstanceOf(first, Blob);
  assertEquals([first.type, first.size, empty.size], ["", 3, 0]);
  assertEquals([...new Uint8Array(await first.arrayBuffer())], [0, 255, 7]);
});

test("binary comes as an ArrayBuffer of just its bytes when binaryType says so", async () => {
  const { socket, peer, log } = await opened();
  socket.binaryType = "arraybuffer";
  peer.write(plain(binary(1, 2), binary(), binary(3)));
  await log.until("message", 3);
  for (const data of log.data) assertInstanceOf(data, ArrayBuffer);
  assertEquals(log.data.map((data) => [...new Uint8Array(data as ArrayBuffer)]), [[1, 2], [], [3]]);
});

test("binaryType can change from message to message", async () => {
  const { socket, peer, log } = await opened();
  socket.onmessage = () => socket.binaryType = "arraybuffer";
  peer.write(plain(binary(1), binary(2)));
  await log.until("message", 2);
  assertInstanceOf(log.data[0], Blob);
  assertInstanceOf(log.data[1], ArrayBuffer);
});

test("binaryType ignores what is not one of its values", () => {
  const socket = new WebSocket(URL);
  const loose = socket as unknown as { binaryType: unknown };
  for (const wrong of ["Blob", "ArrayBuffer", "nodebuffer", "", null, undefined, 0, {}]) {
    loose.binaryType = wrong;
    assertEquals(socket.binaryType, "blob");
  }
  loose.binaryType = { toString: () => "arraybuffer" };
  loose.binaryType = "notblob";
  assertEquals(socket.binaryType, "arraybuffer");
});

test("a message event has the origin of the URL and nothing else of note", async () => {
  const peer = new MemoryPeer();
  const socket = new WebSocket("http://user:pw@EXAMPLE.com:80/a?b", [], { peer });
  const log = new Log(socket);
  await answer(peer, { glued: plain(text("x")) });
  const event = await log.until<MessageEvent>("message");
  assertInstanceOf(event, MessageEvent);
  assertEquals([event.origin, event.lastEventId, event.source], ["ws://example.com", "", null]);
  assertEquals(event.ports.length, 0);
});

test("a broken rule fires one error with its cause, then close with 1006", async () => {
  const { socket, peer, log } = await opened();
  peer.write(
    plain(text("a"), { opcode: OP.TEXT, payload: "masked", key: Uint8Array.of(1, 2, 3, 4) }),
  );
  await peer.readFrame();
  peer.end();
  const close = await log.until<WebSocketCloseEvent>("close");
  assertEquals(log.types, ["open", "message", "error", "close"]);
  const { error, message } = log.events[2] as WebSocketErrorEvent;
  assertInstanceOf(error, WebSocketError);
  assertEquals([error.code, message], ["WS_MASK_UNEXPECTED", error.message]);
  assertEquals([close.code, close.reason, close.wasClean], [1006, "", false]);
  assertEquals(socket.readyState, 3);
});

test("within the error event the socket is closed already", async () => {
  const { socket, peer, log } = await opened();
  let state = -1;
  socket.onerror = () => state = socket.readyState;
  peer.destroy();
  const close = await log.until<WebSocketCloseEvent>("close");
  assertEquals([state, close.code, close.wasClean], [3, 1006, false]);
  assertEquals((log.events[1] as WebSocketErrorEvent).error.code, "WS_CONNECTION_LOST");
});

test("a refused handshake fires error with the HandshakeError, then close", async () => {
  const { socket, peer } = connecting();
  const log = new Log(socket);
  await peer.readHead();
  peer.writeText("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
  const close = await log.until<WebSocketCloseEvent>("close");
  assertEquals(log.types, ["error", "close"]);
  const { error } = log.events[0] as WebSocketErrorEvent;
  assertInstanceOf(error, HandshakeError);
  assertEquals([error.code, error.status, error.body], ["WS_HANDSHAKE_REFUSED", 403, "no"]);
  assertEquals([close.code, close.wasClean, socket.extensions], [1006, false, ""]);
});

test("after close nothing is fired any more", async () => {
  const { peer, log } = await opened();
  peer.write(plain(closeFrame(), text("late")));
  await peer.readFrame();
  peer.end();
  await log.until("close");
  await sleep(30);
  assertEquals(log.types, ["open", "close"]);
});

// -------------------------------------------------------------------- own event classes

test("the events of this library have the shape of the platform's", () => {
  const close = new OwnCloseEvent("close", { code: 4000, reason: "\ud800", wasClean: true });
  assertEquals([close.type, close.code, close.reason], ["close", 4000, "\ufffd"]);
  assertEquals([close.wasClean, String(close)], [true, "[object CloseEvent]"]);
  const error = new OwnErrorEvent("error", { message: "m", error: 5 });
  assertEquals([error.message, error.error, error.filename], ["m", 5, ""]);
  assertEquals([error.lineno, error.colno, String(error)], [0, 0, "[object ErrorEvent]"]);
  const [plainClose, plainError] = [new OwnCloseEvent("x"), new OwnErrorEvent("x")];
  assertEquals([plainClose.code, plainClose.reason, plainClose.wasClean], [0, "", false]);
  assertEquals([plainError.message, plainError.error], ["", undefined]);
  for (const event of [close, error]) {
    assert(event instanceof Event);
    assertEquals(Object.keys(event).filter((key) => key !== "isTrusted"), []);
  }
});

test("the platform's event classes are used where it has them", () => {
  const platform = globalThis as Record<string, unknown>;
  assertStrictEquals(
    closeEvent(1000, "", true).constructor,
    platform.CloseEvent ?? OwnCloseEvent,
  );
  assertStrictEquals(errorEvent(new Error("x")).constructor, platform.ErrorEvent ?? OwnErrorEvent);
});
