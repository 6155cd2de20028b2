/**
 * Where errors of the application's own functions go when it does not say.
 * @module
 */

/** Prints an error of the application's: of a handler, or of another function that it gave. */
export function logError(error: unknown): void {
  console.error("fullduplex: a handler failed:", error);
}
