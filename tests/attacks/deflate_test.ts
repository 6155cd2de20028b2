/**
 * Hostile compression, over real sockets.
 *
 * | Row of the list of attacks   | Test             |
 * | ---------------------------- | ---------------- |
 * | Deflate bomb (CVE-2026-1526) | deflate bomb: …  |
 * | Window bits (CVE-2026-2229)  | window bits: …   |
 *
 * @module
 */

import { constants, deflateRawSync } from "node:zlib";
import { memoryUsage } from "node:process";
import { test } from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect, HandshakeError } from "../../src/adapters/client.ts";
import { RUNTIME } from "../adapters/support/runtime.ts";
import { masked, text } from "../api/ends.ts";
import { listenRaw } from "../support/node_peer.ts";
import { answerText, requestText } from "../support/raw_handshake.ts";
import type { RawPeer } from "../support/raw_peer.ts";
import { assertFails, type Target, underAttack } from "./rig.ts";

const DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate";
/** RSV1, as wire.ts counts. */
const RSV1 = 4;

function zeros(size: number): Uint8Array {
  return deflateRawSync(new Uint8Array(size), { level: 9, finishFlush: constants.Z_SYNC_FLUSH })
    .subarray(0, -4);
}

/** Opens a WebSocket and returns it with the extensions that the server agreed to. */
async function openWith(
  { connect }: Target,
  field = DEFLATE,
): Promise<{ peer: RawPeer; extensions: string }> {
  const peer = await connect();
  peer.writeText(requestText([field]));
  const answer = await peer.readHead();
  assert(answer.startsWith("HTTP/1.1 101 "), answer);
  return { peer, extensions: /^sec-websocket-extensions: *(.*?)\r$/im.exec(answer)?.[1] ?? "" };
}

for (const contextTakeover of [false, true]) {
  const how = contextTakeover ? "with takeover" : "without takeover";

  test(`deflate bomb: 22 bytes that inflate past the limit end with 1009, ${how}`, async () => {
    await underAttack(async (target) => {
      const bomb = zeros(4096);
      assert(bomb.length <= 22, `${bomb.length} bytes`);
      for (let i = 0; i < 20; i++) {
        const { peer } = await openWith(target);
        peer.write(masked({ opcode: 2, rsv: RSV1, payload: bomb }));
        await assertFails(peer, 1009);
      }
    }, { compression: { contextTakeover }, maxMessageBytes: 4095 });
  });

  test(`deflate bomb: 64 MiB behind a limit of 1 MiB take no more than the limit, ${how}`, async () => {
    const limit = 1 << 20;
    await underAttack(async (target) => {
      const bomb = zeros(64 << 20);
      const { peer } = await openWith(target);
      peer.write(masked({ opcode: 2, rsv: RSV1, payload: bomb.subarray(0, 50_000) }));
      await assertFails(peer, 1009); // the codec's own buffers are made now
      const open: RawPeer[] = [];
      for (let i = 0; i < 8; i++) open.push((await openWith(target)).peer);
      const frame = masked({ opcode: 2, rsv: RSV1, payload: bomb });
      const before = memoryUsage().arrayBuffers;
      for (const peer of open) {
        peer.write(frame);
        await assertFails(peer, 1009);
      }
      // Bun does not count them. The frames themselves are 64 KiB each, on both ends.
      const grown = memoryUsage().arrayBuffers - before;
      if (RUNTIME !== "bun") assert(grown < 8 * (limit + 65536 * 6), `${grown} bytes more`);
    }, { compression: { contextTakeover }, maxMessageBytes: limit });
  });

  test(`deflate bomb: fragments of nothing but dictionary ends with 1008 or 1009, ${how}`, async () => {
    await underAttack(async (target) => {
      const { peer } = await openWith(target);
      const part = new Uint8Array(0);
      const frames = Array.from({ length: 101 }, (_, i) => ({
        opcode: i === 0 ? 1 : 0,
        rsv: i === 0 ? RSV1 : 0,
        fin: false,
        payload: part,
      }));
      peer.write(masked(...frames));
      await assertFails(peer, 1008);
    }, { compression: { contextTakeover }, maxFragments: 100 });
  });

  test(`corrupt data ends that connection with 1007, and no other, ${how}`, async () => {
    await underAttack(async (target) => {
      const { peer: bystander } = await openWith(target);
      for (const payload of [[0xff, 0xff], [7], [0xf2, 0x00, 0x11, 0x00, 0x00], [0x01, 0, 0, 1]]) {
        const { peer } = await openWith(target);
        peer.write(masked({ opcode: 1, rsv: RSV1, payload: Uint8Array.from(payload) }));
        await assertFails(peer, 1007);
      }
      const payload = deflateRawSync("still served?", { finishFlush: constants.Z_SYNC_FLUSH });
      bystander.write(masked({ opcode: 1, rsv: RSV1, payload: payload.subarray(0, -4) }));
      const frame = await bystander.readFrame();
      assertEquals(new TextDecoder().decode(frame?.payload), "still served?");
    }, { compression: { contextTakeover } });
  });
}

test("RSV1 on control and continuation frames ends with 1002, compressed or not", async () => {
  await underAttack(async (target) => {
    for (const field of [DEFLATE, "X-None: 1"]) {
      for (
        const frames of [
          [{ opcode: 9, rsv: RSV1 }],
          [{ opcode: 8, rsv: RSV1 }],
          [{ ...text("a"), fin: false }, { opcode: 0, rsv: RSV1 }],
        ]
      ) {
        const { peer } = await openWith(target, field);
        peer.write(masked(...frames));
        await assertFails(peer, 1002);
      }
    }
  }, { compression: true });
});

const BAD = [
  "server_max_window_bits=1000",
  "server_max_window_bits=08",
  "server_max_window_bits=8", // a window that zlib cannot keep to
  "server_max_window_bits",
  "server_max_window_bits=10; server_max_window_bits=10",
  "client_max_window_bits=1000",
  "client_max_window_bits=08",
  "client_max_window_bits; client_max_window_bits=10",
  "server_no_context_takeover=1",
  "constructor",
];

test("window bits: a server declines bad parameters, and goes on uncompressed or with the next", async () => {
  await underAttack(async (target) => {
    for (const bad of BAD) {
      const field = `Sec-WebSocket-Extensions: permessage-deflate; ${bad}`;
      const { peer, extensions } = await openWith(target, field);
      assertEquals(extensions, "", bad);
      peer.write(masked(text("plain")));
      assertEquals((await peer.readFrame())?.rsv, 0);
      const next = await openWith(target, `${field}, permessage-deflate; server_max_window_bits=9`);
      assert(next.extensions.includes("server_max_window_bits=9"), next.extensions);
      peer.destroy();
      next.peer.destroy();
    }
  }, { compression: true });
});

test("window bits: bad parameters in a response fail a client's handshake", async () => {
  const server = await listenRaw();
  try {
    for (const bad of BAD.filter((bad) => !bad.endsWith("=8")).concat("client_max_window_bits")) {
      const opening = connect(`ws://127.0.0.1:${server.port}/`, { compression: true });
      const refused = assertRejects(() => opening, HandshakeError, "permessage-deflate");
      const peer = await server.accept();
      const field = `Sec-WebSocket-Extensions: permessage-deflate; ${bad}`;
      peer.writeText(await answerText(await peer.readHead(), [field]));
      assertEquals((await refused).code, "WS_HANDSHAKE_INVALID", bad);
      peer.destroy();
    }
  } finally {
    await server.close();
  }
});
