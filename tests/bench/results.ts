/**
 * What a run found: the shape of `results.json`.
 * @module
 */

import type { Ratio } from "./statistics.ts";

/** One server (or client) under one workload. */
export interface Row {
  /** `kind@runtime`. */
  name: string;
  runtime: string;
  /** The median over the rounds, in messages (deliveries, handshakes, …) per second. */
  median: number;
  /** Every round, in the order in which they ran. */
  rounds: number[];
  /** Compared with `peer`, round by round. */
  ratio?: Ratio;
  /** Microseconds of processor time per message: what other programs on the machine disturb least. */
  cost?: number;
  /** The peer's cost over this one's: what `ratio` would be if both had a core of their own. */
  costRatio?: Ratio;
  peer: string;
  /** Milliseconds, medians over the rounds; with one message in flight only. */
  p50?: number;
  p99?: number;
  /** The share of its core that it used, and that the load used: medians, 0 to 1. */
  busy?: number;
  loadBusy?: number;
  /** Why there is no number. */
  error?: string;
}

/** A table of rows that can be compared. */
export interface Table {
  name: string;
  title: string;
  /** What `median` counts. */
  unit: string;
  /** Whether more is better. */
  more: boolean;
  rows: Row[];
}

/** Everything that a run found. */
export interface Results {
  date: string;
  command: string;
  machine: {
    cpu: string;
    cores: number;
    os: string;
    pinned: boolean;
    versions: Record<string, string>;
  };
  rounds: number;
  seconds: number;
  tables: Table[];
}
