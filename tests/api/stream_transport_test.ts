import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { StreamTransport } from "../../src/api/stream_transport.ts";
import type { TransportEvents } from "../../src/api/transport.ts";
import { hex } from "../support/bytes.ts";
import { MemoryPeer } from "../support/memory_peer.ts";
import { sleep, until } from "./ends.ts";

/** Writes down what a transport reports. */
class EventLog implements TransportEvents {
  events: string[] = [];
  onDataHook: () => void = () => {};
  onData(chunk: Uint8Array): void {
    this.events.push(`data ${new TextDecoder().decode(chunk)}`);
    this.onDataHook();
  }
  onEnd(): void {
    this.events.push("end");
  }
  onDrain(): void {
    this.events.push("drain");
  }
  onClose(error?: unknown): void {
    this.events.push(error === undefined ? "close" : `close ${(error as Error).message}`);
  }
}

function open() {
  const peer = new MemoryPeer();
  const transport = new StreamTransport(peer.pair);
  const log = new EventLog();
  transport.attach(log);
  return { peer, transport, log };
}

test("nothing is read before resume() and after pause()", async () => {
  const { peer, transport, log } = open();
  for (const letter of "abc") peer.writeText(letter);
  await sleep(10);
  assertEquals([log.events, peer.taken], [[], 0]);
  log.onDataHook = () => transport.pause();
  for (const letter of "abc") {
    transport.resume();
    await until(() => log.events.includes(`data ${letter}`), `${letter} came`);
    await sleep(5);
    assertEquals(log.events.at(-1), `data ${letter}`);
  }
  transport.destroy();
});

test("a chunk that was on its way at pause() waits for resume()", async () => {
  const { peer, transport, log } = open();
  transport.resume();
  await sleep(5);
  transport.pause();
  peer.writeText("a");
  peer.writeText("b");
  await sleep(10);
  assertEquals(log.events, []);
  transport.resume();
  await until(() => log.events.length === 2, "both came");
  assertEquals(log.events, ["data a", "data b"]);
  transport.destroy();
});

test("writes count as buffered until the sink took them, then drain", async () => {
  const { peer, transport, log } = open();
  peer.stall();
  assertEquals(transport.write([hex("61"), hex(""), hex("6263")]), false);
  assertEquals(transport.write([hex("64")]), false);
  assertEquals(transport.bufferedBytes, 4);
  await sleep(5);
  assertEquals(log.events, []);
  peer.unstall();
  await until(() => log.events.length > 0, "it drained");
  assertEquals([log.events, transport.bufferedBytes], [["drain"], 0]);
  assertEquals(new TextDecoder().decode(await peer.read(4)), "abcd");
  transport.destroy();
});

test("what was written is a copy: the parts may be changed once write() returned", async () => {
  const { peer, transport } = open();
  peer.stall();
  const part = hex("61");
  transport.write([part]);
  part[0] = 0x7a;
  peer.unstall();
  assertEquals(await peer.read(1), hex("61"));
  transport.destroy();
});

test("end() ends one direction after what was written; both ended close", async () => {
  const { peer, transport, log } = open();
  transport.resume();
  transport.write([hex("61")]);
  transport.end();
  transport.end();
  assertEquals(await peer.readToEnd(), hex("61"));
  await sleep(5);
  assertEquals(log.events.includes("close"), false);
  peer.end();
  await until(() => log.events.includes("close"), "it closed");
  assertEquals(log.events.filter((event) => event !== "drain"), ["end", "close"]);
  assertEquals(transport.write([hex("62")]), true);
});

test("the peer's end alone does not close", async () => {
  const { peer, transport, log } = open();
  transport.resume();
  peer.end();
  await until(() => log.events.length > 0, "it ended");
  transport.write([hex("61")]);
  assertEquals(await peer.read(1), hex("61"));
  assertEquals(log.events.includes("close"), false);
  transport.end();
  await until(() => log.events.includes("close"), "it closed");
});

test("destroy() tells of the close once, with nothing after it", async () => {
  const { peer, transport, log } = open();
  transport.resume();
  peer.stall();
  transport.write([hex("61")]);
  transport.destroy();
  transport.destroy();
  peer.unstall();
  peer.writeText("late");
  await sleep(10);
  assertEquals([log.events, transport.bufferedBytes], [["close"], 0]);
});

test("a failing stream is a close with its error", async () => {
  const { peer, transport, log } = open();
  transport.resume();
  peer.destroy();
  await until(() => log.events.length > 0, "it failed");
  await sleep(5);
  assertEquals(log.events, ["close reset by peer"]);
});

test("chunks that are no bytes are a close with an error; empty ones are passed over", async () => {
  const readable = new ReadableStream({
    start(controller) {
      controller.enqueue(new Uint8Array(0));
      controller.enqueue(new Uint16Array([0x6161]));
      controller.enqueue("text");
    },
  });
  const transport = new StreamTransport({ readable, writable: new WritableStream() });
  const log = new EventLog();
  transport.attach(log);
  transport.resume();
  await until(() => log.events.length === 2, "it closed");
  assertEquals(log.events[0], "data aa");
  assert(log.events[1].includes("expected bytes, got string"), log.events[1]);
});

test("a later attach() is told again of the end, or of the close", async () => {
  const { peer, transport, log } = open();
  transport.resume();
  peer.end();
  await until(() => log.events.length > 0, "it ended");
  const second = new EventLog();
  transport.attach(second);
  await sleep(1);
  assertEquals(second.events, ["end"]);
  transport.destroy();
  const third = new EventLog();
  transport.attach(third);
  await sleep(1);
  assertEquals(third.events, ["close"]);
});
