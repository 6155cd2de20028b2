/**
 * How much memory a process has had at most.
 * @module
 */

import { readFileSync } from "node:fs";
import process from "node:process";

/** Samples are taken so often where the system keeps no record, in milliseconds. */
const SAMPLE_MS = 20;

/** Watches this process's resident memory from now on. */
export class PeakMemory {
  /** Bytes when the watch began. */
  readonly before: number = process.memoryUsage.rss();
  #sampled = this.before;
  readonly #timer = setInterval(() => this.#sample(), SAMPLE_MS);

  #sample(): void {
    this.#sampled = Math.max(this.#sampled, process.memoryUsage.rss());
  }

  /** Ends the watch: the most bytes there were; Linux knows it exactly, also between samples. */
  end(): number {
    clearInterval(this.#timer);
    this.#sample();
    try {
      const status = readFileSync("/proc/self/status", "utf8");
      return Number(/^VmHWM:\s*(\d+) kB$/m.exec(status)![1]) * 1024;
    } catch {
      return this.#sampled;
    }
  }
}
