import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { test } from "node:test";
import { connect } from "../../src/adapters/client.ts";
import {
  type BunServer,
  type BunWebSocketOptions,
  type BunWebSocketPlugin,
  createWebSocket,
  upgradeWebSocket,
  websocket,
} from "../../src/adapters/bun/mod.ts";
import { hex } from "../support/bytes.ts";
import { bunErrors, serveBun } from "./support/bun_server.ts";
import { type NativeHarness, readClose, testNative, withPair } from "./support/native_suite.ts";
import { clientClose, clientFrame, RawPeer } from "./support/raw.ts";
import { RUNTIME } from "./support/runtime.ts";
import { Inbox, sleep, within } from "./support/waiting.ts";

const harness: NativeHarness = harnessFor(websocket);

function harnessFor(plugin: BunWebSocketPlugin, early = true): NativeHarness {
  return {
    name: "Bun.serve",
    capabilities: {
      engine: "bun",
      binary: true,
      ping: true,
      pingEvents: true,
      receiveBackPressure: true,
      receiveStreaming: false,
      sendStreaming: false,
      closeCodes: true,
      allCloseCodes: true,
      terminate: true,
      protocolErrors: true,
      earlyMessageLimit: early,
      compression: false,
      frameEvents: false,
      closeAnswers: false,
      frameDelivery: false,
    },
    serve: (handler, options) =>
      serveBun(plugin, (request, server) => upgradeWebSocket(request, server, handler, options)),
    errors: bunErrors,
  };
}

if (RUNTIME === "bun") {
  testNative(harness);
  testBun();
} else {
  test(`the Bun adapter says that ${RUNTIME} is not Bun; nothing else of it runs here`, async () => {
    const request = new Request("http://127.0.0.1/");
    const server = undefined as unknown as BunServer;
    await assertRejects(() => upgradeWebSocket(request, server, {}), TypeError, "Bun.serve");
  });
}

test("createWebSocket refuses options that do not exist or are out of range", () => {
  const wrong = (options: object) => () => createWebSocket(options as BunWebSocketOptions);
  assertThrows(wrong({ maxPayloadLength: 1 }), TypeError, '"maxPayloadLength"');
  assertThrows(wrong({ maxMessageBytes: "1" }), TypeError, '"maxMessageBytes"');
  for (const maxMessageBytes of [-1, 1.5, Infinity, 2 ** 32]) {
    assertThrows(wrong({ maxMessageBytes }), RangeError, '"maxMessageBytes"');
  }
  assertThrows(wrong({ compression: { level: 1 } }), TypeError, '"level"');
  assertThrows(wrong({ compression: { thresholdBytes: -1 } }), RangeError, '"thresholdBytes"');
  assertEquals(createWebSocket({ maxMessageBytes: 7 }).maxPayloadLength, 7);
  assertEquals(websocket.maxPayloadLength, 16 * 1024 * 1024);
});

