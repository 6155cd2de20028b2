/**
 * A seeded generator, so that a fuzz test that fails can be run again with the same bytes.
 * @module
 */

/** Draws reproducible numbers and bytes (xorshift, 32 bits); never for anything secret. */
export class Random {
  #state: number;

  /** @param seed Any integer; equal seeds give equal draws. */
  constructor(seed: number) {
    // Spread neighbouring seeds apart; the state of a xorshift must not be 0.
    this.#state = Math.imul(seed + 1, 0x9e3779b1) | 0 || 1;
    for (let i = 0; i < 8; i++) this.uint32();
  }

  /** Draws 32 bits as an unsigned number. */
  uint32(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return x >>> 0;
  }

  /** Draws an integer from `low` to `high`, both included. */
  int(low: number, high: number): number {
    return low + this.uint32() % (high - low + 1);
  }

  /** Is `true` once in `n` draws. */
  oneIn(n: number): boolean {
    return this.int(1, n) === 1;
  }

  /** Picks one of some values. */
  pick<T>(values: readonly T[]): T {
    return values[this.int(0, values.length - 1)];
  }

  /** Draws bytes. */
  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i++) bytes[i] = this.uint32() >>> 11;
    return bytes;
  }

  /** Draws well-formed text of `length` characters, of one to four bytes each in UTF-8. */
  text(length: number): string {
    let text = "";
    for (let i = 0; i < length; i++) {
      const size = this.int(1, 6);
      text += String.fromCodePoint(
        size <= 3
          ? this.int(0, 0x7f)
          : size === 4
          ? this.int(0x80, 0x7ff)
          : size === 5
          ? this.pick([this.int(0x800, 0xd7ff), this.int(0xe000, 0xffff)])
          : this.int(0x10000, 0x10ffff),
      );
    }
    return text;
  }
}

/**
 * Runs a test body with one seed after the other, and names the seed that failed.
 *
 * @param rounds How many seeds.
 * @param body The test.
 * @param firstSeed Where to start; to see a failure alone, give its seed here and 1 as `rounds`.
 */
export function fuzz(rounds: number, body: (random: Random) => void, firstSeed = 1): void {
  for (let seed = firstSeed; seed < firstSeed + rounds; seed++) {
    try {
      body(new Random(seed));
    } catch (cause) {
      const what = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`failed with seed ${seed}: ${what}`, { cause });
    }
  }
}
