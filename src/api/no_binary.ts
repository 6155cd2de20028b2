/**
 * What is said where bytes cannot be sent.
 * @module
 */

import type { ConnectionCapabilities } from "./channel.ts";

/** Makes the error of bytes on a channel whose `capabilities.binary` is `false`. */
export function noBinary({ engine }: ConnectionCapabilities): DOMException {
  return new DOMException(`Cannot send bytes: ${engine} has text only`, "NotSupportedError");
}
