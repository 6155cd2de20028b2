import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import type { Role } from "../../src/connection/mod.ts";
import { randomChunks, whole } from "../support/chunks.ts";
import { fuzz, type Random } from "../support/random.ts";
import type { WireFrame } from "../support/wire.ts";
import { closing, EngineRig, OP, peerBytes, ROLES, show } from "./engine_rig.ts";

const { CONT, TEXT, BINARY, CLOSE, PING, PONG } = OP;

/** Frames as a peer in order would send them, with some faults mixed in. */
function randomFrames(random: Random): WireFrame[] {
  const frames: WireFrame[] = [];
  let inside = false;
  for (let i = random.int(1, 30); i > 0; i--) {
    if (random.oneIn(5)) {
      frames.push({ opcode: random.pick([PING, PONG]), payload: random.bytes(random.int(0, 125)) });
      continue;
    }
    const fin = !random.oneIn(3);
    const opcode = inside ? CONT : random.pick([TEXT, BINARY]);
    const size = random.pick([0, 1, 5, 130, 2000]);
    const payload = random.oneIn(2)
      ? new TextEncoder().encode(random.text(size >> 2))
      : random.bytes(size);
    frames.push({ opcode, fin, payload, rsv: random.oneIn(100) ? 4 : 0 });
    inside = !fin;
    if (random.oneIn(60)) inside = !inside;
    if (random.oneIn(60)) frames.push({ opcode: random.int(3, 15) });
  }
  if (random.oneIn(3)) {
    frames.push({ opcode: CLOSE, payload: closing(random.pick([1000, 1005, 4000]), "x") });
  }
  return frames;
}

/** All that came of a stream. */
function outcome(
  role: Role,
  chunks: readonly Uint8Array[],
  options: object,
  pause?: Random,
  { lent = false, streaming = false } = {},
) {
  const rig = new EngineRig(role, options);
  const memory = new Uint8Array(lent ? Math.max(...chunks.map(({ length }) => length), 0) : 0);
  rig.engine.streaming = streaming;
  if (pause !== undefined) {
    rig.after = () => {
      if (pause.oneIn(3)) rig.engine.pause();
    };
  }
  for (const chunk of chunks) {
    if (lent) rig.feedLent(chunk, memory);
    else rig.engine.receive(chunk);
    if (pause?.oneIn(2)) rig.engine.resume();
  }
  // A resume delivers at least one event or all there is.
  for (let i = 0; rig.engine.paused && i < 10_000; i++) rig.engine.resume();
  assertEquals(rig.engine.paused && !rig.engine.inputEnded, false);
  for (const { bytes, shown } of rig.kept) assertEquals(show(bytes), shown, "it changed");
  return { events: rig.events, sent: rig.sent(), state: rig.engine.state };
}

