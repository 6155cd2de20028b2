import { test } from "node:test";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { WebSocketError } from "../../src/errors.ts";
import { PingTracker } from "../../src/api/ping_tracker.ts";
import { hex } from "../support/bytes.ts";
import {
  acceptPeer,
  connectPeer,
  joined,
  masked,
  OP,
  plain,
  sleep,
  soon,
  take,
  text,
  until,
} from "./ends.ts";

const { PING, PONG } = OP;

test("ping() resolves with the round trip in milliseconds", async () => {
  const { server, client } = await joined();
  for (const socket of [server, client]) {
    const ms = await soon(socket.ping(), "ping()");
    assert(ms >= 0 && ms < 5000, `${ms} ms`);
    await soon(socket.ping("payload"), "ping()");
    await soon(socket.ping(new Uint8Array(125)), "ping()");
  }
  client.terminate();
});

test("ping() sends its payload, or one that no other ping has", async () => {
  const { socket, peer } = await acceptPeer();
  socket.ping("hé");
  assertEquals((await peer.readFrame())?.payload, hex("68c3a9"));
  const payloads = new Set<string>();
  for (let i = 0; i < 50; i++) {
    socket.ping();
    payloads.add(String((await peer.readFrame())?.payload));
  }
  assertEquals(payloads.size, 50);
  socket.terminate();
});

test("a pong to the latest ping answers the earlier ones as well", async () => {
  const { socket, peer } = await acceptPeer();
  const pings = ["a", "b", "c"].map((payload) => socket.ping(payload));
  let later = false;
  socket.ping("d").then(() => later = true, () => {});
  peer.write(masked({ opcode: PONG, payload: "c" }));
  for (const ping of pings) await soon(ping, "an earlier ping");
  assertEquals(later, false);
  socket.terminate();
});

test("a pong that answers nothing resolves nothing", async () => {
  const { socket, peer } = await acceptPeer({ pingTimeoutMs: 60 });
  const ping = socket.ping("mine");
  peer.write(masked({ opcode: PONG, payload: "other" }, { opcode: PONG }));
  const error = await assertRejects(() => ping, WebSocketError);
  assertEquals(error.code, "WS_PING_TIMEOUT");
  assertEquals(socket.readyState, 1);
  socket.terminate();
});

test("ping() rejects when the connection ends, and nobody needs to look", async () => {
  const { socket, peer } = await acceptPeer();
  socket.ping(); // unwatched: a rejection nobody handles would end the process
  const ping = socket.ping();
  peer.destroy();
  const error = await assertRejects(() => ping, WebSocketError);
  assertEquals(error.code, "WS_CONNECTION_LOST");
  const late = await assertRejects(() => socket.ping(), WebSocketError);
  assertEquals(late.code, "WS_NOT_OPEN");
  socket.pong();
});

test("ping() and pong() refuse wrong payloads", async () => {
  const { socket, peer } = await acceptPeer();
  for (
    const call of [
      (p: unknown) => socket.ping(p as string),
      (p: unknown) => socket.pong(p as string),
    ]
  ) {
    assertThrows(() => call(7), TypeError, "a string or a BufferSource");
    assertThrows(() => call({}), TypeError, "a string or a BufferSource");
    assertThrows(() => call(new Uint8Array(126)), RangeError, "limit 125");
    assertThrows(() => call("é".repeat(63)), RangeError, "126 bytes");
  }
  socket.pong("beat");
  const frame = await peer.readFrame();
  assertEquals([frame?.opcode, frame?.payload], [PONG, hex("62656174")]);
  socket.terminate();
});

test("a tracker keeps nothing of a ping that timed out", async () => {
  const tracker = new PingTracker(50);
  const payload = tracker.nextPayload();
  await assertRejects(() => tracker.wait(payload), WebSocketError, "no pong came within 50 ms");
  const next = tracker.wait(tracker.nextPayload());
  tracker.onPong(payload); // too late, and no answer to the next one
  let answered = false;
  next.then(() => answered = true, () => {});
  await sleep(5);
  assertEquals(answered, false);
  tracker.fail(new WebSocketError("over", { code: "WS_TERMINATED" }));
  await assertRejects(() => next, WebSocketError, "over");
});

// ----------------------------------------------------------------- the heartbeat

for (const open of [acceptPeer, connectPeer]) {
  const encode = open === acceptPeer ? masked : plain;
  const role = open === acceptPeer ? "server" : "client";

  test(`a ${role} sends a ping each interval to a peer that answers`, async () => {
    const { socket, peer } = await open({ pingIntervalMs: 50, pingTimeoutMs: 5000 });
    for (let i = 0; i < 3; i++) {
      const frame = (await peer.readFrame())!;
      assertEquals(frame.opcode, PING);
      peer.write(encode({ opcode: PONG, payload: frame.payload }));
    }
    assertEquals(socket.readyState, 1);
    socket.terminate();
  });

  test(`a ${role} cuts a silent peer with WS_PING_TIMEOUT`, async () => {
    const { socket, peer } = await open({ pingIntervalMs: 50, pingTimeoutMs: 100 });
    const started = performance.now();
    const info = await soon(socket.closed, "closed");
    assert(performance.now() - started >= 120);
    assertEquals([info.error?.code, info.closeCode], ["WS_PING_TIMEOUT", 1006]);
    assertEquals((await peer.readFrame())?.opcode, PING);
    assertEquals((await peer.readToEnd()).length, 0, "one ping at a time");
  });

  test(`a ${role} takes any byte for a sign of life, pong or not`, async () => {
    const { socket, peer } = await open({ pingIntervalMs: 60, pingTimeoutMs: 300 });
    const bytes = encode({ opcode: OP.BINARY, payload: new Uint8Array(100) });
    for (let i = 0; i < 40; i++) {
      peer.write(bytes.slice(i, i + 1)); // one frame, byte by byte: never a pong
      await sleep(20);
    }
    assertEquals(socket.readyState, 1);
    assertEquals((await soon(socket.closed, "closed")).error?.code, "WS_PING_TIMEOUT");
  });
}

