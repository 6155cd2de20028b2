import { test } from "node:test";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { zlibCodec } from "../../src/adapters/zlib/mod.ts";
import type { CompressionOptions } from "../../src/api/compression.ts";
import {
  acceptWebSocket,
  connectWebSocket,
  type WebSocketConnection,
} from "../../src/api/stream.ts";
import type { DeflateCodec } from "../../src/extensions/mod.ts";
import { WebSocketError } from "../../src/errors.ts";
import { sleep, until, within } from "../adapters/support/waiting.ts";

type Compression = boolean | CompressionOptions;

/** Two connections in memory, and the frames that go through. */
async function pair(server: Compression, client: Compression, options = {}): Promise<{
  server: WebSocketConnection;
  client: WebSocketConnection;
  /** Bytes that went up. */
  sent(): number;
}> {
  let bytes = 0;
  const up = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      bytes += chunk.length;
      controller.enqueue(chunk);
    },
  });
  const down = new TransformStream<Uint8Array, Uint8Array>();
  const accepted = acceptWebSocket({ readable: up.readable, writable: down.writable }, {
    compression: server,
    pingIntervalMs: 0,
    ...options,
  });
  const connected = await connectWebSocket(
    { readable: down.readable, writable: up.writable },
    "ws://example.com/",
    { compression: client, pingIntervalMs: 0 },
  );
  return { server: await accepted, client: connected, sent: () => bytes };
}

function text(size: number): string {
  return '{"name":"a name","number":12345,"é":[true,false]},'.repeat(size / 50 + 1).slice(0, size);
}

const CHOICES: Record<string, Compression> = {
  "the web codec": true,
  "zlib": { codec: zlibCodec },
  "zlib with takeover": { codec: zlibCodec, contextTakeover: true },
};

for (const [serverName, server] of Object.entries(CHOICES)) {
  for (const [clientName, client] of Object.entries(CHOICES)) {
    test(`a server with ${serverName} and a client with ${clientName} understand each other`, async () => {
      const ends = await pair(server, client);
      assert(ends.client.extensions.startsWith("permessage-deflate"));
      assertEquals(ends.client.extensions, ends.server.extensions);
      const sizes = [0, 10, 1024, 5000, 70_000, 1 << 20];
      for (const [from, to] of [[ends.client, ends.server], [ends.server, ends.client]]) {
        for (const size of sizes) {
          void from.send(text(size));
          void from.send(new TextEncoder().encode(text(size)), { compress: true });
          void from.send(new Blob([text(size)]), { type: "text" });
          void from.send(stream(text(size)), { type: "text" });
          void from.send("small");
        }
        const inbox = to[Symbol.asyncIterator]();
        for (const size of sizes) {
          for (let i = 0; i < 4; i++) {
            const { value } = await within(inbox.next(), `message of ${size}`);
            const got = i === 1 ? new TextDecoder().decode(value as Uint8Array) : value;
            assert(got === text(size), `message ${i} of ${size}`);
          }
          assertEquals((await inbox.next()).value, "small");
        }
      }
      const { wasClean } = await ends.client.close();
      assertEquals(wasClean, true);
    });
  }
}

function stream(text: string): ReadableStream<string> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= text.length) return controller.close();
      controller.enqueue(text.slice(at, at += 10_000));
    },
  });
}

for (const name of ["the web codec", "zlib", "zlib with takeover"]) {
  const choice = CHOICES[name];
  test(`messages() inflates a message while it comes, with ${name}`, async () => {
    const { server, client } = await pair({ codec: zlibCodec }, choice);
    let more!: () => void;
    void server.send(
      new ReadableStream<string>({
        async pull(controller) {
          controller.enqueue(text(50_000));
          await new Promise<void>((resolve) => more = resolve);
          controller.enqueue(text(300_000));
          controller.close();
        },
      }, { highWaterMark: 0 }),
    );
    const { value: message } = await client.messages().next();
    let size = 0;
    for await (const piece of message!.body) {
      if (size === 0) await sleep(10); // the sender waits for its turn as well
      size += piece.length;
      if (size === 50_000) more();
    }
    assertEquals([message!.type, size], ["text", 350_000]);
    await client.close();
  });
}

test("a bomb that is read slice by slice is held back, not held in memory", async () => {
  const { server, client } = await pair({ codec: zlibCodec }, { codec: zlibCodec });
  void client.send(new Uint8Array(30 << 20));
  const { value: message } = await server.messages().next();
  const reader = (message!.body as ReadableStream<Uint8Array>).getReader();
  let size = 0;
  for (let pieces = 0; pieces < 5; pieces++) size += (await reader.read()).value!.length;
  assert(size <= 5 * 65536, `${size} bytes in five pieces`);
  client.terminate();
});

test("pings pass messages that are being compressed or inflated, which keep their order", async () => {
  const { server, client } = await pair({ codec: zlibCodec }, { codec: zlibCodec });
  const noise = new Uint8Array(4 << 20).map((_, i) => (i * i) >> 9);
  const big = client.send(noise);
  void client.send("after");
  await within(client.ping(), "pong");
  const inbox = server[Symbol.asyncIterator]();
  assertEquals(((await inbox.next()).value as Uint8Array).length, noise.length);
  assertEquals((await inbox.next()).value, "after");
  await big;
  await client.close();
});

test("trySend refuses while a message is being compressed, and takes the next one later", async () => {
  const { server, client } = await pair({ codec: zlibCodec }, { codec: zlibCodec });
  const bytes = new TextEncoder().encode(text(1 << 20));
  assertEquals(client.trySend(bytes), true);
  bytes.fill(0); // it was copied
  assertEquals(client.trySend("too soon"), false);
  const inbox = server[Symbol.asyncIterator]();
  const { value } = await inbox.next();
  assertEquals(new TextDecoder().decode(value as Uint8Array), text(1 << 20));
  await until(() => client.trySend("now"), "room");
  assertEquals((await inbox.next()).value, "now");
  await client.close();
});

