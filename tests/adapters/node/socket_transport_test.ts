import { assertEquals, assertStrictEquals } from "@std/assert";
import { EventEmitter } from "node:events";
import { test } from "node:test";
import { LentReads } from "../../../src/adapters/node/lent_reads.ts";
import type { NodeSocket } from "../../../src/adapters/node/node_types.ts";
import { SocketTransport } from "../../../src/adapters/node/socket_transport.ts";
import { RUNTIME } from "../support/runtime.ts";
import { allocateBytes } from "../../../src/frames/mod.ts";

/** A socket that writes down what is done to it, and flushes when it is told to. */
class FakeSocket extends EventEmitter {
  readonly log: string[] = [];
  readonly callbacks: (() => void)[] = [];
  destroyed = false;
  writableLength = 0;
  /** Whether a write is taken by the kernel at once. */
  fast = false;

  write(chunk: Uint8Array | string, callback?: () => void): boolean {
    this.log.push(`write ${chunk.length}`);
    if (!this.fast) this.writableLength += chunk.length;
    if (callback !== undefined) this.callbacks.push(callback);
    return true;
  }

  flush(): void {
    this.writableLength = 0;
    for (const callback of this.callbacks.splice(0)) callback();
  }

  cork(): void {
    this.log.push("cork");
  }

  uncork(): void {
    this.log.push("uncork");
  }

  pause(): void {
    this.log.push("pause");
  }

  resume(): void {
    this.log.push("resume");
  }

  end(): void {
    this.log.push("end");
  }

  destroy(): void {
    this.log.push("destroy");
    this.destroyed = true;
  }
}

function make(
  encrypted = false,
): { socket: FakeSocket; transport: SocketTransport; told: string[] } {
  const socket = Object.assign(new FakeSocket(), { encrypted });
  const transport = new SocketTransport(socket as unknown as NodeSocket);
  const told: string[] = [];
  transport.attach({
    onData: (chunk) => told.push(`data ${chunk.length}`),
    onEnd: () => told.push("end"),
    onDrain: () => told.push("drain"),
    onClose: (error) => told.push(`close ${(error as Error | undefined)?.message}`),
  });
  socket.log.length = 0;
  return { socket, transport, told };
}

/** On Node a write that has to wait is told of by an empty one behind it, where none waited before. */
const TOLD = RUNTIME === "node" ? ["write 0"] : [];

const turn = () => new Promise((resolve) => setTimeout(resolve, 0));

test("a socket transport writes several parts as one, and leaves out empty ones", () => {
  const { socket, transport } = make();
  transport.write([1, 0, 2, 0].map((length) => new Uint8Array(length)));
  assertEquals(socket.log, ["cork", "write 1", "write 2", "uncork"]);
  socket.log.length = 0;
  transport.write([new Uint8Array(3)]);
  assertEquals(socket.log, ["write 3", ...TOLD]);
  socket.log.length = 0;
  assertEquals(transport.write([new Uint8Array(0)]), true);
  assertEquals(socket.log, []);
});

test("a socket transport writes a large part by itself where parts would be joined", () => {
  const { socket, transport, told } = make();
  for (const size of [16383, 16384]) {
    socket.log.length = 0;
    transport.write([new Uint8Array(4), new Uint8Array(size)]);
    const writes = ["write 4", `write ${size}`];
    const alone = RUNTIME === "bun" && size === 16384;
    assertEquals(socket.log, alone ? writes : ["cork", ...writes, "uncork"]);
    assertEquals(socket.callbacks.length, 1);
    socket.flush();
  }
  assertEquals(told, ["drain", "drain"]);
});

test("a socket transport tells of a drain once, and only when a write had to wait", () => {
  const { socket, transport, told } = make();
  socket.fast = true;
  assertEquals(transport.write([new Uint8Array(5)]), true);
  socket.flush();
  assertEquals(told, []);
  socket.fast = false;
  assertEquals(transport.write([new Uint8Array(5), new Uint8Array(5)]), false);
  assertEquals(transport.bufferedBytes, 10);
  socket.flush();
  socket.flush();
  assertEquals(told, ["drain"]);
});

test("a socket transport asks for a callback only while writes have to wait", () => {
  const { socket, transport, told } = make();
  const asked = () => socket.callbacks.length;
  const usual = RUNTIME === "node" ? 0 : 1;
  socket.fast = true;
  transport.write([new Uint8Array(5)]);
  assertEquals(asked(), usual);
  socket.flush();
  for (let round = 1; round <= 2; round++) {
    socket.fast = false;
    for (const times of [1, 2]) {
      assertEquals(transport.write([new Uint8Array(5)]), false);
      assertEquals([asked(), told.length], [1, 2 * round - 3 + times]);
      socket.flush();
    }
    assertEquals(told.length, 2 * round, "each wait was told of");
    socket.fast = true;
    transport.write([new Uint8Array(5)]); // this one was expected to wait
    socket.flush();
    transport.write([new Uint8Array(5)]);
    assertEquals(asked(), usual);
    socket.flush();
  }
});

test("a socket transport lends what it reads to who asked for that alone", () => {
  const reads = new LentReads();
  const socket = new FakeSocket() as unknown as NodeSocket;
  const transport = new SocketTransport(socket, false, reads);
  const own: boolean[] = [];
  const events = {
    onData(chunk: Uint8Array, lent?: boolean) {
      assertEquals(lent === true, chunk.buffer === reads.onread.buffer.buffer);
      own.push(lent !== true);
    },
    onEnd() {},
    onDrain() {},
    onClose() {},
  };
  transport.attach(events);
  reads.onread.callback(5, reads.onread.buffer);
  transport.lend();
  reads.onread.callback(5, reads.onread.buffer);
  transport.attach(events);
  reads.onread.callback(5, reads.onread.buffer);
  assertEquals(own, [true, false, true]);
});

