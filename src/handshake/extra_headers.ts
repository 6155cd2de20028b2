/**
 * The header fields that a caller adds to a handshake.
 *
 * @module
 */

import type { HeadersLike } from "./header_reader.ts";
import { checkHeader } from "./header_check.ts";

/** A header field, ready to be sent. */
export type HeaderField = [name: string, value: string];

/** What the handshake itself sets, or what would give a message without a body a body. */
function isOwned(name: string): boolean {
  return name === "upgrade" || name === "connection" || name.startsWith("sec-websocket-") ||
    name === "content-length" || name === "transfer-encoding";
}

/**
 * Turns a `headers` option into a list of fields.
 *
 * @param init The option; values lose the blanks around them.
 * @returns The fields, sorted by their lower-case names; each `Set-Cookie` stays a field of its own.
 * @throws {TypeError} If a name or a value is malformed, or the handshake owns the field.
 */
export function toHeaderFields(init: HeadersLike | undefined): HeaderField[] {
  if (init === undefined) return [];
  let headers: Headers;
  try {
    headers = new Headers(init);
  } catch (cause) {
    throw new TypeError("headers must be a Headers, a record or a list of pairs that are valid", {
      cause,
    });
  }
  const fields: HeaderField[] = [];
  for (const [name, value] of headers) {
    checkHeader(name, value);
    if (isOwned(name)) throw new TypeError(`headers must not set "${name}"`);
    fields.push([name, value]);
  }
  // Bun 1.4 lists Set-Cookie last; sorting (which is stable) makes the order the same everywhere.
  return fields.sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0);
}
