import { test } from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { WebSocketError } from "../../src/errors.ts";
import type { StreamedMessage } from "../../src/api/message_reader.ts";
import { MAX_FRAGMENT_BYTES, nextCut } from "../../src/api/stream_source.ts";
import { assertBytes, hex, join } from "../support/bytes.ts";
import {
  acceptPeer,
  closeFrame,
  handlePeer,
  joined,
  masked,
  OP,
  sleep,
  soon,
  take,
  until,
} from "./ends.ts";

const { CONT, TEXT, BINARY, CLOSE, PING, PONG } = OP;

/** A stream of the test's making. */
function source<T>(): {
  stream: ReadableStream<T>;
  controller: ReadableStreamDefaultController<T>;
  cancelled: unknown[];
} {
  let controller!: ReadableStreamDefaultController<T>;
  const cancelled: unknown[] = [];
  const stream = new ReadableStream<T>({
    start: (it) => void (controller = it),
    cancel: (reason) => void cancelled.push(reason),
  });
  return { stream, controller, cancelled };
}

async function whole(message: StreamedMessage): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const piece of message.body as AsyncIterable<string | Uint8Array>) {
    text += typeof piece === "string" ? piece : decoder.decode(piece, { stream: true });
  }
  return text;
}

test("a stream given to send() is locked at once, also while it waits in line", async () => {
  const { socket, peer } = await acceptPeer();
  const [first, second] = [source<string>(), source<string>()];
  const sent = [socket.send(first.stream), socket.send(second.stream)];
  assertEquals([first.stream.locked, second.stream.locked], [true, true]);
  second.controller.enqueue("b");
  second.controller.close();
  first.controller.enqueue("a");
  first.controller.close();
  await soon(Promise.all(sent), "both");
  const frames = [];
  for (let i = 0; i < 4; i++) frames.push(await peer.readFrame());
  assertEquals(frames.map((it) => new TextDecoder().decode(it?.payload)), ["a", "", "b", ""]);
  socket.terminate();
});

test("an echo that awaits nothing sends every message whole", async () => {
  const { server, client } = await joined();
  (async () => {
    for await (const message of server.messages()) {
      server.send(message.body, { type: message.type });
    }
  })().catch(() => {});
  const texts = Array.from({ length: 20 }, (_, i) => `${i} ${"x".repeat(i * 1000)}`);
  const got = take(client, texts.length);
  for (const text of texts) client.send(text);
  assertEquals(await soon(got, "the echoes"), texts);
  client.terminate();
});

test("a piece of any size goes out in fragments that a ping can pass", async () => {
  const { socket, peer } = await acceptPeer({ highWaterMark: 1000 });
  const size = 4 * MAX_FRAGMENT_BYTES + 5;
  const piece = new Uint8Array(size).map((_, i) => i >> 10);
  peer.stall();
  const sent = socket.send(
    new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(piece);
        controller.close();
      },
    }),
  );
  await sleep(20);
  assert(socket.bufferedAmount < 2 * MAX_FRAGMENT_BYTES, `${socket.bufferedAmount} bytes wait`);
  socket.ping("pass");
  peer.unstall();
  const order: string[] = [];
  const parts: Uint8Array[] = [];
  for (let fin = false; !fin;) {
    const frame = (await peer.readFrame())!;
    order.push(frame.opcode === PING ? "ping" : `${frame.opcode} ${frame.payload.length}`);
    if (frame.opcode === PING) continue;
    parts.push(frame.payload);
    fin = frame.fin;
  }
  const full = MAX_FRAGMENT_BYTES;
  assertEquals(order.indexOf("ping"), 1, order.join());
  assertEquals(
    order.filter((it) => it !== "ping"),
    [`2 ${full}`, `0 ${full}`, `0 ${full}`, `0 ${full}`, "0 5", "0 0"],
  );
  assertBytes(join(parts), piece);
  await sent;
  socket.terminate();
});

