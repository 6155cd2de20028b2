/**
 * The parameters of permessage-deflate, read strictly.
 *
 * @see RFC 7692, section 7.1
 * @module
 */

import type { ExtensionParam } from "../handshake/mod.ts";

/** The registered name. */
export const PERMESSAGE_DEFLATE = "permessage-deflate";

/** The parameters of an offer or a response; `undefined` where one is absent. */
export interface DeflateParams {
  /** The server forgets its context after each message. */
  readonly serverNoTakeover: boolean;
  /** The client forgets its context after each message. */
  readonly clientNoTakeover: boolean;
  /** The most bits of the server's window. */
  readonly serverBits: number | undefined;
  /** The most bits of the client's window; `null` when the parameter has no value. */
  readonly clientBits: number | null | undefined;
}

/** RFC 7692 §7.1.2.1: "a decimal integer value without leading zeroes between 8 to 15 inclusive". */
const BITS = /^(?:[89]|1[0-5])$/;

/**
 * Reads parameters.
 *
 * @param params What was offered or answered.
 * @param offer Whether it is an offer, in which `client_max_window_bits` may have no value.
 * @returns The parameters, or `null` when one is unknown, is there twice, or has a bad value.
 */
export function readParams(
  params: readonly ExtensionParam[],
  offer: boolean,
): DeflateParams | null {
  const seen = new Map<string, string | null>();
  for (const { name, value } of params) {
    if (seen.has(name) || !isValid(name, value, offer)) return null;
    seen.set(name, value);
  }
  const bits = (name: string) => {
    const value = seen.get(name);
    return typeof value === "string" ? Number(value) : value;
  };
  return {
    serverNoTakeover: seen.has("server_no_context_takeover"),
    clientNoTakeover: seen.has("client_no_context_takeover"),
    serverBits: bits("server_max_window_bits") ?? undefined,
    clientBits: bits("client_max_window_bits"),
  };
}

function isValid(name: string, value: string | null, offer: boolean): boolean {
  switch (name) {
    case "server_no_context_takeover":
    case "client_no_context_takeover":
      return value === null;
    case "server_max_window_bits":
      return value !== null && BITS.test(value);
    case "client_max_window_bits":
      return value === null ? offer : BITS.test(value);
    default:
      return false;
  }
}

/**
 * Writes parameters.
 *
 * @param params The parameters.
 */
export function writeParams(params: DeflateParams): ExtensionParam[] {
  const list: ExtensionParam[] = [];
  const { serverNoTakeover, clientNoTakeover, serverBits, clientBits } = params;
  if (serverNoTakeover) list.push({ name: "server_no_context_takeover", value: null });
  if (clientNoTakeover) list.push({ name: "client_no_context_takeover", value: null });
  if (serverBits !== undefined) {
    list.push({ name: "server_max_window_bits", value: String(serverBits) });
  }
  if (clientBits !== undefined) {
    list.push({
      name: "client_max_window_bits",
      value: clientBits === null ? null : String(clientBits),
    });
  }
  return list;
}
