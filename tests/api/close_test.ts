import { test } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { hex } from "../support/bytes.ts";
import { thrownByTimers } from "../support/timers.ts";
import { type DecodedFrame, decodeFrames } from "../support/wire.ts";
import type { LastWord } from "../../src/api/channel.ts";
import {
  acceptPeer,
  closeFrame,
  connectPeer,
  handlePeer,
  joined,
  masked,
  OP,
  plain,
  sleep,
  soon,
  text,
  until,
} from "./ends.ts";

const { TEXT, CLOSE, PING } = OP;

/** A close frame without a code, as a server's peer reads it. */
function plainClose(): DecodedFrame {
  return decodeFrames(plain({ opcode: CLOSE, payload: "" }))[0];
}

test("close() sends its code and reason, and closed tells what the peer answered", async () => {
  const { socket, peer } = await acceptPeer();
  assertEquals(socket.readyState, 1);
  const closed = socket.close(4321, "grüß dich");
  assertEquals(socket.readyState, 2);
  const frame = (await peer.readFrame())!;
  assertEquals(frame.payload, closeFrame(4321, "grüß dich").payload);
  peer.write(masked(closeFrame(1000, "ok")));
  assertEquals((await peer.readToEnd()).length, 0);
  peer.end();
  assertEquals(await closed, { closeCode: 1000, reason: "ok", wasClean: true });
  assertEquals(await socket.closed, await closed);
  assertEquals(socket.readyState, 3);
});

test("close() without arguments sends 1000", async () => {
  const { socket, peer } = await acceptPeer();
  socket.close();
  assertEquals((await peer.readFrame())!.payload, hex("03e8"));
  socket.terminate();
});

test("close(null) sends a close frame without a code, and takes no reason", async () => {
  const { socket, peer } = await acceptPeer();
  assertThrows(() => socket.close(null, "why"), TypeError, "needs a close code");
  const closed = socket.close(null);
  assertEquals(await soon(peer.readFrame(), "close"), plainClose());
  peer.write(masked({ opcode: CLOSE, payload: "" }));
  peer.end();
  assertEquals(await soon(closed, "end"), { closeCode: 1005, reason: "", wasClean: true });
});

test("with silentClose no close frame tells anything, whoever begins and whatever happened", async () => {
  const options = { silentClose: true };
  const ours = await acceptPeer(options);
  ours.socket.close(4000, "secret");
  assertEquals(await soon(ours.peer.readFrame(), "close"), plainClose());
  ours.socket.terminate();
  const theirs = await acceptPeer(options);
  theirs.peer.write(masked(closeFrame(4000, "mine")));
  assertEquals(await soon(theirs.peer.readFrame(), "echo"), plainClose());
  theirs.peer.end();
  const info = { closeCode: 4000, reason: "mine", wasClean: true };
  assertEquals(await soon(theirs.socket.closed, "end"), info);
  const broken = await acceptPeer(options);
  broken.peer.write(plain(text("not masked")));
  assertEquals(await soon(broken.peer.readFrame(), "failure"), plainClose());
  broken.peer.end();
  const { error } = await soon(broken.socket.closed, "failure's end");
  assertEquals([error?.code, error?.closeCode], ["WS_MASK_MISSING", 1002]);
  const thrown = await handlePeer(() => Promise.reject(new Error("secret")), options);
  assertEquals(await soon(thrown.peer.readFrame(), "handler's failure"), plainClose());
  thrown.socket.terminate();
  const terminated = await acceptPeer(options);
  terminated.socket.terminate({ closeCode: 4000, reason: "secret" });
  assertEquals(await soon(terminated.peer.readFrame(), "last word"), plainClose());
});

test("terminate() with a code sends a close frame and cuts without an answer", async () => {
  for (const open of [acceptPeer, connectPeer]) {
    const { socket, peer } = await open();
    socket.terminate({ closeCode: 1002, reason: "go" });
    const frame = (await soon(peer.readFrame(), "last word"))!;
    assertEquals([frame.opcode, frame.payload], [CLOSE, closeFrame(1002, "go").payload]);
    const { closeCode, wasClean, error } = await soon(socket.closed, "cut"); // peer says nothing
    assertEquals([closeCode, wasClean, error?.code], [1006, false, "WS_TERMINATED"]);
  }
  const empty = await acceptPeer();
  empty.socket.terminate({});
  assertEquals(await soon(empty.peer.readFrame(), "empty last word"), plainClose());
});