test("a large piece of text is not cut inside a character", () => {
  for (const [character, start] of [["é", 0], ["€", 1], ["😀", 2], ["😀", 3]] as const) {
    const text = "a".repeat(start) + character.repeat(MAX_FRAGMENT_BYTES);
    const bytes = new TextEncoder().encode(text);
    const strict = new TextDecoder("utf-8", { fatal: true });
    let joinedText = "";
    for (let at = 0; at < bytes.length;) {
      const end = nextCut(bytes, at, "text");
      assert(end > at && end - at <= MAX_FRAGMENT_BYTES);
      joinedText += strict.decode(bytes.subarray(at, end));
      at = end;
    }
    assertEquals(joinedText === text, true);
  }
  assertEquals(nextCut(new Uint8Array(10).fill(0x80), 0, "text"), 10);
  const odd = new Uint8Array(MAX_FRAGMENT_BYTES + 9).fill(0x80); // no text at all
  assert(nextCut(odd, 0, "text") > MAX_FRAGMENT_BYTES - 5);
  assertEquals(nextCut(odd, 0, "binary"), MAX_FRAGMENT_BYTES);
});

test("a signal gives up a stream that has begun: one error, 1011, and the source is told", async () => {
  const { socket, peer } = await acceptPeer();
  const { stream, controller, cancelled } = source<string>();
  const abort = new AbortController();
  const reason = new Error("never mind");
  const sent = socket.send(stream, { signal: abort.signal });
  controller.enqueue("half");
  assertEquals((await peer.readFrame())?.fin, false);
  abort.abort(reason);
  assertEquals(await sent.catch((error) => error), reason);
  const close = await peer.readFrame();
  assertEquals([close?.opcode, ...close!.payload.slice(0, 2)], [CLOSE, 3, 243]);
  peer.end();
  const { error } = await soon(socket.closed, "closed");
  assertEquals([error?.code, error?.cause], ["WS_SEND_FAILED", reason]);
  assertEquals(cancelled, [reason]);
});

test("a signal gives up a stream that has not begun, and the connection lives on", async () => {
  const { socket, peer } = await acceptPeer();
  const { stream, cancelled } = source<string>();
  const abort = new AbortController();
  const sent = socket.send(stream, { signal: abort.signal });
  await sleep(5);
  abort.abort("reason");
  assertEquals(await sent.catch((error) => error), "reason");
  await until(() => cancelled.length === 1, "the source was told");
  socket.send("after");
  assertEquals(new TextDecoder().decode((await peer.readFrame())?.payload), "after");
  assertEquals(socket.readyState, 1);
  socket.terminate();
});

test("a signal aborted after the stream was sent does nothing", async () => {
  const { socket, peer } = await acceptPeer();
  const abort = new AbortController();
  const { stream, controller } = source<string>();
  const sent = socket.send(stream, { signal: abort.signal });
  controller.enqueue("all");
  controller.close();
  await sent;
  abort.abort();
  await sleep(5);
  assertEquals(socket.readyState, 1);
  assertEquals((await peer.readFrame())?.fin, false);
  assertEquals((await peer.readFrame())?.fin, true);
  socket.terminate();
});

test("a stream that is refused is cancelled, so that what is behind it is let go", async () => {
  const { socket } = await acceptPeer();
  const aborted = source<string>();
  const reason = new Error("too late");
  const sent = socket.send(aborted.stream, { signal: AbortSignal.abort(reason) });
  assertEquals(await sent.catch((error) => error), reason);
  socket.terminate();
  await socket.closed;
  const late = source<string>();
  const error = await assertRejects(() => socket.send(late.stream), WebSocketError);
  assertEquals(error.code, "WS_NOT_OPEN");
  await sleep(5);
  assertEquals([aborted.cancelled, late.cancelled], [[reason], [error]]);
});

test("invalid UTF-8 in a text stream fails once, wherever the character is broken", async () => {
  for (const bad of ["ff", "f09f98 41", "eda080", "c0af", "f09f"]) {
    const { socket, peer } = await acceptPeer();
    const loop = take(socket, 1);
    const sent = socket.send(
      new ReadableStream<Uint8Array>({
        start(controller) {
          controller.enqueue(hex("61"));
          for (const byte of hex(bad)) controller.enqueue(Uint8Array.of(byte));
          controller.close();
        },
      }),
      { type: "text" },
    );
    const cause = await assertRejects(() => soon(sent, bad), TypeError, "not valid UTF-8");
    const error = await assertRejects(() => soon(loop, bad), WebSocketError);
    assertEquals([error.code, error.closeCode, error.cause], ["WS_SEND_FAILED", 1011, cause]);
    for (;;) {
      const frame = (await peer.readFrame())!;
      assertEquals(
        frame.fin,
        frame.opcode === CLOSE,
        "no final fragment: the peer is not deceived",
      );
      if (frame.fin) break;
    }
    peer.end();
    assertEquals((await socket.closed).error, error);
  }
});