function testBun(): void {
  test("Bun.serve: pings take time and come back, pongs go out", async () => {
    await withPair(harness, {}, async (peer, socket, events) => {
      const roundTrip = socket.ping(Uint8Array.of(1, 2));
      assertEquals([...await peer.readBytes(4)], [0x89, 2, 1, 2]);
      await sleep(20);
      peer.write(clientFrame({ opcode: 10, payload: Uint8Array.of(1, 2) }));
      const ms = await within(roundTrip, "pong");
      assert(ms >= 15 && ms < 5000, `${ms} ms`);
      assertEquals(await events.next(), ["pong", 1, 2]);
      socket.pong(Uint8Array.of(3));
      assertEquals([...await peer.readBytes(7)].slice(4), [0x8a, 1, 3]);
    });
  });

  test("Bun.serve: the peer's pings are seen, and answered", async () => {
    await withPair(harness, {}, async (peer, _, events) => {
      peer.write(clientFrame({ opcode: 9, payload: Uint8Array.of(5) }));
      assertEquals(await events.next(), ["ping", 5]);
      assertEquals([...await peer.readBytes(3)], [0x8a, 1, 5]);
    });
  });

  test("Bun.serve: our close() is over at once, without the peer's answer", async () => {
    await withPair(harness, {}, async (peer, socket, events) => {
      assertEquals(await within(socket.close(4000, "bye"), "end", 500), {
        closeCode: 4000,
        reason: "bye",
        wasClean: true,
      });
      assertEquals(await events.next(), ["close", 4000, "bye", true]);
      assertEquals(await readClose(peer), 4000);
    });
  });

  test("Bun.serve: a peer that closes while our close waits for it to read is heard", async () => {
    await withPair(harness, {}, async (peer, socket) => {
      peer.socket.pause();
      for (let i = 0; i < 10; i++) void socket.send(new Uint8Array(1_000_000));
      const closed = socket.close(4000);
      peer.write(clientClose(4001));
      assertEquals((await within(closed, "end")).closeCode, 4001);
    });
  });

  const faults: [name: string, bytes: string, code: string, closeCode: number][] = [
    ["RSV1", "c180 00000000", "WS_RSV1_UNEXPECTED", 1002],
    ["RSV2 or RSV3", "a180 00000000", "WS_RSV2_UNEXPECTED", 1002],
    ["a reserved opcode", "8380 00000000", "WS_OPCODE_RESERVED", 1002],
    ["a frame that is not masked", "8101 41", "WS_MASK_MISSING", 1002],
    ["a fragmented ping", "0980 00000000", "WS_CONTROL_FRAGMENTED", 1002],
    ["a ping of 126 bytes", "89fe 007e 00000000", "WS_CONTROL_TOO_LONG", 1002],
    ["a continuation of nothing", "8080 00000000", "WS_CONTINUATION_UNEXPECTED", 1002],
    ["a message in a message", "0180 00000000 8180 00000000", "WS_CONTINUATION_EXPECTED", 1002],
    ["a close payload of a byte", "8881 00000000 03", "WS_CLOSE_PAYLOAD_INVALID", 1002],
    ["a close code that must not be sent", "8882 00000000 03ee", "WS_CLOSE_CODE_INVALID", 1002],
    ["text that is not UTF-8", "8181 00000000 ff", "WS_UTF8_INVALID", 1007],
    ["a header above 16 MiB", "82ff 0000000001000001 00000000", "WS_MESSAGE_TOO_LARGE", 1009],
  ];
  for (const [name, bytes, code, closeCode] of faults) {
    test(`Bun.serve: ${name} is ${code} and tells the peer ${closeCode}`, async () => {
      await withPair(harness, {}, async (peer, socket, events) => {
        peer.write(hex(bytes));
        assertEquals(await events.next(), ["error", code]);
        assertEquals(await events.next(), ["close", 1006, "", false]);
        assertEquals((await socket.closed).error?.code, code);
        assertEquals(await readClose(peer), closeCode);
      });
    });
  }

  test("Bun.serve: the server's limit holds early, a connection's own late", async () => {
    const small = createWebSocket({ maxMessageBytes: 1000 });
    await withPair(harnessFor(small), {}, async (peer, socket, events) => {
      assertEquals(socket.capabilities, harnessFor(small).capabilities);
      peer.write(hex("82fe 03e9 00000000"));
      assertEquals(await events.next(), ["error", "WS_MESSAGE_TOO_LARGE"]);
      assertEquals(await readClose(peer), 1009);
    });
    await withPair(harnessFor(small), { maxMessageBytes: 999 }, (_, socket) => {
      assertEquals(socket.capabilities, harnessFor(small, false).capabilities);
      return Promise.resolve();
    });
  });

  test("Bun.serve: messages of 20 MiB pass where the server allows them", async () => {
    const maxMessageBytes = 20 * 1024 * 1024;
    const server = harnessFor(createWebSocket({ maxMessageBytes })).serve(
      { message: (socket, data) => void socket.send(`${data.length}`) },
      { maxMessageBytes },
    );
    try {
      await using socket = await connect(server.url);
      void socket.send(new Uint8Array(maxMessageBytes));
      const { value } = await within(socket[Symbol.asyncIterator]().next(), "answer");
      assertEquals(value, String(maxMessageBytes));
    } finally {
      await server.close();
    }
  });

  test("Bun.serve: a limit above the server's is refused by name, and the client is told", async () => {
    const errors = new Inbox<unknown>();
    const open = () => errors.push("opened");
    const onError = (error: unknown) => errors.push(error);
    const server = harness.serve({ open }, { maxMessageBytes: 17 * 1024 * 1024, onError });
    try {
      const peer = await RawPeer.open(server.port);
      const error = await errors.next();
      assert(error instanceof RangeError && error.message.includes("createWebSocket"));
      assertEquals(await readClose(peer), 1011);
    } finally {
      await server.close();
    }
  });

  test("Bun.serve: a server without our plugin is named", async () => {
    const errors = new Inbox<unknown>();
    const onError = (error: unknown) => errors.push(error);
    const foreign = { message() {} } as unknown as BunWebSocketPlugin;
    const server = serveBun(
      foreign,
      (request, it) => upgradeWebSocket(request, it, {}, { onError }),
    );
    try {
      const peer = await RawPeer.open(server.port);
      const error = await errors.next();
      assert(error instanceof TypeError && error.message.includes("Bun.serve({ websocket"));
      peer.destroy();
    } finally {
      await server.close();
    }
  });

  test("Bun.serve: what something else upgrades on our plugin is closed with 1011", async () => {
    const server = serveBun(websocket, (request, it) => {
      const other = it as unknown as { upgrade(request: Request): boolean };
      return other.upgrade(request) ? undefined : new Response(null, { status: 500 });
    });
    try {
      const peer = await RawPeer.open(server.port);
      assertEquals(await readClose(peer), 1011);
    } finally {
      await server.close();
    }
  });
}
