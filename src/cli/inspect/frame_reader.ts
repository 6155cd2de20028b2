/**
 * Reads the frames of one direction as they pass. Nothing is refused: who inspects wants to see
 * what is broken, too.
 *
 * @see RFC 6455, section 5.2
 * @module
 */

/** What the header of a frame says. */
export interface FrameHeader {
  readonly fin: boolean;
  readonly rsv1: boolean;
  readonly rsv2: boolean;
  readonly rsv3: boolean;
  readonly opcode: number;
  readonly masked: boolean;
  /** Payload bytes; of more than 2^53, the nearest number. */
  readonly length: number;
}

/** Takes what a {@linkcode FrameReader} finds. */
export interface FrameEvents {
  /** Takes a header. */
  onHeader(header: FrameHeader): void;
  /** Takes a slice of its payload, unmasked: a copy. */
  onPayload(slice: Uint8Array): void;
  /** Takes its end. */
  onEnd(): void;
}

/** A header has at most this many bytes. */
const MAX_HEADER_BYTES = 14;

/** Finds frames in a byte stream. */
export class FrameReader {
  readonly #events: FrameEvents;
  readonly #head = new Uint8Array(MAX_HEADER_BYTES);
  #headBytes = 0;
  /** Whether a payload is being read, and what is left of it. */
  #inPayload = false;
  #left = 0;
  readonly #key = new Uint8Array(4);
  #masked = false;
  #offset = 0;

  /** @param events Who is told. */
  constructor(events: FrameEvents) {
    this.#events = events;
  }

  /** Whether the bytes so far end between two frames. */
  get atBoundary(): boolean {
    return !this.#inPayload && this.#headBytes === 0;
  }

  /** Takes bytes, which stay as they are. */
  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#inPayload) {
        at = this.#readPayload(chunk, at);
        continue;
      }
      this.#head[this.#headBytes++] = chunk[at++];
      if (this.#headBytes >= 2 && this.#headBytes === headerSize(this.#head[1])) this.#begin();
    }
  }

  #begin(): void {
    const [first, second] = this.#head;
    const view = new DataView(this.#head.buffer);
    const short = second & 0x7f;
    const length = short < 126
      ? short
      : short === 126
      ? view.getUint16(2)
      : view.getUint32(2) * 2 ** 32 + view.getUint32(6);
    this.#masked = (second & 0x80) !== 0;
    if (this.#masked) this.#key.set(this.#head.subarray(this.#headBytes - 4, this.#headBytes));
    this.#headBytes = 0;
    this.#offset = 0;
    this.#left = length;
    this.#inPayload = length > 0;
    this.#events.onHeader({
      fin: (first & 0x80) !== 0,
      rsv1: (first & 0x40) !== 0,
      rsv2: (first & 0x20) !== 0,
      rsv3: (first & 0x10) !== 0,
      opcode: first & 0x0f,
      masked: this.#masked,
      length,
    });
    if (length === 0) this.#events.onEnd();
  }

  #readPayload(chunk: Uint8Array, at: number): number {
    const end = at + Math.min(this.#left, chunk.length - at);
    const slice = new Uint8Array(chunk.subarray(at, end));
    if (this.#masked) {
      for (let i = 0; i < slice.length; i++) slice[i] ^= this.#key[(this.#offset + i) & 3];
    }
    this.#offset += slice.length;
    this.#left -= slice.length;
    this.#events.onPayload(slice);
    if (this.#left === 0) {
      this.#inPayload = false;
      this.#events.onEnd();
    }
    return end;
  }
}

function headerSize(second: number): number {
  const short = second & 0x7f;
  return 2 + (short === 127 ? 8 : short === 126 ? 2 : 0) + ((second & 0x80) === 0 ? 0 : 4);
}
