/**
 * Opening a client's connection, up to the moment before it starts. Loaded with the first one.
 * @module
 */

import { openClient } from "../../api/client_opening.ts";
import type { ConnectionCore } from "../../api/connection_core.ts";
import type { EngineTap } from "../../api/engine_tap.ts";
import type { Observers } from "../../api/observers.ts";
import type { Transport } from "../../api/transport.ts";
import { HandshakeError } from "../../errors.ts";
import { builtin } from "./builtin.ts";
import type { ConnectSetup } from "./connect_options.ts";
import type * as CookieJar from "./cookie_jar.ts";
import { Deadline } from "./deadline.ts";
import { dial } from "./dial.ts";
import { loadPart } from "./load_part.ts";
import { type Proxy, resolveProxy } from "./proxy.ts";
import type { Hop } from "./redirects.ts";

export { startClient } from "../../api/client_opening.ts";

/** The responses that send a client elsewhere. */
const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];

/** Dials and shakes hands, as often as redirects ask for it, all under one deadline. */
export async function openConnection(
  setup: ConnectSetup,
  deadline: Deadline,
): Promise<ConnectionCore> {
  let { hop } = setup;
  for (let followed = 0;; followed++) {
    try {
      return await openHop(hop, setup, deadline);
    } catch (error) {
      if (setup.maxRedirects === 0 || !isRedirect(error)) throw error;
      const { nextHop, refused } = await loadPart(import("./client_extras.ts"), deadline);
      if (followed === setup.maxRedirects) {
        throw refused(`it is one more than the ${followed} of maxRedirects`, error);
      }
      hop = nextHop(hop, error);
    }
  }
}

/** Tells whether an error is a response that sends the client elsewhere. */
function isRedirect(error: unknown): error is HandshakeError {
  return error instanceof HandshakeError && error.code === "WS_HANDSHAKE_REFUSED" &&
    REDIRECTS.includes(error.status) && error.headers.has("location");
}

async function openHop(
  hop: Hop,
  setup: ConnectSetup,
  deadline: Deadline,
): Promise<ConnectionCore> {
  const { compressing, cookies, options, proxy } = setup;
  let { handshake } = hop;
  const { observers } = options;
  const tap = observers && await tapHop(observers, hop, deadline);
  let jar: typeof CookieJar | undefined;
  let transport: Transport;
  try {
    if (compressing !== undefined) {
      const { offerDeflate } = await loadPart(import("./client_deflate.ts"), deadline);
      handshake = offerDeflate(handshake, compressing);
    }
    if (cookies !== undefined) {
      jar = await loadPart(import("./client_extras.ts"), deadline);
      handshake = await jar.addCookies(handshake, cookies, deadline);
    }
    transport = await dial({
      handshake,
      tls: hop.tls,
      socketPath: hop.unix?.socketPath,
      dial: setup.dial,
      proxy: proxy === "environment" ? await findProxy(hop, deadline) : proxy,
      maxHeaderBytes: options.maxHeaderBytes,
    }, deadline);
  } catch (error) {
    if (error instanceof HandshakeError) tap?.refused(error);
    throw error;
  }
  try {
    const core = await openClient(transport, { ...setup, handshake }, deadline.leftMs, tap);
    await jar?.keepNewCookies(core, handshake, cookies!, deadline);
    return core;
  } catch (error) {
    const isAnswer = error instanceof HandshakeError && error.code === "WS_HANDSHAKE_REFUSED";
    if (isAnswer) await jar?.keepCookies(handshake, error.headers, cookies!, deadline);
    throw error;
  }
}

/** Each request is a connection of its own to those who observe. */
async function tapHop(
  observers: Observers,
  { handshake }: Hop,
  deadline: Deadline,
): Promise<EngineTap | undefined> {
  // Not given up when the signal is aborted: the one who hears of that is made here.
  const untilThen = new Deadline(deadline.leftMs);
  const { tapClient } = await loadPart(import("./client_extras.ts"), untilThen);
  return tapClient(observers, handshake.url);
}

/** Tells those who observe of a connection that failed before this was loaded. */
export async function tellRefused(
  setup: ConnectSetup,
  error: unknown,
  deadline: Deadline,
): Promise<void> {
  const { observers } = setup.options;
  if (observers === undefined || !(error instanceof HandshakeError)) return;
  const tap = await tapHop(observers, setup.hop, deadline);
  tap?.refused(error);
}

/** The environment's proxy for a request: it may differ from host to host. */
async function findProxy(hop: Hop, deadline: Deadline): Promise<Proxy | undefined> {
  if (hop.unix !== undefined) return undefined;
  const { environmentProxy } = await loadPart(import("./client_extras.ts"), deadline);
  const found = environmentProxy(hop.handshake, builtin("process").env);
  return found && resolveProxy(found.url, `the environment's ${found.variable}`);
}