test("a peer that reads slowly is not cut while bytes leave, but when they no longer do", async () => {
  const { socket, peer } = await acceptPeer({ pingIntervalMs: 50, pingTimeoutMs: 200 });
  peer.stall();
  for (let i = 0; i < 50; i++) {
    socket.send("x".repeat(1000)); // there is always something that waits
    await sleep(20);
    peer.step();
  }
  assertEquals(socket.readyState, 1);
  assertEquals((await soon(socket.closed, "closed")).error?.code, "WS_PING_TIMEOUT");
  peer.unstall();
});

test("a peer that does not answer is cut although what is sent to it leaves at once", async () => {
  const { socket } = await acceptPeer({ pingIntervalMs: 50, pingTimeoutMs: 150 });
  const sending = setInterval(() => socket.send("x"), 5);
  const info = await soon(socket.closed, "closed");
  clearInterval(sending);
  assertEquals(info.error?.code, "WS_PING_TIMEOUT");
});

test("a peer that neither reads nor writes is cut although bytes wait for it", async () => {
  const { socket, peer } = await acceptPeer({ pingIntervalMs: 50, pingTimeoutMs: 100 });
  peer.stall();
  socket.send("x".repeat(100_000));
  assertEquals((await soon(socket.closed, "closed")).error?.code, "WS_PING_TIMEOUT");
  peer.unstall();
});

test("a peer is excused while this side does not read, and right after", async () => {
  const { socket, peer } = await acceptPeer({
    pingIntervalMs: 50,
    pingTimeoutMs: 150,
    highWaterMark: 0,
  });
  peer.write(masked(text("unread")));
  await sleep(700);
  assertEquals(socket.readyState, 1);
  for await (const message of socket) {
    assertEquals(message, "unread");
    break;
  }
  assertEquals(socket.readyState, 1);
  assertEquals((await soon(socket.closed, "closed")).error?.code, "WS_PING_TIMEOUT");
});

test("a peer that was not listened to has all of its time from then on", async () => {
  // Read again at different times after the last deadline, of which none may count.
  const waits = [400, 440, 480, 520].map(async (paused) => {
    const { socket, peer } = await acceptPeer({
      pingIntervalMs: 50,
      pingTimeoutMs: 160,
      highWaterMark: 0,
    });
    peer.write(masked(text("unread")));
    await sleep(paused);
    await take(socket, 1);
    const started = performance.now();
    await soon(socket.closed, "closed");
    return performance.now() - started;
  });
  for (const ms of await Promise.all(waits)) assert(ms >= 150, `${ms} ms`);
});

test("no pings are sent when pingIntervalMs is 0", async () => {
  const { socket, peer } = await acceptPeer({ pingIntervalMs: 0, pingTimeoutMs: 1 });
  const before = peer.received;
  await sleep(80);
  assertEquals([peer.received, socket.readyState], [before, 1]);
  socket.terminate();
});

test("a flood of pings from a peer that does not read is answered with the latest pong only", async () => {
  const { socket, peer } = await acceptPeer();
  peer.stall();
  socket.send("x".repeat(40_000));
  await sleep(10);
  const before = socket.bufferedAmount;
  for (let i = 0; i < 2000; i++) peer.write(masked({ opcode: PING, payload: `ping ${i}` }));
  await until(() => peer.taken > 2000 * 14, "all pings were read");
  await sleep(5);
  assertEquals(socket.bufferedAmount, before);
  peer.unstall();
  assertEquals((await peer.readFrame())?.opcode, OP.TEXT);
  const pong = await peer.readFrame();
  assertEquals(new TextDecoder().decode(pong?.payload), "ping 1999");
  peer.write(masked({ opcode: PING, payload: "again" }));
  assertEquals(new TextDecoder().decode((await peer.readFrame())?.payload), "again");
  socket.terminate();
});

test("a flood of pings is bounded too when little else waits", async () => {
  const { socket, peer } = await acceptPeer();
  peer.stall();
  const payload = "x".repeat(120);
  for (let i = 0; i < 3000; i++) peer.write(masked({ opcode: PING, payload }));
  await until(() => peer.taken > 3000 * 120, "all pings were read");
  await sleep(5);
  assert(socket.bufferedAmount < 20_000, `${socket.bufferedAmount} bytes wait`);
  socket.terminate();
});
