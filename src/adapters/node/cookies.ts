/**
 * Cookies that live longer than a connection: the `cookies` option, a door to any cookie jar.
 * @module
 */

import type { ConnectionCore } from "../../api/connection_core.ts";
import { checkOptionNames, describe } from "../../api/options.ts";
import { HandshakeError } from "../../errors.ts";
import { checkHeader, type ClientHandshake } from "../../handshake/mod.ts";
import type { Deadline } from "./deadline.ts";

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

/** The URL that cookies are kept by. */
function cookieUrl({ url }: ClientHandshake): string {
  return url.replace(/^ws/, "http");
}

/** Adds the jar's cookies to those that the caller's headers have. */
export async function addCookies(
  handshake: ClientHandshake,
  cookies: CookieStore,
  deadline: Deadline,
): Promise<ClientHandshake> {
  deadline.check(handshake.host);
  const getting = (async () => {
    const value = await cookies.getCookies(cookieUrl(handshake)) ?? "";
    checkHeader("cookie", value);
    return value;
  })();
  const value = await jar(getting, deadline);
  if (value === "") return handshake;
  const { headers } = handshake;
  const own = headers.find(([name]) => name.toLowerCase() === "cookie");
  return {
    ...handshake,
    headers: [
      ...headers.filter((field) => field !== own),
      ["Cookie", own === undefined ? value : `${own[1]}; ${value}`],
    ],
  };
}

/** Gives the jar what a response set. */
export async function keepCookies(
  handshake: ClientHandshake,
  headers: Headers,
  cookies: CookieStore,
  deadline: Deadline,
): Promise<void> {
  const lines = headers.getSetCookie();
  if (lines.length === 0) return;
  await jar((async () => await cookies.setCookies(cookieUrl(handshake), lines))(), deadline);
}

/** Gives the jar what the server of a new connection set, or cuts that connection. */
export async function keepNewCookies(
  core: ConnectionCore,
  handshake: ClientHandshake,
  cookies: CookieStore,
  deadline: Deadline,
): Promise<void> {
  try {
    await keepCookies(handshake, core.info.responseHeaders!, cookies, deadline);
  } catch (error) {
    core.terminate();
    throw error;
  }
}

async function jar<T>(promise: Promise<T>, deadline: Deadline): Promise<T> {
  const named = promise.catch((cause) => {
    throw new HandshakeError("Cannot connect: the cookies option failed", {
      code: "WS_COOKIES_FAILED",
      cause,
    });
  });
  return await deadline.race(named, "the server, waiting for its cookies");
}
