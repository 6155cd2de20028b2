/**
 * The check of a header field that is to be sent.
 * @module
 */

import { isHeaderValue, isToken } from "./grammar.ts";

/**
 * Checks that a header field cannot break out of its line.
 *
 * @param name The field's name.
 * @param value The field's value.
 * @throws {TypeError} If the name is no token, or the value has CR, LF, NUL or the like.
 */
export function checkHeader(name: string, value: string): void {
  if (typeof name !== "string" || !isToken(name)) {
    throw new TypeError(`headers must have tokens as names, got ${JSON.stringify(name)}`);
  }
  if (typeof value !== "string" || !isHeaderValue(value)) {
    throw new TypeError(`headers must not have control or non-Latin-1 characters: "${name}"`);
  }
}
