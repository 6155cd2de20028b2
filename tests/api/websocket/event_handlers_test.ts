import { assertEquals, assertStrictEquals } from "@std/assert";
import { test } from "node:test";
import type { WebSocketInstance } from "../../../src/api/websocket/types.ts";
import { answer, connecting, Log, opened, plain, text, URL, WebSocket } from "./sockets.ts";

type Loose = Record<string, unknown>;
const NAMES = ["onopen", "onmessage", "onerror", "onclose"];

/** Lets a socket open, and waits for that. */
async function open(socket: WebSocketInstance, peer: Parameters<typeof answer>[0]): Promise<void> {
  const log = new Log(socket);
  await answer(peer);
  await log.until("open");
}

test("handlers are null at first, keep functions and objects, and take the rest for null", () => {
  const socket = new WebSocket(URL) as unknown as Loose;
  for (const name of NAMES) {
    assertEquals(socket[name], null);
    for (const value of [() => {}, {}, [], class {}, { handleEvent() {} }]) {
      socket[name] = value;
      assertStrictEquals(socket[name], value);
    }
    for (const value of [1, "alert()", true, Symbol("x"), undefined, null, 5n]) {
      socket[name] = () => {};
      socket[name] = value;
      assertStrictEquals(socket[name], null);
    }
  }
});

test("a handler is called with the event, on the socket", async () => {
  const { socket, peer } = connecting();
  let got: unknown[] = [];
  socket.onopen = function (...args: unknown[]) {
    got = [this, ...args];
  } as typeof socket.onopen;
  await open(socket, peer);
  assertEquals(got.length, 2);
  assertStrictEquals(got[0], socket);
  assertEquals((got[1] as Event).type, "open");
});

test("a handler has its place where it was first set, whatever replaces it", async () => {
  const { socket, peer } = connecting();
  const calls: string[] = [];
  socket.addEventListener("open", () => calls.push("first"));
  socket.onopen = () => calls.push("replaced");
  socket.addEventListener("open", () => calls.push("last"));
  socket.onopen = () => calls.push("handler");
  await open(socket, peer);
  assertEquals(calls, ["first", "handler", "last"]);
});

test("a handler that was null in between gives up its place", async () => {
  const { socket, peer } = connecting();
  const calls: string[] = [];
  socket.onopen = () => calls.push("handler");
  socket.addEventListener("open", () => calls.push("listener"));
  socket.onopen = null;
  socket.onopen = () => calls.push("handler");
  await open(socket, peer);
  assertEquals(calls, ["listener", "handler"]);
});

test("an object that is no function holds the place and is not called", async () => {
  const { socket, peer, log } = await opened();
  const calls: string[] = [];
  (socket as unknown as Loose).onmessage = { handleEvent: () => calls.push("never") };
  socket.addEventListener("message", () => calls.push("listener"));
  peer.write(plain(text("a")));
  await log.until("message");
  assertEquals(calls, ["listener"]);
  socket.onmessage = () => calls.push("handler");
  peer.write(plain(text("b")));
  await log.until("message", 2);
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(calls, ["listener", "handler", "listener"]);
});

test("a handler that was set to null is not called", async () => {
  const { socket, peer } = connecting();
  let called = false;
  socket.onopen = () => called = true;
  socket.onopen = null;
  await open(socket, peer);
  assertEquals(called, false);
});

test("a handler that replaces itself while it runs is called next time", async () => {
  const { socket, peer, log } = await opened();
  const calls: string[] = [];
  socket.onmessage = (event) => {
    calls.push(`first ${event.data}`);
    socket.onmessage = (event) => calls.push(`second ${event.data}`);
  };
  peer.write(plain(text("a"), text("b")));
  await log.until("message", 2);
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(calls, ["first a", "second b"]);
});

test("the same function as handler and as listener is called twice", async () => {
  const { socket, peer } = connecting();
  let calls = 0;
  const count = () => calls++;
  socket.onopen = count;
  socket.addEventListener("open", count);
  await open(socket, peer);
  socket.removeEventListener("open", count);
  assertEquals([calls, socket.onopen], [2, count]);
});
