import { describe, test } from "node:test";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { zlibCodec } from "../../src/adapters/zlib/mod.ts";
import type { CompressionOptions } from "../../src/api/compression.ts";
import { type Bytes, prepareMessage, WebSocketError } from "../../src/api/mod.ts";
import type { WebSocketConnection } from "../../src/api/stream.ts";
import type { DeflateCodec } from "../../src/extensions/mod.ts";
import { joined, sleep, take } from "./ends.ts";

/** A codec that counts what is deflated; `later` makes every deflate a promise. */
function counting(later = false): { codec: DeflateCodec; deflated(): number } {
  let deflated = 0;
  const codec: DeflateCodec = {
    minWindowBits: zlibCodec.minWindowBits,
    takeover: true,
    isSlow: (bytes) => later || zlibCodec.isSlow(bytes),
    createDeflater(settings) {
      const inner = zlibCodec.createDeflater(settings);
      return {
        deflate(part, last) {
          deflated++;
          const result = inner.deflate(part, last);
          return later ? Promise.resolve(result).then((bytes) => bytes.slice()) : result;
        },
        release: () => inner.release(),
      };
    },
    createInflater: (bits, takeover) => zlibCodec.createInflater(bits, takeover),
  };
  return { codec, deflated: () => deflated };
}

async function pairs(
  count: number,
  server: (i: number) => boolean | CompressionOptions = () => false,
  client: (i: number) => boolean | CompressionOptions = () => false,
): Promise<{ server: WebSocketConnection; client: WebSocketConnection }[]> {
  return await Promise.all(
    Array.from(
      { length: count },
      (_, i) => joined({ compression: server(i) }, { compression: client(i) }),
    ),
  );
}

const JSON_TEXT = '{"user":"someone","text":"hello — wörld","n":12345},'.repeat(40);

for (const side of ["server", "client"] as const) {
  test(`a prepared message arrives whole at every peer of a ${side}`, async () => {
    const all = await pairs(5);
    const bytes = Uint8Array.of(1, 2, 3);
    const messages = ["", "hällo \u{1f600}", "x".repeat(70_000), bytes].map((data) =>
      prepareMessage(data)
    );
    bytes.fill(9); // it has its own copy
    const other = side === "server" ? "client" : "server";
    for (const pair of all) {
      for (const message of messages) void pair[side].send(message);
      assert(pair[side].trySend(prepareMessage("last")));
    }
    for (const pair of all) {
      assertEquals(await take(pair[other], 5), [
        "",
        "hällo \u{1f600}",
        "x".repeat(70_000),
        Uint8Array.of(1, 2, 3),
        "last",
      ]);
    }
  });
}

test("a prepared message keeps its place between other messages", async () => {
  const [{ server, client }] = await pairs(1);
  const message = prepareMessage("prepared");
  const expected: string[] = [];
  for (let i = 0; i < 50; i++) {
    void server.send(`plain ${i}`);
    void server.send(message);
    void server.send(message);
    expected.push(`plain ${i}`, "prepared", "prepared");
    if (i % 10 === 9) await sleep(0);
  }
  assertEquals(await take(client, expected.length), expected);
});

