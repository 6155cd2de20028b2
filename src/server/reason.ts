/**
 * The check of close reasons.
 * @module
 */

import { describe } from "../api/options.ts";

/**
 * Checks a close reason before anything has changed.
 *
 * @throws {TypeError} If it is no string.
 * @throws {RangeError} If it is longer than a close frame can hold.
 */
export function checkReason(reason: unknown): void {
  if (typeof reason !== "string") {
    throw new TypeError(`Cannot close: the reason must be a string, got ${describe(reason)}`);
  }
  // RFC 6455 §5.5: a control frame holds 125 bytes, and the close code takes two of them.
  if (new TextEncoder().encode(reason).length > 123) {
    throw new RangeError("Cannot close: the reason is longer than 123 bytes");
  }
}