for (const role of ROLES) {
  test(`a ${role} makes the same of random streams, however they are cut or paused`, () => {
    fuzz(300, (random) => {
      const bytes = peerBytes(role, ...randomFrames(random));
      for (let flips = random.pick([0, 0, 1, 5]); flips > 0; flips--) {
        bytes[random.int(0, bytes.length - 1)] ^= 1 << random.int(0, 7);
      }
      const options = { maxMessageBytes: random.pick([100, 3000, 1e6]), maxFragments: 8 };
      const expected = outcome(role, whole(bytes).chunks, options);
      for (let i = 0; i < 4; i++) {
        const { chunks } = randomChunks(bytes, random);
        assertEquals(
          outcome(role, chunks, options, random.oneIn(2) ? random : undefined),
          expected,
        );
      }
    });
  });

  test(`a ${role} keeps nothing of chunks that are lent, and makes the same of them`, () => {
    fuzz(300, (random) => {
      const bytes = peerBytes(role, ...randomFrames(random));
      const { chunks } = random.oneIn(2) ? whole(bytes) : randomChunks(bytes, random);
      const streaming = random.oneIn(3);
      const own = () => chunks.map((chunk) => chunk.slice());
      const expected = outcome(role, own(), {}, undefined, { streaming });
      const pause = random.oneIn(2) ? random : undefined;
      assertEquals(outcome(role, own(), {}, pause, { streaming, lent: true }), expected);
    });
  });

  test(`a ${role} that is fed in the midst of a chunk that is lent keeps nothing of either`, () => {
    const rig = new EngineRig(role);
    const frames = (...payloads: string[]) =>
      peerBytes(role, ...payloads.map((payload) => ({ opcode: BINARY, payload })));
    const nested = new Uint8Array(100);
    let left = 2;
    rig.after = () => {
      if (left === 2) rig.engine.receive(frames("third"));
      if (left === 1) rig.feedLent(frames("fourth", "fifth"), nested);
      left--;
    };
    rig.feedLent(frames("first", "second"), new Uint8Array(100));
    const texts = rig.kept.map(({ bytes }) => new TextDecoder().decode(bytes));
    assertEquals(texts, ["first", "second", "third", "fourth", "fifth"]);
  });

  test(`a ${role} puts a large message together from chunks that are lent`, () => {
    for (const size of [65_536, 3 << 20]) {
      const payload = new Uint8Array(size).map((_, at) => at * 31 + (at >> 8) + (at >> 16));
      const bytes = peerBytes(role, { opcode: BINARY, payload });
      const rig = new EngineRig(role, { maxMessageBytes: size });
      const memory = new Uint8Array(65_536);
      for (let at = 0; at < bytes.length; at += memory.length) {
        rig.feedLent(bytes.subarray(at, at + memory.length), memory);
      }
      assertEquals(rig.events, [`binary ${show(payload)}`]);
    }
  });

  test(`a ${role} survives pure noise, and answers it with at most one close frame`, () => {
    fuzz(300, (random) => {
      const noise = random.bytes(random.int(1, 400));
      const rig = new EngineRig(role);
      for (const chunk of randomChunks(noise, random).chunks) rig.engine.receive(chunk);
      const sent = rig.take();
      assert(sent.filter((frame) => frame.opcode === CLOSE).length <= 1);
      for (const frame of sent) assert(frame.opcode === CLOSE || frame.opcode === PONG);
    });
  });
}

test("two engines that send, fragment, ping and close at random both end closed", () => {
  fuzz(150, (random) => {
    const ends = ROLES.map((role) => new EngineRig(role));
    const got = ends.map((rig) => () =>
      rig.events.filter((event) => /^(text|binary)/.test(event)).length
    );
    const open = [false, false];
    const messages = [0, 0];
    const deliver = (from: number) => {
      const bytes = ends[from].takeBytes();
      for (const chunk of randomChunks(bytes, random).chunks) ends[1 - from].engine.receive(chunk);
    };
    for (let step = 0; step < 200; step++) {
      const at = random.int(0, 1);
      const { engine } = ends[at];
      if (engine.state !== "open") break;
      const action = random.int(0, 9);
      if (action <= 2 && !open[at]) {
        engine.sendText(random.text(random.int(0, 200)));
        messages[at]++;
      } else if (action === 3 && !open[at]) {
        engine.sendBytes(random.bytes(random.pick([0, 10, 70_000])), "binary", random.oneIn(2));
        messages[at]++;
      } else if (action <= 5) {
        const final = random.oneIn(3);
        engine.sendFragment(random.bytes(random.int(0, 300)), "binary", final);
        open[at] = !final;
        if (final) messages[at]++;
      } else if (action === 6) engine.ping(random.bytes(random.int(0, 125)));
      else if (action === 7) engine.pong(random.bytes(random.int(0, 125)));
      else if (action === 8 && random.oneIn(10)) engine.close(random.pick([1000, 3000, 4999]), "r");
      else deliver(at);
    }
    deliver(0);
    deliver(1);
    ends[random.int(0, 1)].engine.close(1000);
    for (let i = 0; i < 4; i++) {
      deliver(0);
      deliver(1);
    }
    for (const [i, rig] of ends.entries()) {
      assertEquals([rig.engine.state, rig.errors], ["closed", []]);
      assertEquals(got[1 - i](), messages[i], `messages of the ${rig.role}`);
    }
  });
});
