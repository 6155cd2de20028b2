import { assertEquals } from "@std/assert";
import { test } from "node:test";
import type { ConnectionCore } from "../../../src/api/connection_core.ts";
import { BufferedBytes } from "../../../src/api/websocket/buffered_bytes.ts";
import { sleep } from "./sockets.ts";

/** A connection of which nothing but the bytes in its output is known. */
function output(): { core: ConnectionCore; bytes: number; open: boolean } {
  const it = {
    bytes: 0,
    open: true,
    core: {
      readyState: 1,
      sender: {
        get bufferedAmount() {
          return it.bytes;
        },
      },
      channel: {
        get open() {
          return it.open;
        },
      },
    } as unknown as ConnectionCore,
  };
  return it;
}

test("the amount falls with the output, but only from the next task on", async () => {
  const [amount, out] = [new BufferedBytes(), output()];
  amount.bind(out.core);
  amount.add(100, 106);
  out.bytes = 0;
  await Promise.resolve();
  assertEquals(amount.amount, 100);
  await sleep(5);
  assertEquals(amount.amount, 0);
});

test("messages keep their share of what is left", async () => {
  const [amount, out] = [new BufferedBytes(), output()];
  amount.bind(out.core);
  for (let i = 0; i < 4; i++) amount.add(100, 106);
  out.bytes = 4 * 106;
  await sleep(5);
  assertEquals(amount.amount, 400);
  out.bytes = 106;
  assertEquals(amount.amount, 100);
  amount.add(50, 0); // of unknown growth: its header is reckoned
  out.bytes = 106 + 56;
  assertEquals(amount.amount, 150);
  await sleep(5);
  assertEquals(amount.amount, 150);
});

test("empty messages leave nothing behind that a later one would be measured by", async () => {
  const [amount, out] = [new BufferedBytes(), output()];
  amount.bind(out.core);
  for (let i = 0; i < 10; i++) amount.add(0, 6);
  await sleep(5);
  amount.add(10, 16);
  out.bytes = 16;
  await sleep(5);
  assertEquals(amount.amount, 10);
});

test("a clean end forgets what was queued, any other keeps it; both keep what came too late", () => {
  for (const [end, queued] of [["clear", 0], ["freeze", 100]] as const) {
    const [amount, out] = [new BufferedBytes(), output()];
    amount.bind(out.core);
    amount.add(100, 106);
    amount.addLost(7);
    amount[end]();
    assertEquals(amount.amount, queued + 7);
    amount.addLost(1);
    assertEquals(amount.amount, queued + 8);
  }
});

test("an output that was thrown away has not left", async () => {
  const [amount, out] = [new BufferedBytes(), output()];
  amount.bind(out.core);
  amount.add(100, 106);
  out.open = false;
  await sleep(5);
  assertEquals(amount.amount, 100);
});
