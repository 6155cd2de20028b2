import { assertEquals } from "@std/assert";
import { test } from "node:test";
import type {
  WebSocketCloseEvent,
  WebSocketErrorEvent,
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
  thrown,
  until,
  URL,
  WebSocket,
} from "./sockets.ts";

/** Closes with these arguments; returns the payload of the close frame that went out. */
async function closePayload(...args: unknown[]): Promise<number[]> {
  const { socket, peer, log } = await opened();
  Reflect.apply(socket.close, socket, args);
  const frame = (await peer.readFrame())!;
  assertEquals(frame.opcode, OP.CLOSE);
  peer.write(plain({ opcode: OP.CLOSE, payload: frame.payload }));
  peer.end();
  await log.until("close");
  return [...frame.payload];
}

const utf8 = (reason: string) => [...new TextEncoder().encode(reason)];

test("close without arguments sends a close frame without a body", async () => {
  assertEquals(await closePayload(), []);
  assertEquals(await closePayload(undefined), []);
  assertEquals(await closePayload(undefined, undefined), []);
  assertEquals(await closePayload(undefined, ""), []);
});

test("close sends a code, and a reason with it", async () => {
  assertEquals(await closePayload(1000), [0x03, 0xe8]);
  assertEquals(await closePayload(4999, "ok"), [0x13, 0x87, ...utf8("ok")]);
  assertEquals(await closePayload(3000, "€".repeat(41)), [0x0b, 0xb8, ...utf8("€".repeat(41))]);
});

test("a reason without a code goes with 1000", async () => {
  assertEquals(await closePayload(undefined, "bye"), [0x03, 0xe8, ...utf8("bye")]);
});

test("an unpaired surrogate in a reason is sent as U+FFFD", async () => {
  assertEquals(await closePayload(1000, "\ud807x"), [0x03, 0xe8, ...utf8("\ufffdx")]);
});

test("a code is converted as [Clamp] unsigned short", async () => {
  assertEquals(await closePayload("3000"), [0x0b, 0xb8]);
  assertEquals(await closePayload(2999.7), [0x0b, 0xb8]);
  assertEquals(await closePayload(3000.5), [0x0b, 0xb8]);
  assertEquals(await closePayload(3001.5), [0x0b, 0xba]);
  assertEquals(await closePayload({ valueOf: () => 1000 }), [0x03, 0xe8]);
  assertEquals(await closePayload(1000, null), [0x03, 0xe8, ...utf8("null")]);
});

test("any code but 1000 and 3000 to 4999 is an InvalidAccessError, in every state", async () => {
  const { socket, peer, log } = await opened();
  const wrong = [0, 999, 1001, 1005, 1006, 1011, 2999, 5000, 65536 + 1000, -1, NaN, Infinity];
  const values = [...wrong, null, "", "x", {}, 2999.5 - 0.01, 4999.6];
  const check = (on: typeof socket) => {
    const state = on.readyState;
    for (const code of values) {
      assertEquals(thrown(() => on.close(code as number)), "InvalidAccessError", String(code));
    }
    assertEquals(on.readyState, state);
  };
  check(new WebSocket(URL));
  check(socket);
  socket.close();
  check(socket);
  peer.write(plain(closeFrame()));
  peer.end();
  await log.until("close");
  check(socket);
});

test("a code that cannot be converted is a TypeError", async () => {
  const { socket, peer } = await opened();
  for (const wrong of [Symbol("x"), 1000n]) {
    assertEquals(thrown(() => socket.close(wrong as unknown as number)), "TypeError");
  }
  assertEquals(thrown(() => socket.close(1000, Symbol("x") as unknown as string)), "TypeError");
  peer.destroy();
});

test("a reason of more than 123 bytes is a SyntaxError", async () => {
  const { socket, peer } = await opened();
  for (const reason of ["x".repeat(124), "é".repeat(62), "\ud800".repeat(42)]) {
    assertEquals(thrown(() => socket.close(1000, reason)), "SyntaxError");
    assertEquals(thrown(() => socket.close(undefined, reason)), "SyntaxError");
    assertEquals(thrown(() => new WebSocket(URL).close(1000, reason)), "SyntaxError");
  }
  assertEquals(socket.readyState, 1);
  // The code is looked at first.
  assertEquals(thrown(() => socket.close(1001, "x".repeat(124))), "InvalidAccessError");
  peer.destroy();
});

