/**
 * The other side of the benchmark page.
 * @module
 */

import type { WebSocketConnection } from "../../api/connection.ts";

/** The most bytes that `receive` asks for: as much as a message may have by default. */
export const BENCHMARK_BYTES = 16 * 1024 * 1024;

/**
 * Bytes of the pattern, made once for all connections: byte i is i modulo 251, which no power of
 * two divides, so that a piece that is out of place shows.
 */
let pattern = new Uint8Array(0);

/**
 * Serves a benchmark:
 *
 * - `send 0` and then a binary message: answers with its size. With `send 1` the bytes are compared
 *   with the pattern before, and a difference is answered with `wrong at` and the place.
 * - `receive SIZE`: answers with so many bytes of the pattern.
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
    const match = /^(?:send ([01])|receive (\d{1,12}))$/.exec(message);
    const size = Number(match?.[2] ?? 0);
    if (match === null || size > BENCHMARK_BYTES) {
      await socket.send(`say "send 0", "send 1" or "receive SIZE", at most ${BENCHMARK_BYTES}`);
    } else if (match[1] !== undefined) verify = match[1] === "1";
    // Large ones go out by reference, so that all connections share these bytes.
    else await socket.send(patternBytes(size));
  }
}

/** The first bytes of the pattern. */
function patternBytes(size: number): Uint8Array<ArrayBuffer> {
  if (pattern.length < size) {
    let capacity = 64 * 1024;
    while (capacity < size) capacity *= 2;
    pattern = new Uint8Array(capacity);
    for (let i = 0; i < capacity; i++) pattern[i] = i % 251;
  }
  return pattern.subarray(0, size);
}

/** Where bytes differ from the pattern; -1 for nowhere. */
function differs(bytes: Uint8Array): number {
  const expected = patternBytes(bytes.length);
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== expected[i]) return i;
  return -1;
}
