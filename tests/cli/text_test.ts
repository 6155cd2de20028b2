import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { count, escapeControls, oneLine, showClose } from "../../src/cli/text.ts";

test("control characters of a peer do not reach the terminal", () => {
  assertEquals(escapeControls("a\x1b]0;x\x07b\x9b2J\x7f"), "a\\x1b]0;x\\x07b\\x9b2J\\x7f");
  assertEquals(escapeControls("a\r\n\tb"), "a\\r\\n\\tb");
  assertEquals(escapeControls("a\r\n\tb", "\n\t"), "a\\r\n\tb");
  assertEquals(escapeControls("a\u202eb\u2028c"), "a\\u202eb\\u2028c");
  assertEquals(escapeControls("plain ünï 🎉"), "plain ünï 🎉");
});

test("one line is one line and bounded", () => {
  assertEquals(oneLine("  a\nb  "), "a\\nb");
  assertEquals(oneLine("x".repeat(1000)).length, 201);
});

test("codes and counts are shown in words and digits", () => {
  assertEquals(showClose(1000, ""), "1000");
  assertEquals(showClose(4001, 'a "b"\n'), '4001 "a "b""');
  assertEquals([count(0, "byte"), count(1, "byte"), count(2, "byte")], [
    "0 bytes",
    "1 byte",
    "2 bytes",
  ]);
});
