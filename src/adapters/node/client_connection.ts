/**
 * Opening a client's connection, up to the moment before it starts.
 * @module
 */

import { openClient } from "../../api/client_opening.ts";
import type { ConnectionCore } from "../../api/connection_core.ts";
import { ConnectionTap } from "../../api/connection_tap.ts";
import type { Transport } from "../../api/transport.ts";
import { HandshakeError } from "../../errors.ts";
import { builtin } from "./builtin.ts";
import { type ConnectOptions, type ConnectSetup, setupConnect } from "./connect_options.ts";
import { addCookies, keepCookies, keepNewCookies } from "./cookies.ts";
import { Deadline } from "./deadline.ts";
import { dial } from "./dial.ts";
import { environmentProxy } from "./environment_proxy.ts";
import { type Proxy, resolveProxy } from "./proxy.ts";
import { type Hop, isRedirect, nextHop, refused } from "./redirects.ts";

/**
 * Opens a connection and leaves it to the caller to start it, after saying where its messages go.
 * The options `handler` and `onError` are checked and otherwise left alone.
 *
 * @param url Where to connect.
 * @param options As those of `connect`.
 * @returns The connection, not started yet.
 * @throws {HandshakeError} If there is no connection, or the handshake fails.
 * @throws {TypeError} If the URL or an option is wrong.
 * @throws {RangeError} If a number is out of range.
 */
export async function openClientConnection(
  url: string | URL,
  options: ConnectOptions = {},
): Promise<ConnectionCore> {
  return await dialAndOpen(setupConnect(url, options));
}

/** Dials and shakes hands, as often as redirects ask for it, all under one deadline. */
export async function dialAndOpen(setup: ConnectSetup): Promise<ConnectionCore> {
  const { handshakeTimeoutMs, signal } = setup.options;
  const deadline = new Deadline(handshakeTimeoutMs, signal);
  let { hop } = setup;
  for (let followed = 0;; followed++) {
    try {
      return await openHop(hop, setup, deadline);
    } catch (error) {
      if (setup.maxRedirects === 0 || !isRedirect(error)) throw error;
      if (followed === setup.maxRedirects) {
        throw refused(`it is one more than the ${followed} of maxRedirects`, error);
      }
      hop = nextHop(hop, error);
      setup = observedAnew(setup, hop);
    }
  }
}

async function openHop(
  hop: Hop,
  setup: ConnectSetup,
  deadline: Deadline,
): Promise<ConnectionCore> {
  const { cookies, options, tap } = setup;
  let { handshake } = hop;
  let transport: Transport;
  try {
    if (cookies !== undefined) handshake = await addCookies(handshake, cookies, deadline);
    transport = await dial({
      handshake,
      tls: hop.tls,
      socketPath: hop.unix?.socketPath,
      dial: setup.dial,
      proxy: findProxy(hop, setup),
      maxHeaderBytes: options.maxHeaderBytes,
    }, deadline);
  } catch (error) {
    if (error instanceof HandshakeError) tap?.refused(error);
    throw error;
  }
  try {
    const core = await openClient(transport, { ...setup, handshake }, deadline.leftMs);
    if (cookies !== undefined) await keepNewCookies(core, handshake, cookies, deadline);
    return core;
  } catch (error) {
    const isAnswer = error instanceof HandshakeError && error.code === "WS_HANDSHAKE_REFUSED";
    if (cookies !== undefined && isAnswer) {
      await keepCookies(handshake, error.headers, cookies, deadline);
    }
    throw error;
  }
}

/** Each request is a connection of its own to those who observe. */
function observedAnew(setup: ConnectSetup, hop: Hop): ConnectSetup {
  const { observers } = setup.options;
  if (observers === undefined) return setup;
  const tap = new ConnectionTap(observers, "client");
  tap.connection.url = hop.handshake.url;
  return { ...setup, tap };
}

/** The proxy of a request: the environment's may differ from host to host. */
function findProxy(hop: Hop, { proxy }: ConnectSetup): Proxy | undefined {
  if (proxy !== "environment") return proxy;
  if (hop.unix !== undefined) return undefined;
  const found = environmentProxy(hop.handshake, builtin("process").env);
  return found && resolveProxy(found.url, `the environment's ${found.variable}`);
}
