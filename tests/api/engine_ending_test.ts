import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { test } from "node:test";
import { EngineEnding } from "../../src/api/engine_ending.ts";
import type { Engine } from "../../src/connection/mod.ts";
import type { Transport } from "../../src/api/transport.ts";

/** An end that only names the reason: nothing of the connection is touched. */
function ending(): EngineEnding {
  return new EngineEnding({} as Engine, {} as Transport);
}

const host = Error as { stackTraceLimit?: number };

test("the error of a lost connection has its cause and no frames, and those after it have theirs", () => {
  const before = host.stackTraceLimit;
  const cause = new Error("reset");
  const error = ending().lose("WS_CONNECTION_LOST", "the byte stream broke", cause)!;
  assertEquals([error.code, error.message], [
    "WS_CONNECTION_LOST",
    "Cannot go on: the byte stream broke",
  ]);
  assertStrictEquals(error.cause, cause);
  assert(!/lose|engine_ending/.test(error.stack ?? ""), error.stack);
  assertEquals(host.stackTraceLimit, before);
  assert(/engine_ending_test/.test(new Error("later").stack!));
});

test("an application that has frozen the length of stacks gets the error all the same", () => {
  const before = Object.getOwnPropertyDescriptor(Error, "stackTraceLimit");
  if (before === undefined) return;
  Object.defineProperty(Error, "stackTraceLimit", { ...before, writable: false });
  try {
    assertEquals(ending().lose("WS_CLOSE_TIMEOUT", "late")?.code, "WS_CLOSE_TIMEOUT");
  } finally {
    Object.defineProperty(Error, "stackTraceLimit", before);
  }
  assertEquals(host.stackTraceLimit, before.value);
});

test("only the first reason counts", () => {
  const end = ending();
  assertEquals(end.lose("WS_CONNECTION_LOST", "first")?.message, "Cannot go on: first");
  assertEquals(end.lose("WS_CLOSE_TIMEOUT", "second"), undefined);
  assertEquals(end.error?.code, "WS_CONNECTION_LOST");
});
