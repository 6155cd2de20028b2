import { assert, assertEquals } from "@std/assert";
import { test } from "node:test";
import { connect } from "../../src/adapters/client.ts";
import {
  type Handler,
  serve,
  type ServeOptions,
  type WebSocketConnection,
} from "../../src/adapters/serve.ts";
import { encodeFrame } from "../support/wire.ts";
import { acceptance, clientFrame, head, listenRaw, RawPeer } from "./support/raw.ts";
import { CERT, KEY } from "./support/runtime.ts";
import { Inbox, sleep, until, within } from "./support/waiting.ts";

/** More than the kernels between two sockets of one machine hold. */
const STALLED_BYTES = 48 << 20;

/** Waits until a number has not changed for a while. */
async function settled(value: () => number, what: string): Promise<number> {
  let last = value();
  for (let same = 0, turns = 0; same < 6; turns++) {
    if (turns > 200) throw new Error(`${what} does not come to rest: ${last}`);
    await sleep(50);
    same = value() === last ? same + 1 : 0;
    last = value();
  }
  return last;
}

/** Serves one raw peer and hands over both ends. */
async function withPair(
  options: ServeOptions,
  run: (socket: WebSocketConnection, peer: RawPeer) => Promise<void>,
  handler?: (sockets: Inbox<WebSocketConnection>) => Handler,
): Promise<void> {
  const sockets = new Inbox<WebSocketConnection>();
  const server = await serve(
    handler?.(sockets) ?? (async (socket) => {
      sockets.push(socket);
      await socket.closed;
    }),
    { pingIntervalMs: 0, closeTimeoutMs: 500, ...options, port: 0 },
  );
  try {
    const peer = await RawPeer.open(server.port, { secure: options.tls !== undefined });
    await run(await sockets.next("connection"), peer);
    peer.destroy();
  } finally {
    await within(server.close(), "end of the server");
  }
}

for (const secure of [false, true]) {
  const tls = secure ? { cert: CERT, key: KEY } : undefined;
  const over = secure ? " over TLS" : "";
  for (const size of [1000, 100_000]) {
    test(`send waits while the peer does not read ${size}-byte messages${over}`, async () => {
      const highWaterMark = 64 * 1024;
      await withPair({ tls, highWaterMark }, async (socket, peer) => {
        peer.pause();
        const message = new Uint8Array(size).fill(65);
        let sent = 0;
        let stopped = false;
        const sending = (async () => {
          while (!stopped && sent < STALLED_BYTES) {
            await socket.send(message);
            sent += size;
          }
        })();
        const stalledAt = await settled(() => sent, "the sender");
        assert(stalledAt < STALLED_BYTES, `the sender never waited: ${stalledAt} bytes`);
        const buffered = socket.bufferedAmount;
        assert(buffered > 0, "nothing is buffered");
        assert(buffered <= highWaterMark + 2 * (size + 14) + 65536, `${buffered} bytes buffered`);
        assertEquals(socket.trySend("more"), buffered <= highWaterMark);

        stopped = true;
        peer.resume();
        await within(sending, "the sender going on when the peer reads");
        await until(() => socket.bufferedAmount === 0, "everything sent");
        const frameSize = size + (size < 65536 ? 4 : 10);
        await until(() => peer.size >= (sent / size) * frameSize, "everything received");
        const frames = peer.frames().filter((frame) => frame.opcode === 2);
        assertEquals(frames.length, sent / size);
      });
    });
  }

  test(`a slow reader of ours holds the peer back${over}`, async () => {
    await withPair({ tls, highWaterMark: 64 * 1024 }, async (socket, peer) => {
      const frame = clientFrame({ opcode: 2, payload: new Uint8Array(64_000) });
      let written = 0;
      const blocked = () => peer.socket.writableLength > 1 << 20;
      const pump = setInterval(() => {
        while (!blocked() && written < STALLED_BYTES) {
          peer.write(frame);
          written += frame.length;
        }
      }, 5);
      try {
        const accepted = await settled(
          () => written - peer.socket.writableLength,
          "what the peer can write",
        );
        assert(accepted < STALLED_BYTES - 65536, `all ${accepted} bytes were taken`);
        const frames = written / frame.length;
        let got = 0;
        for await (const message of socket) {
          assertEquals(message.length, 64_000);
          got++;
          if (got === frames) break;
        }
        await until(() => written >= STALLED_BYTES || got === frames, "the peer going on");
      } finally {
        clearInterval(pump);
      }
    });
  });
}

