/**
 * Words for error messages.
 * @module
 */

/** Names a value's kind for an error message. */
export function describe(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object" : typeof value;
}

/**
 * Makes the error for an option of the wrong type.
 *
 * @param name The option's name.
 * @param expected What it must be.
 * @param value What it is.
 */
export function wrongOption(name: string, expected: string, value: unknown): TypeError {
  return new TypeError(
    `Cannot use option "${name}": expected ${expected}, got ${describe(value)}`,
  );
}

/**
 * Checks a number.
 *
 * @param name The option's name.
 * @param value What it is.
 * @param least The least that it may be.
 * @param most The most.
 * @param infinite Whether it may be `Infinity`. Default: `false`.
 * @returns The number.
 * @throws {TypeError} If it is none.
 * @throws {RangeError} If it is no integer in that range.
 */
export function checkInteger(
  name: string,
  value: unknown,
  least: number,
  most: number,
  infinite = false,
): number {
  if (typeof value !== "number") throw wrongOption(name, "a number", value);
  if (infinite && value === Infinity) return value;
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new RangeError(
    `Cannot use option "${name}": expected an integer from ${least} to ${most}` +
      `${infinite ? " or Infinity" : ""}, got ${value}`,
  );
}
