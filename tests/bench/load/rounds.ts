/**
 * How a load and the program that started it talk: the load says "READY" when its connections are
 * open, then takes one {@linkcode Round} after the other, each a line of JSON on standard input, and
 * prints a {@linkcode LoadResult} for it. It keeps its connections, and is idle between the rounds.
 *
 * @module
 */

import process from "node:process";

/** One measurement. */
export interface Round {
  /** Milliseconds of traffic before the measurement starts, and of the measurement. */
  warmUpMs: number;
  measureMs: number;
  /** Replies without which the measurement goes on. Default: 0. */
  leastCount?: number;
}

/** What was seen. */
export interface LoadResult {
  /** Replies (or deliveries, or handshakes) in the measured time. */
  count: number;
  seconds: number;
  /** Milliseconds from a message to its reply, with one in flight only. */
  p50?: number;
  p99?: number;
  /** Share of one core that this program and the server used, 0 to 1; `undefined` if unknown. */
  loadBusy?: number;
  serverBusy?: number;
}

/** Ends the program with a reason. */
export function fail(why: string): never {
  console.error(`load: ${why}`);
  process.exit(1);
}

/** Resolves after so many milliseconds. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Says that all is ready, runs the rounds that are asked for, and ends when its parent does. */
export function answerRounds(run: (round: Round) => Promise<LoadResult>): void {
  let text = "";
  process.stdin.setEncoding("utf8").on("data", async (part: string) => {
    text += part;
    if (!text.endsWith("\n")) return;
    const round: Round = JSON.parse(text);
    text = "";
    process.stdout.write(`${JSON.stringify(await run(round))}\n`);
  });
  process.stdin.on("end", () => process.exit(0));
  process.stdout.write("READY\n");
}