test("what waits in line behind a stream that fails is refused", async () => {
  const { socket, peer } = await acceptPeer();
  const { stream, controller } = source<string>();
  const behind = source<string>();
  const sent = [socket.send(stream), socket.send("later"), socket.send(behind.stream)];
  controller.enqueue("half");
  await peer.readFrame();
  controller.error(new Error("disk"));
  const errors = await Promise.all(sent.map((promise) => promise.catch((error) => error)));
  assertEquals(errors.map((error) => error.code ?? error.message), [
    "disk",
    "WS_NOT_OPEN",
    "WS_NOT_OPEN",
  ]);
  assertEquals((await peer.readFrame())?.opcode, CLOSE);
  await until(() => behind.cancelled.length === 1, "the source behind it was told");
  peer.end();
  await socket.closed;
});

test("pings are answered while a stream that never pauses is being sent", async () => {
  const { socket, peer } = await acceptPeer();
  let stop = false;
  socket.send(
    new ReadableStream<Uint8Array>({
      pull(controller) {
        if (stop) controller.close();
        else controller.enqueue(new Uint8Array(20_000));
      },
    }),
  );
  peer.write(masked({ opcode: PING, payload: "now" }));
  let frames = 0;
  for (;; frames++) {
    const frame = (await peer.readFrame())!;
    if (frame.opcode === PONG) break;
    assertEquals(frame.opcode, frames === 0 ? BINARY : CONT);
    assert(frames < 2000, "no pong came");
  }
  stop = true;
  socket.terminate();
});

test("a body errors with WS_MESSAGE_INCOMPLETE when either side closes in its midst", async () => {
  for (const closesFirst of ["peer", "we"]) {
    const { socket, peer } = await acceptPeer();
    peer.write(masked({ opcode: TEXT, fin: false, payload: "half" }));
    const message = (await socket.messages().next()).value!;
    const read = whole(message);
    if (closesFirst === "we") socket.close();
    peer.write(masked(closeFrame()));
    peer.end();
    const error = await assertRejects(() => soon(read, closesFirst), WebSocketError);
    assertEquals(error.code, "WS_MESSAGE_INCOMPLETE");
    assertEquals((await socket.closed).wasClean, true);
  }
});

test("an echo handler whose client closes in the middle of a message has not failed", async () => {
  const { peer, errors, socket } = await handlePeer(async (socket) => {
    for await (const message of socket.messages()) {
      await socket.send(message.body, { type: message.type });
    }
  });
  peer.write(masked({ opcode: BINARY, fin: false, payload: "half" }));
  assertEquals((await peer.readFrame())?.fin, false);
  peer.write(masked(closeFrame()));
  assertEquals((await peer.readFrame())?.opcode, CLOSE);
  peer.end();
  assertEquals((await soon(socket.closed, "closed")).wasClean, true);
  await sleep(20);
  assertEquals(errors, []);
});

test("a body that was cancelled is dropped, and the next message comes whole", async () => {
  const { socket, peer } = await acceptPeer();
  const messages = socket.messages();
  peer.write(masked({ opcode: BINARY, fin: false, payload: new Uint8Array(200_000) }));
  const first = (await messages.next()).value!;
  const reader = (first.body as ReadableStream<Uint8Array>).getReader();
  await reader.read();
  await reader.cancel("enough");
  for (let i = 0; i < 50; i++) {
    peer.write(masked({ opcode: CONT, fin: false, payload: new Uint8Array(100_000) }));
  }
  peer.write(masked({ opcode: CONT }, { opcode: TEXT, payload: "next" }));
  assertEquals(await soon(whole((await messages.next()).value!), "the next one"), "next");
  socket.terminate();
});
