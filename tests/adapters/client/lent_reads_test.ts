/**
 * On Node all clients read into one buffer. That must not show anywhere: what an application, an
 * observer or a waiting handshake was given is its own, whatever other connections read later. The
 * tests hold on every runtime.
 */
import { assert, assertEquals } from "@std/assert";
import { test } from "node:test";
import { connect, type ConnectOptions } from "../../../src/adapters/client.ts";
import type { WebSocketConnection } from "../../../src/api/connection.ts";
import { concatBytes } from "../../../src/bytes.ts";
import { encodeFrame, type WireFrame } from "../../support/wire.ts";
import { acceptance, head, listenRaw, type RawPeer } from "../support/raw.ts";
import { until } from "../support/waiting.ts";

const BINARY = 2, PING = 9, PONG = 10;

/** More than a read brings. */
const LARGE_BYTES = 700_000;

function fill(length: number, seed: number): Uint8Array {
  return new Uint8Array(length).map((_, at) => seed + at * 7 + (at >> 8) + (at >> 16));
}

/** Bytes that were handed out, and what they were then. */
class Kept {
  readonly #all: { bytes: Uint8Array; copy: Uint8Array }[] = [];

  add(bytes: Uint8Array): void {
    this.#all.push({ bytes, copy: bytes.slice() });
  }

  /** The lengths of what was handed out; fails when any of it has changed. */
  check(): number[] {
    for (const { bytes, copy } of this.#all) assertEquals(bytes, copy, "it was overwritten");
    return this.#all.map(({ bytes }) => bytes.length);
  }
}

type Run = (
  open: (options?: ConnectOptions) => Promise<WebSocketConnection>,
  peers: RawPeer[],
  send: (peer: RawPeer, ...frames: WireFrame[]) => void,
) => Promise<void>;

/** Runs something with a server that says `early` together with its 101. */
async function withServer(early: WireFrame[], run: Run): Promise<void> {
  const bytes = (frames: WireFrame[]) => concatBytes(frames.map((frame) => encodeFrame(frame)));
  const ready: RawPeer[] = [];
  const server = await listenRaw((peer) => {
    peer.readHead().then(async (request) => {
      const accepted = new TextEncoder().encode(head(await acceptance(request)));
      peer.write(concatBytes([accepted, bytes(early)]));
      ready.push(peer);
    }).catch(() => {});
  });
  const sockets: WebSocketConnection[] = [];
  try {
    await run(
      async (options) => {
        const socket = await connect(server.url, { pingIntervalMs: 0, ...options });
        sockets.push(socket);
        return socket;
      },
      ready,
      (peer, ...frames) => void peer.write(bytes(frames)),
    );
  } finally {
    for (const socket of sockets) socket.terminate();
    await server.close();
  }
}

test("messages and pings stay what they were when other connections have read", async () => {
  const payloads = [40, 3000, LARGE_BYTES].map((size) => fill(size, size));
  const early = [{ opcode: BINARY, payload: fill(50, 1) }];
  await withServer(early, async (open, peers, send) => {
    const kept = new Kept();
    let pings = 0, pongs = 0;
    const handler = {
      message: (_: WebSocketConnection, data: string | Uint8Array) => kept.add(data as Uint8Array),
      ping: (_: WebSocketConnection, payload: Uint8Array) => (kept.add(payload), pings++, true),
      pong: (_: WebSocketConnection, payload: Uint8Array) => (kept.add(payload), pongs++),
    };
    await open({ handler });
    await until(() => kept.check().length === 1, "the message that came with the head");
    const [first] = peers;
    for (const payload of payloads) {
      send(first, { opcode: BINARY, payload });
      send(first, { opcode: PING, payload: fill(20, 5) }, { opcode: PONG, payload: fill(9, 6) });
    }
    await until(() => kept.check().length === 10, "all that was sent");
    assertEquals([pings, pongs], [3, 3]);
    // Others read into the same memory, to its end.
    const other = new Kept();
    await open({ handler: { message: (_, data) => other.add(data as Uint8Array) } });
    send(peers[1], { opcode: BINARY, payload: new Uint8Array(LARGE_BYTES).fill(0xee) });
    await until(() => other.check().length === 2, "the other connection's message");
    assertEquals(kept.check(), [50, 40, 20, 9, 3000, 20, 9, LARGE_BYTES, 20, 9]);
  });
});

test("what came while a reader was paused is there when it goes on", async () => {
  await withServer([], async (open, peers, send) => {
    const got: string[] = [];
    const socket = await open({
      handler: {
        message(socket, data) {
          got.push(data as string);
          if (got.length === 1) socket.pause();
        },
      },
    });
    const other: unknown[] = [];
    await open({ handler: { message: (_, data) => void other.push(data) } });
    const texts = ["one", "two", "three"];
    send(peers[0], ...texts.map((payload) => ({ opcode: 1, payload })));
    await until(() => got.length === 1, "the first message");
    send(peers[1], { opcode: BINARY, payload: new Uint8Array(LARGE_BYTES).fill(0xee) });
    await until(() => other.length === 1, "the other connection's message");
    assertEquals(got, ["one"]);
    socket.resume();
    await until(() => got.length === 3, "the others");
    assertEquals(got, texts);
  });
});

test("slices of a streamed message and frames that observers saw are theirs", async () => {
  await withServer([], async (open, peers, send) => {
    const seen = new Kept();
    const observer = {
      framePayload: (_connection: unknown, _frame: unknown, bytes: Uint8Array) => seen.add(bytes),
    };
    const streamed = await open();
    await open({ observer, handler: { message() {} } });
    const payload = fill(LARGE_BYTES, 3);
    const slices = new Kept();
    const reading = (async () => {
      for await (const message of streamed.messages()) {
        for await (const slice of message.body) slices.add(slice as Uint8Array);
        return;
      }
    })();
    const sum = (lengths: number[]) => lengths.reduce((all, one) => all + one, 0);
    for (let at = 0; at < LARGE_BYTES; at += 100_000) {
      const frame = { opcode: at === 0 ? BINARY : 0, fin: at + 100_000 >= LARGE_BYTES };
      for (const peer of peers) {
        send(peer, { ...frame, payload: payload.subarray(at, at + 100_000) });
      }
      await until(() => sum(seen.check()) >= at + 100_000, "what the observer sees");
    }
    await reading;
    assertEquals(sum(slices.check()), LARGE_BYTES);
    assertEquals(sum(seen.check()), LARGE_BYTES);
    assert(slices.check().length > 1);
  });
});
