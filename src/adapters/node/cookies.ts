/**
 * Cookies that live longer than a connection: the `cookies` option, a door to any cookie jar.
 * @module
 */

import { checkOptionNames, describe } from "../../api/options.ts";

/** Where cookies come from and where they go: two functions of a jar, such as tough-cookie's. */
export interface CookieStore {
  /**
   * Gives the cookies for a request.
   *
   * @param url The request's URL, with the scheme http or https.
   * @returns The value of the Cookie field, such as `"a=1; b=2"`; empty for none.
   */
  getCookies(url: string): string | undefined | Promise<string | undefined>;
  /**
   * Takes the cookies of a response: of the 101, of a redirect, of a refusal.
   *
   * @param url The request's URL, with the scheme http or https.
   * @param setCookies The values of its Set-Cookie fields; at least one.
   */
  setCookies(url: string, setCookies: string[]): unknown;
}

/**
 * Checks a `cookies` option.
 *
 * @throws {TypeError} If it has not the two functions, or has other members of its own.
 */
export function checkCookies(cookies: CookieStore | undefined): CookieStore | undefined {
  if (cookies === undefined) return undefined;
  checkOptionNames(cookies, ["getCookies", "setCookies"]);
  for (const name of ["getCookies", "setCookies"] as const) {
    if (typeof cookies[name] !== "function") {
      throw new TypeError(
        `Cannot use option "cookies": ${name} must be a function, got ${describe(cookies[name])}`,
      );
    }
  }
  return cookies;
}
