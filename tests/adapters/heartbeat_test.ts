import { assert, assertEquals } from "@std/assert";
import { test } from "node:test";
import type { WebSocketConnection } from "../../src/api/connection.ts";
import { connect } from "../../src/adapters/client.ts";
import { serve } from "../../src/adapters/serve.ts";
import { acceptance, clientFrame, head, listenRaw, RawPeer } from "./support/raw.ts";
import { Inbox, sleep, until, within } from "./support/waiting.ts";
import { PATIENCE } from "../support/patience.ts";

/** What a busy machine may add to a deadline, in milliseconds. */
const SLACK_MS = 3000 * PATIENCE;

const BEAT = {
  pingIntervalMs: 100 * PATIENCE,
  pingTimeoutMs: 400 * PATIENCE,
  closeTimeoutMs: 500 * PATIENCE,
};

type Options = Partial<typeof BEAT> & { highWaterMark?: number; compression?: boolean };

/** Our server's connection to a raw client. */
async function withRawClient(
  options: Options,
  run: (socket: WebSocketConnection, peer: RawPeer) => Promise<void>,
): Promise<void> {
  const sockets = new Inbox<WebSocketConnection>();
  const server = await serve(async (socket) => {
    sockets.push(socket);
    await socket.closed;
  }, { ...BEAT, ...options, port: 0 });
  try {
    const peer = await RawPeer.open(server.port);
    await run(await sockets.next("connection"), peer);
    peer.destroy();
  } finally {
    await within(server.close(), "end of the server");
  }
}

/** Our client's connection to a raw server. */
async function withRawServer(
  options: Options,
  run: (socket: WebSocketConnection, peer: RawPeer) => Promise<void>,
): Promise<void> {
  const server = await listenRaw(async (peer) => {
    peer.write(head(await acceptance(await peer.readHead())));
  }, { allowHalfOpen: true });
  try {
    const socket = await connect(server.url, { ...BEAT, ...options });
    await run(socket, server.peers[0]);
    socket.terminate();
  } finally {
    await server.close();
  }
}

/** A stream without an end. */
function endless(): ReadableStream<Uint8Array> {
  return new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(50_000)) });
}

// --------------------------------------------------------------------- half-open peers

const busy: [string, (socket: WebSocketConnection) => () => void][] = [
  ["is idle", () => () => {}],
  ["sends small messages", (socket) => {
    const timer = setInterval(() => socket.send("into the void"), 10);
    return () => clearInterval(timer);
  }],
  ["sends large messages", (socket) => {
    const timer = setInterval(() => socket.bufferedAmount || socket.send(endlessPiece), 30);
    return () => clearInterval(timer);
  }],
  ["streams", (socket) => {
    socket.send(endless()).catch(() => {});
    return () => {};
  }],
];
const endlessPiece = new Uint8Array(300_000);

