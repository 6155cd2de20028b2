/**
 * Playing a record again: the client's frames, with the pauses between them, to a server.
 * @module
 */

import { Buffer } from "node:buffer";
import { createReadStream } from "node:fs";
import { StringDecoder } from "node:string_decoder";
import { headBytes, HeadCollector, readdress } from "./heads.ts";
import { FORMAT, VERSION } from "./recorder.ts";
import { Session, type SessionSetup } from "./session.ts";
import { type ByteSocket, reach, type Target } from "./target.ts";

/** What a record says that a client did. */
interface RecordedEvent {
  readonly t: number;
  readonly c: number;
  readonly e: "open" | "frame" | "end";
  readonly head?: string;
  readonly from?: string;
  readonly opcode?: number;
  readonly fin?: boolean;
  readonly rsv1?: boolean;
  readonly rsv2?: boolean;
  readonly rsv3?: boolean;
  readonly masked?: boolean;
  readonly payload?: string;
  readonly missing?: boolean;
}

/** How a record is played. */
export interface ReplayPlan {
  readonly path: string;
  readonly target: Target;
  /** 1 for the recorded pauses, 2 for half of them; 0 for none. */
  readonly speed: number;
  /** How long answers are waited for at the end of each connection, in milliseconds. */
  readonly waitMs: number;
  readonly signal: AbortSignal;
  /** How long the server may take to answer the handshake, in milliseconds. Default: 10 000. */
  readonly handshakeTimeoutMs?: number;
}

/** A line of a record has at most this many characters: enough for the largest recorded payload. */
const MAX_LINE_LENGTH = 24 * 2 ** 20;

/** How long the server may take to answer the handshake, in milliseconds. */
const HANDSHAKE_TIMEOUT_MS = 10_000;

/**
 * Plays a record.
 *
 * @param plan What and how.
 * @param setup What is done with what passes.
 * @returns Whether every connection was accepted.
 * @throws {Error} If the file cannot be read, or is no record.
 */
export async function replay(plan: ReplayPlan, setup: SessionSetup): Promise<boolean> {
  const players = new Map<number, Player>();
  const start = performance.now();
  let accepted = true;
  try {
    for await (const event of readRecord(plan.path)) {
      if (plan.signal.aborted) break;
      const due = plan.speed === 0 ? 0 : start + event.t / plan.speed - performance.now();
      if (due > 0) await pause(due, plan.signal);
      if (event.e === "open") {
        const player = new Player(event.c, plan, setup);
        players.set(event.c, player);
        if (!await player.open(event.head ?? "")) accepted = false;
      } else if (event.e === "frame" && event.from === "client") {
        await players.get(event.c)?.send(event);
      } else if (event.e === "end") {
        players.get(event.c)?.finish();
      }
    }
  } catch (error) {
    for (const player of players.values()) player.cut();
    throw error;
  }
  for (const player of players.values()) player.finish();
  await Promise.all(Array.from(players.values(), (player) => player.ended));
  return accepted && players.size > 0;
}

/** Reads a record, event by event. */
async function* readRecord(path: string): AsyncGenerator<RecordedEvent> {
  const opened = new Set<number>();
  let number = 0;
  try {
    for await (const text of readLines(path)) {
      const line = parseLine(text);
      if (++number === 1) {
        if (line?.format === FORMAT && line.version === VERSION) continue;
        throw new Error("it is no record of inspect");
      }
      if (!isEvent(line)) throw new Error(`line ${number} is not of a record`);
      if (line.e === "open" && opened.has(line.c)) {
        throw new Error(`line ${number} opens connection ${line.c} again`);
      }
      if (line.e === "open") opened.add(line.c);
      yield line;
    }
    if (number === 0) throw new Error("it is empty");
  } catch (error) {
    throw new Error(`cannot replay ${path}: ${(error as Error).message}`, { cause: error });
  }
}

/** Reads a file line by line. */
async function* readLines(path: string): AsyncGenerator<string> {
  const decoder = new StringDecoder("utf8");
  let rest: string[] = []; // joined when its end is there: a line may come in many chunks
  let length = 0;
  for await (const chunk of createReadStream(path)) {
    const [first, ...more] = decoder.write(chunk).split("\n");
    rest.push(first);
    length += first.length;
    if (length > MAX_LINE_LENGTH) throw new Error("a line is too long");
    for (const line of more) {
      yield rest.join("");
      rest = [line];
      length = line.length;
    }
  }
  const last = rest.join("") + decoder.end();
  if (last !== "") yield last;
}