test("a socket transport frees large chunks, once they were used by who asked for them lent", () => {
  const socket = new FakeSocket();
  const transport = new SocketTransport(socket as unknown as NodeSocket);
  const lents: boolean[] = [];
  const events = {
    onData: (_chunk: Uint8Array, lent?: boolean) => void lents.push(lent === true),
    onEnd() {},
    onDrain() {},
    onClose() {},
  };
  const emit = (chunk: Uint8Array): boolean => {
    socket.emit("data", chunk);
    return chunk.buffer.byteLength === 0; // detached
  };
  const frees = RUNTIME !== "bun" && "transfer" in ArrayBuffer.prototype;
  transport.attach(events);
  assertEquals(emit(new Uint8Array(65536)), false);
  transport.lend();
  assertEquals(emit(new Uint8Array(16383)), false);
  assertEquals(emit(new Uint8Array(65536).subarray(1)), false, "others may use the rest");
  assertEquals(emit(new Uint8Array(16384)), frees);
  assertEquals(emit(new Uint8Array(65536)), frees);
  transport.attach(events);
  assertEquals(emit(new Uint8Array(65536)), false);
  assertEquals(lents, [false, false, false, frees, frees, false]);
});

test("a socket transport writes nothing empty to a TLS socket", () => {
  const { socket, transport, told } = make(true);
  transport.write([new Uint8Array(5)]);
  assertEquals(socket.log, ["write 5"]);
  socket.flush();
  assertEquals(told, ["drain"]);
});

test("a socket transport tells of no drain while later bytes wait", () => {
  const { socket, transport, told } = make();
  transport.write([new Uint8Array(5)]);
  const [first] = socket.callbacks.splice(0);
  transport.write([new Uint8Array(5)]);
  socket.writableLength = 5;
  first();
  assertEquals(told, []);
  socket.flush();
  assertEquals(told, ["drain"]);
});

function writes({ log }: FakeSocket): string[] {
  return log.filter((line) => line.startsWith("write"));
}

test("a socket transport writes many parts a megabyte at a time, too", () => {
  const { socket, transport, told } = make();
  const parts = Array.from({ length: 40 }, () => new Uint8Array(65536));
  assertEquals(transport.write(parts), false);
  assertEquals(transport.bufferedBytes, 40 * 65536);
  for (const count of [16, 16, 8]) {
    assertEquals([writes(socket).length, socket.writableLength], [count, count * 65536]);
    socket.log.length = 0;
    assertEquals(told, []);
    socket.flush();
  }
  assertEquals([writes(socket), told, transport.bufferedBytes], [[], ["drain"], 0]);
});

for (const size of [1024 * 1024, 1024 * 1024 + 1, 2_500_000]) {
  test(`a socket transport writes a part of ${size} bytes a megabyte at a time, and what follows after it`, () => {
    const { socket, transport, told } = make();
    assertEquals(transport.write([new Uint8Array(size)]), false);
    assertEquals(transport.bufferedBytes, size);
    const told1 = size > 1024 * 1024 ? [] : TOLD;
    assertEquals(writes(socket), [`write ${Math.min(size, 1024 * 1024)}`, ...told1]);
    assertEquals(transport.write([new Uint8Array(7)]), false);
    assertEquals(transport.bufferedBytes, size + 7);
    for (let flushes = 0; told.length === 0; flushes++) {
      assertEquals(flushes < 5, true, socket.log.join());
      socket.flush();
    }
    const sizes = writes(socket).map((line) => Number(line.replace("write ", "")));
    assertEquals(Math.max(...sizes), 1024 * 1024);
    assertEquals(sizes.reduce((sum, written) => sum + written), size + 7);
    assertEquals(sizes.at(-1), 7);
    assertEquals(told, ["drain"]);
  });
}

test("a socket transport holds an end back while it is paused, and tells it once", async () => {
  const { socket, transport, told } = make();
  socket.emit("end");
  await turn();
  assertEquals(told, []);
  transport.resume();
  transport.resume();
  await turn();
  assertEquals(told, ["end"]);
  transport.attach({
    onData() {},
    onEnd: () => told.push("end again"),
    onDrain() {},
    onClose() {},
  });
  await turn();
  assertEquals(told, ["end", "end again"]);
});

test("a socket transport tells of the close once, with the first error", async () => {
  const { socket, transport, told } = make();
  socket.emit("error", new Error("first"));
  socket.emit("error", new Error("second"));
  socket.emit("close");
  transport.destroy();
  await turn();
  assertEquals(told, ["close first"]);
  assertEquals(transport.write([new Uint8Array(1)]), true);
  transport.end();
  assertEquals(socket.log, ["destroy"]);
});

test("a socket transport ends once and writes nothing after that", () => {
  const { socket, transport } = make();
  transport.end();
  transport.end();
  assertEquals(transport.write([new Uint8Array(1)]), true);
  assertEquals(socket.log, ["end"]);
});

test("with the transport come arrays that own their memory, whatever their size", () => {
  for (const length of [0, 1, 4095, 4096, 65536, 1 << 20]) {
    const bytes = allocateBytes(length);
    assertEquals([bytes.length, bytes.byteOffset, bytes.buffer.byteLength], [length, 0, length]);
    assertStrictEquals(Object.getPrototypeOf(bytes), Uint8Array.prototype);
  }
});
