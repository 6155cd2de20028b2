import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { CloseCode, isWireCloseCode } from "../../src/frames/close_code.ts";

test("close codes have the numbers of RFC 6455, section 7.4.1, and of the IANA registry", () => {
  assertEquals({ ...CloseCode }, {
    NORMAL: 1000,
    GOING_AWAY: 1001,
    PROTOCOL_ERROR: 1002,
    UNSUPPORTED_DATA: 1003,
    NO_STATUS: 1005,
    ABNORMAL: 1006,
    INVALID_PAYLOAD: 1007,
    POLICY_VIOLATION: 1008,
    MESSAGE_TOO_BIG: 1009,
    MANDATORY_EXTENSION: 1010,
    INTERNAL_ERROR: 1011,
    SERVICE_RESTART: 1012,
    TRY_AGAIN_LATER: 1013,
    BAD_GATEWAY: 1014,
  });
});

test("isWireCloseCode tells right for each of the 65,536 numbers that a frame can carry", () => {
  const allowed = new Set([1000, 1001, 1002, 1003]);
  for (const code of [1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014]) allowed.add(code);
  for (let code = 3000; code < 5000; code++) allowed.add(code);
  const wrong = [];
  for (let code = 0; code < 65536; code++) {
    if (isWireCloseCode(code) !== allowed.has(code)) wrong.push(code);
  }
  assertEquals(wrong, []);
});

test("isWireCloseCode refuses what is no close code at all", () => {
  for (const code of [NaN, Infinity, -Infinity, -1, -1000, 1000 + 65536, 1000.5, 3000.1]) {
    assertEquals(isWireCloseCode(code), false, String(code));
  }
});
