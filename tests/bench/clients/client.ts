/**
 * A client library as the load: opens the workload's connections, keeps its messages in flight, and
 * counts what comes back. Takes and prints the same as `load/load.ts`; a library's own file names it.
 *
 * @module
 */

import process from "node:process";
import type { LoadConfig, LoadResult } from "../load/load.ts";

/** A connection of the library under test. */
export interface Sending {
  send(data: string | Uint8Array): void;
}

/** Opens a connection; `onMessage` is called for each message. */
export type Open = (url: string, onMessage: () => void) => Promise<Sending>;

/** Runs the load with a library. */
export async function runClient(open: Open): Promise<void> {
  const config: LoadConfig = JSON.parse(process.argv[2]);
  const { port, workload, warmUpMs, measureMs, leastCount = 0 } = config;
  const { size, type, inFlight, connections } = workload;
  const data = type === "text" ? "abcdefgh".repeat(size / 8) : new Uint8Array(size).fill(7);
  let count = 0;
  const starts: (() => void)[] = [];
  for (let i = 0; i < connections; i++) {
    const socket: Sending = await open(`ws://127.0.0.1:${port}/`, () => {
      count++;
      socket.send(data);
    });
    starts.push(() => {
      for (let n = 0; n < inFlight; n++) socket.send(data);
    });
  }
  for (const start of starts) start();
  await new Promise((resolve) => setTimeout(resolve, warmUpMs));
  const used = process.cpuUsage();
  const start = performance.now();
  const from = count;
  do {
    await new Promise((resolve) => setTimeout(resolve, measureMs));
  } while (count - from < leastCount);
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(used);
  const result: LoadResult = {
    count: count - from,
    seconds,
    serverBusy: (user + system) / 1e6 / seconds, // what is measured here is the client
  };
  console.log(JSON.stringify(result));
  process.exit(0);
}
