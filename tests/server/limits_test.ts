import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { test } from "node:test";
import { connect } from "../../src/adapters/client.ts";
import {
  ConnectionLimiter,
  type LimitOptions,
  resolveLimits,
  TokenBucket,
} from "../../src/server/limits.ts";
import { clientFrame, clientText, RawPeer } from "../adapters/support/raw.ts";
import { sleep, until, within } from "../adapters/support/waiting.ts";
import { ask, statusOf, withRouter } from "./rig.ts";

test("a bucket fills at its rate, up to its size, and may be owed", () => {
  const bucket = new TokenBucket(10, 2, 0);
  assertEquals(bucket.waitMs(1, 0), 0);
  bucket.take(2, 0);
  assertEquals(bucket.waitMs(1, 0), 100);
  assertEquals(bucket.waitMs(1, 50), 50);
  assertEquals(bucket.waitMs(1, 100), 0);
  bucket.take(5, 100); // one was there: four are owed
  assertEquals(bucket.waitMs(0, 100), 400);
  assertEquals(bucket.waitMs(2, 10_000), 0);
  assertEquals(bucket.waitMs(99, 10_000), 0); // as many as it can hold are enough
});

test("handshakes of one address are paced, and those of others are not", () => {
  const limiter = new ConnectionLimiter(resolveLimits({ handshakesPerSecond: 2 }));
  assertEquals(limiter.admit("a", 0), undefined);
  assertEquals(limiter.admit("a", 0), undefined);
  assertEquals(limiter.admit("a", 0), { status: 429, retryAfterSeconds: 1 });
  assertEquals(limiter.admit("b", 0), undefined);
  assertEquals(limiter.admit("a", 400)?.status, 429); // refusals cost no token
  assertEquals(limiter.admit("a", 500), undefined);
  assertEquals(limiter.connections, 4);
});

test("connections are counted altogether and by address until they are released", () => {
  const limits = { maxConnections: 3, maxConnectionsPerAddress: 2, retryAfterSeconds: 7 };
  const limiter = new ConnectionLimiter(resolveLimits(limits));
  assertEquals(limiter.admit("a", 0), undefined);
  assertEquals(limiter.admit("a", 0), undefined);
  assertEquals(limiter.admit("a", 0), { status: 429, retryAfterSeconds: 7 });
  assertEquals(limiter.admit("__proto__", 0), undefined);
  assertEquals(limiter.admit("c", 0), { status: 503, retryAfterSeconds: 7 });
  limiter.release("a");
  assertEquals(limiter.admit("a", 0), undefined);
  for (const peer of ["a", "a", "__proto__"]) limiter.release(peer);
  assertEquals([limiter.connections, limiter.addresses], [0, 0]);
});

test("a million addresses take no more memory than maxAddresses", () => {
  const limits = { handshakesPerSecond: 1, maxConnectionsPerAddress: 5, maxAddresses: 100 };
  const limiter = new ConnectionLimiter(resolveLimits(limits));
  for (let i = 0; i < 1_000_000; i++) {
    const peer = `peer ${i}`;
    if (limiter.admit(peer, i / 1000) === undefined) limiter.release(peer);
  }
  assertEquals([limiter.connections, limiter.addresses], [0, 100]);
  // Who was seen lately is remembered.
  assertEquals(limiter.admit("peer 999999", 1000)?.status, 429);
  assertEquals(limiter.admit("peer 1", 1000), undefined);
});

test("wrong limits are refused by name", () => {
  for (
    const name of ["maxConnections", "handshakeBurst", "maxAddresses", "messageBurst"] as const
  ) {
    for (const value of [0, -1, 1.5, NaN]) {
      assertThrows(() => resolveLimits({ [name]: value }), RangeError, `"${name}"`);
    }
    assertThrows(() => resolveLimits({ [name]: "1" } as LimitOptions), TypeError, `"${name}"`);
  }
  for (const value of [0, -0.1, NaN]) {
    assertThrows(() => resolveLimits({ messagesPerSecond: value }), RangeError);
  }
  assertEquals(resolveLimits({ messagesPerSecond: 0.1 }).messageBurst, 1);
  assertThrows(() => resolveLimits({ onExcess: "drop" } as never), TypeError, '"onExcess"');
  assertThrows(() => resolveLimits({ maxConnectionsPerAdress: 1 } as never), TypeError);
});

test("too many handshakes are 429 and too many connections 503, with Retry-After", async () => {
  const limits = { maxConnections: 2, handshakesPerSecond: 0.01, handshakeBurst: 5 };
  await withRouter({ limits }, async (router, { port }) => {
    router.route("/", { handler: { message() {} } });
    const peers = [await ask(port, "/"), await ask(port, "/")];
    const full = await ask(port, "/");
    assertEquals(full.status, 503);
    assertMatch(full.head, /^retry-after: 10$/im);
    peers[0].peer.destroy();
    await until(() => router.connections.size === 1, "end of the connection");
    assertEquals(await statusOf(port, "/"), 101);
    assertEquals(await statusOf(port, "/nowhere"), 404); // which costs a token, too
    const flooded = await ask(port, "/");
    assertEquals(flooded.status, 429);
    assertMatch(flooded.head, /^retry-after: (?:9\d|100)$/im);
    for (const { peer } of [...peers, full, flooded]) peer.destroy();
  });
});

