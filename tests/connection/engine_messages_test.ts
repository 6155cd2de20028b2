import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { everyChunking, whole } from "../support/chunks.ts";
import { hex } from "../support/bytes.ts";
import type { WireFrame } from "../support/wire.ts";
import { closing, EngineRig, line, OP, peerBytes, ROLES } from "./engine_rig.ts";

const { CONT, TEXT, BINARY, CLOSE, PING, PONG } = OP;

/** Wire vectors: what the peer sends, and all that must come of it. */
const VECTORS: {
  name: string;
  frames: WireFrame[];
  events: string[];
  sent: string[];
}[] = [
  {
    name: "a text message",
    frames: [{ opcode: TEXT, payload: "Hello" }],
    events: ["text Hello"],
    sent: [],
  },
  {
    name: "empty messages",
    frames: [{ opcode: TEXT }, { opcode: BINARY }],
    events: ["text ", "binary "],
    sent: [],
  },
  {
    name: "messages of 125, 126 and 127 bytes",
    frames: [125, 126, 127].map((n) => ({ opcode: TEXT, payload: "x".repeat(n) })),
    events: [125, 126, 127].map((n) => `text ${n} bytes ${sum("x".repeat(n))}`),
    sent: [],
  },
  {
    name: "a fragmented text message with a character split over all fragments",
    frames: [
      { opcode: TEXT, fin: false, payload: hex("61 f0") },
      { opcode: CONT, fin: false, payload: hex("9f") },
      { opcode: CONT, fin: false },
      { opcode: CONT, fin: false, payload: hex("98") },
      { opcode: CONT, payload: hex("80 62") },
    ],
    events: ["text a😀b"],
    sent: [],
  },
  {
    name: "a fragmented message that begins and ends with empty fragments",
    frames: [
      { opcode: BINARY, fin: false },
      { opcode: CONT, fin: false, payload: hex("010203") },
      { opcode: CONT },
    ],
    events: ["binary 010203"],
    sent: [],
  },
  {
    name: "an empty fragment followed by the whole text",
    frames: [{ opcode: TEXT, fin: false }, { opcode: CONT, payload: "é" }],
    events: ["text é"],
    sent: [],
  },
  {
    name: "control frames between fragments",
    frames: [
      { opcode: TEXT, fin: false, payload: "Hel" },
      { opcode: PING, payload: "one" },
      { opcode: CONT, fin: false, payload: "l" },
      { opcode: PONG, payload: "two" },
      { opcode: PING },
      { opcode: CONT, payload: "o" },
      { opcode: PING, payload: "x".repeat(125) },
    ],
    events: [
      "ping 6f6e65",
      "pong 74776f",
      "ping ",
      "text Hello",
      `ping 125 bytes ${sum("x".repeat(125))}`,
    ],
    sent: [line(PONG, "one"), line(PONG), line(PONG, "x".repeat(125))],
  },
  {
    name: "a byte order mark, which belongs to the text",
    frames: [{ opcode: TEXT, payload: "\ufeffa" }, {
      opcode: TEXT,
      fin: false,
      payload: hex("ef bb"),
    }, {
      opcode: CONT,
      payload: hex("bf 62"),
    }],
    events: ["text \ufeffa", "text \ufeffb"],
    sent: [],
  },
  {
    name: "a close in the midst of a fragmented message, and data after it",
    frames: [
      { opcode: BINARY, fin: false, payload: hex("00") },
      { opcode: CLOSE, payload: closing(4001, "bye") },
      { opcode: TEXT, payload: "late" },
      { opcode: PING },
      { opcode: CLOSE, payload: closing(1000) },
    ],
    events: ["close 4001 bye"],
    sent: [line(CLOSE, closing(4001, "bye"))],
  },
];

function sum(text: string): number {
  let sum = 0;
  for (const byte of new TextEncoder().encode(text)) sum = (Math.imul(sum, 31) + byte) | 0;
  return sum >>> 0;
}

