/**
 * An engine with a sink that writes everything down, and a peer that speaks raw frames.
 * @module
 */

import {
  type ClosePayload,
  Engine,
  type EngineOptions,
  type EngineSink,
  type Role,
} from "../../src/connection/mod.ts";
import type { WebSocketError } from "../../src/errors.ts";
import { concatBytes } from "../../src/bytes.ts";
import { toHex } from "../support/bytes.ts";
import { type DecodedFrame, decodeFrames, encodeFrame, type WireFrame } from "../support/wire.ts";

/** The opcodes of RFC 6455, section 11.8. */
export const OP = { CONT: 0, TEXT: 1, BINARY: 2, CLOSE: 8, PING: 9, PONG: 10 } as const;

const KEY = Uint8Array.of(0x37, 0xfa, 0x21, 0x3d);

/** Both ends, for tests that hold for each. */
export const ROLES: readonly Role[] = ["server", "client"];

/** Shows bytes: short ones as hex, long ones as length and checksum. */
export function show(bytes: Uint8Array): string {
  if (bytes.length <= 64) return toHex(bytes);
  let sum = 0;
  for (const byte of bytes) sum = (Math.imul(sum, 31) + byte) | 0;
  return `${bytes.length} bytes ${sum >>> 0}`;
}

/** Shows text: short text as it is, long text as length and checksum. */
export function showText(text: string): string {
  return text.length <= 64 ? text : show(new TextEncoder().encode(text));
}

/** A close payload: a code and a reason. */
export function closing(code: number, reason: string | Uint8Array = ""): Uint8Array {
  const bytes = typeof reason === "string" ? new TextEncoder().encode(reason) : reason;
  return concatBytes([Uint8Array.of(code >>> 8, code & 255), bytes]);
}

/** Encodes frames as the peer of `role` sends them: masked to a server, unmasked to a client. */
export function peerBytes(role: Role, ...frames: WireFrame[]): Uint8Array {
  return concatBytes(
    frames.map((frame) => encodeFrame(role === "server" ? { key: KEY, ...frame } : frame)),
  );
}

/** An engine under test. */
export class EngineRig implements EngineSink {
  readonly engine: Engine;
  readonly role: Role;
  /** All that the sink was told, one line each. */
  events: string[] = [];
  /** The errors among it. */
  errors: WebSocketError[] = [];
  /** Called after each event is written down. */
  after: (event: string) => void = () => {};
  /** How often it heard that deliveries outside of `receive()` are over. */
  settled = 0;
  /** Whether pings are answered. */
  answers = true;
  /** The bytes that it was told of, which are its own from then on, and what they were. */
  readonly kept: { bytes: Uint8Array; shown: string }[] = [];

  constructor(role: Role, options: Partial<EngineOptions> = {}) {
    this.role = role;
    this.engine = new Engine(this, {
      role,
      maxMessageBytes: 1 << 20,
      maxFragments: 1000,
      ...options,
    });
  }

  #log(event: string): void {
    this.events.push(event);
    this.after(event);
  }

  #keep(bytes: Uint8Array): string {
    const shown = show(bytes);
    this.kept.push({ bytes, shown });
    return shown;
  }

  onMessage(data: string | Uint8Array): void {
    this.#log(typeof data === "string" ? `text ${showText(data)}` : `binary ${this.#keep(data)}`);
  }
  onMessageStart(type: "text" | "binary"): void {
    this.#log(`start ${type}`);
  }
  onMessageSlice(slice: Uint8Array): void {
    this.#log(`slice ${this.#keep(slice)}`);
  }
  onMessageEnd(): void {
    this.#log("end");
  }
  onPing(payload: Uint8Array): boolean {
    this.#log(`ping ${this.#keep(payload)}`);
    return this.answers;
  }
  onPong(payload: Uint8Array): void {
    this.#log(`pong ${this.#keep(payload)}`);
  }
  onPeerClose(close: ClosePayload): Uint8Array | void {
    this.#log(`close ${close.closeCode} ${close.reason}`.trimEnd());
  }
  onFailure(error: WebSocketError): void {
    this.errors.push(error);
    this.#log(`failure ${error.code} ${error.closeCode}`);
  }

  onHold(hold: boolean): void {
    this.#log(hold ? "hold" : "go on");
  }
  onSettled(): void {
    this.settled++;
  }

  /**
   * Feeds a chunk in memory that is used for something else as soon as the engine returns.
   *
   * @param memory At least as long as the chunk.
   */
  feedLent(chunk: Uint8Array, memory: Uint8Array): void {
    memory.set(chunk);
    this.engine.receive(memory.subarray(0, chunk.length), true);
    memory.fill(0xee);
  }

  /** Feeds frames, as the peer sends them. */
  feed(...frames: WireFrame[]): this {
    this.engine.receive(peerBytes(this.role, ...frames));
    return this;
  }

  /** Takes the bytes that were written since the last call. */
  takeBytes(): Uint8Array {
    const bytes = concatBytes(this.engine.output.take());
    this.engine.output.release();
    return bytes;
  }

  /** Takes the frames that were written since the last call, and checks that they are masked right. */
  take(): DecodedFrame[] {
    const frames = decodeFrames(this.takeBytes());
    for (const frame of frames) {
      if ((frame.key !== undefined) !== (this.role === "client")) throw new Error("wrong masking");
      if (frame.rsv !== 0) throw new Error("RSV set");
    }
    return frames;
  }

  /** Takes the frames that were written, one line each. */
  sent(): string[] {
    return this.take().map(({ fin, opcode, payload }) =>
      `${fin ? "" : "…"}${opcode} ${show(payload)}`.trimEnd()
    );
  }
}

/** How a frame looks in {@linkcode EngineRig.sent}. */
export function line(opcode: number, payload: Uint8Array | string = "", fin = true): string {
  const bytes = typeof payload === "string" ? new TextEncoder().encode(payload) : payload;
  return `${fin ? "" : "…"}${opcode} ${show(bytes)}`.trimEnd();
}
