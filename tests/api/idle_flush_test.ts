import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { IdleFlush } from "../../src/api/idle_flush.ts";
import type { Transport } from "../../src/api/transport.ts";
import { FrameWriter } from "../../src/frames/mod.ts";
import { sleep } from "./ends.ts";

const BINARY_FRAME = 0x82;

/** A writer with something in it, and when it was flushed. */
function rig(log: string[], name: string, transport: Partial<Transport> = {}) {
  const output = new FrameWriter(false);
  const idle = new IdleFlush(output, transport as Transport, () => {
    log.push(name);
    output.discard();
  });
  const send = () => {
    output.writeFrame(BINARY_FRAME, new Uint8Array(10));
    idle.schedule();
  };
  return { send, output };
}

test("sends with awaits between them share one flush", async () => {
  const log: string[] = [];
  const { send } = rig(log, "flush");
  for (let i = 0; i < 5; i++) {
    send();
    await null;
    log.push("sent");
  }
  await sleep(1);
  assertEquals(log, ["sent", "sent", "sent", "sent", "sent", "flush"]);
});

test("a transport that knows when everything has run is asked instead", async () => {
  const log: string[] = [];
  const deferred: (() => void)[] = [];
  const { send } = rig(log, "flush", { defer: (callback) => void deferred.push(callback) });
  send();
  send();
  await sleep(1);
  assertEquals([deferred.length, log], [1, []]);
  deferred[0]();
  assertEquals(log, ["flush"]);
  send();
  assertEquals(deferred.length, 2);
  deferred[1]();
});

test("of a broadcast, only sixty-four connections hold a buffer at once", async () => {
  await sleep(20); // what other tests of this process left waiting has gone
  const log: string[] = [];
  const all = Array.from({ length: 100 }, (_, i) => rig(log, String(i)));
  for (const { send } of all) send();
  assertEquals(log, Array.from({ length: 36 }, (_, i) => String(i + 64)));
  assertEquals(all.filter(({ output }) => output.pendingBytes > 0).length, 64);
  await sleep(1);
  assertEquals(log.length, 100);
  log.length = 0;
  all[0].send(); // and then there is room again
  assertEquals(log, []);
  await sleep(1);
  assertEquals(log, ["0"]);
});
