import { test } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { checkModes } from "../../src/fallback/wire/check.ts";
import { fromBase64, toBase64 } from "../../src/fallback/wire/base64.ts";
import { Inbox } from "../../src/fallback/wire/inbox.ts";
import { FALLBACK_MODES } from "../../src/fallback/wire/modes.ts";
import { Outbox } from "../../src/fallback/wire/outbox.ts";
import {
  encodeBinary,
  encodeClose,
  encodeText,
  MAX_LINE_BYTES,
  parseLine,
  type SequencedRecord,
} from "../../src/fallback/wire/records.ts";
import { parseTarget, withoutTarget, withTarget } from "../../src/fallback/wire/target.ts";
import { toScript } from "../../src/fallback/server/format.ts";
import { fuzz } from "../support/random.ts";

/** Numbers parts and reads them again. */
function through(parts: readonly { body: string }[]): unknown {
  const inbox = new Inbox(Infinity);
  let message: unknown;
  parts.forEach(({ body }, at) => {
    const line = `${at + 1} ${body}`;
    assert(!/[\r\n]/.test(line), "a line end in a line");
    assert(new TextEncoder().encode(`${line}\n`).length <= MAX_LINE_BYTES, "a line is too long");
    const taken = inbox.take(parseLine(line) as SequencedRecord);
    assertEquals(typeof taken === "object", at === parts.length - 1);
    if (typeof taken === "object") message = taken.message;
  });
  return message;
}

test("base64 gives back the bytes it was given, and takes nothing else", () => {
  assertEquals(toBase64(new TextEncoder().encode("foobar")), "Zm9vYmFy"); // RFC 4648, section 10
  assertEquals(toBase64(new TextEncoder().encode("fooba")), "Zm9vYmE=");
  fuzz(50, (random) => {
    const bytes = random.bytes(random.int(0, 40_000));
    assertEquals(fromBase64(toBase64(bytes)), bytes);
  });
  for (const text of ["*", "A", "AA=A", "Zm9v\u00e9"]) assertEquals(fromBase64(text), null, text);
});

test("messages become lines and are put together again, whatever is in them", () => {
  for (const text of ["", "\0", "\u0001".repeat(40_000), "x".repeat(16 * 1024), "\u2028\r\n"]) {
    assertEquals(through(encodeText(text)), text);
  }
  assertEquals(through(encodeText("a\ud800b")), "a\ufffdb");
  fuzz(60, (random) => {
    const text = random.text(random.int(0, 40_000));
    assertEquals(through(encodeText(text)), text);
    const bytes = random.bytes(random.int(0, 150_000));
    assertEquals(through(encodeBinary(bytes)), bytes);
  });
  // A pair of surrogates that stands where the text is cut.
  const text = "x".repeat(16 * 1024 - 1) + "\u{1f600}" + "y";
  assertEquals(encodeText(text).length, 2);
  assertEquals(through(encodeText(text)), text);
});

test("a close record has what a close frame may have", () => {
  const read = (code: number | undefined, reason: string) =>
    parseLine(`7 ${encodeClose(code, reason).body}`);
  assertEquals(read(undefined, ""), { seq: 7, type: "close", closeCode: 1005, reason: "" });
  assertEquals(read(4999, "ü\n"), { seq: 7, type: "close", closeCode: 4999, reason: "ü\n" });
  assertEquals(read(1005, ""), null);
  assertEquals(read(1000, "ü".repeat(62)), null);
});

test("no line makes the reader throw", () => {
  fuzz(2000, (random) => {
    const line = random.pick(["", "1 t", "1 b", "1 c", "a", "h", "1 "]) + random.text(8);
    const parsed = parseLine(line);
    assert(parsed === null || typeof parsed.type === "string");
  });
});

test("the outbox keeps what is not acknowledged, and nothing else", () => {
  const outbox = new Outbox(10_000);
  for (let n = 1; n <= 3000; n++) outbox.push([{ body: `t"${n}"`, size: 10 }]);
  assertEquals([outbox.last, outbox.acked, outbox.bufferedAmount], [3000, 0, 48_000]);
  assert(outbox.full);
  assert(!outbox.ack(3001));
  assert(outbox.ack(2500) && outbox.ack(1) && outbox.ack(2500));
  assertEquals([outbox.line(2501), outbox.line(3000)], [`2501 t"2501"`, `3000 t"3000"`]);
  assertEquals([outbox.acked, outbox.bufferedAmount, outbox.empty], [2500, 8000, false]);
  outbox.clear();
  assertEquals([outbox.last, outbox.bufferedAmount, outbox.empty, outbox.full], [
    3000,
    0,
    true,
    false,
  ]);
  outbox.push([{ body: "b", size: 0 }]);
  assertEquals(outbox.line(3001), "3001 b");
});

test("the inbox takes each record once and in order, and hands on what is too large at once", () => {
  const inbox = new Inbox(10);
  const take = (seq: number, data: string | Uint8Array, final = true) =>
    inbox.take({ seq, type: typeof data === "string" ? "text" : "binary", final, data });
  assertEquals(take(2, "x"), "gap");
  assertEquals(take(1, "x"), { message: "x" });
  assertEquals(take(1, "x"), "known");
  assertEquals(take(2, "aaaaaa", false), "taken");
  assertEquals(take(3, new Uint8Array(1)), "misfit");
  assertEquals(take(3, "bbbbbb", false), { message: "aaaaaabbbbbb" });
  assertEquals(take(4, "c".repeat(1000), false), "taken");
  assertEquals(take(5, "the end of it"), "taken");
  assertEquals(take(6, "next"), { message: "next" });
  assertEquals(inbox.received, 6);
});

test("a target is one parameter beside those of the application", () => {
  const url = "http://h/a%20b?x=1&y=%2F";
  const target = { action: "long-poll", session: "5e", ack: "3", n: "9" } as const;
  const whole = withTarget(url, target);
  assertEquals(whole, `${url}&fullduplex=long-poll.5e.3.9`);
  assertEquals(parseTarget(whole), { ...target, callback: "" });
  assertEquals(withoutTarget(whole), url);
  assertEquals(withoutTarget("http://h/?fullduplex=open&a=b"), "http://h/?a=b");
  assertEquals(withoutTarget(withTarget("http://h/", { action: "open" })), "http://h/");
  assertEquals(parseTarget("/chat?fullduplex=open")!.action, "open");
  for (
    const none of [
      "http://h/fullduplex=open",
      "/?fullduplex=close",
      "/?fullduplex=",
      "/?xfullduplex=open",
      "/?fullduplex=constructor",
      `/?fullduplex=poll.${"0".repeat(200)}`,
      "/?fullduplex=po%6cl",
      "",
    ]
  ) assertEquals(parseTarget(none), undefined, none);
});

test("a string as a script's neither ends the script nor begins markup", () => {
  fuzz(300, (random) => {
    const text = random.text(20) +
      random.pick(["</script>", "<!--", "]]>", "&lt;", "\u2028", "'\\"]);
    const script = toScript(text);
    assert(!/[<>&\u2028\u2029\n\r]/.test(script), script);
    assertEquals(new Function(`return ${script}`)(), text);
  });
});

test("a list of modes is checked", () => {
  assertEquals(checkModes(["poll"], FALLBACK_MODES), ["poll"]);
  for (const wrong of [[], ["polls"], "poll", null, ["poll", 1]]) {
    assertThrows(() => checkModes(wrong as never, FALLBACK_MODES), TypeError, '"modes"');
  }
});