for (const [role, withRaw] of [["server", withRawClient], ["client", withRawServer]] as const) {
  for (const [what, start] of busy) {
    test(`a ${role} that ${what} notices in time that its peer has vanished`, async () => {
      await withRaw({}, async (socket, peer) => {
        peer.pause(); // no FIN, no RST, no byte: the cable was pulled
        const began = performance.now();
        const stop = start(socket);
        const info = await within(socket.closed, "notice of the loss", 10_000);
        stop();
        const took = performance.now() - began;
        assertEquals([info.closeCode, info.error?.code], [1006, "WS_PING_TIMEOUT"]);
        const most = BEAT.pingIntervalMs + BEAT.pingTimeoutMs;
        assert(took >= BEAT.pingTimeoutMs - 50 && took < most + SLACK_MS, `it took ${took} ms`);
      });
    });
  }

  test(`a ${role} that does not read takes nobody for dead, and says that it is there`, async () => {
    await withRaw({ highWaterMark: 1000 }, async (socket, peer) => {
      const frame = role === "server" ? clientFrame : plainFrame;
      for (let i = 0; i < 5; i++) peer.write(frame({ opcode: 1, payload: "x".repeat(1000) }));
      await sleep(2 * (BEAT.pingIntervalMs + BEAT.pingTimeoutMs)); // longer than any deadline
      // A machine that stands still beats but once for all the time that it stood.
      const pongs = () => frames(peer).filter(({ opcode }) => opcode === 10);
      await until(() => socket.readyState !== 1 || pongs().length >= 2, "pongs");
      assertEquals(socket.readyState, 1);
      // Listened to again, the peer has all of its time, and no more than that.
      const began = performance.now();
      let got = 0;
      for await (const message of socket) {
        assertEquals(message.length, 1000);
        if (++got === 5) break;
      }
      const { error } = await within(socket.closed, "notice of the loss", 10_000);
      const took = performance.now() - began;
      assertEquals(error?.code, "WS_PING_TIMEOUT");
      const most = 2 * BEAT.pingIntervalMs + BEAT.pingTimeoutMs;
      assert(took >= BEAT.pingTimeoutMs - 50 && took < most + SLACK_MS, `it took ${took} ms`);
    });
  });

  test(`a ${role} exposes the round trip of its heartbeats, without the time it did not read`, async () => {
    await withRaw({ pingIntervalMs: 50, pingTimeoutMs: 5000 }, async (socket, peer) => {
      assertEquals(socket.latencyMs, undefined);
      const frame = role === "server" ? clientFrame : plainFrame;
      let delayMs = 0;
      let answered = 0;
      const answer = setInterval(() => {
        const pings = frames(peer).filter(({ opcode }) => opcode === 9);
        for (; answered < pings.length; answered++) {
          const { payload } = pings[answered];
          setTimeout(() => peer.gone || peer.write(frame({ opcode: 10, payload })), delayMs);
        }
      }, 5);
      try {
        await until(() => socket.latencyMs !== undefined, "latency");
        assert(socket.latencyMs! >= 0 && socket.latencyMs! < 2000, `${socket.latencyMs} ms`);
        delayMs = 300; // several pings are out at any time
        await until(() => socket.latencyMs! >= 250, "larger latency");
        await sleep(200);
        assert(socket.latencyMs! >= 250 && socket.latencyMs! < 2500, `${socket.latencyMs} ms`);
        delayMs = 0;
        await until(() => socket.latencyMs! < 250, "small latency again");
        socket.pause();
        await sleep(1500);
        socket.resume();
        await sleep(100);
        assert(socket.latencyMs! < 1400, `${socket.latencyMs} ms`);
      } finally {
        clearInterval(answer);
      }
    });
  });
}

function frames(peer: RawPeer): { opcode: number; payload: Uint8Array }[] {
  return peer.frames();
}

test("ping() sets latencyMs to what it returned", async () => {
  await using server = await serve({}, { port: 0 });
  const socket = await connect(server.url, { pingIntervalMs: 0 });
  assertEquals(socket.latencyMs, undefined);
  const ms = await socket.ping();
  assertEquals(socket.latencyMs, ms);
  await socket.close();
  assertEquals(socket.latencyMs, ms);
});

// ------------------------------------------------------------------ both ends are ours

/** Waits until a number has not changed for a while in which this process did run. */
async function atRest(read: () => number): Promise<number> {
  let last = read();
  for (let still = 0; still < 20; still++) {
    await sleep(20);
    if (read() !== last) still = 0;
    last = read();
  }
  return last;
}

for (const compression of [false, true]) {
  for (const sender of ["client", "server"]) {
    const how = compression ? "compressed " : "";
    test(`a ${sender} does not give up on a reader that pauses in a ${how}stream`, async () => {
      const sockets = new Inbox<WebSocketConnection>();
      const server = await serve(async (socket) => {
        sockets.push(socket);
        await socket.closed;
      }, { ...BEAT, compression, port: 0 });
      try {
        const client = await connect(server.url, { ...BEAT, compression });
        const accepted = await sockets.next("connection");
        const [from, to] = sender === "client" ? [client, accepted] : [accepted, client];
        const piece = crypto.getRandomValues(new Uint8Array(60_000));
        let pulled = 0;
        let stop = false;
        const sent = from.send(
          new ReadableStream<Uint8Array>({
            pull(controller) {
              if (stop) return controller.close();
              pulled++;
              controller.enqueue(piece);
            },
          }, { highWaterMark: 0 }),
        );
        const message = (await within(to.messages().next(), "message")).value!;
        // Nobody reads its body: the source is not pulled any more once the kernels are full.
        await until(() => from.bufferedAmount > 0, "blocked sender");
        const stalledAt = await atRest(() => pulled);
        await sleep(2 * (BEAT.pingIntervalMs + BEAT.pingTimeoutMs));
        assertEquals([from.readyState, to.readyState], [1, 1]);
        assert(pulled <= stalledAt + 4, `pulled on from ${stalledAt} to ${pulled}`);
        stop = true;
        let bytes = 0;
        for await (const part of message.body) bytes += part.length;
        assertEquals(bytes, pulled * piece.length);
        await within(sent, "end of the stream");
        await within(client.close(), "end");
      } finally {
        await within(server.close(), "end of the server");
      }
    });
  }
}

function plainFrame(frame: Parameters<typeof clientFrame>[0]): Uint8Array {
  return clientFrame({ ...frame, key: undefined });
}
