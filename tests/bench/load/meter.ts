/**
 * Counts replies in measured time, and reads what processor time that took.
 * @module
 */

import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import { fail, type LoadResult, type Round, sleep } from "./rounds.ts";

const MAX_SAMPLES = 1 << 20;
/** How long the last replies of a round may take. */
const LAST_REPLIES_MS = 20_000;

/**
 * Seconds of processor time that the threads of a process have used; Linux only.
 *
 * `/proc/PID/stat` counts ticks of 10 ms; what the scheduler tells of each thread, nanoseconds.
 */
function cpuOf(pid: number | undefined): number | undefined {
  if (pid === undefined) return undefined;
  try {
    let nanoseconds = 0;
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      const text = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "latin1");
      nanoseconds += Number(text.split(" ")[0]);
    }
    return nanoseconds / 1e9;
  } catch {
    return undefined;
  }
}

/** Runs rounds of some traffic, and counts for it. */
export class Meter {
  /** Replies so far. */
  count = 0;
  /** Messages that wait for their reply. */
  underWay = 0;
  /** Whether a reply is followed by the next message. */
  sending = false;
  readonly #serverPid: number | undefined;
  readonly #start: () => void;
  readonly #samples: Float64Array | undefined;
  #sampled = 0;

  /**
   * @param start Sends the first messages, and counts them as under way.
   * @param timed Whether `sample` will be called.
   */
  constructor(start: () => void, serverPid: number | undefined, timed = false) {
    this.#start = start;
    this.#serverPid = serverPid;
    if (timed) this.#samples = new Float64Array(MAX_SAMPLES);
  }

  /** Notes how long a reply took. */
  sample(ms: number): void {
    if (this.#sampled < MAX_SAMPLES) this.#samples![this.#sampled++] = ms;
  }

  /** Starts the traffic, waits out the warm-up, measures, and lets the traffic run out. */
  async run({ warmUpMs, measureMs, leastCount = 0 }: Round): Promise<LoadResult> {
    this.sending = true;
    this.#start();
    await sleep(warmUpMs);
    this.#sampled = 0;
    const own = process.cpuUsage();
    const server = cpuOf(this.#serverPid);
    const start = performance.now();
    const from = this.count;
    do await sleep(measureMs); while (this.count - from < leastCount);
    const seconds = (performance.now() - start) / 1000;
    const count = this.count - from;
    const used = process.cpuUsage(own);
    const serverAfter = cpuOf(this.#serverPid);
    const percentiles = this.#percentiles();
    await this.#runOut();
    return {
      count,
      seconds,
      ...percentiles,
      loadBusy: (used.user + used.system) / 1e6 / seconds,
      serverBusy: server === undefined || serverAfter === undefined
        ? undefined
        : (serverAfter - server) / seconds,
    };
  }

  async #runOut(): Promise<void> {
    this.sending = false;
    const end = performance.now() + LAST_REPLIES_MS;
    while (this.underWay > 0) {
      if (performance.now() > end) fail(`${this.underWay} replies did not come`);
      await sleep(1);
    }
  }

  #percentiles(): { p50?: number; p99?: number } {
    if (this.#samples === undefined || this.#sampled === 0) return {};
    const sorted = this.#samples.slice(0, this.#sampled).sort();
    const at = (part: number) => sorted[Math.floor((sorted.length - 1) * part)];
    return { p50: at(0.5), p99: at(0.99) };
  }
}