test("close changes the state at once and fires nothing before the peer has answered", async () => {
  const { socket, peer, log } = await opened();
  socket.close(3001, "done");
  assertEquals([socket.readyState, log.types], [2, ["open"]]);
  await peer.readFrame();
  await sleep(20);
  assertEquals([socket.readyState, log.types], [2, ["open"]]);
  peer.write(plain(closeFrame(3001, "done")));
  peer.end();
  const close = await log.until<WebSocketCloseEvent>("close");
  assertEquals([close.code, close.reason, close.wasClean], [3001, "done", true]);
  assertEquals([socket.readyState, log.types], [3, ["open", "close"]]);
});

test("the close event has the code and the reason of the peer's frame", async () => {
  for (
    const [payload, code, reason] of [
      [new Uint8Array(0), 1005, ""],
      [Uint8Array.of(0x03, 0xe9), 1001, ""],
      [Uint8Array.of(0x0f, 0xa0, 0xef, 0xbb, 0xbf, 0x61), 4000, "\ufeffa"],
    ] as const
  ) {
    const { socket, peer, log } = await opened();
    peer.write(plain({ opcode: OP.CLOSE, payload }));
    assertEquals([...(await peer.readFrame())!.payload], [...payload]);
    await until(() => socket.readyState === WebSocket.CLOSING, "the state is CLOSING");
    peer.end();
    const close = await log.until<WebSocketCloseEvent>("close");
    assertEquals([close.code, close.reason, close.wasClean], [code, reason, true]);
    assertEquals(log.types, ["open", "close"]);
  }
});

test("the peer's code wins over the one given to close()", async () => {
  const { socket, peer, log } = await opened();
  socket.close(3000, "mine");
  await peer.readFrame();
  peer.write(plain(closeFrame(4000, "theirs")));
  peer.end();
  const close = await log.until<WebSocketCloseEvent>("close");
  assertEquals([close.code, close.reason], [4000, "theirs"]);
});

test("closing again does nothing, in whatever state and from whatever event", async () => {
  const { socket, peer, log } = await opened();
  socket.onclose = () => socket.close(4000);
  socket.close(3000);
  socket.close(3001);
  socket.close();
  assertEquals([...(await peer.readFrame())!.payload], [0x0b, 0xb8]);
  peer.write(plain(closeFrame(3000)));
  peer.end();
  await log.until("close");
  socket.close();
  await sleep(20);
  assertEquals(log.types, ["open", "close"]);
  assertEquals(await peer.readFrame(), null);
});

test("what was sent before close() arrives before the close frame", async () => {
  const { socket, peer } = await opened();
  socket.send("text");
  socket.send(new Blob(["blob"]));
  socket.send(Uint8Array.of(1));
  socket.close(1000);
  const opcodes = [];
  for (let i = 0; i < 4; i++) opcodes.push((await peer.readFrame())!.opcode);
  assertEquals(opcodes, [OP.TEXT, OP.BINARY, OP.BINARY, OP.CLOSE]);
  peer.destroy();
});

/** So long that nothing is cut for want of time. */
const PATIENT = { handshakeTimeoutMs: 60_000 };

test("close() while connecting fires error and 1006, later, and cuts the opening", async () => {
  const { socket, peer } = connecting(PATIENT);
  const log = new Log(socket);
  socket.close(3000, "early");
  assertEquals([socket.readyState, log.types], [2, []]);
  for (let i = 0; i < 20; i++) await Promise.resolve();
  assertEquals(log.types, []);
  const close = await log.until<WebSocketCloseEvent>("close");
  assertEquals([close.code, close.reason, close.wasClean], [1006, "", false]);
  assertEquals(log.types, ["error", "close"]);
  assertEquals((log.events[0] as WebSocketErrorEvent).error.code, "WS_CLOSED_BY_APPLICATION");
  await until(() => peer.over, "the byte stream was given up");
});

