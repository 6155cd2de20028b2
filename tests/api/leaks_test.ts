import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { acceptWebSocket, connectWebSocket } from "../../src/api/stream.ts";
import { MemoryPeer } from "../support/memory_peer.ts";
import { timersLeftBy } from "../support/timers.ts";
import {
  acceptPeer,
  closeFrame,
  connectPeer,
  handlePeer,
  masked,
  plain,
  sleep,
  text,
} from "./ends.ts";
import { requestText } from "../support/raw_handshake.ts";

/** A signal that counts its listeners. */
function countingSignal(): { controller: AbortController; listeners: () => number } {
  const controller = new AbortController();
  const { signal } = controller;
  const listeners = new Set<unknown>();
  const { addEventListener, removeEventListener } = EventTarget.prototype;
  signal.addEventListener = (type: string, listener: never, options: never) => {
    listeners.add(listener);
    addEventListener.call(signal, type, listener, options);
  };
  signal.removeEventListener = (type: string, listener: never) => {
    listeners.delete(listener);
    removeEventListener.call(signal, type, listener);
  };
  return { controller, listeners: () => listeners.size };
}

const LONG = {
  handshakeTimeoutMs: 50_000,
  closeTimeoutMs: 51_000,
  pingIntervalMs: 52_000,
  pingTimeoutMs: 53_000,
};

test("no timer and no listener is left by a connection that ended, however it did", async () => {
  const ends: [string, (end: Awaited<ReturnType<typeof acceptPeer>>) => void][] = [
    ["closed by the peer", ({ peer }) => {
      peer.write(masked(closeFrame()));
      peer.end();
    }],
    ["closed here", ({ socket, peer }) => {
      socket.close();
      peer.write(masked(closeFrame()));
      peer.end();
    }],
    ["cut", ({ socket }) => socket.terminate()],
    ["lost", ({ peer }) => peer.destroy()],
    ["failed", ({ peer }) => {
      peer.write(masked({ opcode: 3 }));
      peer.end();
    }],
    ["closed behind a stream", ({ socket, peer }) => {
      socket.send(new ReadableStream<string>({ start: (c) => c.close() }));
      socket.close();
      peer.write(masked(closeFrame()));
      peer.end();
    }],
    ["with pings and sends that wait", ({ socket, peer }) => {
      const { signal } = new AbortController();
      socket.ping();
      socket.ping();
      socket.send("x", { signal });
      peer.destroy();
    }],
  ];
  for (const [name, end] of ends) {
    const { controller, listeners } = countingSignal();
    const timers = await timersLeftBy(async () => {
      const opened = await acceptPeer({ ...LONG, signal: controller.signal });
      await sleep(2);
      assertEquals(listeners(), 1, name);
      end(opened);
      await opened.socket.closed;
      opened.peer.end();
    });
    assertEquals([timers, listeners()], [[], 0], name);
  }
});

test("no timer and no listener is left by a client's connection", async () => {
  const { controller, listeners } = countingSignal();
  const timers = await timersLeftBy(async () => {
    const { socket, peer } = await connectPeer({ ...LONG, signal: controller.signal });
    peer.write(plain(text("x"), closeFrame()));
    peer.end();
    await socket.closed;
  });
  assertEquals([timers, listeners()], [[], 0]);
});

test("no timer and no listener is left by a handshake that failed", async () => {
  const { controller, listeners } = countingSignal();
  const options = { ...LONG, signal: controller.signal };
  const timers = await timersLeftBy(async () => {
    for (const request of [requestText([], "/"), "GARBAGE\r\n\r\n"]) {
      const peer = new MemoryPeer();
      const verify = () => new Response("no", { status: 403 });
      const accepted = acceptWebSocket(peer.pair, { ...options, verify }).catch(() => {});
      peer.writeText(request);
      peer.end();
      await accepted;
    }
    for (
      const response of ["HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno", "GARBAGE\r\n\r\n", ""]
    ) {
      const peer = new MemoryPeer();
      const connected = connectWebSocket(peer.pair, "ws://example.com", options).catch(() => {});
      await peer.readHead();
      if (response !== "") peer.writeText(response);
      else peer.destroy();
      await connected;
    }
  });
  assertEquals([timers, listeners()], [[], 0]);
});

test("a send's signal is let go of when the send is done", async () => {
  const { controller, listeners } = countingSignal();
  const { socket } = await acceptPeer();
  await socket.send("x", { signal: controller.signal });
  await socket.send(new Blob(["x"]), { signal: controller.signal });
  await sleep(1);
  assertEquals(listeners(), 0);
  socket.terminate();
});

test("two hundred connections share a signal without a warning, and are all cut by it", async () => {
  const controller = new AbortController();
  const warnings: unknown[] = [];
  const { warn, error } = console;
  console.warn = console.error = (...args: unknown[]) => warnings.push(args);
  try {
    const ends = await Promise.all(
      Array.from({ length: 200 }, () => handlePeer({}, { signal: controller.signal })),
    );
    controller.abort();
    for (const { socket } of ends) assertEquals((await socket.closed).error?.code, "WS_ABORTED");
  } finally {
    Object.assign(console, { warn, error });
  }
  assertEquals(warnings, []);
});

test("promises that reject while nobody looks at them end no process", async () => {
  const { socket, peer } = await acceptPeer();
  peer.stall();
  socket.send("x".repeat(1 << 20));
  socket.send(new Uint8Array(1 << 20));
  socket.send(new Blob(["x"]));
  socket.send(new ReadableStream<string>({ start: (c) => c.error(new Error("source")) }));
  socket.send("y", { signal: AbortSignal.timeout(1) });
  socket.ping();
  const reader = socket.readable.getReader();
  reader.read().catch(() => {});
  await sleep(5);
  peer.destroy();
  socket.send("late");
  socket.ping();
  await socket.closed;
  await sleep(20); // each runtime's test runner fails this test for an unhandled rejection
});
