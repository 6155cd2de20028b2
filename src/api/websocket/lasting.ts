/**
 * Bytes that callers give and may then change.
 * @module
 */

import type { Channel } from "../channel.ts";
import type { Sender } from "../sender.ts";

/**
 * Makes sure that what a caller does to its bytes after sending them does not show: copies them
 * where they wait. Where they do not, a client copies them anyway, when it masks them.
 */
export function lasting(bytes: Uint8Array, channel: Channel, sender: Sender): Uint8Array {
  return sender.busy || channel.isSlow(bytes.length) ? new Uint8Array(bytes) : bytes;
}