function parseLine(line: string): Partial<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function isEvent(line: unknown): line is RecordedEvent {
  const { t, c, e, head = "", payload = "" } = (line ?? {}) as Record<string, unknown>;
  return Number.isFinite(t) && Number.isInteger(c) && typeof e === "string" &&
    typeof head === "string" && typeof payload === "string";
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
    if (signal.aborted) done();
  });
}

/** Plays one recorded client. */
class Player {
  readonly ended: Promise<void>;
  readonly #plan: ReplayPlan;
  readonly #session: Session;
  #socket: ByteSocket | undefined;
  #resolveEnded!: () => void;
  #finishing = false;

  constructor(connection: number, plan: ReplayPlan, setup: SessionSetup) {
    this.#plan = plan;
    this.#session = new Session(connection, setup);
    this.ended = new Promise((resolve) => this.#resolveEnded = resolve);
    this.#session.joined();
  }

  /** Connects and shakes hands; `false` when the server does not switch. */
  async open(head: string): Promise<boolean> {
    const key = Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString("base64");
    const request = readdress(head, { target: this.#plan.target.url, key });
    this.#session.request(request);
    try {
      this.#socket = await reach(this.#plan.target);
    } catch (error) {
      this.#session.failed(error as Error);
      this.#over();
      return false;
    }
    const socket = this.#socket;
    const answered = new Promise<void>((resolve) => {
      const collector = new HeadCollector();
      let waiting = true;
      socket.on("data", (chunk) => {
        this.#session.fromServer(chunk);
        if (waiting && collector.push(chunk) !== undefined) {
          waiting = false;
          resolve();
        }
      });
      socket.on("close", () => resolve());
    });
    socket.on("error", (error) => this.#session.failed(error));
    socket.on("end", () => socket.end());
    socket.on("close", () => this.#over());
    const stop = () => socket.destroy();
    this.#plan.signal.addEventListener("abort", stop, { once: true });
    socket.on("close", () => this.#plan.signal.removeEventListener("abort", stop));
    if (this.#plan.signal.aborted) stop();
    const timer = setTimeout(stop, this.#plan.handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_MS);
    socket.write(headBytes(request));
    await answered;
    clearTimeout(timer);
    return this.#session.switched;
  }

  /** Sends a recorded frame, once the server has taken those before it. */
  async send(event: RecordedEvent): Promise<void> {
    const socket = this.#socket;
    if (socket === undefined || !this.#session.switched) return;
    if (event.missing) throw new Error("cannot replay: a frame was too large to be recorded");
    const bytes = encode(event);
    this.#session.fromClient(bytes);
    if (socket.write(bytes)) return;
    await new Promise<void>((resolve) => {
      socket.on("drain", resolve);
      socket.on("close", resolve);
    });
  }

  /** Waits a while for answers, and ends. */
  finish(): void {
    if (this.#finishing) return;
    this.#finishing = true;
    if (this.#socket === undefined) return this.#over();
    const socket = this.#socket;
    const timer = setTimeout(() => socket.destroy(), this.#plan.waitMs);
    socket.on("close", () => clearTimeout(timer));
  }

  /** Ends at once. */
  cut(): void {
    this.#socket?.destroy();
    this.#over();
  }

  #done = false;

  #over(): void {
    if (this.#done) return;
    this.#done = true;
    this.#session.left();
    this.#resolveEnded();
  }
}

/** Encodes a frame as it was, masked with a fresh key where it was masked. */
function encode(event: RecordedEvent): Uint8Array {
  const payload = new Uint8Array(Buffer.from(event.payload ?? "", "base64"));
  const bits = (event.fin ? 0x80 : 0) | (event.rsv1 ? 0x40 : 0) | (event.rsv2 ? 0x20 : 0) |
    (event.rsv3 ? 0x10 : 0);
  const size = payload.length;
  const long = size < 126 ? 0 : size < 65536 ? 2 : 8;
  const keyBytes = event.masked ? 4 : 0;
  const frame = new Uint8Array(2 + long + keyBytes + size);
  const view = new DataView(frame.buffer);
  frame[0] = bits | ((event.opcode ?? 0) & 0x0f);
  frame[1] = (event.masked ? 0x80 : 0) | (long === 0 ? size : long === 2 ? 126 : 127);
  if (long === 2) view.setUint16(2, size);
  if (long === 8) view.setBigUint64(2, BigInt(size));
  const at = 2 + long + keyBytes;
  frame.set(payload, at);
  if (keyBytes === 0) return frame;
  const key = crypto.getRandomValues(new Uint8Array(4));
  frame.set(key, at - 4);
  for (let i = 0; i < size; i++) frame[at + i] ^= key[i & 3];
  return frame;
}
