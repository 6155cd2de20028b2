/**
 * Web IDL in JavaScript: conversions of arguments, and the shape that an interface must have.
 *
 * @see Web IDL, sections 3.2 and 3.7
 * @module
 */

/** Makes a `SyntaxError` `DOMException`. */
export function syntaxError(message: string): DOMException {
  return new DOMException(message, "SyntaxError");
}

/** Makes an `InvalidStateError` `DOMException`. */
export function invalidState(message: string): DOMException {
  return new DOMException(message, "InvalidStateError");
}

/**
 * Converts to `DOMString`, as a template does: objects by their `toString`, symbols not at all.
 *
 * @throws {TypeError} If the value is a symbol or cannot be converted.
 */
export function toDomString(value: unknown): string {
  return typeof value === "string" ? value : `${value}`;
}

/**
 * Converts to `USVString`: unpaired surrogates become U+FFFD.
 *
 * @throws {TypeError} If the value is a symbol or cannot be converted.
 */
export function toUsvString(value: unknown): string {
  return toDomString(value).toWellFormed();
}

/**
 * Converts to `[Clamp] unsigned short`.
 *
 * @throws {TypeError} If the value is a symbol, a bigint or cannot be converted.
 */
export function toClampedShort(value: unknown): number {
  const number = +(value as number);
  if (Number.isNaN(number)) return 0;
  const clamped = Math.min(Math.max(number, 0), 65535);
  const floor = Math.floor(clamped);
  // "rounding it to the nearest integer, choosing the even integer if it lies halfway between two"
  return clamped - floor === 0.5 ? floor + (floor & 1) : Math.round(clamped);
}

/**
 * Converts to `[EnforceRange] unsigned short`.
 *
 * @throws {TypeError} If the value is no number from 0 to 65535.
 */
export function toEnforcedShort(value: unknown, what: string): number {
  const number = Math.trunc(+(value as number));
  if (!(number >= 0 && number <= 65535)) {
    throw new TypeError(`Cannot use ${what}: expected a number from 0 to 65535, got ${number}`);
  }
  return number + 0; // never -0
}

/**
 * Converts to `sequence<DOMString>`.
 *
 * @throws {TypeError} If the value is no iterable object, or an item cannot be converted.
 */
export function toSequence(value: unknown, what: string): string[] {
  const iterable = value as Iterable<unknown>;
  if (!isObject(value) || typeof iterable[Symbol.iterator] !== "function") {
    throw new TypeError(`Cannot use ${what}: expected a list of strings`);
  }
  return Array.from(iterable, toDomString);
}

/**
 * Takes a dictionary: what is `undefined` or `null` has no members.
 *
 * @throws {TypeError} If the value is not an object either.
 */
export function toDictionary<Members extends object>(
  value: Members | null | undefined,
  what: string,
): Partial<Members> {
  if (value === undefined || value === null) return {};
  if (!isObject(value)) {
    throw new TypeError(`Cannot use ${what}: expected an object, got ${typeof value}`);
  }
  return value;
}

/** Tells whether a value is an object or a function. */
export function isObject(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

/**
 * Gives a class the property flags that Web IDL asks of an interface: its own attributes and
 * methods are enumerable, constants stand unchangeably on class and prototype, and it has its name,
 * also in a bundle that calls the class otherwise, which `Object.prototype.toString` knows, too.
 *
 * @param target The class.
 * @param name The interface's name.
 * @param constants Its constants.
 */
export function defineInterface(
  // deno-lint-ignore no-explicit-any -- any class
  target: abstract new (...args: any[]) => object,
  name: string,
  constants: Readonly<Record<string, number>> = {},
): void {
  const { prototype } = target;
  for (const [key, property] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
    if (key in Object.getPrototypeOf(prototype)) continue; // inherited from another interface
    Object.defineProperty(prototype, key, { ...property, enumerable: true });
  }
  Object.defineProperty(target, "name", { value: name, configurable: true });
  Object.defineProperty(prototype, Symbol.toStringTag, { value: name, configurable: true });
  for (const [key, value] of Object.entries(constants)) {
    const property: PropertyDescriptor = { value, enumerable: true };
    Object.defineProperty(target, key, property);
    Object.defineProperty(prototype, key, property);
  }
}
