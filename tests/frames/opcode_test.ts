import { test } from "node:test";
import { assertEquals } from "@std/assert";
import {
  BINARY,
  CLOSE,
  CONTINUATION,
  FIN,
  MAX_CONTROL_BYTES,
  PING,
  PONG,
  RSV1,
  RSV2,
  RSV3,
  TEXT,
} from "../../src/frames/opcode.ts";

test("opcodes are those of RFC 6455, section 5.2", () => {
  assertEquals([CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG], [0x0, 0x1, 0x2, 0x8, 0x9, 0xa]);
});

test("the flags are the four upper bits of a header's first byte", () => {
  assertEquals([FIN, RSV1, RSV2, RSV3], [0b1000_0000, 0b0100_0000, 0b0010_0000, 0b0001_0000]);
});

test("a control frame's payload is limited to 125 bytes", () => {
  assertEquals(MAX_CONTROL_BYTES, 125);
});
