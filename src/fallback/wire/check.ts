/**
 * Checks of options that both sides have.
 * @module
 */

import { describe } from "../../api/options.ts";

/**
 * Checks a list of modes.
 *
 * @throws {TypeError} If it is none, is empty, or holds something else.
 */
export function checkModes<Mode extends string>(
  modes: readonly Mode[],
  known: readonly Mode[],
): readonly Mode[] {
  if (Array.isArray(modes) && modes.length > 0 && modes.every((mode) => known.includes(mode))) {
    return [...modes];
  }
  throw new TypeError(
    `Cannot use option "modes": expected a list of ${known.join(", ")}, got ${
      Array.isArray(modes) ? JSON.stringify(modes) : describe(modes)
    }`,
  );
}

/**
 * Checks a number.
 *
 * @throws {TypeError} If it is none.
 * @throws {RangeError} If it is out of range.
 */
export function checkNumber(
  name: string,
  value: number | undefined,
  standard: number,
  least: number,
  most: number,
): number {
  if (value === undefined) return standard;
  if (typeof value !== "number") {
    throw new TypeError(`Cannot use option "${name}": expected a number, got ${describe(value)}`);
  }
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new RangeError(
    `Cannot use option "${name}": expected an integer from ${least} to ${most}, got ${value}`,
  );
}