test("close() while connecting ends an opener that never settles", async () => {
  const socket = new WebSocket(URL);
  const log = new Log(socket);
  socket.close();
  await log.until("close");
  assertEquals([socket.readyState, log.types], [3, ["error", "close"]]);
});

test("close() between the handshake and the open event means that it never opens", async () => {
  const { socket, peer } = connecting(PATIENT);
  const log = new Log(socket);
  await answer(peer);
  // The head is on its way through promises; as soon as it was taken, the open event is a task.
  while (peer.taken === 0) await Promise.resolve();
  socket.close();
  await log.until("close");
  await until(() => peer.over, "the byte stream was given up");
  assertEquals(log.types, ["error", "close"]);
});

test("close() in the open event closes in order", async () => {
  const { socket, peer } = connecting();
  const log = new Log(socket);
  socket.onopen = () => socket.close(1000);
  await answer(peer, { glued: plain(text("unread")) });
  assertEquals((await peer.readFrame())!.opcode, OP.CLOSE);
  peer.write(plain(closeFrame()));
  peer.end();
  const close = await log.until<WebSocketCloseEvent>("close");
  assertEquals([log.types, close.wasClean], [["open", "close"], true]);
});

test("a peer that never answers close() is cut after closeTimeoutMs", async () => {
  const { socket, peer, log } = await opened({ closeTimeoutMs: 50 });
  socket.close();
  const close = await log.until<WebSocketCloseEvent>("close");
  assertEquals([close.code, close.wasClean], [1006, false]);
  assertEquals((log.events[1] as WebSocketErrorEvent).error.code, "WS_CLOSE_TIMEOUT");
  await until(() => peer.over, "the byte stream was cut");
});

// ------------------------------------------------------------------------- signals

test("aborting the signal while connecting fires error and close", async () => {
  const controller = new AbortController();
  const { socket, peer } = connecting({ ...PATIENT, signal: controller.signal });
  const log = new Log(socket);
  await peer.readHead();
  controller.abort(new Error("changed my mind"));
  assertEquals(log.types, []);
  await log.until("close");
  const { error } = log.events[0] as WebSocketErrorEvent;
  assertEquals([log.types, error.code], [["error", "close"], "WS_HANDSHAKE_ABORTED"]);
  assertEquals(error.cause.message, "changed my mind");
  await until(() => peer.over, "the byte stream was cut");
});

test("a signal that is aborted already fails the connection, and not the constructor", async () => {
  const { socket } = connecting({ signal: AbortSignal.abort() });
  assertEquals(socket.readyState, 0);
  const log = new Log(socket);
  await log.until("close");
  assertEquals((log.events[0] as WebSocketErrorEvent).error.code, "WS_HANDSHAKE_ABORTED");
});

test("aborting the signal of an open socket cuts it", async () => {
  const controller = new AbortController();
  const { socket, peer, log } = await opened({ signal: controller.signal });
  socket.send("x");
  controller.abort();
  assertEquals([log.types, socket.bufferedAmount], [["open"], 1]);
  const close = await log.until<WebSocketCloseEvent>("close");
  assertEquals([close.code, close.wasClean], [1006, false]);
  assertEquals((log.events[1] as WebSocketErrorEvent).error.code, "WS_ABORTED");
  await until(() => peer.over, "the byte stream was cut");
});

test("a signal keeps no listener of a socket that is over", async () => {
  let listeners = 0;
  const { signal } = new AbortController();
  const { addEventListener: add, removeEventListener: remove } = signal;
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    listeners++;
    add.apply(signal, args);
  };
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    listeners--;
    remove.apply(signal, args);
  };
  const { peer, log } = await opened({ signal });
  assertEquals(listeners, 1);
  peer.destroy();
  await log.until("close");
  assertEquals(listeners, 0);
  const failing = new MemoryPeer();
  const second = new Log(connecting({ signal, peer: failing }).socket);
  assertEquals(listeners, 1);
  failing.destroy();
  await second.until("close");
  assertEquals(listeners, 0);
});
