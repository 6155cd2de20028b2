/**
 * Inflating in plain JavaScript, piece by piece, for hosts without a zlib.
 *
 * @see RFC 1951, section 3.2
 * @module
 */

import { concatBytes, EMPTY_BYTES } from "../bytes.ts";
import { InflateError } from "./codec.ts";

/** How far back a match may reach. */
const WINDOW_BYTES = 32768;

/** Room for a window and as much output again, and for one more match. */
const BUFFER_BYTES = 2 * WINDOW_BYTES + 258;

/** RFC 1951 §3.2.5: base and extra bits of the length codes 257 to 285 … */
const LENGTH_BASE = /* @__PURE__ */ base(
  [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5],
  3,
);
const LENGTH_EXTRA = /* @__PURE__ */ new Uint8Array(
  [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0],
);
/** … and of the distance codes 0 to 29. */
const DISTANCE_EXTRA = /* @__PURE__ */ Uint8Array.from(
  { length: 30 },
  (_, i) => Math.max(0, (i >> 1) - 1),
);
const DISTANCE_BASE = /* @__PURE__ */ base(DISTANCE_EXTRA, 1);

/** §3.2.7: the order in which the lengths of the code length codes come. */
const CODE_LENGTH_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

function base(extra: readonly number[] | Uint8Array, first: number): Uint16Array {
  const bases = new Uint16Array(extra.length + 1);
  let next = first;
  extra.forEach((bits, i) => {
    bases[i] = next;
    next += 1 << bits;
  });
  bases[extra.length] = first === 3 ? 258 : next & 0xffff; // length code 285 is 258 by itself
  return bases;
}

/** A prefix code: for every `bits` bits of input a symbol and its length, `symbol << 4 | length`. */
interface Code {
  readonly bits: number;
  readonly table: Uint16Array;
}

/**
 * Builds a prefix code from the lengths of its words (§3.2.2).
 *
 * @param partial Whether a code of a single word, or of none, is allowed.
 */
function buildCode(lengths: Uint8Array, partial: boolean): Code {
  const counts = new Uint16Array(16);
  for (const length of lengths) counts[length]++;
  counts[0] = 0;
  let bits = 15;
  while (bits > 1 && counts[bits] === 0) bits--;
  const next = new Uint16Array(16);
  let left = 1;
  let words = 0;
  for (let length = 1; length <= 15; length++) {
    left = left * 2 - counts[length];
    if (left < 0) throw corrupt("a code has too many words");
    next[length] = length === 1 ? 0 : (next[length - 1] + counts[length - 1]) << 1;
    words += counts[length];
  }
  if (left > 0 && !(partial && words <= 1)) throw corrupt("a code has too few words");
  const table = new Uint16Array(1 << bits);
  lengths.forEach((length, symbol) => {
    if (length === 0) return;
    let word = next[length]++;
    let reversed = 0; // input is read from the lowest bit on
    for (let i = 0; i < length; i++, word >>= 1) reversed = (reversed << 1) | (word & 1);
    for (let i = reversed; i < table.length; i += 1 << length) table[i] = (symbol << 4) | length;
  });
  return { bits, table };
}

let fixed: [Code, Code] | undefined;

/** §3.2.6: the codes of blocks that bring none. */
function fixedCodes(): [Code, Code] {
  if (fixed === undefined) {
    const literals = new Uint8Array(288).fill(8).fill(9, 144, 256).fill(7, 256, 280);
    fixed = [buildCode(literals, false), buildCode(new Uint8Array(32).fill(5), false)];
  }
  return fixed;
}

/** Inflates what is pushed; a stream that has ended is followed by another, with the same window. */
export class Inflate {
  readonly #steps: Generator<void, never, void> = this.#run();
  #input: Uint8Array = EMPTY_BYTES;
  #at = 0;
  #held = 0;
  #heldBits = 0;
  #betweenBlocks = true;
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  /** Output up to here was handed out; up to there it is made. */
  #given = 0;
  #end = 0;

  /** Whether what was pushed ends with a block, at a whole byte. */
  get complete(): boolean {
    return this.#betweenBlocks && this.#at === this.#input.length && this.#heldBits === 0;
  }

  /** Gives more input, which stays unchanged until it is used up. */
  push(input: Uint8Array): void {
    const rest = this.#input.subarray(this.#at);
    this.#input = rest.length === 0 ? input : concatBytes([rest, input]);
    this.#at = 0;
  }

  /**
   * Inflates up to about 32 KiB.
   *
   * @returns A piece, its taker's to keep, or `null` when the input is used up.
   * @throws {InflateError} If the data is corrupt; nothing must be called after that.
   */
  pull(): Uint8Array | null {
    this.#steps.next();
    const piece = this.#buffer.slice(this.#given, this.#end);
    this.#given = this.#end;
    if (this.#end >= 2 * WINDOW_BYTES) {
      this.#buffer.copyWithin(0, this.#end - WINDOW_BYTES, this.#end);
      this.#given = this.#end = WINDOW_BYTES;
    }
    return piece.length > 0 ? piece : null;
  }

