/**
 * The load generator, a program of its own: bare sockets that write frames built before, and count
 * the bytes that come back. It parses nothing (except under permessage-deflate, where the length of
 * a reply is not known), so that the server is what is measured.
 *
 * Argument: a {@linkcode LoadConfig} as JSON. Prints a {@linkcode LoadResult} as one line of JSON.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import process from "node:process";
import type { Workload } from "../workloads.ts";
import { type LoadBytes, loadBytes } from "./frames.ts";
import { type LoadSocket, openSocket } from "./sockets.ts";

/** What to do. */
export interface LoadConfig {
  /** "messages": the workload; "handshakes": connect and cut, over and over; "idle": connect. */
  task: "messages" | "handshakes" | "idle";
  port: number;
  workload: Workload;
  /** Milliseconds before the measurement starts, and of the measurement. */
  warmUpMs: number;
  measureMs: number;
  /** Replies without which the measurement goes on, for a test on a busy machine. Default: 0. */
  leastCount?: number;
  /** The server's process, to see how busy it is. */
  serverPid?: number;
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

/** Connections that are being opened at the same time. */
const OPENING_AT_ONCE = 64;
const MAX_SAMPLES = 1 << 20;

const config: LoadConfig = JSON.parse(process.argv[2]);
const { workload } = config;

function request(): string {
  return "GET / HTTP/1.1\r\n" +
    `Host: 127.0.0.1:${config.port}\r\n` +
    "Upgrade: websocket\r\nConnection: Upgrade\r\n" +
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" +
    (workload.deflate ? "Sec-WebSocket-Extensions: permessage-deflate\r\n" : "") + "\r\n";
}

function fail(why: string): never {
  console.error(`load: ${why}`);
  process.exit(1);
}

/** Opens connections, each as far as the server's 101; resolves when all are there. */
function openAll(count: number, make: () => Connection): Promise<Connection[]> {
  return new Promise((resolve) => {
    const open: Connection[] = [];
    let started = 0;
    const next = (): void => {
      if (started === count) return;
      started++;
      const connection = make();
      connection.start(() => {
        open.push(connection);
        if (open.length === count) resolve(open);
        else next();
      });
    };
    for (let i = 0; i < Math.min(count, OPENING_AT_ONCE); i++) next();
  });
}

class Connection {
  socket!: LoadSocket;
  #onReady: (() => void) | undefined;
  #head = "";
  #over = false;

  /** Takes the bytes after the handshake. */
  onBytes: (bytes: Uint8Array) => void = () => {};