for (const role of ROLES) {
  for (const { name, frames, events, sent } of VECTORS) {
    test(`a ${role} reads ${name}, however it is cut into chunks`, () => {
      const bytes = peerBytes(role, ...frames);
      const chunkings = bytes.length < 300 ? everyChunking(bytes) : [whole(bytes)];
      for (const chunking of chunkings) {
        const rig = new EngineRig(role);
        for (const chunk of chunking.chunks) rig.engine.receive(chunk);
        assertEquals(rig.events, events, chunking.name);
        assertEquals(rig.sent(), sent, chunking.name);
      }
    });
  }

  test(`a ${role} delivers a large message whole when it comes in odd chunks`, () => {
    for (const size of [65535, 65536, 65537, 300_000]) {
      const payload = new Uint8Array(size).map((_, i) => i * 7);
      const bytes = peerBytes(role, { opcode: BINARY, payload });
      for (const step of [1000, 4096, 65536]) {
        const rig = new EngineRig(role);
        for (let at = 0; at < bytes.length; at += step) {
          rig.engine.receive(bytes.slice(at, at + step));
        }
        assertEquals(rig.events.length, 1);
        assert(rig.events[0].startsWith(`binary ${size} bytes`));
        const single = new EngineRig(role);
        single.engine.receive(bytes.slice());
        assertEquals(rig.events, single.events);
      }
    }
  });

  test(`a ${role} hands out binary messages as plain Uint8Arrays of their own range`, () => {
    const rig = new EngineRig(role);
    const got: Uint8Array[] = [];
    rig.onMessage = (data) => got.push(data as Uint8Array);
    rig.feed({ opcode: BINARY, payload: hex("0102") }, { opcode: BINARY, payload: hex("03") });
    assertEquals(got, [hex("0102"), hex("03")]);
    assertEquals(got.map((bytes) => bytes.constructor), [Uint8Array, Uint8Array]);
  });

  test(`a ${role} delivers slices when streaming, and control frames between them`, () => {
    const rig = new EngineRig(role, { maxMessageBytes: 2, maxFragments: 1 });
    rig.engine.streaming = true;
    rig.feed(
      { opcode: TEXT, fin: false, payload: "abc" },
      { opcode: PING },
      { opcode: CONT, fin: false },
      { opcode: CONT, payload: "def" },
      { opcode: BINARY },
    );
    assertEquals(rig.events, [
      "start text",
      "slice 616263",
      "ping ",
      "slice 646566",
      "end",
      "start binary",
      "end",
    ]);
  });

  test(`a ${role} goes over to streaming, and back, at the start of a message`, () => {
    const rig = new EngineRig(role);
    rig.feed({ opcode: TEXT, fin: false, payload: "a" });
    rig.engine.streaming = true;
    rig.feed({ opcode: CONT, payload: "b" }, { opcode: TEXT, fin: false, payload: "c" });
    rig.engine.streaming = false;
    rig.feed({ opcode: CONT, payload: "d" }, { opcode: TEXT, payload: "e" });
    assertEquals(rig.events, ["text ab", "start text", "slice 63", "slice 64", "end", "text e"]);
  });

  test(`a ${role} hands out a slice as soon as its bytes are there`, () => {
    const rig = new EngineRig(role);
    rig.engine.streaming = true;
    const bytes = peerBytes(role, { opcode: BINARY, payload: new Uint8Array(1000) });
    rig.engine.receive(bytes.slice(0, 100));
    assertEquals(rig.events.length, 2);
    assert(rig.events[1].startsWith("slice"));
  });

  test(`a ${role} drops messages after discardMessages, and still sees control frames`, () => {
    for (const streaming of [false, true]) {
      const rig = new EngineRig(role);
      rig.engine.streaming = streaming;
      rig.feed({ opcode: TEXT, fin: false, payload: "begun" });
      rig.events = [];
      rig.engine.discardMessages();
      rig.feed(
        { opcode: CONT, payload: "ended" },
        { opcode: TEXT, payload: "more" },
        { opcode: PING, payload: "p" },
        { opcode: CLOSE, payload: closing(1001) },
      );
      assertEquals(rig.events, ["ping 70", "close 1001"]);
      assertEquals(rig.sent(), [line(PONG, "p"), line(CLOSE, closing(1001))]);
    }
  });

  test(`a ${role} still checks messages that it drops`, () => {
    const rig = new EngineRig(role);
    rig.engine.discardMessages();
    rig.feed({ opcode: TEXT, payload: hex("ff") });
    assertEquals(rig.events, ["failure WS_UTF8_INVALID 1007"]);
  });
}
