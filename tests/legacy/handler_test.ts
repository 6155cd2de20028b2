import { assertEquals } from "@std/assert";
import { describe, test } from "node:test";
import type { WebSocketConnection } from "../../src/api/connection.ts";
import { type Handler, runHandler } from "../../src/api/handler.ts";
import { openFromBytes, type ServerOptions, setupServer } from "../../src/api/server_opening.ts";
import { StreamTransport } from "../../src/api/stream_transport.ts";
import { legacy } from "../../src/legacy/mod.ts";
import { until } from "../adapters/support/waiting.ts";
import { soon } from "../api/ends.ts";
import { join } from "../support/bytes.ts";
import { MemoryPeer } from "../support/memory_peer.ts";
import { timersLeftBy } from "../support/timers.ts";
import { BODY, CLOSE, head, lines75, lines76, textFrame, utf8 } from "./support.ts";

/** What a handler on a server sees of a client that sends its handshake and frames in one chunk. */
async function handle(
  version: "hixie-75" | "hixie-76",
  handler: Handler,
  frames: Uint8Array,
  options: ServerOptions = {},
) {
  const peer = new MemoryPeer();
  const errors: unknown[] = [];
  const onError = (error: unknown) => void errors.push(error);
  const setup = setupServer({ legacy: legacy(), onError, ...options });
  const request = version === "hixie-75" ? head(lines75()) : head(lines76()) + BODY;
  peer.write(utf8(request), frames);
  const core = await openFromBytes(new StreamTransport(peer.pair), false, setup);
  if (core instanceof Error) throw core;
  runHandler(core, handler, onError);
  await peer.readHead();
  if (version === "hixie-76") await peer.read(16);
  return { peer, errors, socket: core.socket };
}

const THREE = join(["one", "two", "three"].map(textFrame));

for (const version of ["hixie-75", "hixie-76"] as const) {
  const closing = version === "hixie-76" ? CLOSE : new Uint8Array(0);

  describe(`${version}: a handler that, within a chunk,`, () => {
    test("closes gets nothing more, and what it sent before goes", async () => {
      const seen: unknown[] = [];
      const { peer, socket } = await handle(version, {
        message(socket, data) {
          seen.push(data);
          if (data !== "two") return;
          socket.send("last");
          socket.close();
        },
      }, THREE);
      assertEquals(await peer.read(6 + closing.length), join([textFrame("last"), closing]));
      if (version === "hixie-76") peer.write(CLOSE);
      peer.end();
      assertEquals((await soon(socket.closed, "the end")).error, undefined);
      assertEquals(seen, ["one", "two"]);
    });

    test("terminates gets nothing more", async () => {
      const seen: unknown[] = [];
      const { peer, socket } = await handle(version, {
        message(socket, data) {
          seen.push(data);
          if (data === "two") socket.terminate();
        },
      }, THREE);
      assertEquals((await soon(socket.closed, "the end")).error?.code, "WS_TERMINATED");
      await peer.readToEnd();
      assertEquals(seen, ["one", "two"]);
    });

    test("hears of the peer's close has no code to answer with, and is told so", async () => {
      const seen: unknown[] = [];
      const { peer, errors, socket } = await handle(version, {
        closing(socket, { closeCode }) {
          seen.push([closeCode, socket.capabilities.closeAnswers]);
          return { closeCode: 1000 };
        },
      }, closing);
      peer.end();
      const { closeCode, error } = await soon(socket.closed, "the end");
      assertEquals(seen, [[closeCode, false]]);
      const names = errors.map((error) => (error as DOMException).name);
      assertEquals([names, error], [["NotSupportedError"], undefined]);
    });

    test("throws ends its connection, and the application hears of it", async () => {
      const seen: unknown[] = [];
      const { peer, errors, socket } = await handle(version, {
        message(_socket, data) {
          seen.push(data);
          if (data === "two") throw new Error("of the handler");
        },
      }, THREE);
      assertEquals(await peer.readToEnd(), closing);
      peer.end();
      const { closeCode, error } = await soon(socket.closed, "the end");
      assertEquals([closeCode, error?.code, error?.closeCode], [1006, "WS_HANDLER_FAILED", 1006]);
      assertEquals([seen, errors.length], [["one", "two"], 1]);
    });

    test("pauses gets the rest when it goes on", async () => {
      const seen: unknown[] = [];
      const { peer, socket } = await handle(version, {
        message(socket, data) {
          seen.push(data);
          socket.pause();
        },
      }, THREE);
      for (const sofar of [["one"], ["one", "two"], ["one", "two", "three"]]) {
        await until(() => seen.length === sofar.length, "message");
        assertEquals(seen, sofar);
        socket.resume();
      }
      peer.end();
      await soon(socket.closed, "the end");
    });

    test("observes it sees the handshake, the messages and the end", async () => {
      const seen: unknown[] = [];
      const { peer, socket } = await handle(
        version,
        { message: (socket, data) => void socket.send(data) },
        textFrame("one"),
        {
          observer: {
            handshake: (_, { direction, status, headers }) =>
              void seen.push([direction, status, headers.get("upgrade")]),
            open: ({ socket }) => void seen.push(["open", socket?.capabilities.frameEvents]),
            message: (_, { direction, data }) => void seen.push([direction, data]),
            close: (_, { wasClean }) => void seen.push(["closed", wasClean]),
          },
        },
      );
      await peer.read(5);
      if (version === "hixie-76") peer.write(CLOSE);
      peer.end();
      const { wasClean } = await soon(socket.closed, "the end");
      assertEquals(seen, [
        ["in", undefined, "WebSocket"],
        ["out", 101, "WebSocket"],
        ["open", false],
        ["in", "one"],
        ["out", "one"],
        ["closed", wasClean],
      ]);
    });
  });
}

test("no timer is left by an old connection that ended, however it did", async () => {
  const long: ServerOptions = { handshakeTimeoutMs: 50_000, closeTimeoutMs: 51_000 };
  const ends: Record<string, (peer: MemoryPeer, socket: WebSocketConnection) => void> = {
    "closed by the peer": (peer) => {
      peer.write(CLOSE);
      peer.end();
    },
    "closed here": (peer, socket) => {
      socket.close();
      peer.write(CLOSE);
      peer.end();
    },
    "cut": (_, socket) => socket.terminate(),
    "lost": (peer) => peer.destroy(),
    "failed": (peer) => {
      peer.write(Uint8Array.of(0x00, 0xc0));
      peer.end();
    },
  };
  for (const version of ["hixie-75", "hixie-76"] as const) {
    for (const [name, end] of Object.entries(ends)) {
      const left = await timersLeftBy(async () => {
        const { peer, socket } = await handle(version, {}, new Uint8Array(0), long);
        end(peer, socket);
        await soon(socket.closed, name);
      });
      assertEquals(left, [], `${version} ${name}`);
    }
  }
});
