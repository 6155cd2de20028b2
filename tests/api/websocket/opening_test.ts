import { assertEquals, assertMatch } from "@std/assert";
import { test } from "node:test";
import { openClient } from "../../../src/api/client_opening.ts";
import { setupClient } from "../../../src/api/client_setup.ts";
import type { ConnectionCore } from "../../../src/api/connection_core.ts";
import { StreamTransport } from "../../../src/api/stream_transport.ts";
import type { WebSocketErrorEvent } from "../../../src/api/websocket/events.ts";
import type { Prepare } from "../../../src/api/websocket/types.ts";
import { createWebSocketClass } from "../../../src/api/websocket/websocket.ts";
import { createWebSocketStreamClass } from "../../../src/api/websocket_stream.ts";
import { MemoryPeer } from "../../support/memory_peer.ts";
import { answer, Log, soon, until, URL, WebSocket } from "./sockets.ts";

/** An opener over a peer that knows nothing of signals, and what it does last. */
function deaf(peer: MemoryPeer, last = () => {}): Prepare<object> {
  const setup = setupClient(URL, { pingIntervalMs: 0 });
  const open = async (): Promise<ConnectionCore> => {
    const core = await openClient(new StreamTransport(peer.pair), setup);
    last();
    return core;
  };
  return () => open;
}

test("a connection that comes after close() is cut", async () => {
  const peer = new MemoryPeer();
  const socket = new (createWebSocketClass(deaf(peer)))(URL);
  const log = new Log(socket);
  socket.close();
  await log.until("close");
  await answer(peer);
  await until(() => peer.over, "the connection was cut");
  assertEquals(log.types, ["error", "close"]);
});

test("a signal that is aborted as the connection comes cuts it before it opens", async () => {
  for (const kind of ["socket", "stream"]) {
    const peer = new MemoryPeer();
    const controller = new AbortController();
    const prepare = deaf(peer, () => controller.abort(new Error("just now")));
    const { signal } = controller;
    if (kind === "socket") {
      const log = new Log(new (createWebSocketClass(prepare))(URL, [], { signal }));
      await answer(peer);
      await log.until("close");
      assertEquals(log.types, ["error", "close"]);
      const { error } = log.events[0] as WebSocketErrorEvent;
      assertEquals([error.code, error.cause.message], ["WS_HANDSHAKE_ABORTED", "just now"]);
    } else {
      const stream = new (createWebSocketStreamClass(prepare))(URL, { signal });
      await answer(peer);
      const error = await soon(stream.opened.catch((error) => error), "rejection");
      assertEquals(error.message, "just now");
    }
    await until(() => peer.over, "the connection was cut");
  }
});

test("what is no signal is refused by name", () => {
  for (const wrong of [{}, 5, "x", null, new EventTarget()]) {
    let message = "";
    try {
      new WebSocket(URL, [], { signal: wrong as AbortSignal });
    } catch (error) {
      message = (error as TypeError).message;
    }
    assertMatch(message, /^Cannot use option "signal": expected an AbortSignal/);
  }
});
