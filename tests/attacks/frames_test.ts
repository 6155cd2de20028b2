/**
 * Hostile frames, over real sockets against `onUpgrade`, and against `connect()` for the rows that
 * a server can turn on a client.
 *
 * | Row of the list of attacks        | Test                                                        |
 * | --------------------------------- | ----------------------------------------------------------- |
 * | 64-bit lengths                    | lengths: …                                                  |
 * | Fragment flood                    | fragment flood: …                                           |
 * | close(1000, TypedArray)           | a typed array as close reason: …                            |
 * | Masking                           | masking: …                                                  |
 * | Unmasked / masked frame           | unmasked frames / masked frames: …                          |
 * | Bytes glued to the upgrade        | glued bytes: …                                              |
 * | Invalid UTF-8                     | invalid UTF-8: …                                            |
 * | Close codes                       | close codes: …                                              |
 * | Control frames                    | control frames: …                                           |
 * | Reserved opcodes and RSV bits     | reserved bits and opcodes: …                                |
 *
 * @module
 */

import { test } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { connect } from "../../src/adapters/client.ts";
import { Engine, type EngineSink } from "../../src/connection/mod.ts";
import { hex, join } from "../support/bytes.ts";
import { listenRaw } from "../support/node_peer.ts";
import { openAsServer, requestText } from "../support/raw_handshake.ts";
import type { RawPeer } from "../support/raw_peer.ts";
import type { WireFrame } from "../support/wire.ts";
import { closeFrame, soon } from "../api/ends.ts";
import { assertFails, copiedBy, masked, plain, text, underAttack } from "./rig.ts";

/** Sends bytes on a connection each, and expects a close code. */
async function allFail(code: number, attacks: Uint8Array[]): Promise<void> {
  await underAttack(async ({ open }) => {
    for (const bytes of attacks) {
      const peer = await open();
      peer.write(bytes);
      await assertFails(peer, code);
    }
  });
}

/** Connects our client to a raw server. */
async function withClient(
  attack: (server: RawPeer, socket: Awaited<ReturnType<typeof connect>>) => Promise<void>,
  glued = new Uint8Array(0),
): Promise<void> {
  const server = await listenRaw();
  try {
    const connected = connect(`ws://127.0.0.1:${server.port}/`, { closeTimeoutMs: 300 });
    const peer = await server.accept();
    await openAsServer(peer, glued);
    await attack(peer, await connected);
  } finally {
    await server.close();
  }
}

const frames = (list: WireFrame[]) => list.map((frame) => masked(frame));

test("lengths: a set top bit is 1002; 2^53 and more than the limit are 1009, before any payload", async () => {
  const key = "00000000";
  await allFail(1002, [hex(`82ff 8000000000000000 ${key}`), hex(`82ff ffffffffffffffff ${key}`)]);
  await allFail(1009, [
    hex(`82ff 7fffffffffffffff ${key}`),
    hex(`82ff 0020000000000000 ${key}`),
    hex(`82ff 001fffffffffffff ${key}`),
    hex(`82ff 0000010000000000 ${key}`),
    hex(`82ff 0000000001000001 ${key}`),
  ]);
  await allFail(1002, [hex(`82fe 0001 ${key} 00`), hex(`82ff 0000000000000001 ${key} 00`)]);
});

test("lengths: a client answers them as well", async () => {
  for (const [code, bytes] of [[1002, "827f 8000000000000000"], [1009, "827f 7fffffffffffffff"]]) {
    await withClient(async (server, socket) => {
      server.write(hex(bytes as string));
      await assertFails(server, code as number);
      assertEquals((await soon(socket.closed, "closed")).error?.closeCode, code);
    });
  }
});

test("fragment flood: endless empty fragments end at maxFragments with 1008", async () => {
  await underAttack(async ({ open }) => {
    const peer = await open();
    peer.write(masked({ opcode: 1, fin: false }));
    const flood = join(Array.from({ length: 1000 }, () => masked({ opcode: 0, fin: false })));
    for (let i = 0; i < 20; i++) peer.write(flood); // 20,001 fragments, the default allows 16,384
    await assertFails(peer, 1008);
  });
});

test("fragment flood: tiny fragments end at maxMessageBytes with 1009", async () => {
  await underAttack(async ({ open }) => {
    const peer = await open();
    const tiny = join(
      Array.from(
        { length: 1001 },
        (_, i) => masked({ opcode: i === 0 ? 2 : 0, fin: false, payload: "x" }),
      ),
    );
    peer.write(tiny);
    await assertFails(peer, 1009);
  }, { maxMessageBytes: 1000 });
});

test("fragment flood: a megabyte byte by byte costs linear work, in one frame or in fragments", async () => {
  const sink: EngineSink = {
    onMessage() {},
    onMessageStart() {},
    onMessageSlice() {},
    onMessageEnd() {},
    onPing: () => true,
    onPong() {},
    onPeerClose() {},
    onFailure(error) {
      throw error;
    },
  };
  const total = 1 << 20;
  const options = { role: "server", maxMessageBytes: total, maxFragments: Infinity } as const;
  const frame = masked({ opcode: 2, payload: new Uint8Array(total) });
  const single = new Engine(sink, options);
  const copiedOfFrame = await copiedBy(() => {
    for (let i = 0; i < frame.length; i++) single.receive(frame.subarray(i, i + 1));
  });
  assert(copiedOfFrame < 2.5 * total, `${copiedOfFrame} bytes copied`);

  const fragments = new Engine(sink, { ...options, maxMessageBytes: 100_000 });
  const copied = await copiedBy(() => {
    for (let i = 0; i < 100_000; i++) {
      fragments.receive(masked({ opcode: i === 0 ? 2 : 0, fin: false, payload: "x" }));
    }
  });
  // The tests' own encoder copies some twenty bytes for each fragment.
  assert(copied < 100_000 * 40, `${copied} bytes copied`);
});

