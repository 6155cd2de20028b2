/**
 * A client library as the load: opens the workload's connections, keeps its messages in flight, and
 * counts what comes back. Takes and prints the same as `load/load.ts`; a library's own file names it.
 *
 * @module
 */

import process from "node:process";
import type { LoadConfig } from "../load/load.ts";
import { Meter } from "../load/meter.ts";
import { answerRounds } from "../load/rounds.ts";

/** A connection of the library under test. */
export interface Sending {
  send(data: string | Uint8Array): void;
}

/** Opens a connection; `onMessage` is called for each message. */
export type Open = (url: string, onMessage: () => void) => Promise<Sending>;

/** Runs the load with a library. */
export async function runClient(open: Open): Promise<void> {
  const { port, workload }: LoadConfig = JSON.parse(process.argv[2]);
  const { size, type, inFlight, connections } = workload;
  const data = type === "text" ? "abcdefgh".repeat(size / 8) : new Uint8Array(size).fill(7);
  const sockets: Sending[] = [];
  // What is measured here is this process.
  const meter = new Meter(() => {
    meter.underWay = connections * inFlight;
    for (const socket of sockets) {
      for (let n = 0; n < inFlight; n++) socket.send(data);
    }
  }, process.pid);
  for (let i = 0; i < connections; i++) {
    const socket: Sending = await open(`ws://127.0.0.1:${port}/`, () => {
      meter.count++;
      if (meter.sending) socket.send(data);
      else meter.underWay--;
    });
    sockets.push(socket);
  }
  answerRounds((round) => meter.run(round));
}
