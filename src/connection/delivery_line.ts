/**
 * The order of deliveries while one of them takes time: messages, and the peer's close frame, wait
 * here behind a message that is being inflated.
 * @module
 */

import type { FrameFault } from "../frames/mod.ts";

/**
 * Delivers something. A promise holds the line until it settles, `false` asks to be called again
 * when the line is no longer paused; a fault ends everything.
 */
export type Delivery = () => Delivered | Promise<FrameFault | null>;

/** How a delivery ended that took no time. */
export type Delivered = FrameFault | null | false;

/** From so many waiting bytes, or deliveries, on nothing more should be read. */
const FULL_BYTES = 1 << 20;
const FULL_COUNT = 1024;

/** Deliveries, one after the other. */
export class DeliveryLine {
  /** Whether deliveries are held back. */
  paused = false;
  readonly #onIdle: () => void;
  readonly #onFault: (fault: FrameFault) => void;
  #waiting: { readonly deliver: Delivery; readonly bytes: number }[] = [];
  #bytes = 0;
  #running = false;
  /** Changes when what runs is not wanted any more. */
  #era = 0;

  /**
   * @param onIdle Is told when nothing waits any more.
   * @param onFault Takes the fault that a delivery found.
   */
  constructor(onIdle: () => void, onFault: (fault: FrameFault) => void) {
    this.#onIdle = onIdle;
    this.#onFault = onFault;
  }

  /** Whether something waits or runs: whatever comes now must get in line. */
  get busy(): boolean {
    return this.#waiting.length > 0;
  }

  /** Whether so much waits that nothing more should be read. */
  get full(): boolean {
    return this.#bytes >= FULL_BYTES || this.#waiting.length >= FULL_COUNT;
  }

  /**
   * Delivers now, or when it is its turn.
   *
   * @param deliver What to do.
   * @param bytes What it holds in memory while it waits.
   * @returns The fault that it found at once, or `null`.
   */
  deliver(deliver: Delivery, bytes: number): FrameFault | null {
    if (this.busy || this.paused) {
      this.#add(deliver, bytes);
      return null;
    }
    const era = this.#era;
    const result = deliver();
    if (era !== this.#era) return null;
    if (result === false) this.#add(deliver, bytes);
    else if (result instanceof Promise) {
      this.#add(() => result, bytes);
      this.run();
    } else return result;
    return null;
  }

  #add(deliver: Delivery, bytes: number): void {
    this.#waiting.push({ deliver, bytes });
    this.#bytes += bytes;
  }

  /** Goes on with the deliveries, as far as that goes at once. */
  run(): void {
    if (this.#running || this.#waiting.length === 0) return;
    const era = this.#era;
    this.#running = true;
    while (this.#waiting.length > 0) {
      if (this.paused) {
        this.#running = false;
        return;
      }
      const result = this.#waiting[0].deliver();
      if (era !== this.#era) return;
      if (result instanceof Promise) {
        result.then((fault) => this.#goOn(fault, era));
        return;
      }
      if (result === false) continue;
      if (result !== null) return this.#onFault(result);
      this.#shift();
    }
    this.#running = false;
    this.#onIdle();
  }

  #goOn(fault: FrameFault | null, era: number): void {
    if (era !== this.#era) return;
    if (fault !== null) return this.#onFault(fault);
    this.#shift();
    this.#running = false;
    if (this.#waiting.length === 0) this.#onIdle();
    else this.run();
  }

  #shift(): void {
    this.#bytes -= this.#waiting.shift()!.bytes;
  }

  /** Forgets all of it; what still runs ends unheard. */
  clear(): void {
    this.#era++;
    this.#waiting = [];
    this.#bytes = 0;
    this.#running = false;
  }
}