test("terminate() with a code goes before what waits to be sent, and waits for no peer", async () => {
  const waiting = await acceptPeer();
  void waiting.socket.send("never to be seen");
  waiting.socket.terminate({ closeCode: 4000 });
  const frame = (await soon(waiting.peer.readFrame(), "last word"))!;
  assertEquals([frame.opcode, frame.payload], [CLOSE, closeFrame(4000).payload]);
  const stalled = await acceptPeer();
  stalled.peer.stall();
  void stalled.socket.send("a");
  await until(() => stalled.socket.bufferedAmount > 0, "something waits");
  await sleep(20);
  stalled.socket.terminate({ closeCode: 4000 });
  assertEquals(stalled.socket.readyState, 3);
  const idle = await acceptPeer();
  idle.peer.stall();
  await sleep(20);
  idle.socket.terminate({ closeCode: 4000 });
  await soon(idle.socket.closed, "the end, although nothing leaves");
  const twice = await acceptPeer();
  twice.peer.stall();
  twice.socket.terminate({ closeCode: 4000 });
  twice.socket.terminate();
  assertEquals(twice.socket.readyState, 3);
});

test("terminate() refuses a last word that is none, and nothing happens", async () => {
  const { socket } = await acceptPeer();
  for (const wrong of [null, 1002, "bye", { code: 1002 }, { closeCode: "1002" }, { reason: "x" }]) {
    assertThrows(() => socket.terminate(wrong as LastWord), TypeError);
  }
  assertThrows(() => socket.terminate({ closeCode: 1006 }), RangeError, "must not be sent");
  assertEquals(socket.readyState, 1);
  socket.terminate();
});

test("close() refuses wrong arguments, and nothing reaches the wire", async () => {
  const { socket, peer } = await acceptPeer();
  const before = peer.received;
  const reasons = [hex("6869"), new ArrayBuffer(8), new Float64Array(2), 1, {}, null, ["x"]];
  for (const reason of reasons) {
    assertThrows(() => socket.close(1000, reason as string), TypeError, "reason must be a string");
  }
  for (const code of ["1000", {}, 1000n]) {
    assertThrows(() => socket.close(code as number), TypeError, "code must be a number");
  }
  for (const code of [0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 1000.5, NaN]) {
    assertThrows(() => socket.close(code), RangeError, "must not be sent");
  }
  assertThrows(() => socket.close(1000, "x".repeat(124)), RangeError, "limit 123");
  await sleep(20);
  assertEquals([peer.received, socket.readyState], [before, 1]);
  socket.terminate();
});

test("the server ends the stream first, the client waits for it", async () => {
  const server = await acceptPeer();
  server.peer.write(masked(closeFrame()));
  await server.peer.readFrame();
  await server.peer.readToEnd(); // ends although the peer has not
  server.peer.end();
  await server.socket.closed;

  const client = await connectPeer({ closeTimeoutMs: 5000 });
  client.peer.write(plain(closeFrame()));
  await client.peer.readFrame();
  await sleep(50);
  assertEquals([client.peer.over, client.socket.readyState], [false, 2]);
  client.peer.end();
  await client.peer.readToEnd();
  assertEquals((await client.socket.closed).wasClean, true);
});

test("a peer that never answers the close is cut after closeTimeoutMs", async () => {
  for (const open of [acceptPeer, connectPeer]) {
    const { socket, peer } = await open({ closeTimeoutMs: 60 });
    const started = performance.now();
    const info = await soon(socket.close(), "close()");
    assert(performance.now() - started >= 50);
    assertEquals([info.error?.code, info.closeCode], ["WS_CLOSE_TIMEOUT", 1006]);
    assertEquals(info.wasClean, false);
    await peer.readToEnd();
  }
});

test("a peer that closed but never ends the stream is cut after closeTimeoutMs", async () => {
  for (const open of [acceptPeer, connectPeer]) {
    const { socket, peer } = await open({ closeTimeoutMs: 60 });
    peer.write(open === acceptPeer ? masked(closeFrame(4000)) : plain(closeFrame(4000)));
    const info = await soon(socket.closed, "closed");
    assertEquals(info, { closeCode: 4000, reason: "", wasClean: true });
    await peer.readToEnd();
  }
});

