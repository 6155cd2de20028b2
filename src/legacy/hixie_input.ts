/**
 * The receiving half of drafts 75 and 76: chunks in, messages and the closing frame out, unless it
 * is paused.
 *
 * @module
 */

import type { ChannelEvents } from "../api/channel.ts";
import type { ResolvedOptions } from "../api/options.ts";
import { type HixieFault, HixieParser } from "./hixie_parser.ts";
import { HixieText } from "./hixie_text.ts";

/** Takes what an input finds beside messages. */
export interface HixieInputEvents {
  /** Takes the closing frame of draft 76; nothing comes after it. */
  onCloseFrame(): void;
  /** Takes what is wrong with what the peer sent; nothing comes after it. */
  onFault(fault: HixieFault): void;
}

/** Reads frames, and keeps the bytes that came, or were left, while it was paused. */
export class HixieInput {
  readonly #events: HixieInputEvents;
  readonly #parser: HixieParser;
  readonly #text: HixieText;
  /** Chunks, or the rest of one, that came while reading was paused. */
  #rest: Uint8Array[] = [];
  #paused = false;
  #running = false;
  #stopped = false;

  /**
   * @param closes Whether there is a closing frame, as in draft 76.
   * @param options The limits.
   * @param events Who is told.
   */
  constructor(closes: boolean, options: ResolvedOptions, events: HixieInputEvents) {
    this.#events = events;
    const { maxMessageBytes, maxFrameBytes } = options;
    this.#text = new HixieText(maxMessageBytes, maxFrameBytes);
    this.#parser = new HixieParser(
      {
        onTextStart: () => this.#text.begin(),
        onText: (slice, last) => this.#text.push(slice, last),
        onCloseFrame: () => this.#onCloseFrame(),
      },
      closes,
      Math.min(maxMessageBytes, maxFrameBytes),
    );
  }

  /** Names who takes the messages. */
  set sink(sink: ChannelEvents) {
    this.#text.sink = sink;
  }

  /** Whether messages that start from now on are delivered slice by slice. */
  set streaming(streaming: boolean) {
    this.#text.streaming = streaming;
  }

  /** Whether nothing is delivered for now. */
  get paused(): boolean {
    return this.#paused;
  }

  /** Whether a chunk is being read. */
  get running(): boolean {
    return this.#running;
  }

  /** Whether the last byte that was read was the last one of a frame. */
  get idle(): boolean {
    return this.#parser.idle;
  }

  /** Takes a chunk, to be read by the next {@linkcode HixieInput.run}. */
  push(chunk: Uint8Array): void {
    if (!this.#stopped) this.#rest.push(chunk);
  }

  /** Reads what is there, as far as nothing pauses or stops it; not from within itself. */
  run(): void {
    this.#running = true;
    try {
      while (this.#rest.length > 0 && !this.#paused) this.#feed(this.#rest.shift()!);
    } finally {
      this.#running = false;
    }
  }

  #feed(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length;) {
      const next: number | HixieFault = this.#parser.push(chunk, at);
      if (typeof next !== "number") return this.#events.onFault(next);
      at = next;
      if (this.#stopped) return;
      if (this.#paused && at < chunk.length) {
        this.#rest.unshift(chunk.subarray(at));
        return;
      }
    }
  }

  #onCloseFrame(): void {
    this.stop();
    this.#events.onCloseFrame();
  }

  /** Delivers nothing more until {@linkcode HixieInput.resume}. */
  pause(): void {
    this.#paused = true;
    this.#parser.stop();
  }

  /** Lets the next run go on. */
  resume(): void {
    this.#paused = false;
  }

  /** Drops messages from now on, unread. */
  discard(): void {
    this.#text.discard();
  }

  /** Reads nothing more, ever. */
  stop(): void {
    this.#stopped = true;
    this.#rest = [];
    this.#text.clear();
    this.#parser.stop();
  }
}
