import { test } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { concatBytes } from "../../src/bytes.ts";
import { SharedMessage } from "../../src/connection/mod.ts";
import { assertBytes, hex } from "../support/bytes.ts";
import { EngineRig, line, OP, ROLES } from "./engine_rig.ts";

const { CONT, TEXT, BINARY, PING, PONG } = OP;

for (const role of ROLES) {
  test(`a ${role} sends texts, bytes, pings and pongs as one frame each, in order`, () => {
    const rig = new EngineRig(role);
    rig.engine.sendText("é");
    rig.engine.sendText("");
    rig.engine.sendBytes(hex("0102"), "binary", false);
    rig.engine.sendBytes(new TextEncoder().encode("x"), "text", true);
    rig.engine.ping(hex("03"));
    rig.engine.pong(hex("04"));
    assertEquals(rig.sent(), [
      line(TEXT, "é"),
      line(TEXT),
      line(BINARY, hex("0102")),
      line(TEXT, "x"),
      line(PING, hex("03")),
      line(PONG, hex("04")),
    ]);
  });

  test(`a ${role} sends payloads of every length form unchanged`, () => {
    for (const size of [125, 126, 65535, 65536, 200_000]) {
      const payload = new Uint8Array(size).map((_, i) => i);
      for (const keep of [false, true]) {
        const rig = new EngineRig(role);
        rig.engine.sendBytes(payload, "binary", keep);
        const [frame] = rig.take();
        assertBytes(frame.payload, payload);
        assertEquals(payload[size - 1], (size - 1) & 255, "the caller's bytes were changed");
      }
    }
  });

  test(`a ${role} copies bytes that the caller may change before they are written`, () => {
    for (const size of [10, 20_000]) {
      const rig = new EngineRig(role);
      const payload = new Uint8Array(size).fill(1);
      rig.engine.sendBytes(payload, "binary", false);
      rig.engine.sendFragment(payload, "binary", true);
      payload.fill(2);
      for (const frame of rig.take()) assertBytes(frame.payload, new Uint8Array(size).fill(1));
    }
  });

  test(`a ${role} sends what is above fragmentBytes as fragments, whichever way it was given`, () => {
    const text = "é".repeat(50);
    const bytes = new TextEncoder().encode(text);
    const parts = [
      line(TEXT, bytes.subarray(0, 64), false),
      line(CONT, bytes.subarray(64)),
    ];
    const sends: ((engine: EngineRig["engine"]) => unknown)[] = [
      (engine) => engine.sendText(text),
      (engine) => engine.sendBytes(bytes, "text", false),
      (engine) => engine.sendShared(new SharedMessage(TEXT, text)),
      (engine) => engine.sendFragment(bytes, "text", true),
    ];
    for (const send of sends) {
      const rig = new EngineRig(role, { fragmentBytes: 64 });
      send(rig.engine);
      rig.engine.ping(hex("07"));
      assertEquals(rig.sent(), [...parts, line(PING, hex("07"))]);
    }
  });

  test(`a ${role} fills fragments of fragmentBytes to the last byte, and sends no empty one`, () => {
    const payload = new Uint8Array(256).map((_, i) => i);
    for (const [size, count] of [[0, 1], [63, 1], [64, 1], [65, 2], [128, 2], [129, 3], [256, 4]]) {
      const rig = new EngineRig(role, { fragmentBytes: 64 });
      rig.engine.sendBytes(payload.subarray(0, size), "binary", false);
      const frames = rig.take();
      assertEquals(frames.map(({ fin }) => fin), frames.map((_, i) => i === count - 1));
      assertEquals(frames.map(({ opcode }) => opcode).slice(1), frames.slice(1).map(() => CONT));
      assert(frames.every(({ payload }) => payload.length > 0 || size === 0));
      assertBytes(concatBytes(frames.map(({ payload }) => payload)), payload.subarray(0, size));
    }
  });

  test(`a ${role} ends a streamed message once, whatever fragmentBytes cuts of it`, () => {
    const rig = new EngineRig(role, { fragmentBytes: 64 });
    rig.engine.sendFragment(new Uint8Array(65), "binary", false);
    rig.engine.sendFragment(new Uint8Array(65), "binary", true);
    const seen = rig.take().map(({ fin, opcode, payload }) => [fin, opcode, payload.length]);
    assertEquals(seen, [[false, BINARY, 64], [false, CONT, 1], [false, CONT, 64], [true, CONT, 1]]);
  });

  test(`a ${role} sends fragments with control frames between them`, () => {
    const rig = new EngineRig(role);
    rig.engine.sendFragment(hex("61"), "text", false);
    rig.feed({ opcode: PING, payload: "p" });
    rig.engine.sendFragment(hex("62"), "text", false);
    rig.engine.ping(hex("00"));
    rig.engine.sendFragment(hex(""), "text", true);
    rig.engine.sendFragment(hex("63"), "binary", true);
    assertEquals(rig.sent(), [
      line(TEXT, "a", false),
      line(PONG, "p"),
      line(CONT, "b", false),
      line(PING, hex("00")),
      line(CONT),
      line(BINARY, hex("63")),
    ]);
  });

  test(`a ${role} refuses a message inside an unfinished one of its own`, () => {
    const rig = new EngineRig(role);
    rig.engine.sendFragment(hex("61"), "text", false);
    assertThrows(() => rig.engine.sendText("x"), Error, "not finished");
    assertThrows(() => rig.engine.sendBytes(hex("00"), "binary", true), Error, "not finished");
    rig.engine.sendFragment(hex("62"), "text", true);
    rig.engine.sendText("x");
    assertEquals(rig.sent(), [line(TEXT, "a", false), line(CONT, "b"), line(TEXT, "x")]);
  });

  test(`a ${role} refuses a ping or pong of more than 125 bytes`, () => {
    const rig = new EngineRig(role);
    assertThrows(() => rig.engine.ping(new Uint8Array(126)), RangeError, "limit 125");
    assertThrows(() => rig.engine.pong(new Uint8Array(126)), RangeError, "limit 125");
    assertEquals(rig.sent(), []);
    rig.engine.ping(new Uint8Array(125));
    assertEquals(rig.take()[0].payload.length, 125);
  });
}

test("a client masks every frame with a fresh key, and a server masks none", () => {
  const client = new EngineRig("client");
  for (let i = 0; i < 500; i++) client.engine.sendText("same");
  const keys = new Set(client.take().map((frame) => String(frame.key)));
  assert(keys.size > 495, `${keys.size} keys for 500 frames`);
  const server = new EngineRig("server");
  server.engine.sendText("same");
  assertEquals(server.take()[0].key, undefined);
});

test("a raw data frame does not come between the fragments of a message", () => {
  const rig = new EngineRig("server");
  void rig.engine.sendFragment(hex("01"), "binary", false);
  assertThrows(() => rig.engine.sendRaw(0x82, hex("02")), Error, "is not finished");
  rig.engine.sendRaw(0x80 | PING, hex("03"));
  void rig.engine.sendFragment(hex("04"), "binary", true);
  rig.engine.sendRaw(0x82, hex("05"));
  assertEquals(rig.take().map(({ opcode }) => opcode), [BINARY, PING, CONT, BINARY]);
});
