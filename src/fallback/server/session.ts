/**
 * The server's end of a session: what its requests have in common.
 * @module
 */

import { unref } from "../../api/heartbeat.ts";
import type { ResolvedOptions } from "../../api/options.ts";
import type { SequencedRecord } from "../wire/records.ts";
import { parseLine } from "../wire/records.ts";
import { RecordSocket } from "../wire/record_socket.ts";
import { Carrier, type CarrierPlan } from "./carrier.ts";

/** Limits and deadlines of sessions. */
export interface SessionLimits {
  readonly options: ResolvedOptions;
  readonly pollTimeoutMs: number;
  readonly sessionTimeoutMs: number;
  readonly maxResponseBytes: number;
}

/** What a request asks for. */
export type ResponsePlan = Pick<CarrierPlan, "format" | "once"> & {
  /** Whether the response is given at once, whatever there is. */
  readonly atOnce: boolean;
  /** The number of the last record that the client has. */
  readonly ack: number;
};

/** Why a request is refused. */
export interface Refusal {
  readonly status: 400 | 409;
  readonly why: string;
}

/** A session, by whatever requests. */
export class Session extends RecordSocket {
  /** Unguessable. */
  readonly id: string;
  /** The origin of the page that opened it; `null` for none. */
  readonly origin: string | null;

  readonly #limits: SessionLimits;
  readonly #onGone: (session: Session) => void;
  #carrier: Carrier | undefined;
  /** Lets the request whose records wait for room be answered. */
  #releasePost: (() => void) | undefined;
  #gone = false;
  /** When the client asked for something last, and whether it has asked for messages yet. */
  #seenAt = performance.now();
  #polled = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param onGone Is told once, when nothing of the session is needed any more.
   */
  constructor(
    id: string,
    origin: string | null,
    limits: SessionLimits,
    onGone: (session: Session) => void,
  ) {
    super(limits.options);
    this.id = id;
    this.origin = origin;
    this.#limits = limits;
    this.#onGone = onGone;
    this.#watch();
  }

  // ------------------------------------------------------------------ the client's records

  /**
   * Takes what a client posts.
   *
   * @param text Lines.
   * @returns The number of the last record that has come, or why nothing of it was taken.
   */
  async post(text: string): Promise<number | Refusal> {
    this.#seenAt = performance.now();
    const records: SequencedRecord[] = [];
    let ack = 0;
    for (const line of text.split("\n")) {
      const parsed = parseLine(line);
      if (parsed === null) return { status: 400, why: "a line is malformed" };
      if (parsed.type === "ack") ack = parsed.ack;
      else if (parsed.type !== "nothing") records.push(parsed);
    }
    if (!this.acknowledge(ack)) return { status: 400, why: "it acknowledges what was never sent" };
    if (records.length > 0) {
      // A client posts one after the other: it does not wait for an earlier answer any more.
      this.#releasePost?.();
      const refusal = await this.#takeAll(records);
      if (refusal !== undefined) return refusal;
    }
    this.#checkDone();
    return this.inbox.received;
  }

  /** Takes records one by one, held back by who reads them. */
  async #takeAll(records: readonly SequencedRecord[]): Promise<Refusal | undefined> {
    const deadline = performance.now() + this.#limits.pollTimeoutMs;
    for (const record of records) {
      while (this.paused && !this.ended) {
        // What was not taken is not acknowledged, and the client sends it again.
        if (!await this.#untilResumed(deadline)) return;
        this.#seenAt = performance.now();
      }
      if (this.take(record)) continue;
      return this.inbox.look(record) === "gap"
        ? { status: 409, why: "a record before it is missing" }
        : { status: 400, why: "a fragment does not fit to the one before" };
    }
  }

  #untilResumed(deadline: number): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (resumed: boolean) => {
        clearTimeout(timer);
        this.forget(go);
        if (this.#releasePost === leave) this.#releasePost = undefined;
        resolve(resumed);
      };
      const go = () => settle(true);
      const leave = () => settle(false);
      const timer = setTimeout(leave, Math.max(0, deadline - performance.now()));
      this.#releasePost = leave;
      this.onceResumed(go);
    });
  }

  // ------------------------------------------------------------------ our records

  /**
   * Answers a request for messages. One that is being answered already is ended: a client has one at
   * a time, and whoever asks later is there for certain.
   *
   * @returns The body, or why there is none.
   */
  respond({ ack, format, once, atOnce }: ResponsePlan): BodyInit | Refusal {
    this.#seenAt = performance.now();
    this.#polled = true;
    if (!this.acknowledge(ack)) {
      return { status: 400, why: "it acknowledges what was never sent" };
    }
    this.#carrier?.end();
    this.#checkDone();
    if (atOnce || (once && this.outbox.last > ack)) return this.#linesAfter(ack);
    const carrier = new Carrier(this.outbox, {
      format,
      once,
      from: ack,
      maxBytes: this.#limits.maxResponseBytes,
      timeoutMs: this.#limits.pollTimeoutMs,
      isLast: () => this.closeSent,
      onOver: () => {
        if (this.#carrier === carrier) this.#carrier = undefined;
      },
    });
    this.#carrier = carrier;
    return carrier.body as ReadableStream<Uint8Array<ArrayBuffer>>;
  }

  #linesAfter(ack: number): string {
    const { acked, last } = this.outbox;
    let text = "";
    for (let seq = Math.max(ack, acked) + 1; seq <= last; seq++) {
      const line = this.outbox.line(seq);
      if (text !== "" && text.length + line.length > this.#limits.maxResponseBytes) break;
      text += `${line}\n`;
    }
    return text;
  }

  protected override onOutput(): void {
    this.#carrier?.flush();
  }

  // ------------------------------------------------------------------ the end

  /** Gives up a client that asks nothing. */
  #watch(): void {
    const { sessionTimeoutMs, options } = this.#limits;
    // Whoever opens sessions and does nothing with them shall not hold them for long.
    const allowed = this.#polled
      ? sessionTimeoutMs
      : Math.min(sessionTimeoutMs, options.handshakeTimeoutMs);
    const left = this.#seenAt + allowed - performance.now();
    if (left <= 0) {
      return this.lose("WS_CONNECTION_LOST", `the client has asked nothing for ${allowed} ms`);
    }
    this.#timer = setTimeout(() => this.#watch(), Math.ceil(left));
    unref(this.#timer); // it is the server that keeps the process running
  }

  override release(): void {
    super.release();
    if (this.#gone) return;
    clearTimeout(this.#timer);
    // The last records, our close among them, are still to be fetched.
    this.#timer = setTimeout(() => this.onCut(), this.#limits.options.closeTimeoutMs);
    unref(this.#timer);
    this.#checkDone();
  }

  /** Lets go when all is over and the client knows. */
  #checkDone(): void {
    if (this.ended && this.outbox.empty) this.onCut();
  }

  protected override onCut(): void {
    if (this.#gone) return;
    this.#gone = true;
    clearTimeout(this.#timer);
    if (this.outbox.empty) this.#carrier?.end();
    else this.#carrier?.cut();
    this.outbox.clear();
    this.#onGone(this);
  }
}
