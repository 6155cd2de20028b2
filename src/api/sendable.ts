/**
 * What can be sent, and the checks of it.
 * @module
 */

import { bytesOf, isBufferSource } from "../bytes.ts";
import { decodeUtf8 } from "../frames/mod.ts";
import { describe } from "./options.ts";

/** Bytes in any of the forms that the platform has. */
export type Bytes = ArrayBufferLike | ArrayBufferView;

/** Checks what was given to send, and returns its size in bytes as far as it is known. */
export function checkSendable(data: unknown, type: "text" | "binary" | undefined): number {
  if (typeof data === "string") return data.length;
  if (isBufferSource(data)) {
    if (type === "text") checkText(bytesOf(data));
    return data.byteLength;
  }
  if (typeof Blob !== "undefined" && data instanceof Blob) return data.size;
  if (data instanceof ReadableStream) {
    if (data.locked) throw new TypeError("Cannot send: the stream is locked to a reader");
    return 0;
  }
  throw new TypeError(
    "Cannot send: expected a string, a BufferSource, a Blob, a ReadableStream or a " +
      `PreparedMessage, got ${describe(data)}`,
  );
}

/** Checks that bytes sent as text are text. */
export function checkText(bytes: Uint8Array): void {
  // A TextDecoder refuses shared memory, so that is looked at through a copy.
  const own = bytes.buffer instanceof ArrayBuffer ? bytes : new Uint8Array(bytes);
  if (decodeUtf8(own) === null) {
    throw new TypeError("Cannot send as text: the bytes are not valid UTF-8");
  }
}

/** Checks the options that say how a message goes. */
export function checkMessageOptions(
  { type, compress }: { type?: unknown; compress?: unknown },
): void {
  if (type !== undefined && type !== "text" && type !== "binary") {
    throw new TypeError(`Cannot use option "type": expected "text" or "binary", got ${type}`);
  }
  if (compress !== undefined && typeof compress !== "boolean") {
    throw new TypeError(
      `Cannot use option "compress": expected a boolean, got ${describe(compress)}`,
    );
  }
}
