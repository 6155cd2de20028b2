/**
 * Pings that wait for their pong.
 * @module
 */

import { WebSocketError } from "../errors.ts";
import { PatientTimer } from "./patient_timer.ts";

interface PendingPing {
  readonly payload: Uint8Array;
  readonly sentAt: number;
  readonly timer: PatientTimer;
  resolve(roundTripMs: number): void;
  reject(error: WebSocketError): void;
}

/** Matches pongs with the pings they answer, and measures the time between. */
export class PingTracker {
  readonly #timeoutMs: number;
  #pending: PendingPing[] = [];
  #count = 0;

  /** @param timeoutMs How long a pong may take, in milliseconds. */
  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  /** Makes a payload that no other ping of this connection has. */
  nextPayload(): Uint8Array {
    const payload = new Uint8Array(4);
    new DataView(payload.buffer).setUint32(0, ++this.#count);
    return payload;
  }

  /** Waits for the pong to a ping that is being sent. */
  wait(payload: Uint8Array): Promise<number> {
    return new Promise((resolve, reject) => {
      const timer = new PatientTimer(this.#timeoutMs, () => {
        this.#pending = this.#pending.filter((ping) => ping !== entry);
        reject(
          new WebSocketError(`Cannot measure: no pong came within ${this.#timeoutMs} ms`, {
            code: "WS_PING_TIMEOUT",
          }),
        );
      });
      const entry = { payload, sentAt: performance.now(), timer, resolve, reject };
      this.#pending.push(entry);
    });
  }

  /**
   * Takes a pong. A peer may answer only the latest of several pings (RFC 6455 §5.5.3), so a pong
   * answers those before it as well.
   *
   * @returns The round trip of the ping it answers, in milliseconds; `undefined` for none.
   */
  onPong(payload: Uint8Array): number | undefined {
    if (this.#pending.length === 0) return undefined;
    const index = this.#pending.findIndex((ping) => sameBytes(ping.payload, payload));
    const now = performance.now();
    let roundTripMs: number | undefined;
    for (const ping of this.#pending.splice(0, index + 1)) {
      ping.timer.stop();
      roundTripMs = now - ping.sentAt;
      ping.resolve(roundTripMs);
    }
    return roundTripMs;
  }

  /** Gives up all that wait. */
  fail(error: WebSocketError): void {
    const pending = this.#pending;
    this.#pending = [];
    for (const ping of pending) {
      ping.timer.stop();
      ping.reject(error);
    }
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
