/**
 * The check of the `legacy` option.
 * @module
 */

import { wrongOption } from "./describe.ts";

/**
 * Checks the `legacy` option.
 *
 * @throws {TypeError} If it is something else than the function named returns.
 */
export function checkLegacy(value: unknown, method: string, maker: string): void {
  const object = value as Record<string, unknown> | null;
  if (typeof object === "object" && typeof object?.[method] === "function") return;
  throw wrongOption("legacy", `what ${maker} of ./legacy returns`, value);
}
