/**
 * Latencies in bounded memory: a histogram whose buckets grow with what they hold, so that every
 * answer is within one per cent however long a run was.
 *
 * @module
 */

/** Buckets for each doubling: a value is at most 1/128 away from its bucket's middle. */
const STEPS = 64;
/** The smallest value told apart, in milliseconds, and how many doublings there are above it. */
const LEAST_MS = 0.001;
const DOUBLINGS = 30; // up to a quarter of an hour

/** Counts latencies. */
export class Histogram {
  readonly #counts = new Float64Array(DOUBLINGS * STEPS + 1);
  #count = 0;
  #sum = 0;
  #max = 0;

  /** Takes a latency, in milliseconds. */
  add(ms: number): void {
    this.#counts[bucketOf(ms)]++;
    this.#count++;
    this.#sum += ms;
    if (ms > this.#max) this.#max = ms;
  }

  /** How many there are. */
  get count(): number {
    return this.#count;
  }

  /** Their mean, in milliseconds; 0 when there are none. */
  get mean(): number {
    return this.#count === 0 ? 0 : this.#sum / this.#count;
  }

  /** The longest, in milliseconds. */
  get max(): number {
    return this.#max;
  }

  /**
   * Finds the latency that a share of all stays below.
   *
   * @param share From 0 to 1: 0.99 for the 99th percentile.
   * @returns Milliseconds; 0 when there are none.
   */
  quantile(share: number): number {
    const rank = Math.max(1, Math.ceil(share * this.#count));
    let seen = 0;
    for (let i = 0; i < this.#counts.length; i++) {
      seen += this.#counts[i];
      if (seen >= rank) return Math.min(middleOf(i), this.#max);
    }
    return this.#max;
  }
}

function bucketOf(ms: number): number {
  if (!(ms > LEAST_MS)) return 0;
  return Math.min(Math.ceil(Math.log2(ms / LEAST_MS) * STEPS), DOUBLINGS * STEPS);
}

function middleOf(bucket: number): number {
  return bucket === 0 ? LEAST_MS : LEAST_MS * 2 ** ((bucket - 0.5) / STEPS);
}
