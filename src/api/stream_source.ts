/**
 * A stream on its way to the peer: pieces in, fragments out.
 * @module
 */

/**
 * A larger piece goes out as several fragments: between them pings, pongs and closes pass, and a
 * peer that is slow in reading holds the rest back.
 */
export const MAX_FRAGMENT_BYTES: number = 256 * 1024;

/** Reads a stream that was given to `send()`: it is locked at once, and used up or cancelled. */
export class StreamSource {
  readonly #reader: ReadableStreamDefaultReader<unknown>;

  /** @param stream The stream, not locked yet. */
  constructor(stream: ReadableStream<unknown>) {
    this.#reader = stream.getReader();
  }

  /** Waits for the next piece. */
  read(): Promise<{ done: boolean; value?: unknown }> {
    return this.#reader.read();
  }

  /** Gives the rest up; a read that waits gets the end. */
  cancel(reason: unknown): void {
    this.#reader.cancel(reason).catch(() => {});
  }
}

/**
 * Where to cut a piece next.
 *
 * @param bytes The piece.
 * @param from What has gone already.
 * @param type Text is not cut inside a character.
 * @returns The end of the next fragment.
 */
export function nextCut(bytes: Uint8Array, from: number, type: "text" | "binary"): number {
  const end = from + MAX_FRAGMENT_BYTES;
  if (end >= bytes.length) return bytes.length;
  let cut = end;
  if (type === "text") { while ((bytes[cut] & 0xc0) === 0x80 && cut > end - 4) cut--; }
  return cut;
}
