import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { concatBytes } from "../../src/bytes.ts";
import { useAllocator } from "../../src/frames/mod.ts";
import { hex } from "../support/bytes.ts";
import { encodeLength } from "../support/wire.ts";
import { closing, EngineRig, OP, peerBytes, ROLES } from "./engine_rig.ts";

const { CONT, TEXT, BINARY, CLOSE, PING } = OP;
const TOO_LARGE = "failure WS_MESSAGE_TOO_LARGE 1009";

/** The header of a frame that claims a length and never keeps it. */
function claim(role: "server" | "client", first: number, length: number | bigint): Uint8Array {
  const masked = role === "server";
  return concatBytes([
    Uint8Array.of(first),
    encodeLength(length, masked, 64),
    new Uint8Array(masked ? 4 : 0),
  ]);
}

/** Runs `body` and returns the bytes of all typed arrays that it made. */
function allocatedBy(body: () => void): number {
  const original = globalThis.Uint8Array;
  const allocator = useAllocator(); // where tests share a process an adapter may have named its own
  let bytes = 0;
  globalThis.Uint8Array = new Proxy(original, {
    construct(target, args, newTarget) {
      const made = Reflect.construct(
        target,
        args,
        newTarget === globalThis.Uint8Array ? target : newTarget,
      );
      if (typeof args[0] === "number") bytes += made.length;
      return made;
    },
  });
  try {
    body();
  } finally {
    globalThis.Uint8Array = original;
    useAllocator(allocator);
  }
  return bytes;
}

