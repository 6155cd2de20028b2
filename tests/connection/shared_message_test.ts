import { test } from "node:test";
import {
  assert,
  assertEquals,
  assertNotEquals,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { WebSocketError } from "../../src/errors.ts";
import { type CodecDeflater, PermessageDeflate } from "../../src/extensions/mod.ts";
import { policy } from "../extensions/support.ts";
import { Deflation } from "../../src/connection/deflation.ts";
import { SharedMessage } from "../../src/connection/mod.ts";
import { FrameWriter } from "../../src/frames/mod.ts";
import { decodeFrames } from "../support/wire.ts";
import { EngineRig, OP } from "./engine_rig.ts";

test("every server engine hands out the one frame, by reference", () => {
  for (const size of [0, 5, 125, 126, 65_535, 65_536, 200_000]) {
    const message = new SharedMessage(OP.TEXT, "x".repeat(size));
    const parts = [1, 2, 3].map(() => {
      const { engine } = new EngineRig("server");
      engine.sendShared(message);
      return engine.output.take();
    });
    for (const part of parts) {
      assertEquals(part.length, 1);
      assertStrictEquals(part[0], message.frame);
    }
    const [frame] = decodeFrames(message.frame);
    assertEquals([frame.opcode, frame.fin, frame.payload.length], [OP.TEXT, true, size]);
  }
});

test("every client engine masks with a key of its own", () => {
  const message = new SharedMessage(OP.BINARY, new Uint8Array(32));
  const [one, two] = [1, 2].map(() => {
    const { engine } = new EngineRig("client");
    engine.sendShared(message);
    return new Uint8Array(engine.output.take()[0]);
  });
  assertNotEquals(one, two);
  assertEquals(decodeFrames(one)[0].payload, new Uint8Array(32));
  assertEquals(message.payload, new Uint8Array(32));
});

test("a writer takes a buffer only after some frames by reference, and order is kept", () => {
  const writer = new FrameWriter(false);
  const message = new SharedMessage(OP.BINARY, Uint8Array.of(7));
  const expected: number[] = [];
  for (let i = 0; i < 8; i++) {
    writer.writeEncoded(message.frame);
    expected.push(7);
    assertEquals(writer.holdsBuffer, false);
  }
  for (let i = 0; i < 20; i++) {
    writer.writeEncoded(message.frame);
    writer.writeFrame(0x82, Uint8Array.of(i));
    expected.push(7, i);
  }
  assertEquals(writer.holdsBuffer, true);
  assertEquals(writer.pendingBytes, 3 * expected.length);
  const parts = writer.take();
  assertEquals(parts.length, 9);
  const bytes = parts.flatMap((part) => [...part]);
  assertEquals(decodeFrames(Uint8Array.from(bytes)).map(({ payload }) => payload[0]), expected);
  writer.release();
  assertEquals(message.frame, Uint8Array.of(0x82, 1, 7)); // nobody wrote into it
  assert(!writer.holdsBuffer);
});

test("a message that was deflated too late is not sent after the close frame", async () => {
  let done = (_: Uint8Array): void => {};
  const deflater: CodecDeflater = {
    deflate: () => new Promise((resolve) => done = resolve),
    release: () => {},
  };
  const wants = policy({});
  const deflate = new PermessageDeflate({ ...wants, canDeflate: true }, wants, {
    minWindowBits: 8,
    takeover: true,
    isSlow: () => true,
    createDeflater: () => deflater,
    createInflater: () => {
      throw new Error("nothing is received");
    },
  });
  const { engine } = new EngineRig("server", { deflate: new Deflation(deflate) });
  const sent = engine.sendShared(new SharedMessage(OP.TEXT, "x".repeat(5000)));
  engine.close(1000);
  done(new Uint8Array(10));
  const error = await assertRejects(() => sent as Promise<void>, WebSocketError);
  assertEquals(error.code, "WS_NOT_OPEN");
  assertEquals(engine.output.take().map((part) => part[0]), [0x88]);
});