test("send resolves after a write that waited below the socket's own mark", async () => {
  await withPair({ highWaterMark: 0 }, async (socket, peer) => {
    peer.pause();
    let sent = 0;
    let stopped = false;
    const message = "x".repeat(2000);
    const sending = (async () => {
      // With a mark of 0 every send waits until its own bytes have left.
      while (!stopped && sent < STALLED_BYTES) {
        await socket.send(message);
        sent += message.length;
      }
    })();
    const stalledAt = await settled(() => sent, "the sender");
    assert(stalledAt < STALLED_BYTES, "the sender never waited");
    assert(socket.bufferedAmount <= 4096, `${socket.bufferedAmount} bytes buffered`);
    stopped = true;
    peer.resume();
    await within(sending, "the sender going on");
  });
});

test("a peer that never reads is cut when more than maxBufferedBytes wait", async () => {
  const ends = new Inbox<string | undefined>();
  await withPair({ maxBufferedBytes: 1 << 20 }, async (socket, peer) => {
    peer.pause();
    for (let i = 0; i < 400 && socket.readyState === 1; i++) {
      for (let n = 0; n < 4; n++) socket.send(new Uint8Array(100_000)); // not awaited: misuse
      await sleep(1);
    }
    const { closeCode, error } = await within(socket.closed, "end");
    assertEquals([closeCode, error?.code], [1006, "WS_SEND_BUFFER_FULL"]);
  }, (sockets) => ({
    open: (socket) => sockets.push(socket),
    error: (_socket, error) => ends.push(error.code),
  }));
});

test("thousands of pings from a peer that does not read keep the buffer small", async () => {
  await withPair({}, async (socket, peer) => {
    peer.pause();
    void socket.send(new Uint8Array(16 << 20)); // fills the kernel's buffers
    await sleep(200);
    const before = socket.bufferedAmount;
    const ping = clientFrame({ opcode: 9, payload: "x".repeat(125) });
    for (let i = 0; i < 20; i++) {
      peer.write(...Array.from({ length: 500 }, () => ping));
      await sleep(5);
    }
    await sleep(100);
    const after = socket.bufferedAmount;
    assert(after <= before + 100_000, `${before} bytes became ${after}`);
  });
});

test("a client's slow reader holds the server back", async () => {
  const server = await listenRaw((peer) => {
    peer.readHead().then(acceptance).then((lines) => {
      peer.write(head(lines));
      const frame = encodeFrame({ opcode: 2, payload: new Uint8Array(64_000) });
      const pump = setInterval(() => {
        while (peer.socket.writableLength < 1 << 20 && written < STALLED_BYTES) {
          peer.write(frame);
          written += frame.length;
        }
      }, 5);
      peer.closed.then(() => clearInterval(pump));
    });
  });
  let written = 0;
  try {
    const socket = await connect(server.url, { pingIntervalMs: 0, closeTimeoutMs: 500 });
    const peer = server.peers[0];
    const accepted = await settled(
      () => written - peer.socket.writableLength,
      "what the server can write",
    );
    assert(accepted > 0 && accepted < STALLED_BYTES - 65536, `${accepted} bytes were taken`);
    let got = 0;
    for await (const message of socket) {
      got += message.length + 4;
      if (got > accepted + (4 << 20)) break;
    }
    socket.terminate();
    await socket.closed;
  } finally {
    await server.close();
  }
});
