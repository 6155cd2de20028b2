import { constants, deflateRawSync } from "node:zlib";
import { test } from "node:test";
import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { connect } from "../../src/adapters/client.ts";
import { createWebSocket, upgradeWebSocket } from "../../src/adapters/bun/mod.ts";
import { nativeSetup } from "../../src/adapters/native/opening.ts";
import { serveBun } from "./support/bun_server.ts";
import { readClose } from "./support/native_suite.ts";
import { clientFrame, head, RawPeer, requestLines } from "./support/raw.ts";
import { RUNTIME } from "./support/runtime.ts";
import { Inbox, until, within } from "./support/waiting.ts";

test("a runtime's own socket refuses the compression that it cannot do", () => {
  for (const compression of [true, {}, { thresholdBytes: 1 }]) {
    assertThrows(() => nativeSetup({}, { compression }), TypeError, '"compression"');
  }
  nativeSetup({}, { compression: false });
});

function zeros(size: number): Uint8Array {
  return deflateRawSync(new Uint8Array(size), { finishFlush: constants.Z_SYNC_FLUSH })
    .subarray(0, -4);
}

if (RUNTIME === "bun") {
  test("Bun.serve compresses with createWebSocket({ compression }), and counts what inflates", async () => {
    const compression = { thresholdBytes: 100 };
    const plugin = createWebSocket({ compression, maxMessageBytes: 20_000 });
    const sizes = new Inbox<number>();
    const capable: boolean[] = [];
    const server = serveBun(plugin, (request, server) =>
      upgradeWebSocket(request, server, {
        open(socket) {
          capable.push(socket.capabilities.compression);
          socket.send("x".repeat(99));
          socket.send("x".repeat(100));
          socket.send("x".repeat(5000), { compress: false });
          socket.send("x".repeat(90), { compress: true });
        },
        message: (_socket, data) => sizes.push(data.length),
      }));
    const peer = await RawPeer.connect(server.port);
    try {
      peer.write(head([...requestLines(), "Sec-WebSocket-Extensions: permessage-deflate"]));
      assertMatch(await peer.readHead(), /sec-websocket-extensions: permessage-deflate/i);
      await until(() => peer.size > 5000 && peer.frames().length === 4, "four frames");
      assertEquals(peer.frames().map(({ rsv }) => rsv), [0, 4, 0, 4]);
      assertEquals(capable, [true]);
      peer.write(clientFrame({ opcode: 2, rsv: 4, payload: zeros(20_000) }));
      assertEquals(await sizes.next("message"), 20_000);
      peer.write(clientFrame({ opcode: 2, rsv: 4, payload: zeros(20_001) }));
      assertEquals(await readClose(peer), 1009);
    } finally {
      peer.destroy();
      await within(server.close(), "end of the server");
    }
  });

  for (const perMessageDeflate of [true, { compress: "dedicated", decompress: "dedicated" }]) {
    const how = perMessageDeflate === true ? "shared" : "dedicated";
    test(`our client and Bun's own server with ${how} compressors understand each other`, async () => {
      const plugin = { ...createWebSocket({ compression: true }), perMessageDeflate } as never;
      const server = serveBun(plugin, (request, server) =>
        upgradeWebSocket(request, server, {
          message: (socket, data) => void socket.send(data, { compress: true }),
        }));
      try {
        for (const compression of [true, { contextTakeover: true }, { peerWindowBits: 9 }]) {
          const socket = await connect(server.url, { compression });
          assertMatch(socket.extensions, /^permessage-deflate/);
          const inbox = socket[Symbol.asyncIterator]();
          for (const size of [0, 16, 1024, 65536, 131072]) {
            for (let i = 0; i < 2; i++) {
              const text = '{"name":"a name","é":[12345,true]},'.repeat(size / 30).slice(0, size);
              await socket.send(text, { compress: true });
              assertEquals((await within(inbox.next(), `echo of ${size}`)).value, text);
            }
          }
          await socket.close();
        }
      } finally {
        await within(server.close(), "end of the server");
      }
    });
  }
}
