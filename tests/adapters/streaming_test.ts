import { assert, assertEquals, assertRejects } from "@std/assert";
import { test } from "node:test";
import type { StreamedMessage } from "../../src/api/message_reader.ts";
import type { WebSocketConnection } from "../../src/api/connection.ts";
import { connect, WebSocketError } from "../../src/adapters/client.ts";
import { serve } from "../../src/adapters/serve.ts";
import { CERT, KEY } from "./support/runtime.ts";
import { Inbox, sleep, until, within } from "./support/waiting.ts";
import { PATIENCE } from "../support/patience.ts";

/** Echoes each message as it comes. */
async function echo(socket: WebSocketConnection): Promise<void> {
  for await (const message of socket.messages()) {
    await socket.send(message.body, { type: message.type });
  }
}

/** Reads a body to its end. */
async function read(message: StreamedMessage): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const piece of message.body as AsyncIterable<string | Uint8Array>) {
    text += typeof piece === "string" ? piece : decoder.decode(piece, { stream: true });
  }
  return text;
}

/** A stream of these pieces, each a turn of the loop after the other. */
function slowly<T>(...pieces: T[]): ReadableStream<T> {
  return new ReadableStream({
    async pull(controller) {
      await sleep(1);
      if (pieces.length === 0) controller.close();
      else controller.enqueue(pieces.shift()!);
    },
  });
}

/** A stream without an end, and how often it was pulled and cancelled. */
function endless(): { stream: ReadableStream<Uint8Array>; pulled: number; cancelled: unknown[] } {
  const piece = crypto.getRandomValues(new Uint8Array(50_000));
  const seen = {
    pulled: 0,
    cancelled: [] as unknown[],
    stream: new ReadableStream<Uint8Array>({
      pull(controller) {
        seen.pulled++;
        controller.enqueue(piece);
      },
      cancel: (reason) => void seen.cancelled.push(reason),
    }, { highWaterMark: 0 }),
  };
  return seen;
}

for (const compression of [false, true]) {
  for (const tls of [undefined, { cert: CERT, key: KEY }]) {
    const over = `${compression ? ", compressed" : ""}${tls ? ", over TLS" : ""}`;
    test(`messages of every shape go through a streaming echo${over}`, async () => {
      await using server = await serve(echo, { port: 0, compression, tls });
      await using socket = await connect(server.url, { compression, tls: { ca: CERT } });
      const messages = socket.messages();
      const next = async () => {
        const message = (await within(messages.next(), "echo")).value!;
        return [message.type, await within(read(message), "body")];
      };
      const bytes = new TextEncoder().encode("ä€😀".repeat(1000));
      const large = "0123456789ä".repeat(200_000);

      void socket.send("");
      void socket.send(new Uint8Array(0));
      void socket.send(slowly<string>(), { type: "text" });
      void socket.send(slowly("a\ud83d", "\ude00b", "", "c"));
      void socket.send(slowly(...Array.from(bytes.slice(0, 90), (byte) => Uint8Array.of(byte))), {
        type: "text",
      });
      void socket.send(slowly(bytes));
      void socket.send(large);
      assertEquals(await next(), ["text", ""]);
      assertEquals(await next(), ["binary", ""]);
      assertEquals(await next(), ["text", ""]);
      assertEquals(await next(), ["text", "a😀bc"]);
      assertEquals(await next(), ["text", "ä€😀".repeat(10)]);
      assertEquals(await next(), ["binary", "ä€😀".repeat(1000)]);
      const [type, text] = await next();
      assertEquals([type, text === large], ["text", true]);
    });
  }

  const how = compression ? "compressed " : "";
  test(`a body that is cancelled does not hold up its ${how}connection`, async () => {
    await using server = await serve(async (socket) => {
      for await (const { type, body } of socket.messages()) {
        const reader = (body as ReadableStream<unknown>).getReader();
        await reader.read();
        await reader.cancel();
        await socket.send(`seen: ${type}`);
      }
    }, { port: 0, compression });
    await using socket = await connect(server.url, { compression });
    const messages = socket[Symbol.asyncIterator]();
    const piece = crypto.getRandomValues(new Uint8Array(60_000));
    for (let i = 0; i < 3; i++) {
      await within(socket.send(slowly(...Array(100).fill(piece))), "end of the stream");
      await socket.send("short");
      assertEquals((await within(messages.next(), "answer")).value, "seen: binary");
      assertEquals((await within(messages.next(), "answer")).value, "seen: text");
    }
  });

  test(`a peer that closes in a ${how}stream ends the source, and both sides close`, async () => {
    const sockets = new Inbox<WebSocketConnection>();
    const errors: unknown[] = [];
    await using server = await serve(async (socket) => {
      sockets.push(socket);
      for await (const { body } of socket.messages()) {
        for await (const _ of body);
      }
    }, { port: 0, compression, onError: (error) => errors.push(error) });
    const socket = await connect(server.url, { compression });
    const source = endless();
    const sent = socket.send(source.stream);
    const theirs = await sockets.next("connection");
    await until(() => source.pulled > 20, "flow");
    const ended = theirs.close(4001, "enough");
    const error = await assertRejects(() => within(sent, "end of the send"), WebSocketError);
    assertEquals(error.code, "WS_NOT_OPEN");
    const info = await within(socket.closed, "end");
    assertEquals([info.closeCode, info.reason, info.wasClean], [4001, "enough", true]);
    assertEquals((await within(ended, "end")).wasClean, true);
    await until(() => source.cancelled.length === 1, "cancelled source");
    await sleep(20);
    assertEquals(errors, []);
  });
}

test("close() waits for a stream in line, and server.close() cuts one without an end", async () => {
  const server = await serve(echo, { port: 0, closeTimeoutMs: 700 });
  const polite = await connect(server.url);
  const messages = polite.messages();
  void polite.send(slowly("one ", "two ", "three"));
  const closed = polite.close(4002);
  const message = await messages.next(); // dropped: this side is leaving
  assertEquals(message.done, true);
  assertEquals((await within(closed, "end")).closeCode, 4002);

  const rude = await connect(server.url, { closeTimeoutMs: 20_000 });
  const source = endless();
  void rude.send(source.stream);
  (async () => {
    for await (const { body } of rude.messages()) for await (const _ of body);
  })().catch(() => {});
  await until(() => source.pulled > 50, "flow");
  const began = performance.now();
  await within(server.close("going down"), "end of the server", 6000);
  const took = performance.now() - began;
  const info = await within(rude.closed, "end");
  assert(took < 5000 * PATIENCE, `it took ${took} ms`);
  assert([1001, 1006].includes(info.closeCode), `${info.closeCode}`);
  await until(() => source.cancelled.length === 1, "cancelled source");
});

test("a client that vanishes in a stream ends it at both sides, once", async () => {
  const errors: unknown[] = [];
  const failures = new Inbox<string>();
  await using server = await serve(async (socket) => {
    try {
      for await (const { body } of socket.messages()) for await (const _ of body);
    } catch (error) {
      failures.push((error as WebSocketError).code);
    }
  }, { port: 0, onError: (error) => errors.push(error) });
  const socket = await connect(server.url);
  const source = endless();
  const sent = socket.send(source.stream);
  await until(() => source.pulled > 20, "flow");
  socket.terminate();
  await assertRejects(() => within(sent, "end of the send"), WebSocketError);
  assertEquals(await failures.next("failure"), "WS_CONNECTION_LOST");
  await until(() => source.cancelled.length === 1, "cancelled source");
  await sleep(20);
  assertEquals([failures.size, errors], [0, []]);
});
