import { test } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import type { ClosePayload } from "../../src/connection/mod.ts";
import { WEBSOCKET_ERROR_CODES, WebSocketError } from "../../src/errors.ts";
import { everyChunking } from "../support/chunks.ts";
import { hex } from "../support/bytes.ts";
import { closing, EngineRig, line, OP, peerBytes, ROLES } from "./engine_rig.ts";

const { CONT, TEXT, BINARY, CLOSE, PING, PONG } = OP;

const VALID_CODES = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014]
  .concat([3000, 3999, 4000, 4999]);
const INVALID_CODES = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535];

for (const role of ROLES) {
  test(`a ${role} echoes every code that may be sent, with its reason`, () => {
    for (const code of VALID_CODES) {
      const rig = new EngineRig(role).feed({ opcode: CLOSE, payload: closing(code, "wie späßig") });
      assertEquals(rig.events, [`close ${code} wie späßig`]);
      assertEquals(rig.sent(), [line(CLOSE, closing(code, "wie späßig"))]);
      assertEquals(rig.engine.state, "closed");
      assertEquals(rig.engine.closeReceived, { closeCode: code, reason: "wie späßig" });
    }
  });

  test(`a ${role} answers a close without a code with one without a code`, () => {
    const rig = new EngineRig(role).feed({ opcode: CLOSE });
    assertEquals([rig.events, rig.sent()], [["close 1005"], [line(CLOSE)]]);
    assertEquals(rig.engine.state, "closed");
  });

  test(`a ${role} answers a close with a code that must not be sent with 1002`, () => {
    for (const code of INVALID_CODES) {
      const rig = new EngineRig(role).feed({ opcode: CLOSE, payload: closing(code, "x") });
      assertEquals(rig.events, ["failure WS_CLOSE_CODE_INVALID 1002"], `code ${code}`);
      assertFailure(rig, 1002);
    }
  });

  test(`a ${role} answers a close payload of one byte with 1002`, () => {
    const rig = new EngineRig(role).feed({ opcode: CLOSE, payload: hex("03") });
    assertEquals(rig.events, ["failure WS_CLOSE_PAYLOAD_INVALID 1002"]);
    assertFailure(rig, 1002);
  });

  test(`a ${role} answers a close reason that is not UTF-8 with 1007`, () => {
    for (const bad of ["ff", "c3", "eda080", "f4908080", "c0af", "6180"]) {
      const rig = new EngineRig(role).feed({ opcode: CLOSE, payload: closing(1000, hex(bad)) });
      assertEquals(rig.events, ["failure WS_UTF8_INVALID 1007"], bad);
      assertFailure(rig, 1007);
    }
  });

  test(`a ${role} takes the peer's answer to its close, whatever the chunks`, () => {
    const bytes = peerBytes(
      role,
      { opcode: TEXT, payload: "still" },
      { opcode: PING, payload: "p" },
      { opcode: CLOSE, payload: closing(1000, "ok") },
    );
    for (const chunking of everyChunking(bytes)) {
      const rig = new EngineRig(role);
      rig.engine.close(3001, "done");
      assertEquals(rig.engine.state, "closing");
      assertEquals(rig.sent(), [line(CLOSE, closing(3001, "done"))]);
      for (const chunk of chunking.chunks) rig.engine.receive(chunk);
      // A ping after our close frame gets no pong: nothing may follow a close frame.
      assertEquals(rig.events, ["text still", "ping 70", "close 1000 ok"], chunking.name);
      assertEquals(rig.sent(), []);
      assertEquals(rig.engine.state, "closed");
    }
  });

  test(`a ${role} sends one close frame and nothing after it`, () => {
    const rig = new EngineRig(role);
    rig.engine.close(1000);
    rig.engine.close(1001, "again");
    for (
      const send of [
        () => rig.engine.sendText("x"),
        () => rig.engine.sendBytes(hex("00"), "binary", false),
        () => rig.engine.sendFragment(hex("00"), "binary", true),
        () => rig.engine.ping(hex("00")),
        () => rig.engine.pong(hex("00")),
      ]
    ) {
      const error = assertThrows(send, WebSocketError);
      assertEquals(error.code, "WS_NOT_OPEN");
    }
    rig.feed({ opcode: TEXT, payload: hex("ff") }); // a fault now has no frame of its own
    assertEquals(rig.sent(), [line(CLOSE, closing(1000))]);
    assertEquals(rig.events, ["failure WS_UTF8_INVALID 1007"]);
  });

  test(`a ${role} refuses to go on with a message after a close frame went`, () => {
    const rig = new EngineRig(role);
    rig.engine.sendFragment(hex("00"), "binary", false);
    rig.feed({ opcode: CLOSE, payload: closing(1001) });
    assertThrows(() => rig.engine.sendFragment(hex("01"), "binary", true), WebSocketError);
    assertEquals(rig.sent(), [line(BINARY, hex("00"), false), line(CLOSE, closing(1001))]);
  });

  test(`a ${role} takes a close that crosses its own`, () => {
    const rig = new EngineRig(role);
    rig.engine.close(4000);
    rig.feed({ opcode: CLOSE, payload: closing(4001, "mine") });
    assertEquals(rig.sent(), [line(CLOSE, closing(4000))]);
    assertEquals([rig.events, rig.engine.state], [["close 4001 mine"], "closed"]);
  });

  test(`a ${role} refuses a close code or reason that must not be sent`, () => {
    const rig = new EngineRig(role);
    for (const code of [...INVALID_CODES, -1, 1000.5, NaN, Infinity]) {
      assertThrows(() => rig.engine.close(code), RangeError, "1000-1003");
    }
    assertThrows(() => rig.engine.close(1000, "é".repeat(62)), RangeError, "limit 123");
    assertThrows(() => rig.engine.close(undefined, "why"), TypeError, "close code");
    for (const reason of [new Uint8Array(8), 7, null, {}, ["x"], new ArrayBuffer(4)]) {
      assertThrows(() => rig.engine.close(1000, reason as string), TypeError, "reason");
    }
    assertThrows(() => rig.engine.close("1000" as unknown as number), TypeError, "code");
    assertEquals([rig.sent(), rig.engine.state], [[], "open"]);
    rig.engine.close(1000, "é".repeat(61) + "x");
    assertEquals(rig.take()[0].payload.length, 125);
  });

  test(`a ${role} sends a close without a code when none is given`, () => {
    const rig = new EngineRig(role);
    rig.engine.close();
    assertEquals(rig.sent(), [line(CLOSE)]);
  });

  // ---------------------------------------------------------------- faults

  const masked = role === "server";
  const long = { opcode: TEXT, payload: "x" };
  const faults: [name: string, code: string, closeCode: number, bytes: Uint8Array][] = [
    ["RSV1", "WS_RSV1_UNEXPECTED", 1002, peerBytes(role, { ...long, rsv: 4 })],
    ["RSV2", "WS_RSV2_UNEXPECTED", 1002, peerBytes(role, { ...long, rsv: 2 })],
    ["RSV3", "WS_RSV3_UNEXPECTED", 1002, peerBytes(role, { ...long, rsv: 1 })],
    ["RSV1 on a ping", "WS_RSV1_UNEXPECTED", 1002, peerBytes(role, { opcode: PING, rsv: 4 })],
    ["RSV1 on a close", "WS_RSV1_UNEXPECTED", 1002, peerBytes(role, { opcode: CLOSE, rsv: 4 })],
    ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode) =>
      [
        `opcode ${opcode}`,
        "WS_OPCODE_RESERVED",
        1002,
        peerBytes(role, { opcode }),
      ] as [string, string, number, Uint8Array]
    ),
    masked
      ? ["an unmasked frame", "WS_MASK_MISSING", 1002, peerBytes("client", long)]
      : ["a masked frame", "WS_MASK_UNEXPECTED", 1002, peerBytes("server", long)],
    [
      "a fragmented ping",
      "WS_CONTROL_FRAGMENTED",
      1002,
      peerBytes(role, { opcode: PING, fin: false }),
    ],
    [
      "a fragmented close",
      "WS_CONTROL_FRAGMENTED",
      1002,
      peerBytes(role, { opcode: CLOSE, fin: false }),
    ],
    [
      "a ping of 126 bytes",
      "WS_CONTROL_TOO_LONG",
      1002,
      peerBytes(role, { opcode: PING, payload: "x".repeat(126) }),
    ],
    [
      "a pong of 64 KiB",
      "WS_CONTROL_TOO_LONG",
      1002,
      peerBytes(role, { opcode: PONG, payload: "x".repeat(65536) }),
    ],
    [
      "a length in too many bytes",
      "WS_LENGTH_NOT_MINIMAL",
      1002,
      peerBytes(role, { ...long, lengthBits: 16 }),
    ],
    [
      "a length in far too many bytes",
      "WS_LENGTH_NOT_MINIMAL",
      1002,
      peerBytes(role, { ...long, lengthBits: 64 }),
    ],
    [
      "a length with its top bit set",
      "WS_LENGTH_INVALID",
      1002,
      hex(`82 ${masked ? "ff" : "7f"} 8000000000000000 ${masked ? "00000000" : ""}`),
    ],
    [
      "a continuation of nothing",
      "WS_CONTINUATION_UNEXPECTED",
      1002,
      peerBytes(role, { opcode: CONT }),
    ],
    [
      "a continuation after a whole message",
      "WS_CONTINUATION_UNEXPECTED",
      1002,
      peerBytes(role, { opcode: CONT, fin: false }),
    ],
    [
      "a message inside a message",
      "WS_CONTINUATION_EXPECTED",
      1002,
      peerBytes(role, { ...long, fin: false }, { opcode: BINARY }),
    ],
    [
      "text that is not UTF-8",
      "WS_UTF8_INVALID",
      1007,
      peerBytes(role, {
        opcode: TEXT,
        payload: hex("61 ff 62"),
      }),
    ],
    [
      "text that ends inside a character",
      "WS_UTF8_INVALID",
      1007,
      peerBytes(role, {
        opcode: TEXT,
        payload: hex("61 e2 82"),
      }),
    ],
    [
      "fragmented text that ends inside a character",
      "WS_UTF8_INVALID",
      1007,
      peerBytes(role, { opcode: TEXT, fin: false, payload: hex("e2") }, {
        opcode: CONT,
        payload: hex("82"),
      }),
    ],
  ];

  for (const [name, code, closeCode, bytes] of faults) {
    test(`a ${role} answers ${name} with ${code} and close code ${closeCode}`, () => {
      const chunkings = bytes.length < 200 ? [...everyChunking(bytes)] : [{
        name: "whole",
        chunks: [bytes.slice()],
      }];
      for (const { name, chunks } of chunkings) {
        const rig = new EngineRig(role);
        for (const chunk of chunks) rig.engine.receive(chunk);
        rig.feed({ opcode: TEXT, payload: "after" }, { opcode: PING });
        assertEquals(rig.events, [`failure ${code} ${closeCode}`], name);
        assertFailure(rig, closeCode);
      }
    });
  }

  test(`a ${role} reports one failure when told twice`, () => {
    const rig = new EngineRig(role);
    const cause = new Error("mine");
    const fault = { code: "WS_HANDLER_FAILED", closeCode: 1011, message: "m" } as const;
    rig.engine.fail(fault, cause);
    rig.engine.fail(fault, cause);
    rig.engine.close(1000);
    assertEquals(rig.events, ["failure WS_HANDLER_FAILED 1011"]);
    assertEquals(rig.errors[0].cause, cause);
    assertFailure(rig, 1011);
  });

  test(`a ${role} answers a close with what the sink returns, and not at all once abandoned`, () => {
    class Choosy extends EngineRig {
      choose: () => Uint8Array | void = () => {};
      override onPeerClose(close: ClosePayload): Uint8Array | void {
        super.onPeerClose(close);
        assertEquals([this.engine.state, this.engine.output.pendingBytes], ["closing", 0]);
        return this.choose();
      }
    }
    const chosen = new Choosy(role);
    chosen.choose = () => closing(3000, "mine");
    chosen.feed({ opcode: CLOSE, payload: closing(1000, "yours") });
    assertEquals(chosen.sent(), [line(CLOSE, closing(3000, "mine"))]);
    assertEquals(chosen.engine.state, "closed");
    const cut = new Choosy(role);
    cut.choose = () => cut.engine.abandon();
    cut.feed({ opcode: CLOSE, payload: closing(1000) });
    assertEquals([cut.sent(), cut.engine.state], [[], "failed"]);
  });

  test(`a ${role} that fails on what comes after a close frame sends nothing`, () => {
    const rig = new EngineRig(role);
    rig.feed({ opcode: CLOSE, payload: closing(1000) });
    rig.engine.fail({ code: "WS_HANDLER_FAILED", closeCode: 1011, message: "m" });
    assertEquals(rig.sent(), [line(CLOSE, closing(1000))]);
    assertEquals(rig.events, ["close 1000"]);
    assertEquals(rig.engine.state, "closed");
  });
}

test("every reason that goes on the wire is fixed text of at most 123 bytes", () => {
  for (const text of Object.values(WEBSOCKET_ERROR_CODES)) {
    assert(new TextEncoder().encode(text).length <= 123, text);
  }
});

/** One close frame went: with this code and the fixed reason of the error. */
function assertFailure(rig: EngineRig, closeCode: number): void {
  assertEquals(rig.engine.state, "failed");
  const [error] = rig.errors;
  const reason = WEBSOCKET_ERROR_CODES[error.code];
  assertEquals([error.closeCode, error.reason], [closeCode, reason]);
  assertEquals(rig.sent(), [line(CLOSE, closing(closeCode, reason))]);
}
