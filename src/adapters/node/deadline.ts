/**
 * The time that a client has for everything up to the open connection, whatever the steps.
 * @module
 */

import { unwatchAbort, watchAbort } from "../../api/abort_watch.ts";
import { handshakeAborted } from "../../api/aborted.ts";
import { PatientTimer } from "../../api/patient_timer.ts";
import { HandshakeError } from "../../errors.ts";

/** One absolute deadline and one signal for all steps of a handshake. */
export class Deadline {
  /** All the time there was, in milliseconds. */
  readonly timeoutMs: number;
  /** Gives up when aborted. */
  readonly signal: AbortSignal | undefined;
  readonly #end: number;

  /**
   * @param timeoutMs The time from now on, in milliseconds.
   * @param signal Gives up when aborted.
   */
  constructor(timeoutMs: number, signal?: AbortSignal) {
    this.timeoutMs = timeoutMs;
    this.signal = signal;
    this.#end = performance.now() + timeoutMs;
  }

  /** What is left, in whole milliseconds: at least 1, so that timers can take it. */
  get leftMs(): number {
    return Math.max(1, Math.ceil(this.#end - performance.now()));
  }

  /**
   * Begins nothing when it was given up before.
   *
   * @param where What the error says there is no connection to.
   * @throws {HandshakeError} If the signal is aborted.
   */
  check(where: string): void {
    if (this.signal?.aborted) throw handshakeAborted(this.signal, where);
  }

  /**
   * Waits for a promise as long as there is time.
   *
   * @param promise What is waited for; when it loses, its outcome is the caller's to clean up.
   * @param where What the error says there is no connection to.
   * @throws {HandshakeError} If the time is over, or the signal aborted.
   */
  race<T>(promise: Promise<T>, where: string): Promise<T> {
    const { signal } = this;
    return new Promise<T>((resolve, reject) => {
      const onAbort = () => {
        finish();
        reject(handshakeAborted(signal!, where));
      };
      const timer = new PatientTimer(this.leftMs, () => {
        finish();
        reject(late(where, this.timeoutMs));
      });
      const finish = () => {
        timer.stop();
        if (signal !== undefined) unwatchAbort(signal, onAbort);
      };
      promise.finally(finish).then(resolve, reject);
      if (signal?.aborted) onAbort();
      else if (signal !== undefined) watchAbort(signal, onAbort);
    });
  }
}

function late(where: string, timeoutMs: number): HandshakeError {
  return new HandshakeError(`Cannot connect to ${where}: no connection within ${timeoutMs} ms`, {
    code: "WS_HANDSHAKE_TIMEOUT",
  });
}