test("handshakes that are refused or lost give their place back", async () => {
  const limits = { maxConnections: 1, maxConnectionsPerAddress: 1 };
  await withRouter({ limits }, async (router, { port }) => {
    let hold = Promise.resolve();
    router.route("/", {
      verify: () => hold,
      origins: ["https://a.example"],
      handler: { message() {} },
    });
    router.route("/throws", {
      data: () => {
        throw new Error("data failed");
      },
      onError: () => {},
      handler: {},
    });
    for (let round = 0; round < 3; round++) {
      assertEquals(await statusOf(port, "/", "Origin: https://b.example"), 403);
      assertEquals(await statusOf(port, "/", "Sec-WebSocket-Key: twice"), 400);
      assertEquals(await statusOf(port, "/throws"), 500);
      assertEquals(await statusOf(port, "/none"), 404);
    }
    let release = () => {};
    hold = new Promise((resolve) => release = resolve);
    const gone = await RawPeer.connect(port);
    const { head, requestLines } = await import("../adapters/support/raw.ts");
    gone.write(head(requestLines("/")));
    await sleep(50);
    assertEquals(await statusOf(port, "/"), 503); // the one that waits counts
    gone.reset();
    await sleep(50);
    release();
    hold = Promise.resolve();
    await sleep(50);
    const { status, peer } = await ask(port, "/");
    assertEquals(status, 101);
    peer.destroy();
  });
});

for (const how of ["callbacks", "a loop"] as const) {
  test(`who sends too many messages is held back, with ${how}, and nothing is lost`, async () => {
    const limits = { messagesPerSecond: 100, messageBurst: 20 };
    await withRouter({ limits }, async (router, { url }) => {
      let count = 0;
      router.route("/", {
        handler: how === "callbacks" ? { message: () => void count++ } : async (socket) => {
          for await (const _ of socket) count++;
        },
      });
      const start = performance.now();
      const socket = await connect(url);
      for (let i = 0; i < 60; i++) void socket.send("x");
      await until(() => count >= 20, "first messages");
      await until(() => count === 60, "all messages");
      const took = performance.now() - start;
      // Twenty at once, and forty at a hundred a second.
      assert(took > 350, `60 messages took ${took} ms`);
      const { closeCode } = await within(socket.close(), "end");
      assertEquals(closeCode, 1000);
    });
  });
}

test("who sends too many bytes is held back, while they come", async () => {
  const limits = { bytesPerSecond: 100_000, byteBurst: 10_000 };
  await withRouter({ limits }, async (router, { url }) => {
    let bytes = 0;
    router.route("/", { handler: { message: (_, data) => void (bytes += data.length) } });
    const start = performance.now();
    await using socket = await connect(url);
    for (let i = 0; i < 5; i++) void socket.send(new Uint8Array(10_000));
    await until(() => bytes === 50_000, "all bytes");
    const took = performance.now() - start;
    assert(took > 280, `it took ${took} ms`);
  });
});

for (
  const [what, frames, limits] of [
    ["messages", [clientText("x")], { messagesPerSecond: 10 }],
    ["bytes", [clientText("x".repeat(100))], { bytesPerSecond: 1000 }],
    ["pings", [clientFrame({ opcode: 9, payload: "x" })], { messagesPerSecond: 10 }],
    ["fragments", [
      clientFrame({ opcode: 1, fin: false, payload: "x" }),
      clientFrame({ opcode: 0, payload: "x" }),
    ], { messagesPerSecond: 10 }],
  ] as [string, Uint8Array[], LimitOptions][]
) {
  test(`a flood of ${what} is closed with 1008 where the policy says so`, async () => {
    await withRouter({ limits: { ...limits, onExcess: "close" } }, async (router, { port }) => {
      let count = 0;
      router.route("/", { handler: { message: () => void count++ } });
      const { peer } = await ask(port, "/");
      for (let i = 0; i < 1000; i++) peer.write(...frames);
      await until(() => peer.gone || closeCode(peer) !== undefined, "close frame");
      assertEquals(closeCode(peer), 1008);
      assert(count <= 20, `${count} messages were delivered`);
      peer.destroy();
      await until(() => router.connections.size === 0, "end of the connection");
    });
  });
}

function closeCode(peer: RawPeer): number | undefined {
  try {
    const frame = peer.frames().find(({ opcode }) => opcode === 8);
    return frame === undefined ? undefined : frame.payload[0] * 256 + frame.payload[1];
  } catch {
    return undefined; // not whole yet
  }
}