test("a peer that broke a rule and stays is cut after closeTimeoutMs", async () => {
  const { socket, peer } = await acceptPeer({ closeTimeoutMs: 60 });
  peer.write(masked({ opcode: 7 }));
  const info = await soon(socket.closed, "closed");
  assertEquals([info.error?.code, info.closeCode], ["WS_OPCODE_RESERVED", 1006]);
});

test("a peer that stops reading and then closes or fails is cut after closeTimeoutMs", async () => {
  for (const last of [closeFrame(), { opcode: 7 }]) {
    // Heartbeats fall due while the close frame waits: none may throw in its timer.
    const thrown = await thrownByTimers(async () => {
      const { socket, peer } = await acceptPeer({
        closeTimeoutMs: 150,
        pingIntervalMs: 20,
        pingTimeoutMs: 60_000,
      });
      peer.stall();
      socket.send("x".repeat(100_000));
      await sleep(10);
      peer.write(masked(last));
      const info = await soon(socket.closed, "closed");
      assertEquals(info.error?.code, last.opcode === 7 ? "WS_OPCODE_RESERVED" : undefined);
      peer.unstall();
    });
    assertEquals(thrown, []);
  }
});

test("a connection closed before it was started sends no pings while it waits", async () => {
  const thrown = await thrownByTimers(async () => {
    const { socket, peer } = await acceptPeer({ closeTimeoutMs: 200, pingIntervalMs: 20 });
    socket.close();
    const info = await soon(socket.closed, "closed");
    assertEquals(info.error?.code, "WS_CLOSE_TIMEOUT");
    assertEquals((await peer.readFrame())?.opcode, CLOSE);
    assertEquals((await peer.readToEnd()).length, 0);
  });
  assertEquals(thrown, []);
});

test("messages that arrive after close() are dropped, pings after it unanswered", async () => {
  const { socket, peer } = await acceptPeer();
  await sleep(5);
  socket.close();
  peer.write(masked(text("late"), { opcode: PING }, closeFrame()));
  const got: unknown[] = [];
  for await (const message of socket) got.push(message);
  assertEquals(got, []);
  assertEquals((await peer.readFrame())?.opcode, CLOSE);
  assertEquals((await peer.readToEnd()).length, 0);
  peer.end();
  assertEquals((await socket.closed).wasClean, true);
});

test("close() sees the peer's answer behind messages that nobody read", async () => {
  const { socket, peer } = await acceptPeer({ highWaterMark: 0 });
  for (let i = 0; i < 50; i++) peer.write(masked(text("unread")));
  await sleep(20);
  const closed = socket.close();
  peer.write(masked(closeFrame(1001)));
  peer.end();
  assertEquals((await soon(closed, "close()")).closeCode, 1001);
});

test("close() sends what stands in line first, and drops what arrives meanwhile", async () => {
  const { socket, peer } = await acceptPeer();
  let controller!: ReadableStreamDefaultController<string>;
  socket.send(new ReadableStream<string>({ start: (c) => void (controller = c) }));
  socket.send("in line");
  controller.enqueue("a");
  await peer.readFrame();
  const closed = socket.close(1000);
  peer.write(masked(text("late")));
  await sleep(10);
  controller.enqueue("b");
  controller.close();
  const frames = [];
  for (let i = 0; i < 4; i++) frames.push((await peer.readFrame())!);
  assertEquals(frames.map(({ opcode, fin }) => [opcode, fin]), [
    [0, false],
    [0, true],
    [TEXT, true],
    [CLOSE, true],
  ]);
  peer.write(masked(closeFrame()));
  peer.end();
  assertEquals((await closed).wasClean, true);
  const got = [];
  for await (const message of socket) got.push(message);
  assertEquals(got, []);
});

test("close() gives up a line that never moves after closeTimeoutMs", async () => {
  const { socket } = await acceptPeer({ closeTimeoutMs: 60 });
  let cancelled = false;
  socket.send(new ReadableStream<string>({ cancel: () => void (cancelled = true) }));
  const info = await soon(socket.close(), "close()");
  assertEquals(info.error?.code, "WS_CLOSE_TIMEOUT");
  await until(() => cancelled, "the source was cancelled");
});