  /** Yields when it wants input, or has filled the buffer. */
  *#run(): Generator<void, never, void> {
    for (;;) {
      const header = yield* this.#bits(3);
      this.#betweenBlocks = false;
      const type = header >> 1;
      if (type === 0) yield* this.#stored();
      else if (type === 1) yield* this.#compressed(...fixedCodes());
      else if (type === 2) yield* this.#compressed(...yield* this.#readCodes());
      else throw corrupt("a block has the reserved type");
      if ((header & 1) === 1) this.#align();
      this.#betweenBlocks = true;
    }
  }

  *#bits(count: number): Generator<void, number, void> {
    while (this.#heldBits < count) {
      while (this.#at === this.#input.length) yield;
      this.#held |= this.#input[this.#at++] << this.#heldBits;
      this.#heldBits += 8;
    }
    const value = this.#held & ((1 << count) - 1);
    this.#held >>>= count;
    this.#heldBits -= count;
    return value;
  }

  /** Drops the rest of a byte; no more than that is ever held here. */
  #align(): void {
    this.#held >>>= this.#heldBits & 7;
    this.#heldBits &= ~7;
  }

  *#stored(): Generator<void, void, void> {
    this.#align();
    let length = yield* this.#bits(16);
    const check = yield* this.#bits(16);
    if ((length ^ check) !== 0xffff) throw corrupt("a stored block's lengths differ");
    while (length > 0) {
      if (this.#heldBits > 0) {
        this.#buffer[this.#end++] = yield* this.#bits(8);
        length--;
      } else {
        while (this.#at === this.#input.length) yield;
        const room = 2 * WINDOW_BYTES - this.#end;
        const size = Math.min(length, room, this.#input.length - this.#at);
        this.#buffer.set(this.#input.subarray(this.#at, this.#at + size), this.#end);
        this.#at += size;
        this.#end += size;
        length -= size;
      }
      while (this.#end >= 2 * WINDOW_BYTES) yield;
    }
  }

  *#readCodes(): Generator<void, [Code, Code], void> {
    const literals = (yield* this.#bits(5)) + 257;
    const distances = (yield* this.#bits(5)) + 1;
    const count = (yield* this.#bits(4)) + 4;
    if (literals > 286 || distances > 30) throw corrupt("a block has too many symbols");
    const lengths = new Uint8Array(19);
    for (let i = 0; i < count; i++) lengths[CODE_LENGTH_ORDER[i]] = yield* this.#bits(3);
    const code = buildCode(lengths, false);
    const all = new Uint8Array(literals + distances);
    for (let i = 0; i < all.length;) {
      const symbol = yield* this.#symbol(code);
      if (symbol < 16) {
        all[i++] = symbol;
        continue;
      }
      if (symbol === 16 && i === 0) throw corrupt("there is no length to repeat");
      const value = symbol === 16 ? all[i - 1] : 0;
      const times = symbol === 16
        ? 3 + (yield* this.#bits(2))
        : symbol === 17
        ? 3 + (yield* this.#bits(3))
        : 11 + (yield* this.#bits(7));
      if (i + times > all.length) throw corrupt("a length is repeated too often");
      all.fill(value, i, i += times);
    }
    if (all[256] === 0) throw corrupt("a block has no end");
    return [
      buildCode(all.subarray(0, literals), true),
      buildCode(all.subarray(literals), true),
    ];
  }

  *#symbol({ bits, table }: Code): Generator<void, number, void> {
    for (;;) {
      const entry = table[this.#held & ((1 << bits) - 1)];
      const length = entry & 15;
      if (length > 0 && length <= this.#heldBits) {
        this.#held >>>= length;
        this.#heldBits -= length;
        return entry >> 4;
      }
      if (this.#heldBits >= bits) throw corrupt("there is no such word in the code");
      while (this.#at === this.#input.length) yield;
      this.#held |= this.#input[this.#at++] << this.#heldBits;
      this.#heldBits += 8;
    }
  }

  *#compressed(literals: Code, distances: Code): Generator<void, void, void> {
    const buffer = this.#buffer;
    for (;;) {
      while (this.#end >= 2 * WINDOW_BYTES) yield;
      const symbol = this.#quickSymbol(literals) ?? (yield* this.#symbol(literals));
      if (symbol < 256) {
        buffer[this.#end++] = symbol;
        continue;
      }
      if (symbol === 256) return;
      if (symbol > 285) throw corrupt("there is no such length");
      const lengthBits = LENGTH_EXTRA[symbol - 257];
      const length = LENGTH_BASE[symbol - 257] +
        (lengthBits === 0 ? 0 : yield* this.#bits(lengthBits));
      const code = this.#quickSymbol(distances) ?? (yield* this.#symbol(distances));
      if (code > 29) throw corrupt("there is no such distance");
      const distanceBits = DISTANCE_EXTRA[code];
      const distance = DISTANCE_BASE[code] +
        (distanceBits === 0 ? 0 : yield* this.#bits(distanceBits));
      let end = this.#end;
      if (distance > end) throw corrupt("a match reaches back too far");
      for (let from = end - distance, i = 0; i < length; i++) buffer[end++] = buffer[from++];
      this.#end = end;
    }
  }

  /** A symbol for which the input is there; `undefined` when it takes the slow way. */
  #quickSymbol({ bits, table }: Code): number | undefined {
    while (this.#heldBits < bits && this.#at < this.#input.length) {
      this.#held |= this.#input[this.#at++] << this.#heldBits;
      this.#heldBits += 8;
    }
    const entry = table[this.#held & ((1 << bits) - 1)];
    const length = entry & 15;
    if (length === 0 || length > this.#heldBits) return undefined;
    this.#held >>>= length;
    this.#heldBits -= length;
    return entry >> 4;
  }
}

function corrupt(message: string): InflateError {
  return new InflateError("corrupt", message);
}
