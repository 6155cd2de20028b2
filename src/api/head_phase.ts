/**
 * The stretch of a connection before it is a WebSocket: reading one HTTP head from a transport.
 * @module
 */

import { concatBytes } from "../bytes.ts";
import { type HeadKinds, HeadReader, type HeadResult } from "../handshake/mod.ts";
import { PatientTimer } from "./patient_timer.ts";
import { unwatchAbort, watchAbort } from "./abort_watch.ts";
import type { Transport, TransportEvents } from "./transport.ts";

/** How a wait for a head can end, beside with a head or its fault. */
export type HeadLoss =
  /** The deadline passed. */
  | { readonly lost: "timeout" }
  /** The signal was aborted. */
  | { readonly lost: "aborted"; readonly cause: unknown }
  /** The stream ended or failed. */
  | { readonly lost: "closed"; readonly cause?: unknown };

/** How a wait for a head ended. */
export type HeadOutcome<H> = HeadResult<H> | HeadLoss;

/**
 * Watches a transport for one outcome at a time, under one absolute deadline.
 *
 * Between waits the transport is paused, so nothing that arrives is lost.
 */
export class HeadPhase implements TransportEvents {
  readonly #transport: Transport;
  readonly #signal: AbortSignal | undefined;
  readonly #timer: PatientTimer;
  #onData: ((chunk: Uint8Array) => void) | undefined;
  #onLoss: ((loss: HeadLoss) => void) | undefined;
  #loss: HeadLoss | undefined;

  /**
   * @param transport What to read from; attached here and paused.
   * @param timeoutMs The deadline of everything that is awaited here, from now.
   * @param signal Ends every wait when aborted.
   */
  constructor(transport: Transport, timeoutMs: number, signal?: AbortSignal) {
    this.#transport = transport;
    this.#signal = signal;
    this.#timer = new PatientTimer(timeoutMs, () => this.#lose({ lost: "timeout" }));
    if (signal !== undefined) watchAbort(signal, this.#onAbort);
    transport.attach(this);
    transport.pause();
    if (signal?.aborted) this.#onAbort();
  }

  /** Lets go of the timer and the signal; the transport is someone else's from now on. */
  finish(): void {
    this.#timer.stop();
    if (this.#signal !== undefined) unwatchAbort(this.#signal, this.#onAbort);
    this.#onData = this.#onLoss = undefined;
  }

  /** Reads a head. */
  readHead<K extends keyof HeadKinds>(
    kind: K,
    maxHeaderBytes: number,
  ): Promise<HeadOutcome<HeadKinds[K]>> {
    const reader = new HeadReader(kind, { maxHeaderBytes });
    return this.#read((chunk) => reader.push(chunk));
  }

  /**
   * Reads the start of a body: until `isWhole` says so, the stream ends, or the time is over.
   *
   * @param first Bytes that were read before.
   * @param isWhole Whether the bytes so far are enough.
   * @param timeoutMs How long to wait, in milliseconds.
   */
  async readBody(
    first: Uint8Array,
    isWhole: (body: Uint8Array) => boolean,
    timeoutMs: number,
  ): Promise<Uint8Array> {
    let body = first;
    if (isWhole(body)) return body;
    let timer: ReturnType<typeof setTimeout> | undefined;
    await Promise.race([
      new Promise((resolve) => timer = setTimeout(resolve, timeoutMs)),
      this.#read((chunk) => {
        body = concatBytes([body, chunk]);
        return isWhole(body) ? true : undefined;
      }),
    ]);
    clearTimeout(timer);
    return body;
  }

  /**
   * Reads so many bytes that belong to a handshake but to no head.
   *
   * @param first Bytes that were read before.
   * @param length How many; 0 takes none.
   * @returns Those bytes and what came after them.
   */
  async readBytes(
    first: Uint8Array,
    length: number,
  ): Promise<{ readonly bytes: Uint8Array; readonly rest: Uint8Array } | HeadLoss> {
    let all = first;
    if (all.length < length) {
      const outcome = await this.#read((chunk) => {
        all = concatBytes([all, chunk]);
        return all.length >= length ? true : undefined;
      });
      if (outcome !== true) return outcome;
    }
    return { bytes: all.subarray(0, length), rest: all.subarray(length) };
  }

  /** Waits for a promise, or for the end of the stream or of the time. */
  watch<T>(promise: Promise<T>): Promise<T | HeadLoss> {
    return new Promise((resolve, reject) => {
      if (this.#loss !== undefined) return resolve(this.#loss);
      this.#onLoss = resolve;
      promise.then(resolve, reject);
    });
  }

  #read<T>(take: (chunk: Uint8Array) => T | undefined): Promise<T | HeadLoss> {
    return new Promise((resolve) => {
      if (this.#loss !== undefined) return resolve(this.#loss);
      this.#onLoss = resolve;
      this.#onData = (chunk) => {
        const result = take(chunk);
        if (result === undefined) return;
        this.#onData = undefined;
        this.#transport.pause();
        resolve(result);
      };
      this.#transport.resume();
    });
  }

  readonly #onAbort = (): void => this.#lose({ lost: "aborted", cause: this.#signal?.reason });

  #lose(loss: HeadLoss): void {
    this.#loss ??= loss;
    this.#onData = undefined;
    this.#onLoss?.(this.#loss);
  }

  onData(chunk: Uint8Array): void {
    this.#onData?.(chunk);
  }

  onEnd(): void {
    this.#lose({ lost: "closed" });
  }

  onDrain(): void {}

  onClose(cause?: unknown): void {
    this.#lose({ lost: "closed", cause });
  }
}

/**
 * Ends a transport in order: what was written still goes, what arrives is dropped, and at the
 * deadline it is cut. Without reading to the end, a reset could overtake the last bytes.
 */
export function lingerAndClose(transport: Transport, timeoutMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => transport.destroy(), timeoutMs);
    transport.attach({
      onData() {},
      onEnd() {},
      onDrain() {},
      onClose() {
        clearTimeout(timer);
        resolve();
      },
    });
    transport.end();
    transport.resume();
  });
}
