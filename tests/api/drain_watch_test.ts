import { test } from "node:test";
import { assertEquals } from "@std/assert";
import type { Channel } from "../../src/api/channel.ts";
import { DrainWatch } from "../../src/api/drain_watch.ts";
import { Sender } from "../../src/api/sender.ts";

const turns = () => new Promise((resolve) => setTimeout(resolve, 20));

test("a drain watch tells once for each rise, and a turn later", async () => {
  let told = 0;
  const watch = new DrainWatch(() => told++);
  watch.empty();
  await turns();
  assertEquals(told, 0);
  watch.rise();
  watch.empty();
  watch.empty();
  assertEquals(told, 0);
  await turns();
  watch.empty();
  await turns();
  assertEquals(told, 1);
  watch.rise();
  watch.empty();
  watch.stop();
  await turns();
  assertEquals(told, 1);
});

test("a sender takes a flush for a drain only when nothing waits any more", async () => {
  const channel = {
    bufferedAmount: 50,
    open: true,
    capabilities: { binary: true },
    isSlow: () => false,
    sendText: () => {},
  };
  let told = 0;
  const sender = new Sender(channel as unknown as Channel, 10, 1000);
  sender.drains = new DrainWatch(() => told++);
  assertEquals(sender.trySend("x"), false);
  channel.bufferedAmount = 5;
  sender.onFlush();
  await turns();
  assertEquals(told, 0);
  channel.bufferedAmount = 0;
  sender.onFlush();
  await turns();
  assertEquals(told, 1);
});
