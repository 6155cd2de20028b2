import { assert, assertEquals } from "@std/assert";
import { test } from "node:test";
import type { ChannelEvents } from "../../src/api/channel.ts";
import { resolveOptions } from "../../src/api/options.ts";
import type { Transport, TransportEvents } from "../../src/api/transport.ts";
import type { HixieVersion } from "../../src/legacy/hixie_capabilities.ts";
import { HixieChannel } from "../../src/legacy/hixie_channel.ts";
import { readKey } from "../../src/legacy/challenge.ts";
import { join } from "../support/bytes.ts";
import { byteByByte, type Chunking, randomChunks, whole } from "../support/chunks.ts";
import { fuzz, type Random } from "../support/random.ts";
import { CLOSE, lengthFrame, textFrame } from "./support.ts";

const LIMIT = 2000;

/** A byte stream that only notes what is done to it. */
class NoTransport implements Transport {
  bufferedBytes = 0;
  written: Uint8Array[] = [];
  ended = false;
  destroyed = false;
  #events!: TransportEvents;
  attach(events: TransportEvents): void {
    this.#events = events;
  }
  write(parts: readonly Uint8Array[]): boolean {
    this.written.push(...parts.map((part) => part.slice()));
    return true;
  }
  pause(): void {}
  resume(): void {}
  end(): void {
    this.ended = true;
  }
  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.#events.onClose();
  }
}

/** What a channel tells and writes when it is fed these chunks, paused where `pause` says so. */
function run(
  version: HixieVersion,
  chunks: readonly Uint8Array[],
  end: boolean,
  streaming: boolean,
  pause: () => boolean,
): { told: unknown[]; written: Uint8Array } {
  const told: unknown[] = [];
  const options = resolveOptions({ maxMessageBytes: LIMIT, closeTimeoutMs: 60_000 });
  const transport = new NoTransport();
  const channel = new HixieChannel(version, transport, "server", options, new Uint8Array(0));
  let held = false;
  const hold = () => {
    if (!pause()) return;
    held = true;
    channel.pause();
  };
  let text = "";
  const decoder = new TextDecoder();
  const events: ChannelEvents = {
    onMessage(data) {
      told.push([held ? "message while paused" : "message", data]);
      hold();
    },
    onMessageStart: (type) => void told.push([held ? "start while paused" : "start", type]),
    onMessageSlice(slice) {
      text += decoder.decode(slice, { stream: true });
      hold();
    },
    onMessageEnd() {
      told.push(["end", text + decoder.decode()]);
      text = "";
    },
    onFrameEnd() {},
    onPing: () => true,
    onPong() {},
    onLatency() {},
    onFlush() {},
    onDrain() {},
    onClosing: ({ closeCode }) => void told.push(["closing", closeCode]),
    onFailure: (error) => void told.push(["failure", error.code]),
    onClosed: (info) => void told.push(["closed", info.closeCode, info.wasClean, info.error?.code]),
  };
  channel.bind(events);
  channel.setStreaming(streaming);
  channel.start();
  for (const chunk of chunks) {
    channel.onData(chunk);
    while (held) {
      held = false;
      channel.resume();
    }
  }
  if (end) channel.onEnd();
  transport.destroy(); // for the timers
  return { told, written: join(transport.written) };
}

/** Frames of every kind, with now and then some bytes changed. */
function wireOf(random: Random): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let i = random.int(0, 12); i > 0; i--) {
    const kind = random.int(0, 9);
    if (kind < 5) parts.push(textFrame(random.text(random.pick([0, 1, 5, 50, 400]))));
    else if (kind === 5) parts.push(lengthFrame(random.int(0x80, 0xff), random.int(0, 300)));
    else if (kind === 6) parts.push(lengthFrame(random.int(0x80, 0xff), random.int(0, 3000)));
    else if (kind === 7) {
      parts.push(join([Uint8Array.of(random.int(1, 0x7f)), textFrame("x").subarray(1)]));
    } else if (kind === 8) parts.push(random.bytes(random.int(0, 5)));
    else if (random.oneIn(3)) parts.push(CLOSE);
  }
  return join(parts);
}

test("what a channel tells does not depend on how the bytes are cut, and nothing is thrown", () => {
  const outcomes = new Map<string, number>();
  fuzz(600, (random) => {
    const version = random.pick(["hixie-75", "hixie-76"] as const);
    const streaming = random.oneIn(3);
    const end = random.oneIn(2);
    const wire = wireOf(random);
    const never = () => false;
    const cut = (chunking: Chunking) => run(version, chunking.chunks, end, streaming, never);
    const expected = cut(whole(wire));
    for (const chunking of [byteByByte(wire), randomChunks(wire, random)]) {
      assertEquals(cut(chunking), expected, chunking.name);
    }
    // Pauses in the middle of a chunk delay, and change nothing else.
    const paused = run(version, whole(wire).chunks, end, streaming, () => random.oneIn(4));
    const resumed = run(version, randomChunks(wire, random).chunks, end, streaming, () => true);
    for (const outcome of [paused, resumed]) assertEquals(outcome, expected);
    for (const [what] of expected.told as string[][]) {
      outcomes.set(what, (outcomes.get(what) ?? 0) + 1);
    }
  });
  for (const what of ["message", "start", "end", "closing", "failure", "closed"]) {
    assert((outcomes.get(what) ?? 0) > 50, `${what}: ${outcomes.get(what)} in all`);
  }
});

test("random bytes never throw, and never come back", () => {
  fuzz(1500, (random) => {
    const version = random.pick(["hixie-75", "hixie-76"] as const);
    const wire = random.bytes(random.int(0, 400));
    const { written } = run(version, randomChunks(wire, random).chunks, true, false, () => false);
    assertEquals(
      written,
      version === "hixie-76" && written.length > 0 ? CLOSE : written.slice(0, 0),
    );
  });
});

test("no key throws, and each number has 32 bits", () => {
  fuzz(3000, (random) => {
    let key = "";
    for (let i = random.int(0, 40); i > 0; i--) {
      key += random.oneIn(3)
        ? " "
        : random.oneIn(2)
        ? String(random.int(0, 9))
        : String.fromCharCode(random.int(0, 0x2ff));
    }
    const number = readKey(key);
    if (number === null) return;
    assert(Number.isInteger(number) && number >= 0 && number <= 0xffffffff, key);
    const digits = BigInt(key.replace(/[^0-9]/g, ""));
    const spaces = BigInt(key.split(" ").length - 1);
    assertEquals(BigInt(number) * spaces, digits, key);
  });
});