test("a close waits for messages that are being compressed", async () => {
  const { server, client } = await pair({ codec: zlibCodec }, { codec: zlibCodec });
  void client.send(text(1 << 20));
  void client.send(text(1 << 20));
  const closed = client.close(3000);
  const sizes: number[] = [];
  for await (const message of server) sizes.push(message.length);
  assertEquals(sizes, [1 << 20, 1 << 20]);
  assertEquals((await closed).closeCode, 3000);
});

test("what it was compressed to is what goes over the wire", async () => {
  const { server, client, sent } = await pair({ codec: zlibCodec }, { codec: zlibCodec });
  const before = sent();
  await client.send(text(10_000));
  await server[Symbol.asyncIterator]().next();
  assert(sent() - before < 500, `${sent() - before} bytes`);
  await client.close();
});

test("a sending context is given back after idleMs, and not before", async () => {
  let released = 0;
  const codec: DeflateCodec = {
    ...zlibCodec,
    minWindowBits: zlibCodec.minWindowBits,
    takeover: true,
    isSlow: (bytes) => zlibCodec.isSlow(bytes),
    createInflater: (bits, takeover) => zlibCodec.createInflater(bits, takeover),
    createDeflater(settings) {
      const deflater = zlibCodec.createDeflater(settings);
      return {
        deflate: (part, last) => deflater.deflate(part, last),
        release() {
          released++;
          deflater.release();
        },
      };
    },
  };
  const takeover = { codec, contextTakeover: true };
  const { server, client, sent } = await pair(takeover, { ...takeover, idleMs: 60 });
  const inbox = server[Symbol.asyncIterator]();
  const size = async () => {
    const before = sent();
    await client.send(text(2000));
    assertEquals((await inbox.next()).value, text(2000));
    return sent() - before;
  };
  const first = await size();
  assert(await size() < first / 2, "the context lives on");
  assertEquals(released, 0);
  await until(() => released === 1, "release");
  assert(await size() > first / 2, "a new context");
  await client.close();
});

test("a connection whose codec fails ends with 1011 and says why; others live on", async () => {
  const cause = new Error("out of memory");
  const broken: DeflateCodec = {
    minWindowBits: 9,
    takeover: true,
    isSlow: () => false,
    createDeflater: () => {
      throw cause;
    },
    createInflater: () => {
      throw cause;
    },
  };
  const other = await pair(true, true);
  const { server, client } = await pair({ codec: zlibCodec }, { codec: broken });
  const error = await assertRejects(() => client.send(text(5000)), WebSocketError);
  assertEquals([error.code, error.cause], ["WS_COMPRESSION_FAILED", cause]);
  assertEquals((await server.closed).closeCode, 1011);
  assertEquals((await client.closed).error?.code, "WS_COMPRESSION_FAILED");
  void other.client.send(text(5000));
  assertEquals((await other.server[Symbol.asyncIterator]().next()).value, text(5000));
  await other.client.close();
});

test("an inflated message above maxMessageBytes ends with 1009 on both roads", async () => {
  for (const codec of [true, { codec: zlibCodec }]) {
    const { server, client } = await pair(codec, codec, { maxMessageBytes: 99_999 });
    void client.send(text(100_000));
    assertEquals((await client.closed).closeCode, 1009);
    assertEquals((await server.closed).error?.code, "WS_MESSAGE_TOO_LARGE");
  }
});

test("compression is off unless both want it", async () => {
  for (const [server, client] of [[true, false], [false, true], [false, false]]) {
    const ends = await pair(server, client);
    assertEquals(ends.client.extensions, "");
    void ends.client.send(text(5000), { compress: true });
    assertEquals((await ends.server[Symbol.asyncIterator]().next()).value, text(5000));
    await ends.client.close();
  }
});

test("wrong compression options are refused by name", async () => {
  const bad: [unknown, typeof TypeError | typeof RangeError, string][] = [
    ["yes", TypeError, '"compression"'],
    [null, TypeError, '"compression"'],
    [{ treshold: 1 }, TypeError, '"treshold"'],
    [{ thresholdBytes: -1 }, RangeError, '"thresholdBytes"'],
    [{ thresholdBytes: "1" }, TypeError, '"thresholdBytes"'],
    [{ level: 0 }, RangeError, '"level"'],
    [{ level: 10 }, RangeError, '"level"'],
    [{ memLevel: 0 }, RangeError, '"memLevel"'],
    [{ codec: zlibCodec, windowBits: 8 }, RangeError, '"windowBits"'],
    [{ windowBits: 14 }, RangeError, '"windowBits"'], // the web codec has one
    [{ peerWindowBits: 7 }, RangeError, '"peerWindowBits"'],
    [{ peerWindowBits: 16 }, RangeError, '"peerWindowBits"'],
    [{ contextTakeover: 1 }, TypeError, '"contextTakeover"'],
    [{ contextTakeover: true }, TypeError, "zlibCodec"],
    [{ idleMs: -1 }, RangeError, '"idleMs"'],
    [{ codec: {} }, TypeError, '"codec"'],
  ];
  for (const [compression, kind, name] of bad) {
    const streams = new TransformStream<Uint8Array, Uint8Array>();
    const options = { compression: compression as boolean };
    await assertRejects(() => acceptWebSocket(streams, options), kind, name);
    await assertRejects(() => connectWebSocket(streams, "ws://a/", options), kind, name);
  }
  const { client } = await pair(true, true);
  const compress = "no" as unknown as boolean;
  assertThrows(() => void client.send("a", { compress }), TypeError, '"compress"');
  await client.close();
});