  start(onReady: () => void): void {
    this.#onReady = onReady;
    openSocket(config.port, {
      onOpen: (socket) => {
        this.socket = socket;
        socket.write(Buffer.from(request()));
      },
      onData: (bytes) => {
        if (this.#onReady === undefined) this.onBytes(bytes);
        else this.#readHead(bytes);
      },
      onClose: (error) => {
        if (!this.#over) fail(`a connection was lost: ${error ?? "no error"} ${this.#head}`);
      },
    });
  }

  #readHead(bytes: Uint8Array): void {
    this.#head += Buffer.from(bytes).toString("latin1");
    const end = this.#head.indexOf("\r\n\r\n");
    if (end < 0) return;
    if (!this.#head.startsWith("HTTP/1.1 101 ")) fail(`no 101 but ${this.#head}`);
    if (workload.deflate && !/permessage-deflate/i.test(this.#head)) fail("no permessage-deflate");
    const onReady = this.#onReady!;
    this.#onReady = undefined;
    this.#head = "";
    onReady();
  }

  reset(): void {
    this.#over = true;
    this.socket.reset();
  }
}

// ------------------------------------------------------------------------------ counting

/** Looks at the first bytes of the first reply: is it the message that is expected? */
function checkFirst(bytes: Uint8Array, { replyStart }: LoadBytes): void {
  const start = Buffer.from(bytes.subarray(0, replyStart.length));
  if (start.compare(replyStart.subarray(0, start.length)) !== 0) {
    fail(`the reply begins with ${start.toString("hex")}, not ${replyStart.toString("hex")}`);
  }
}

/** Makes a function that takes bytes and tells how many replies they complete. */
function replyCounter(load: LoadBytes): (bytes: Uint8Array) => number {
  let first = true;
  const { replyBytes } = load;
  if (replyBytes === undefined) return frameCounter(load);
  let got = 0;
  return (bytes) => {
    if (first) {
      first = false;
      checkFirst(bytes, load);
    }
    got += bytes.length;
    if (got < replyBytes) return 0;
    const count = Math.floor(got / replyBytes);
    got -= count * replyBytes;
    return count;
  };
}

/** The same by the frames' headers, for short replies of any length. */
function frameCounter(load: LoadBytes): (bytes: Uint8Array) => number {
  let rest: Uint8Array = new Uint8Array(0);
  return (bytes) => {
    const data = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    let at = 0, count = 0;
    while (data.length - at >= 4) {
      const short = data[at + 1];
      if (short > 126) fail("a reply is longer than this workload's can be");
      const end = at + (short < 126 ? 2 + short : 4 + (data[at + 2] << 8 | data[at + 3]));
      if (end > data.length) break;
      checkFirst(data.subarray(at), load);
      at = end;
      count++;
    }
    rest = data.slice(at);
    return count;
  };
}

// ------------------------------------------------------------------------------- measuring

/** Seconds of processor time that a process has used; Linux only. */
function cpuOf(pid: number | undefined): number | undefined {
  if (pid === undefined) return undefined;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return undefined;
  }
}

class Meter {
  count = 0;
  samples: Float64Array | undefined;
  sampled = 0;
  measuring = false;

  /** Waits out the warm-up, measures, and returns what was counted. */
  async run(): Promise<LoadResult> {
    await new Promise((resolve) => setTimeout(resolve, config.warmUpMs));
    const own = process.cpuUsage();
    const server = cpuOf(config.serverPid);
    const start = performance.now();
    const from = this.count;
    this.measuring = true;
    do {
      await new Promise((resolve) => setTimeout(resolve, config.measureMs));
    } while (this.count - from < (config.leastCount ?? 0));
    this.measuring = false;
    const seconds = (performance.now() - start) / 1000;
    const count = this.count - from;
    const used = process.cpuUsage(own);
    const serverAfter = cpuOf(config.serverPid);
    return {
      count,
      seconds,
      ...this.#percentiles(),
      loadBusy: (used.user + used.system) / 1e6 / seconds,
      serverBusy: server === undefined || serverAfter === undefined
        ? undefined
        : (serverAfter - server) / seconds,
    };
  }

  #percentiles(): { p50?: number; p99?: number } {
    if (this.samples === undefined || this.sampled === 0) return {};
    const sorted = this.samples.subarray(0, this.sampled).sort();
    const at = (part: number) => sorted[Math.floor((sorted.length - 1) * part)];
    return { p50: at(0.5), p99: at(0.99) };
  }

  sample(ms: number): void {
    if (this.measuring && this.sampled < MAX_SAMPLES) this.samples![this.sampled++] = ms;
  }
}

async function echo(): Promise<LoadResult> {
  const load = loadBytes(workload);
  const { inFlight } = workload;
  const batch = Buffer.concat(Array(inFlight).fill(load.message));
  const batches: Uint8Array[] = [];
  for (let n = 0; n <= inFlight; n++) batches.push(batch.subarray(0, n * load.message.length));
  const meter = new Meter();
  if (inFlight === 1) meter.samples = new Float64Array(MAX_SAMPLES);
  const connections = await openAll(workload.connections, () => new Connection());
  for (const connection of connections) {
    const { socket } = connection;
    const replies = replyCounter(load);
    let sentAt = 0;
    connection.onBytes = inFlight === 1
      ? (bytes) => {
        const count = replies(bytes);
        if (count === 0) return;
        const now = performance.now();
        meter.sample(now - sentAt);
        meter.count += count;
        sentAt = now;
        socket.write(batches[count]);
      }
      : (bytes) => {
        const count = replies(bytes);
        if (count === 0) return;
        meter.count += count;
        socket.write(batches[count]);
      };
    sentAt = performance.now();
  }
  for (const { socket } of connections) socket.write(batches[inFlight]);
  return await meter.run();
}

/** One connection sends, every connection receives; the next message goes when all have the last. */
async function broadcast(): Promise<LoadResult> {
  const load = loadBytes(workload);
  const meter = new Meter();
  const connections = await openAll(workload.connections, () => new Connection());
  const [sender] = connections;
  let due = workload.connections;
  for (const connection of connections) {
    const replies = replyCounter(load);
    connection.onBytes = (bytes) => {
      const count = replies(bytes);
      meter.count += count;
      for (due -= count; due <= 0; due += workload.connections) sender.socket.write(load.message);
    };
  }
  for (let i = 0; i < workload.inFlight; i++) sender.socket.write(load.message);
  return await meter.run();
}

async function handshakes(): Promise<LoadResult> {
  const meter = new Meter();
  const again = (): void => {
    const connection = new Connection();
    connection.start(() => {
      meter.count++;
      connection.reset();
      again();
    });
  };
  for (let i = 0; i < workload.connections; i++) again();
  return await meter.run();
}

/** Opens the connections, says so, and waits until standard input ends. */
async function idle(): Promise<LoadResult> {
  await openAll(workload.connections, () => new Connection());
  console.log("READY");
  await new Promise((resolve) => process.stdin.on("end", resolve).resume());
  return { count: workload.connections, seconds: 0 };
}

const tasks = { messages: workload.mode === "broadcast" ? broadcast : echo, handshakes, idle };
console.log(JSON.stringify(await tasks[config.task]()));
process.exit(0);
