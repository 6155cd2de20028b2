import { test } from "node:test";
import { assertEquals, assertIsError } from "@std/assert";
import type { CloseAnswer, HandlerCallbacks } from "../../src/api/handler.ts";
import { readClosePayload } from "../../src/connection/mod.ts";
import { closeFrame, connectPeer, handlePeer, masked, plain, soon } from "./ends.ts";
import type { End } from "./ends.ts";

/** Closes a server's connection from the peer's side and tells what came back. */
async function answerTo(
  closing: HandlerCallbacks["closing"],
  frame = closeFrame(4000, "bye"),
): Promise<{ answer: string; errors: unknown[]; end: End }> {
  const handled = await handlePeer({ closing });
  handled.peer.write(masked(frame));
  const { opcode, payload } = (await soon(handled.peer.readFrame(), "answer"))!;
  assertEquals(opcode, 8);
  const close = readClosePayload(payload);
  if ("message" in close) throw new Error(close.message);
  handled.peer.end();
  const { errors } = handled;
  return { answer: `${close.closeCode} ${close.reason}`.trimEnd(), errors, end: handled };
}

test("closing chooses the answer to the peer's close, and closed still tells the peer's", async () => {
  const seen: unknown[] = [];
  const { answer, errors, end } = await answerTo((socket, close) => {
    seen.push([socket.readyState, close]);
    return { closeCode: 4321, reason: "grüß dich" };
  });
  assertEquals([answer, errors], ["4321 grüß dich", []]);
  assertEquals(seen, [[2, { closeCode: 4000, reason: "bye" }]]);
  const info = await soon(end.socket.closed, "end");
  assertEquals(info, { closeCode: 4000, reason: "bye", wasClean: true });
});

test("closing that returns nothing sends back what came, and {} sends no code", async () => {
  assertEquals((await answerTo(() => {})).answer, "4000 bye");
  assertEquals((await answerTo(() => {}, { opcode: 8, payload: "" })).answer, "1005");
  assertEquals((await answerTo(() => ({}))).answer, "1005");
  assertEquals((await answerTo(() => ({ closeCode: 1001 }))).answer, "1001");
});

test("closing that throws or returns a wrong value answers 1011, and onError hears of it", async () => {
  const wrong: [unknown, ErrorConstructor, string][] = [
    [true, TypeError, "expected { closeCode, reason } or nothing, got boolean"],
    [null, TypeError, "got null"],
    [{ code: 1000 }, TypeError, '"code"'],
    [{ closeCode: 1006 }, RangeError, "must not be sent"],
    [{ closeCode: "1000" }, TypeError, "must be a number"],
    [{ closeCode: 1000, reason: "x".repeat(124) }, RangeError, "limit 123"],
    [{ reason: "alone" }, TypeError, "needs a close code"],
  ];
  for (const [value, kind, message] of wrong) {
    const { answer, errors } = await answerTo(() => value as CloseAnswer);
    assertEquals(answer, "1011 the handler failed", message);
    assertEquals(errors.length, 1);
    assertIsError(errors[0], kind, message);
  }
  const late = await answerTo(() => Promise.reject(new Error("late")) as CloseAnswer);
  assertEquals(late.answer, "1011 the handler failed");
  assertIsError(late.errors[0], TypeError, "at once");
  const thrown = new Error("on purpose");
  const { answer, errors } = await answerTo(() => {
    throw thrown;
  });
  assertEquals([answer, errors], ["1011 the handler failed", [thrown]]);
});

test("closing is not called when this side began, and not for a connection that is lost", async () => {
  const calls: string[] = [];
  const handler: HandlerCallbacks = { closing: () => void calls.push("closing") };
  const { socket, peer } = await handlePeer(handler);
  socket.close(1000);
  await soon(peer.readFrame(), "close");
  peer.write(masked(closeFrame()));
  peer.end();
  await soon(socket.closed, "end");
  const lost = await handlePeer(handler);
  lost.peer.end();
  await soon(lost.socket.closed, "loss");
  assertEquals(calls, []);
});

test("closing may cut the connection: no close frame goes then", async () => {
  const { socket, peer } = await handlePeer({ closing: (socket) => socket.terminate() });
  peer.write(masked(closeFrame()));
  assertEquals((await soon(peer.readToEnd(), "end of the bytes")).length, 0);
  assertEquals((await soon(socket.closed, "end")).error?.code, "WS_TERMINATED");
});

test("what closing does with its connection changes nothing: sends reject, close() waits", async () => {
  let sent: Promise<string> | undefined;
  const { answer } = await answerTo((socket) => {
    sent = socket.send("too late").then(() => "sent", (error) => error.code);
    socket.close(1008, "not this");
    return { closeCode: 3000 };
  });
  assertEquals([answer, await sent], ["3000", "WS_NOT_OPEN"]);
});

test("a client's handler has closing, too", async () => {
  const { socket, peer } = await connectPeer({
    handler: { closing: () => ({ closeCode: 4001 }) },
  });
  peer.write(plain(closeFrame(1001)));
  assertEquals((await soon(peer.readFrame(), "answer"))!.payload, closeFrame(4001).payload);
  peer.end();
  assertEquals((await soon(socket.closed, "end")).closeCode, 1001);
});
