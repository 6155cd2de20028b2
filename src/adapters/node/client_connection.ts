/**
 * Opening a client's connection, up to the moment before it starts. Loaded with the first one.
 * @module
 */

import { openClient } from "../../api/client_opening.ts";
import type { ConnectionCore } from "../../api/connection_core.ts";
import type { EngineTap } from "../../api/engine_tap.ts";
import type { Transport } from "../../api/transport.ts";
import { HandshakeError } from "../../errors.ts";
import { builtin } from "./builtin.ts";
import type { ConnectSetup } from "./connect_options.ts";
import type * as CookieJar from "./cookie_jar.ts";
import type { Deadline } from "./deadline.ts";
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
  if (setup.compressing !== undefined) {
    const { offerDeflate } = await loadPart(import("./client_deflate.ts"), deadline);
    hop = { ...hop, handshake: offerDeflate(hop.handshake, setup.compressing) };
  }
  for (let followed = 0;; followed++) {
    try {
      return await openHop(hop, setup, deadline);
    } catch (error) {
      if (setup.maxRedirects === 0 || !isRedirect(error)) throw error;
      const { nextHop, refused } = await loadPart(import("./redirects.ts"), deadline);
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
  const { cookies, options } = setup;
  let { handshake } = hop;
  const tap = await tapHop(setup, hop, deadline);
  let jar: typeof CookieJar | undefined;
  let transport: Transport;
  try {
    if (cookies !== undefined) {
      jar = await loadPart(import("./cookie_jar.ts"), deadline);
      handshake = await jar.addCookies(handshake, cookies, deadline);
    }
    transport = await dial({
      handshake,
      tls: hop.tls,
      socketPath: hop.unix?.socketPath,
      dial: setup.dial,
      proxy: await findProxy(hop, setup, deadline),
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
  { options }: ConnectSetup,
  { handshake }: Hop,
  deadline: Deadline,
): Promise<EngineTap | undefined> {
  if (options.observers === undefined) return undefined;
  const { tapClient } = await loadPart(import("../../api/engine_tap.ts"), deadline);
  return tapClient(options.observers, handshake.url);
}

/** Tells those who observe of a connection that failed before this was loaded. */
export async function tellRefused(
  setup: ConnectSetup,
  error: unknown,
  deadline: Deadline,
): Promise<void> {
  const tap = await tapHop(setup, setup.hop, deadline);
  if (error instanceof HandshakeError) tap?.refused(error);
}

/** The proxy of a request: the environment's may differ from host to host. */
async function findProxy(
  hop: Hop,
  { proxy }: ConnectSetup,
  deadline: Deadline,
): Promise<Proxy | undefined> {
  if (proxy !== "environment") return proxy;
  if (hop.unix !== undefined) return undefined;
  const { environmentProxy } = await loadPart(import("./environment_proxy.ts"), deadline);
  const found = environmentProxy(hop.handshake, builtin("process").env);
  return found && resolveProxy(found.url, `the environment's ${found.variable}`);
}
