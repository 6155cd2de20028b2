/**
 * One response that carries lines to the client, while it lasts.
 * @module
 */

import { unref } from "../../api/heartbeat.ts";
import { WebSocketError } from "../../errors.ts";
import type { Outbox } from "../wire/outbox.ts";
import type { LineFormat } from "./format.ts";

/** What a carrier is to do. */
export interface CarrierPlan {
  readonly format: LineFormat;
  /** The number of the last line that the client has. */
  readonly from: number;
  /** Whether the response ends with the first lines that there are. */
  readonly once: boolean;
  /** From how many bytes on it ends. */
  readonly maxBytes: number;
  /** After how long one that is for once ends without a line, in milliseconds. */
  readonly timeoutMs: number;
  /** Whether there will be no more lines. */
  readonly isLast: () => boolean;
  /** Is told once that it is over. */
  readonly onOver: () => void;
}

const encoder = new TextEncoder();

/**
 * How often a response that is idle says that it is there, in milliseconds: `Bun.serve` cuts what is
 * silent for ten seconds, and proxies do so sooner or later.
 */
const BEAT_MS = 5000;

/** Lines up to this many characters are joined before they are handed over. */
const CHUNK_UNITS = 64 * 1024;

/**
 * Writes lines as the runtime asks for them. It keeps none: the outbox does, so that whatever becomes
 * of a response, nothing is lost with it, and what comes between two of them waits there.
 */
export class Carrier {
  readonly body: ReadableStream<Uint8Array>;
  readonly #outbox: Outbox;
  readonly #plan: CarrierPlan;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #position: number;
  #bytes = 0;
  #prelude: string;
  #begun = false;
  #over = false;
  /** Lets the runtime's read go on; there while it waits for something to send. */
  #pulled: (() => void) | undefined;
  #flushing = false;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #deadline: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param outbox Where the lines are.
   * @param plan What to do with them.
   */
  constructor(outbox: Outbox, plan: CarrierPlan) {
    this.#outbox = outbox;
    this.#plan = plan;
    this.#position = plan.from;
    this.#prelude = plan.format.prelude;
    this.body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
      },
      pull: () => this.#hand() ? undefined : new Promise((resolve) => this.#pulled = resolve),
      cancel: () => this.#finish(),
    }, { highWaterMark: 0 });
    this.#timer = setInterval(() => this.#beat(), Math.min(BEAT_MS, plan.timeoutMs));
    unref(this.#timer);
    if (!plan.once) return;
    this.#deadline = setTimeout(() => {
      this.#beat();
      this.end();
    }, plan.timeoutMs);
    unref(this.#deadline);
  }

  /** Hands on what there is, a little later: what is sent in one go leaves in one piece. */
  flush(): void {
    if (this.#pulled === undefined || this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      if (this.#pulled !== undefined) this.#hand();
    });
  }

  /** Ends the response in order; the client will ask again, if it has reason to. */
  end(): void {
    if (this.#over) return;
    this.#controller.close();
    this.#finish();
  }

  /** Cuts the response, and the socket under it, which may have died long ago. */
  cut(): void {
    if (this.#over) return;
    this.#controller.error(
      new WebSocketError("Cannot go on: the session is over", { code: "WS_TERMINATED" }),
    );
    this.#finish();
  }

  /** Gives lines to the runtime, which waits for them. */
  #hand(): boolean {
    if (this.#over) return true;
    const { format } = this.#plan;
    let text = this.#prelude;
    this.#prelude = "";
    // What was acknowledged meanwhile, out of another response, is not kept any more.
    this.#position = Math.max(this.#position, this.#outbox.acked);
    const { last } = this.#outbox;
    while (this.#position < last && text.length < CHUNK_UNITS && this.#hasRoom(text.length)) {
      text += format.write(this.#outbox.line(++this.#position), this.#position);
      this.#begun = true;
    }
    if (text !== "") this.#give(text);
    if (this.#isDone()) {
      this.end();
      return true;
    }
    return text !== "";
  }

  #hasRoom(more: number): boolean {
    return !this.#begun || this.#bytes + more < this.#plan.maxBytes;
  }

  #isDone(): boolean {
    if (!this.#hasRoom(0)) return true;
    if (this.#position < this.#outbox.last) return false;
    return (this.#plan.once && this.#begun) || this.#plan.isLast();
  }

  #give(text: string): void {
    const bytes = encoder.encode(text);
    this.#bytes += bytes.length;
    const pulled = this.#pulled;
    this.#pulled = undefined;
    this.#controller.enqueue(bytes);
    pulled?.();
  }

  /** Says that it is there, to the client and to all between. */
  #beat(): void {
    // Not idle but slow when nobody waits for more: another line would only wait as well.
    if (this.#pulled !== undefined) this.#give(this.#plan.format.write("h", 0));
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    clearInterval(this.#timer);
    clearTimeout(this.#deadline);
    this.#pulled?.();
    this.#pulled = undefined;
    this.#plan.onOver();
  }
}
