/**
 * The load generator, a program of its own: bare sockets that write frames built before, and count
 * the bytes that come back. It parses nothing (except where the length of a reply is not known, or
 * pings can come between), so that the server is what is measured.
 *
 * Argument: a {@linkcode LoadConfig} as JSON; then rounds, as `rounds.ts` has it.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import process from "node:process";
import type { Workload } from "../workloads.ts";
import { Connection, openAll } from "./connection.ts";
import { type LoadBytes, loadBytes } from "./frames.ts";
import { Meter } from "./meter.ts";
import { answerPings, byteCounter, frameCounter } from "./replies.ts";
import { answerRounds } from "./rounds.ts";

/** What to do. */
export interface LoadConfig {
  /** "messages": the workload; "handshakes": connect and cut, over and over; "idle": connect. */
  task: "messages" | "handshakes" | "idle";
  port: number;
  workload: Workload;
  /** The server's process, to see how busy it is. */
  serverPid?: number;
}

const { task, port, workload, serverPid }: LoadConfig = JSON.parse(process.argv[2]);
const { inFlight } = workload;

function open(count: number): Promise<Connection[]> {
  return openAll(count, () => new Connection(port, workload));
}

/** Makes a function that gives so many messages in one piece, from the n-th on. */
function batches({ message, messages }: LoadBytes): (from: number, count: number) => Uint8Array {
  if (messages.length > 1) {
    return (from, count) => {
      const batch = Array.from({ length: count }, (_, i) => messages[(from + i) % messages.length]);
      return count === 1 ? batch[0] : Buffer.concat(batch);
    };
  }
  const most = Buffer.concat(Array(inFlight).fill(message));
  const all = Array.from(
    { length: inFlight + 1 },
    (_, count) => most.subarray(0, count * message.length),
  );
  return (_, count) => all[count];
}

/** Each connection sends its messages, and for each reply the next. */
async function echo(): Promise<Meter> {
  const load = loadBytes(workload);
  const batchOf = batches(load);
  const starts: (() => void)[] = [];
  const meter = new Meter(
    () => {
      for (const start of starts) start();
    },
    serverPid,
    inFlight === 1,
  );
  for (const [index, connection] of (await open(workload.connections)).entries()) {
    const { socket } = connection;
    let sent = index; // each begins elsewhere
    const send = (count: number) => {
      socket.write(batchOf(sent, count));
      sent += count;
    };
    const write = (bytes: Uint8Array) => socket.write(bytes);
    const replies = load.replyBytes === undefined ? frameCounter(load, write) : byteCounter(load);
    let due = 0;
    let sentAt = 0;
    connection.onBytes = (bytes) => {
      if (due === 0) return answerPings(bytes, write);
      const count = replies(bytes);
      if (count === 0) return;
      meter.count += count;
      if (inFlight === 1) {
        const now = performance.now();
        meter.sample(now - sentAt);
        sentAt = now;
      }
      if (meter.sending) return send(count);
      due -= count;
      meter.underWay -= count;
    };
    starts.push(() => {
      due = inFlight;
      meter.underWay += inFlight;
      sentAt = performance.now();
      send(inFlight);
    });
  }
  return meter;
}

/** One connection sends, every connection receives; the next message goes when all have the last. */
async function broadcast(): Promise<Meter> {
  const load = loadBytes(workload);
  const connections = await open(workload.connections);
  const [sender] = connections;
  let due = 0;
  const meter = new Meter(() => {
    meter.underWay = inFlight;
    due = workload.connections;
    for (let i = 0; i < inFlight; i++) sender.socket.write(load.message);
  }, serverPid);
  for (const connection of connections) {
    // Who only receives is pinged.
    const replies = frameCounter(load, (bytes) => connection.socket.write(bytes));
    connection.onBytes = (bytes) => {
      const count = replies(bytes);
      meter.count += count;
      for (due -= count; due <= 0 && meter.underWay > 0; due += workload.connections) {
        if (meter.sending) sender.socket.write(load.message);
        else meter.underWay--;
      }
    };
  }
  return meter;
}

function handshakes(): Meter {
  const again = (): void => {
    const connection = new Connection(port, workload);
    connection.start(() => {
      meter.count++;
      connection.reset();
      if (meter.sending) again();
      else meter.underWay--;
    });
  };
  const meter = new Meter(() => {
    meter.underWay = workload.connections;
    for (let i = 0; i < workload.connections; i++) again();
  }, serverPid);
  return meter;
}

/** Opens the connections, and leaves them alone. */
async function idle(): Promise<Meter> {
  await open(workload.connections);
  return new Meter(() => {}, serverPid);
}

const tasks = { messages: workload.mode === "broadcast" ? broadcast : echo, handshakes, idle };
const meter = await tasks[task]();
answerRounds((round) => meter.run(round));