describe("with compression", () => {
  test("one message is deflated once for all connections that agreed on the same", async () => {
    const { codec, deflated } = counting();
    const all = await pairs(8, () => ({ codec }), () => ({ codec: zlibCodec }));
    const message = prepareMessage(JSON_TEXT);
    for (const { server } of all) await server.send(message);
    for (const { client } of all) assertEquals(await take(client, 1), [JSON_TEXT]);
    assertEquals(deflated(), 1);
  });

  test("once for each window that was agreed on", async () => {
    const { codec, deflated } = counting();
    const all = await pairs(
      6,
      () => ({ codec }),
      (i) => ({ codec: zlibCodec, peerWindowBits: i % 2 === 0 ? 10 : 15 }),
    );
    const message = prepareMessage(JSON_TEXT);
    for (const { server } of all) await server.send(message);
    for (const { client } of all) assertEquals(await take(client, 1), [JSON_TEXT]);
    assertEquals(deflated(), 2);
  });

  test("with context takeover, each connection goes on with its own context", async () => {
    const { codec, deflated } = counting();
    const takeover = { codec, contextTakeover: true };
    const all = await pairs(3, () => takeover, () => ({ ...takeover, codec: zlibCodec }));
    const message = prepareMessage(JSON_TEXT);
    for (const { server } of all) {
      for (const data of ["before", message, "after ".repeat(300), message]) {
        await server.send(data);
      }
    }
    for (const { client } of all) {
      const expected = ["before", JSON_TEXT, "after ".repeat(300), JSON_TEXT];
      assertEquals(await take(client, 4), expected);
    }
    assertEquals(deflated(), 9);
    for (const { server, client } of all) await Promise.all([server.close(), client.close()]);
  });

  test("a client's message is deflated once and masked for each connection", async () => {
    const { codec, deflated } = counting();
    const all = await pairs(4, () => ({ codec: zlibCodec }), () => ({ codec }));
    const message = prepareMessage(JSON_TEXT);
    for (const { client } of all) await client.send(message);
    for (const { server } of all) assertEquals(await take(server, 1), [JSON_TEXT]);
    assertEquals(deflated(), 1);
  });

  test("a message that takes time to deflate does so once, and order is kept", async () => {
    const { codec, deflated } = counting(true);
    const all = await pairs(4, () => ({ codec }), () => ({ codec: zlibCodec }));
    const message = prepareMessage(JSON_TEXT);
    const sent = all.flatMap(({ server }) => [
      server.send("first"),
      server.send(message),
      server.send("second"),
    ]);
    assertEquals(all[0].server.trySend(message), false); // it would overtake those in line
    await Promise.all(sent);
    assert(all[0].server.trySend(message));
    for (const { client } of all) {
      assertEquals(await take(client, 3), ["first", JSON_TEXT, "second"]);
    }
    assertEquals(deflated(), 1);
  });

  test("a connection that is cut while its message is deflated takes it from nobody else", async () => {
    const all = await pairs(3, () => ({ codec: zlibCodec }), () => ({ codec: zlibCodec }));
    const large = JSON_TEXT.repeat(200); // deflated off the loop
    const message = prepareMessage(large);
    const sent = all.map(({ server }) => server.send(message));
    all[0].server.terminate();
    await assertRejects(() => sent[0], WebSocketError);
    for (const { client } of all.slice(1)) assertEquals(await take(client, 1), [large]);
  });

  test("a codec that fails is asked again by who comes later", async () => {
    const { codec } = counting(true);
    let fails = 1;
    const failing: DeflateCodec = {
      ...codec,
      createDeflater(settings) {
        const inner = codec.createDeflater(settings);
        return {
          deflate: (part, last) =>
            fails-- > 0 ? Promise.reject(new Error("no memory")) : inner.deflate(part, last),
          release: () => inner.release(),
        };
      },
    };
    const all = await pairs(2, () => ({ codec: failing }), () => ({ codec: zlibCodec }));
    const message = prepareMessage(JSON_TEXT);
    const error = await assertRejects(() => all[0].server.send(message), WebSocketError);
    assertEquals(error.code, "WS_COMPRESSION_FAILED");
    await all[1].server.send(message);
    assertEquals(await take(all[1].client, 1), [JSON_TEXT]);
  });

  test("what it says of compression holds, and send() can say otherwise", async () => {
    const { codec, deflated } = counting();
    const [{ server, client }] = await pairs(1, () => ({ codec }), () => ({ codec: zlibCodec }));
    const message = prepareMessage(JSON_TEXT, { compress: false });
    await server.send(message);
    assertEquals(deflated(), 0);
    await server.send(message, { compress: true });
    assertEquals(deflated(), 1);
    await server.send(prepareMessage("short", { compress: true }));
    assertEquals(deflated(), 2);
    assertEquals(await take(client, 3), [JSON_TEXT, JSON_TEXT, "short"]);
  });
});

test("its type can be chosen, and bytes sent as text must be text", async () => {
  const [{ server, client }] = await pairs(1);
  const bytes = new TextEncoder().encode("ü");
  await server.send(prepareMessage(bytes, { type: "text" }));
  const message = prepareMessage("ü", { type: "binary" });
  assertEquals([message.type, message.byteLength], ["binary", 2]);
  await server.send(message, { type: "binary" });
  assertEquals(await take(client, 2), ["ü", bytes]);
  assertThrows(
    () => prepareMessage(Uint8Array.of(0xff), { type: "text" }),
    TypeError,
    "not valid UTF-8",
  );
  assertThrows(() => server.send(message, { type: "text" }), TypeError, "prepared as binary");
});

test("what is not a message, and an unknown option, are refused", () => {
  for (const data of [undefined, null, 7, {}, new Blob(["x"])]) {
    assertThrows(() => prepareMessage(data as Bytes), TypeError, "Cannot prepare message");
  }
  assertThrows(() => prepareMessage("", { typ: "text" } as never), TypeError, "typ");
  assertThrows(() => prepareMessage("", { type: "json" as "text" }), TypeError, "type");
  assertThrows(() => prepareMessage("", { compress: 1 as never }), TypeError, "compress");
});

test("on a connection that is over, send() rejects and trySend() says no", async () => {
  const [{ server, client }] = await pairs(1);
  const message = prepareMessage("late");
  await client.close();
  await server.closed;
  const error = await assertRejects(() => server.send(message), WebSocketError);
  assertEquals(error.code, "WS_NOT_OPEN");
  assertEquals(server.trySend(message), false);
});

test("a peer that does not read makes trySend() say no, and the buffered amount is bounded", async () => {
  const { server } = await joined({ highWaterMark: 10_000 });
  const message = prepareMessage("x".repeat(1000));
  let taken = 0;
  while (taken < 1_000_000 && server.trySend(message)) taken++;
  assert(taken < 10_000, `${taken} were taken`);
  assert(server.bufferedAmount < 30_000, `${server.bufferedAmount} bytes wait`);
});