test("fragment flood: one-byte TCP chunks are read like any others", async () => {
  await underAttack(async ({ open }) => {
    const peer = await open();
    for (let i = 0; i < 300; i++) {
      peer.writeByteByByte(masked({ opcode: i === 0 ? 1 : 0, fin: i === 299, payload: "x" }));
    }
    assertEquals((await peer.readFrame())?.payload.length, 300);
    peer.destroy();
  });
});

test("a typed array as close reason: TypeError, and nothing leaks to the wire", async () => {
  await withClient(async (server, socket) => {
    const secret = new TextEncoder().encode("secret memory");
    for (const reason of [secret, secret.buffer, new DataView(secret.buffer), [1], { length: 4 }]) {
      assertThrows(() => socket.close(1000, reason as unknown as string), TypeError, "reason");
    }
    socket.send("after");
    const frame = await server.readFrame();
    assertEquals(new TextDecoder().decode(frame?.payload), "after");
    socket.terminate();
  });
});

test("masking: a fresh key for every frame, from the platform's random source", async () => {
  const { getRandomValues } = crypto;
  let drawn = 0;
  crypto.getRandomValues = function <T extends ArrayBufferView | null>(array: T): T {
    drawn += array?.byteLength ?? 0;
    return (getRandomValues as (array: unknown) => unknown).call(crypto, array) as T;
  };
  try {
    await withClient(async (server, socket) => {
      for (let i = 0; i < 3000; i++) socket.send("x");
      socket.send(new Uint8Array(100_000));
      const keys = new Set<string>();
      for (let i = 0; i <= 3000; i++) {
        const frame = (await server.readFrame())!;
        keys.add(String(frame.key));
      }
      // Among 3,001 random keys of 32 bits, two alike are a chance of one in a thousand.
      assert(keys.size >= 2999, `${keys.size} different keys`);
      socket.terminate();
    });
    assert(drawn >= 2000 * 4, `${drawn} random bytes were drawn`);
  } finally {
    crypto.getRandomValues = getRandomValues;
  }
});

test("unmasked frames: a server answers them with 1002", async () => {
  await allFail(1002, [plain(text("x")), plain({ opcode: 9 }), plain(closeFrame())]);
});

test("masked frames: a client answers them with 1002", async () => {
  for (const frame of [text("x"), { opcode: 9 }, closeFrame()]) {
    await withClient(async (server) => {
      server.write(masked(frame));
      await assertFails(server, 1002);
    });
  }
});

test("glued bytes: frames in the packet of the request are delivered, bad ones are 1002", async () => {
  const request = new TextEncoder().encode(requestText());
  await underAttack(async ({ connect }) => {
    const good = await connect();
    good.write(request, masked(text("glued"), text("cut")).slice(0, -1));
    await good.readHead();
    good.write(masked(text("cut")).slice(-1));
    for (const expected of ["glued", "cut"]) {
      assertEquals(new TextDecoder().decode((await good.readFrame())?.payload), expected);
    }
    good.destroy();
    for (
      const bad of [
        plain(text("x")),
        masked({ opcode: 3 }),
        new TextEncoder().encode(requestText()),
      ]
    ) {
      const peer = await connect();
      peer.write(request, bad);
      await peer.readHead();
      await assertFails(peer, 1002);
    }
  });
});

test("glued bytes: a client takes frames in the packet of the 101", async () => {
  await withClient(async (_server, socket) => {
    for await (const message of socket) {
      assertEquals(message, "glued");
      break;
    }
    socket.terminate();
  }, plain(text("glued")) as Uint8Array<ArrayBuffer>);
});

test("invalid UTF-8: 1007 at the first impossible byte, in text and in close reasons", async () => {
  const bad = ["80", "c0af", "eda080", "f4908080", "f5", "ff"];
  await allFail(1007, bad.map((bytes) => masked({ opcode: 1, payload: hex(bytes) })));
  // Never finished: the answer comes although the message does not end.
  await allFail(1007, bad.map((bytes) => masked({ opcode: 1, fin: false, payload: hex(bytes) })));
  await allFail(1007, [
    masked({ opcode: 1, fin: false, payload: hex("f0") }, {
      opcode: 0,
      fin: false,
      payload: hex("28"),
    }),
    masked({ opcode: 1, payload: hex("e282") }),
    masked({ opcode: 8, payload: hex("03e8 ff") }),
    masked({ opcode: 8, payload: hex("03e8 eda080") }),
  ]);
});

test("close codes: those that must not be sent are 1002", async () => {
  const codes = [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535];
  await allFail(1002, [
    ...frames(codes.map((code) => closeFrame(code))),
    masked({ opcode: 8, payload: "x" }),
  ]);
});

test("control frames: too long or fragmented ones are 1002", async () => {
  const attacks: WireFrame[] = [8, 9, 10].flatMap((opcode) => [
    { opcode, payload: "x".repeat(126) },
    { opcode, payload: "x".repeat(65536) },
    { opcode, fin: false },
  ]);
  await allFail(1002, frames(attacks));
});

test("reserved bits and opcodes: 1002", async () => {
  const attacks: WireFrame[] = [
    ...[1, 2, 4, 7].flatMap((rsv) => [{ opcode: 1, rsv }, { opcode: 9, rsv }]),
    ...[3, 7, 11, 15].map((opcode) => ({ opcode })),
  ];
  await allFail(1002, frames(attacks));
});
