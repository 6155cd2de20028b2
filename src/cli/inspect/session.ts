/**
 * One connection under inspection: the heads, then the frames of both directions.
 *
 * Bytes go on as they came, but for the request's address; who looks at them can lose sight of
 * them, and never changes or holds them.
 *
 * @module
 */

import { field, firstLine, headBytes, HeadCollector, readdress } from "./heads.ts";
import { type Direction, FrameView, readAgreement, type SeenFrame } from "./frame_view.ts";
import { MAX_PAYLOAD_BYTES, type Recorder } from "./recorder.ts";
import type { ByteSocket } from "./target.ts";

/** Takes what happens on the connections, by their numbers. */
export interface SessionEvents {
  /** Takes the head of a request, as it goes to the server. */
  onRequest(connection: number, head: string): void;
  /** Takes the head of the response. */
  onResponse(connection: number, head: string): void;
  /** Takes a frame. */
  onFrame(connection: number, frame: SeenFrame, compressed: boolean): void;
  /** Takes the end, and what went wrong, if anything did. */
  onEnd(connection: number, why: string | undefined): void;
}

/** What all sessions share. */
export interface SessionSetup {
  readonly events: SessionEvents;
  readonly recorder: Recorder | undefined;
  /** How much of a payload is shown. */
  readonly headBytes: number;
}

/** How much of what a client sends before the response is kept until that is there, in bytes. */
const MAX_EARLY_BYTES = 1024 * 1024;

/** Looks at the bytes of one connection. */
export class Session {
  readonly #setup: SessionSetup;
  readonly #connection: number;
  readonly #views: Readonly<Record<Direction, FrameView>>;
  #response: HeadCollector | undefined = new HeadCollector();
  /** What came from the client before the response, within bounds: a server need not answer. */
  #early: Uint8Array[] | undefined = [];
  #earlyBytes = 0;
  #switched = false;
  #compressed = false;
  #sockets = 0;
  #error: Error | undefined;

  /**
   * @param connection Its number.
   * @param setup What all sessions share.
   */
  constructor(connection: number, setup: SessionSetup) {
    this.#setup = setup;
    this.#connection = connection;
    const onFrame = (frame: SeenFrame) => {
      setup.events.onFrame(connection, frame, this.#compressed);
      setup.recorder?.frame(connection, frame);
    };
    const keep = setup.recorder === undefined ? 0 : MAX_PAYLOAD_BYTES;
    this.#views = {
      client: new FrameView("client", onFrame, setup.headBytes, keep),
      server: new FrameView("server", onFrame, setup.headBytes, keep),
    };
  }

  /** Whether the server has switched to WebSocket. */
  get switched(): boolean {
    return this.#switched;
  }

  /** Sees the request. */
  request(head: string): void {
    this.#setup.events.onRequest(this.#connection, head);
    this.#setup.recorder?.open(this.#connection, head);
  }

  /** Sees bytes of the client's, after the request. */
  fromClient(chunk: Uint8Array): void {
    if (this.#response !== undefined) this.#keep(chunk);
    else if (this.#switched && this.#early !== undefined) this.#views.client.push(chunk);
  }

  /** Frames that do not wait for the response are seen when it is there. */
  #keep(chunk: Uint8Array): void {
    this.#earlyBytes += chunk.length;
    if (this.#earlyBytes <= MAX_EARLY_BYTES) return void this.#early?.push(chunk);
    this.#early = undefined;
    this.failed(new Error("the client sent too much before the response to be shown"));
  }

  /** Sees bytes of the server's. */
  fromServer(chunk: Uint8Array): void {
    if (this.#response === undefined) {
      if (this.#switched) this.#views.server.push(chunk);
      return;
    }
    const result = this.#response.push(chunk);
    if (result === undefined) return;
    this.#response = undefined;
    const early = this.#early?.splice(0) ?? [];
    if (result === "too large") return;
    const { head, rest } = result;
    this.#setup.events.onResponse(this.#connection, head);
    if (!/^HTTP\/1\.1 101\b/.test(firstLine(head))) return;
    this.#switched = true;
    const agreement = readAgreement(field(head, "sec-websocket-extensions"));
    this.#compressed = agreement !== undefined;
    for (const view of Object.values(this.#views)) view.agreement = agreement;
    for (const chunk of early) this.#views.client.push(chunk);
    if (rest.length > 0) this.#views.server.push(rest);
  }

  /** Counts a socket of this connection until {@linkcode Session.left}. */
  joined(): void {
    this.#sockets++;
  }

  /** A socket of this connection is gone; with the last one the connection is over. */
  left(): void {
    if (--this.#sockets === 0) this.#end();
  }

  /** Something went wrong; the first time counts. */
  failed(error: Error): void {
    this.#error ??= error;
  }

  #end(): void {
    const error = this.#error;
    const broken = Object.entries(this.#views).find(([, view]) => !view.atBoundary);
    const why = error !== undefined
      ? error.message
      : broken !== undefined
      ? `in the middle of a frame of the ${broken[0]}`
      : undefined;
    for (const view of Object.values(this.#views)) view.release();
    this.#setup.events.onEnd(this.#connection, why);
    this.#setup.recorder?.end(this.#connection);
  }
}

/** Passes bytes from one socket to the other, no faster than that takes them. */
export function pipe(from: ByteSocket, to: ByteSocket, see: (chunk: Uint8Array) => void): void {
  from.on("data", (chunk) => {
    see(chunk);
    if (!to.write(chunk)) from.pause();
  });
  to.on("drain", () => from.resume());
  from.on("end", () => to.end());
}

/**
 * Reads a client's request head, changes it, and starts passing bytes.
 *
 * @returns What must be written to the server first; `undefined` when there is none.
 */
export function takeRequest(
  collector: HeadCollector,
  chunk: Uint8Array,
  changes: Parameters<typeof readdress>[1],
): { head: string; bytes: Uint8Array; rest: Uint8Array } | "too large" | undefined {
  const result = collector.push(chunk);
  if (result === undefined || result === "too large") return result;
  const head = readdress(result.head, changes);
  return { head, bytes: headBytes(head), rest: result.rest };
}
