/**
 * The other side of the benchmark page.
 * @module
 */

import type { WebSocketConnection } from "../../api/connection.ts";

/** The most bytes that `receive` asks for: as much as a message may have by default. */
export const BENCHMARK_BYTES = 16 * 1024 * 1024;

/** The letter that a message of one letter is made of, as with pywebsocket. */
const LETTER = 0x61;

/** A sequence of bytes, made once for all connections as far as somebody asked for it. */
class Sequence {
  readonly #byteAt: (i: number) => number;
  #bytes = new Uint8Array(0);

  constructor(byteAt: (i: number) => number) {
    this.#byteAt = byteAt;
  }

  /** The first bytes of it, to be read only. */
  first(size: number): Uint8Array<ArrayBuffer> {
    if (this.#bytes.length < size) {
      let capacity = 64 * 1024;
      while (capacity < size) capacity *= 2;
      this.#bytes = new Uint8Array(capacity);
      for (let i = 0; i < capacity; i++) this.#bytes[i] = this.#byteAt(i);
    }
    return this.#bytes.subarray(0, size);
  }
}

/** Byte i is i modulo 251, which no power of two divides: a piece that is out of place shows. */
const PATTERN = new Sequence((i) => i % 251);
const LETTERS = new Sequence(() => LETTER);

/**
 * Serves a benchmark:
 *
 * - `send 0` and then a binary message: answers with its size. With `send 1` the bytes are compared
 *   with the pattern before, or with the letter `a` when they begin with it, and a difference is
 *   answered with `wrong at` and the place.
 * - `receive SIZE`: answers with so many letters `a`; `receive SIZE pattern` with the pattern.
 *
 * @param socket The connection.
 */
export async function serveBenchmark(socket: WebSocketConnection): Promise<void> {
  let verify = false;
  for await (const message of socket) {
    if (typeof message !== "string") {
      const wrong = verify ? differs(message) : -1;
      await socket.send(wrong < 0 ? String(message.length) : `wrong at ${wrong}`);
      continue;
    }
    const match = /^(?:send ([01])|receive (\d{1,12})( pattern)?)$/.exec(message);
    const size = Number(match?.[2] ?? 0);
    if (match === null || size > BENCHMARK_BYTES) {
      await socket.send(`say "send 0", "send 1" or "receive SIZE", at most ${BENCHMARK_BYTES}`);
    } else if (match[1] !== undefined) verify = match[1] === "1";
    // Large ones go out by reference, so that all connections share these bytes.
    else await socket.send((match[3] === undefined ? LETTERS : PATTERN).first(size));
  }
}

/** Where bytes differ from what they begin like; -1 for nowhere. */
function differs(bytes: Uint8Array): number {
  const expected = (bytes[0] === LETTER ? LETTERS : PATTERN).first(bytes.length);
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== expected[i]) return i;
  return -1;
}
