/**
 * Runs a {@linkcode FrameParser} and writes down all that it tells its sink.
 * @module
 */

import type { FrameFault } from "../../src/frames/fault.ts";
import { FrameParser, type FrameParserOptions, type FrameSink } from "../../src/frames/parser.ts";
import { join } from "./bytes.ts";

/** A frame that a parser announced, and what came of its payload. */
export interface LoggedFrame {
  first: number;
  length: number;
  slices: Uint8Array[];
  /** Whether the parser said that the frame ended. */
  done: boolean;
}

/** A sink that writes everything down and checks the order in which it is called. */
export class FrameLog implements FrameSink {
  readonly frames: LoggedFrame[] = [];
  /** Payload bytes of the last frame so far. */
  #got = 0;
  /** Called after each event; may stop the parser or return a fault. */
  after: (event: "frame" | "payload") => FrameFault | null = () => null;

  onFrame(first: number, length: number): FrameFault | null {
    const before = this.frames.at(-1);
    if (before !== undefined && !before.done) throw new Error("a frame began inside another");
    this.frames.push({ first, length, slices: [], done: false });
    this.#got = 0;
    return this.after("frame");
  }

  onPayload(slice: Uint8Array, last: boolean): FrameFault | null {
    const frame = this.frames.at(-1);
    if (frame === undefined || frame.done) throw new Error("payload came without a frame");
    frame.slices.push(slice);
    frame.done = last;
    this.#got += slice.length;
    if (this.#got > frame.length) throw new Error("more payload than the frame has");
    if (last !== (this.#got === frame.length)) {
      throw new Error(`last is ${last} at ${this.#got} bytes of ${frame.length}`);
    }
    if (slice.length === 0 && frame.length !== 0) throw new Error("an empty slice of a payload");
    return this.after("payload");
  }

  onWholeFrame(first: number, payload: Uint8Array): FrameFault | null {
    if (first !== 0x81 && first !== 0x82) throw new Error("a frame that may need more than a look");
    if (payload.length === 0) throw new Error("an empty frame's payload would be a view");
    return this.onFrame(first, payload.length) ?? this.onPayload(payload, true);
  }
}

/** What became of a byte stream. */
export interface Parsed {
  /** Each frame, its slices joined. */
  frames: { first: number; length: number; done: boolean; payload: Uint8Array }[];
  fault: FrameFault | null;
  /** Bytes given to the parser when the fault was returned, or all of them. */
  fed: number;
  atBoundary: boolean;
}

/** Feeds chunks to a new parser until they end or it returns a fault. */
export function parse(chunks: Iterable<Uint8Array>, options: FrameParserOptions): Parsed {
  const log = new FrameLog();
  const parser = new FrameParser(log, options);
  let fault: FrameFault | null = null;
  let fed = 0;
  for (const chunk of chunks) {
    fed += chunk.length;
    const result = parser.push(chunk, 0);
    if (typeof result !== "number") {
      fault = result;
      break;
    }
    if (result !== chunk.length) throw new Error(`the parser read ${result} of ${chunk.length}`);
  }
  return {
    frames: log.frames.map(({ first, length, done, slices }) => ({
      first,
      length,
      done,
      payload: join(slices),
    })),
    fault,
    fed,
    atBoundary: parser.atBoundary,
  };
}