test("the peer's close in the midst of a stream ends the stream and the connection", async () => {
  const { socket, peer } = await acceptPeer();
  let cancelled = false;
  const sent = socket.send(
    new ReadableStream<string>({
      start: (controller) => controller.enqueue("begun"),
      cancel: () => void (cancelled = true),
    }),
  );
  assertEquals((await peer.readFrame())?.fin, false);
  peer.write(masked(closeFrame(1001)));
  assertEquals((await peer.readFrame())?.opcode, CLOSE);
  peer.end();
  assertEquals((await soon(socket.closed, "closed")).closeCode, 1001);
  assertEquals((await sent.catch((error) => error)).code, "WS_NOT_OPEN");
  await until(() => cancelled, "the source was cancelled");
});

test("terminate() cuts the connection without a word", async () => {
  const { socket, peer } = await acceptPeer();
  await sleep(5);
  socket.send("unsent");
  socket.terminate();
  assertEquals(socket.readyState, 3);
  const info = await socket.closed;
  assertEquals([info.error?.code, info.closeCode], ["WS_TERMINATED", 1006]);
  assertEquals((await peer.readToEnd()).length, 0);
  socket.terminate();
  assertEquals((await socket.close()).error?.code, "WS_TERMINATED");
});

test("a connection lost without a word has 1006 and WS_CONNECTION_LOST", async () => {
  for (const how of ["end", "destroy"] as const) {
    for (const open of [acceptPeer, connectPeer]) {
      const { socket, peer } = await open();
      peer[how]();
      const info = await soon(socket.closed, "closed");
      assertEquals([info.closeCode, info.reason, info.wasClean], [1006, "", false]);
      assertEquals(info.error?.code, "WS_CONNECTION_LOST");
      assertEquals(
        (info.error?.cause as Error | undefined)?.message,
        how === "destroy" ? "reset by peer" : undefined,
      );
    }
  }
});

test("a connection lost while it is closing counts as lost", async () => {
  const { socket, peer } = await acceptPeer();
  await sleep(5);
  const closed = socket.close();
  peer.end();
  const info = await soon(closed, "close()");
  assertEquals([info.closeCode, info.wasClean, info.error?.code], [
    1006,
    false,
    "WS_CONNECTION_LOST",
  ]);
});

test("both sides may close at once", async () => {
  const { server, client } = await joined();
  const infos = await Promise.all([server.close(4001, "s"), client.close(4002, "c")]);
  assertEquals(infos, [
    { closeCode: 4002, reason: "c", wasClean: true },
    { closeCode: 4001, reason: "s", wasClean: true },
  ]);
});

test("asyncDispose closes with 1000 and waits", async () => {
  const { server, client } = await joined();
  await client[Symbol.asyncDispose]();
  assertEquals(client.readyState, 3);
  assertEquals((await server.closed).closeCode, 1000);
});

test("an aborted signal cuts the connection, and loops throw its error", async () => {
  const controller = new AbortController();
  const { socket, peer } = await acceptPeer({ signal: controller.signal });
  await sleep(5);
  const next = socket[Symbol.asyncIterator]().next();
  const reason = new Error("shutting down");
  controller.abort(reason);
  const info = await socket.closed;
  assertEquals([info.error?.code, info.error?.cause], ["WS_ABORTED", reason]);
  assertEquals((await next.catch((error) => error)).code, "WS_ABORTED");
  await peer.readToEnd();
});

test("a signal aborted after the end changes nothing", async () => {
  const controller = new AbortController();
  const { socket, peer } = await acceptPeer({ signal: controller.signal });
  peer.write(masked(closeFrame()));
  peer.end();
  const info = await socket.closed;
  controller.abort();
  assertEquals(await socket.closed, info);
  assertEquals(info.wasClean, true);
});

test("a signal aborted as soon as the handshake is done delivers nothing any more", async () => {
  const controller = new AbortController();
  const got: unknown[] = [];
  const { socket } = await handlePeer(
    { open: () => controller.abort(), message: (_, data) => got.push(data) },
    { signal: controller.signal },
    masked(text("early")),
  );
  assertEquals((await socket.closed).error?.code, "WS_ABORTED");
  assertEquals(got, []);
});
