/**
 * The `cookies` option at work: what a request takes from the jar, and what a response puts there.
 * @module
 */

import type { ConnectionCore } from "../../api/connection_core.ts";
import { HandshakeError } from "../../errors.ts";
import { checkHeader, type ClientHandshake } from "../../handshake/mod.ts";
import type { CookieStore } from "./cookies.ts";
import type { Deadline } from "./deadline.ts";

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
