import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { FrameParser, useCopies } from "../../src/frames/parser.ts";
import { join, toHex } from "../support/bytes.ts";
import { assertGuardsIntact, byteByByte, randomChunks, whole } from "../support/chunks.ts";
import { FrameLog, parse, type Parsed } from "../support/frame_log.ts";
import { fuzz, type Random } from "../support/random.ts";
import { encodeFrame } from "../support/wire.ts";

/** A stream of frames that are all in order, of sizes near the edges now and then. */
function validStream(random: Random, masked: boolean): Uint8Array {
  return join(Array.from({ length: random.int(1, 12) }, () => {
    const opcode = random.pick([0, 1, 2, 8, 9, 10]);
    const size = opcode >= 8
      ? random.pick([0, 1, 2, 125])
      : random.pick([0, 1, 7, 125, 126, 127, 300, random.oneIn(20) ? 65536 : 5]);
    return encodeFrame({
      opcode,
      fin: opcode >= 8 || random.oneIn(2),
      payload: random.bytes(size),
      key: masked ? random.bytes(4) : undefined,
    });
  }));
}

/** Changes, drops, doubles and cuts bytes. */
function mutate(bytes: Uint8Array, random: Random): Uint8Array {
  let mutated: Uint8Array = new Uint8Array(bytes);
  for (let i = random.int(1, 4); i > 0 && mutated.length > 0; i--) {
    const at = random.int(0, mutated.length - 1);
    switch (random.int(0, 4)) {
      case 0:
        mutated[at] ^= 1 << random.int(0, 7);
        break;
      case 1:
        mutated[at] = random.pick([0, 1, 125, 126, 127, 128, 254, 255]);
        break;
      case 2:
        mutated = join([mutated.slice(0, at), mutated.slice(at + random.int(1, 9))]);
        break;
      case 3:
        mutated = join([mutated.slice(0, at), random.bytes(random.int(1, 9)), mutated.slice(at)]);
        break;
      default:
        mutated = mutated.slice(0, at);
    }
  }
  return mutated;
}

/** All that a stream led to, as text; how far the fault was fed depends on the chunks. */
function story({ frames, fault, atBoundary }: Parsed): string {
  const lines = frames.map((frame) =>
    `${frame.first} ${frame.length} ${frame.done} ${toHex(frame.payload, Infinity)}`
  );
  lines.push(
    fault === null ? `fine, at boundary: ${atBoundary}` : `${fault.code} ${fault.message}`,
  );
  return lines.join("\n");
}

function assertSameInAnyChunking(wire: Uint8Array, random: Random): Parsed {
  const options = { masked: random.oneIn(2), allowedRsv: random.pick([0, 0x40, 0x70]) };
  const expected = parse(whole(wire).chunks, options);
  const others = [randomChunks(wire, random), randomChunks(wire, random)];
  if (wire.length < 2000) others.push(byteByByte(wire));
  for (const { name, chunks } of others) {
    const found = parse(chunks, options);
    if (story(found) !== story(expected)) throw new Error(`other events when fed ${name}`);
    for (const chunk of chunks) assertGuardsIntact(chunk);
  }
  return expected;
}

test("FrameParser tells the same of random bytes in any chunking, and never throws", () => {
  let faults = 0;
  fuzz(2000, (random) => {
    const wire = random.bytes(random.int(1, 200));
    if (random.oneIn(2)) wire[0] = random.pick([0x81, 0x82, 0x01, 0x80, 0x89, 0xc1]);
    if (assertSameInAnyChunking(wire, random).fault !== null) faults++;
  });
  assert(faults > 200 && faults < 2000, `${faults} of 2000 streams had faults`);
});

test("FrameParser tells the same of damaged streams in any chunking, and never throws", () => {
  const codes = new Set<string | undefined>();
  fuzz(2000, (random) => {
    const wire = mutate(validStream(random, random.oneIn(2)), random);
    codes.add(assertSameInAnyChunking(wire, random).fault?.code);
  });
  // Or the streams are not as nasty as they are meant to be.
  assert(codes.size >= 8, [...codes].join());
});

test("FrameParser finds nothing wrong in streams that are in order, in any chunking", () => {
  fuzz(500, (random) => {
    const masked = random.oneIn(2);
    const wire = validStream(random, masked);
    const { fault, atBoundary, frames } = parse(randomChunks(wire, random).chunks, { masked });
    assertEquals(fault, null);
    assertEquals(atBoundary, true);
    assert(frames.every((frame) => frame.done));
  });
});

test("FrameParser's slices lie inside the chunk that was fed, one behind the other", () => {
  const before = useCopies(); // where tests share a process an adapter may have asked for some
  const check = (random: Random): void => {
    const masked = random.oneIn(2);
    const stream = validStream(random, masked);
    const wire = random.oneIn(2) ? stream : mutate(stream, random);
    const log = new FrameLog();
    const parser = new FrameParser(log, { masked });
    let chunk: Uint8Array = new Uint8Array(0);
    let free = 0;
    log.after = (event) => {
      const slice = event === "payload" ? log.frames.at(-1)!.slices.at(-1)! : undefined;
      if (slice === undefined || slice.length === 0) return null;
      assert(slice.buffer === chunk.buffer, "a slice of other memory");
      assert(slice.byteOffset >= free, "slices overlap, or one begins before the chunk");
      free = slice.byteOffset + slice.length;
      assert(free <= chunk.byteOffset + chunk.length, "a slice ends after the chunk");
      return null;
    };
    for (chunk of randomChunks(wire, random).chunks) {
      free = chunk.byteOffset;
      if (typeof parser.push(chunk, 0) !== "number") return;
    }
  };
  try {
    fuzz(500, check);
  } finally {
    useCopies(before);
  }
});

test("FrameParser stopped at random slices tells what it tells without stops", () => {
  fuzz(500, (random) => {
    const masked = random.oneIn(2);
    const wire = validStream(random, masked);
    const log = new FrameLog();
    const parser = new FrameParser(log, { masked });
    log.after = (event) => {
      if (event === "payload" && random.oneIn(2)) parser.stop();
      return null;
    };
    for (const chunk of randomChunks(wire, random).chunks) {
      for (let at = 0; at < chunk.length;) {
        const next = parser.push(chunk, at);
        assert(typeof next === "number" && next > at, "no progress");
        at = next as number;
      }
    }
    const frames = log.frames.map(({ slices, ...frame }) => ({ ...frame, payload: join(slices) }));
    const { atBoundary } = parser;
    assertEquals(
      story({ frames, fault: null, fed: wire.length, atBoundary }),
      story(parse(whole(wire).chunks, { masked })),
    );
  });
});