for (const role of ROLES) {
  test(`a ${role} takes a message of maxMessageBytes and answers one byte more with 1009`, () => {
    for (const maxMessageBytes of [0, 1, 125, 126, 65536]) {
      const exact = new EngineRig(role, { maxMessageBytes });
      exact.feed({ opcode: BINARY, payload: new Uint8Array(maxMessageBytes) });
      assert(exact.events[0].startsWith("binary"));
      const over = new EngineRig(role, { maxMessageBytes });
      over.feed({ opcode: BINARY, payload: new Uint8Array(maxMessageBytes + 1) });
      assertEquals(over.events, [TOO_LARGE]);
      assertEquals(over.take()[0].payload.subarray(0, 2), closing(1009));
    }
  });

  test(`a ${role} takes frames of maxFrameBytes, and answers a header of more with 1009`, () => {
    for (const streaming of [false, true]) {
      for (const maxFrameBytes of [0, 1, 125, 126, 65536]) {
        const exact = new EngineRig(role, { maxFrameBytes });
        exact.engine.streaming = streaming;
        const payload = new Uint8Array(maxFrameBytes);
        exact.feed({ opcode: BINARY, fin: false, payload }, { opcode: PING, payload: "abc" });
        exact.feed({ opcode: CONT, payload });
        assert(exact.events.at(-1)!.startsWith(streaming ? "end" : "binary"), exact.events.at(-1));
        const over = new EngineRig(role, { maxFrameBytes });
        over.engine.streaming = streaming;
        over.feed({ opcode: BINARY, fin: false, payload });
        const frame = peerBytes(role, { opcode: CONT, payload: new Uint8Array(maxFrameBytes + 1) });
        over.engine.receive(frame.subarray(0, frame.length - maxFrameBytes - 1)); // the header alone
        assertEquals(over.events.at(-1), "failure WS_FRAME_TOO_LARGE 1009");
        assertEquals(over.take()[0].payload.subarray(0, 2), closing(1009));
      }
    }
  });

  test(`a ${role} counts maxMessageBytes over all fragments, from their headers`, () => {
    const rig = new EngineRig(role, { maxMessageBytes: 10 });
    rig.feed({ opcode: TEXT, fin: false, payload: "12345" }, { opcode: PING });
    rig.feed({ opcode: CONT, fin: false, payload: "67890" });
    assertEquals(rig.events, ["ping "]);
    rig.engine.receive(
      peerBytes(role, { opcode: CONT, payload: "x" }).slice(0, role === "server" ? 6 : 2),
    );
    assertEquals(rig.events, ["ping ", TOO_LARGE]);
  });

  test(`a ${role} starts each message's counts anew`, () => {
    const rig = new EngineRig(role, { maxMessageBytes: 3, maxFragments: 2 });
    for (let i = 0; i < 5; i++) {
      rig.feed({ opcode: TEXT, fin: false, payload: "ab" }, { opcode: CONT, payload: "c" });
    }
    assertEquals(rig.events, Array(5).fill("text abc"));
  });

  test(`a ${role} answers a claim above the limit from the header alone, without allocating`, () => {
    for (const length of [2 ** 21, 2 ** 32, 2 ** 40, 2n ** 53n - 1n, 2n ** 53n, 2n ** 62n]) {
      const rig = new EngineRig(role);
      rig.sent();
      const bytes = claim(role, 0x82, length);
      const made = allocatedBy(() => rig.engine.receive(bytes));
      assertEquals(rig.events, [TOO_LARGE], String(length));
      assert(made < 70_000, `${made} bytes were allocated`); // an output buffer, for the close
    }
  });

  test(`a ${role} sets aside no more than 64 KiB for a claim within the limit`, () => {
    const rig = new EngineRig(role, { maxMessageBytes: Infinity });
    const made = allocatedBy(() => {
      rig.engine.receive(claim(role, 0x82, 2 ** 40));
      for (let i = 0; i < 60; i++) rig.engine.receive(new Uint8Array(1000));
    });
    assertEquals(rig.events, []);
    assert(made <= 60_000 + 65536 + 1000, `${made} bytes were allocated`);
  });

  test(`a ${role} does not allocate a huge claim at once when a little of it has come`, () => {
    const rig = new EngineRig(role, { maxMessageBytes: Infinity });
    rig.engine.receive(claim(role, 0x82, 2 ** 40));
    const made = allocatedBy(() => rig.engine.receive(new original(100_000)));
    assertEquals(rig.events, []);
    assert(made <= 100_000 * 32, `${made} bytes were allocated`);
  });

  test(`a ${role} answers a message for which there is no memory with 1009`, () => {
    const rig = new EngineRig(role, { maxMessageBytes: Infinity });
    rig.engine.receive(claim(role, 0x82, 2 ** 40));
    const before = useAllocator((length) => {
      if (length > 200_000) throw new RangeError("no memory");
      return new Uint8Array(length);
    });
    try {
      rig.engine.receive(new Uint8Array(15_000)); // larger ones may be kept as they came at first
    } finally {
      useAllocator(before);
    }
    assertEquals(rig.events, [TOO_LARGE]);
  });

  test(`a ${role} answers text that is longer than a string can be with 1009`, () => {
    const rig = new EngineRig(role);
    const { decode } = TextDecoder.prototype;
    TextDecoder.prototype.decode = () => {
      throw new RangeError("too long");
    };
    try {
      rig.feed({ opcode: TEXT, fin: false, payload: "a" }, { opcode: CONT, payload: "b" });
    } finally {
      TextDecoder.prototype.decode = decode;
    }
    assertEquals(rig.events, [TOO_LARGE]);
  });

  test(`a ${role} answers more fragments than maxFragments with 1008, empty ones included`, () => {
    const exact = new EngineRig(role, { maxFragments: 3 });
    exact.feed({ opcode: TEXT, fin: false }, { opcode: CONT, fin: false }, { opcode: CONT });
    assertEquals(exact.events, ["text "]);
    const rig = new EngineRig(role, { maxFragments: 1000 });
    rig.feed({ opcode: TEXT, fin: false });
    const fragment = peerBytes(role, { opcode: CONT, fin: false });
    let count = 1;
    while (rig.events.length === 0 && count < 5000) {
      rig.engine.receive(fragment.slice());
      count++;
    }
    assertEquals([rig.events, count], [["failure WS_TOO_MANY_FRAGMENTS 1008"], 1001]);
    assertEquals(rig.take()[0].payload.subarray(0, 2), closing(1008));
  });

  // ------------------------------------------------------- UTF-8, as early as possible

  const IMPOSSIBLE = [
    ["a stray continuation byte", "61 80", 2],
    ["an overlong slash", "c0 af", 1],
    ["an overlong slash of three bytes", "e0 80 af", 2],
    ["an overlong slash of four bytes", "f0 80 80 af", 2],
    ["a high surrogate", "ed a0 80", 2],
    ["a low surrogate", "ed bf bf", 2],
    ["more than U+10FFFF", "f4 90 80 80", 2],
    ["a byte above F4", "61 f5", 2],
    ["FE", "fe", 1],
    ["a character cut short", "e2 82 61", 3],
  ] as const;

  for (const [name, bad, at] of IMPOSSIBLE) {
    test(`a ${role} answers ${name} with 1007 at the first impossible byte`, () => {
      const bytes = hex(bad);
      const rest = hex("62 63 64 65");
      // In one frame, byte by byte: the close goes before the next byte is fed.
      const frame = peerBytes(role, { opcode: TEXT, payload: concatBytes([bytes, rest]) });
      const rig = new EngineRig(role);
      const header = frame.length - bytes.length - rest.length;
      for (let i = 0; i < header + at; i++) {
        assertEquals(rig.events, [], `after ${i} bytes`);
        rig.engine.receive(frame.slice(i, i + 1));
      }
      assertEquals(rig.events, ["failure WS_UTF8_INVALID 1007"]);
      assertEquals(rig.take().map((f) => f.opcode), [CLOSE]);

      // One fragment for each byte, no end in sight.
      for (const streaming of [false, true]) {
        const pieces = new EngineRig(role);
        pieces.engine.streaming = streaming;
        bytes.forEach((byte, i) => {
          if (i >= at) return;
          assertEquals(pieces.errors.length, 0);
          pieces.feed({ opcode: i === 0 ? TEXT : CONT, fin: false, payload: Uint8Array.of(byte) });
        });
        assertEquals(pieces.errors[0]?.code, "WS_UTF8_INVALID");
        assertEquals(pieces.take().map((f) => f.opcode), [CLOSE]);
      }
    });
  }

  test(`a ${role} checks each text message from its own start`, () => {
    const rig = new EngineRig(role);
    rig.feed({ opcode: TEXT, fin: false, payload: hex("e2 82") }, {
      opcode: CONT,
      payload: hex("ac"),
    });
    rig.feed({ opcode: BINARY, fin: false, payload: hex("e2") }, {
      opcode: CONT,
      payload: hex("ff"),
    });
    rig.feed({ opcode: TEXT, fin: false, payload: "a" }, { opcode: CONT, payload: "b" });
    assertEquals(rig.events, ["text €", "binary e2ff", "text ab"]);
  });
}

const original = Uint8Array;
