import { test } from "node:test";
import { assertEquals, assertMatch } from "@std/assert";
import { readAgreement, type SeenFrame } from "../../../src/cli/inspect/frame_view.ts";
import { explainClose, faultsOf, showFrame } from "../../../src/cli/inspect/show.ts";

function frame(changes: Partial<SeenFrame> & { text?: string }): SeenFrame {
  const head = changes.head ?? new TextEncoder().encode(changes.text ?? "");
  const from = changes.from ?? "client";
  return {
    fin: true,
    rsv1: false,
    rsv2: false,
    rsv3: false,
    opcode: 1,
    masked: from === "client",
    length: head.length,
    payload: undefined,
    ...changes,
    from,
    head,
  };
}

test("a frame is one line: direction, kind, length, flags, payload", () => {
  assertEquals(showFrame(frame({ text: "hi" }), false), '→ text         2 B fin masked  "hi"');
  assertEquals(
    showFrame(frame({ from: "server", opcode: 2, fin: false, head: Uint8Array.of(0, 255) }), false),
    "← binary       2 B more  00ff",
  );
  assertEquals(showFrame(frame({ opcode: 9 }), false), "→ ping         0 B fin masked");
});

test("a payload that is longer than shown ends with a mark, even within a character", () => {
  const head = new TextEncoder().encode("aé").subarray(0, 2);
  assertMatch(showFrame(frame({ head, length: 50 }), false), / {2}"a"…$/);
});

test("text cannot move the cursor, and what is no UTF-8 is hexadecimal", () => {
  assertMatch(showFrame(frame({ text: "\x1b[2J\n" }), false), / {2}"\\x1b\[2J\\n"$/);
  assertMatch(showFrame(frame({ head: Uint8Array.of(0xff, 0x41) }), false), / {2}ff41$/);
});

test("a close frame has its code, what that means, and its reason", () => {
  const head = Uint8Array.of(0x0f, 0xa1, 0x62, 0x79, 0x65);
  assertMatch(
    showFrame(frame({ opcode: 8, head }), false),
    / {2}4001 \(the application's own\) {2}"bye"$/,
  );
  const meanings: [number, string][] = [
    [1000, "normal closure"],
    [1006, "abnormal closure: must not be sent"],
    [1004, "not a code that may be sent"],
    [2999, "not a code that may be sent"],
    [3000, "registered with IANA"],
    [5000, "not a code that may be sent"],
  ];
  for (const [code, meaning] of meanings) assertEquals(explainClose(code), meaning);
});

test("every rule that a frame breaks by itself is named", () => {
  const cases: [Partial<SeenFrame>, boolean, string[]][] = [
    [{}, false, []],
    [{ masked: false }, false, ["not masked"]],
    [{ from: "server", masked: true }, false, ["masked"]],
    [{ opcode: 3 }, false, ["reserved opcode"]],
    [{ opcode: 9, fin: false }, false, ["fragmented control frame"]],
    [{ opcode: 9, length: 126 }, false, ["control frame of more than 125 bytes"]],
    [{ rsv1: true }, false, ["rsv1 without a meaning"]],
    [{ rsv1: true }, true, []],
    [{ rsv1: true, opcode: 0 }, true, ["rsv1 without a meaning"]],
    [{ rsv3: true }, true, ["rsv2 or rsv3 without a meaning"]],
    [{ opcode: 8, head: Uint8Array.of(3) }, false, ["close payload of one byte"]],
  ];
  for (const [changes, compressed, faults] of cases) {
    assertEquals(faultsOf(frame(changes), compressed), faults, JSON.stringify(changes));
  }
});

test("an agreement on compression is read from the response", () => {
  assertEquals(readAgreement(""), undefined);
  assertEquals(readAgreement("x-webkit-deflate-frame"), undefined);
  assertEquals(
    readAgreement('permessage-deflate; server_no_context_takeover; client_max_window_bits="10"'),
    { client: { windowBits: 10, takeover: true }, server: { windowBits: 15, takeover: false } },
  );
  assertEquals(
    readAgreement("permessage-deflate; server_max_window_bits=99")?.server.windowBits,
    15,
  );
});
