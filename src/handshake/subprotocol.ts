/**
 * The choice of a subprotocol.
 *
 * @see RFC 6455, sections 1.9 and 4.2.2
 * @module
 */

import { isToken, parseTokenList } from "./grammar.ts";
import type { UpgradeRequest } from "./header_reader.ts";

/** What a chooser may answer: one of the offers, or nothing for no subprotocol. */
export type SubprotocolChoice = string | null | undefined;

/** Picks one of the subprotocols that a client offers; called only when it offers any. */
export type SubprotocolChooser = (
  offered: readonly string[],
  request: UpgradeRequest,
) => SubprotocolChoice | Promise<SubprotocolChoice>;

/** The server's `protocols` option: the ones it speaks, or a function that chooses. */
export type SubprotocolPolicy = readonly string[] | SubprotocolChooser;

/**
 * Checks a list of subprotocols given by the caller.
 *
 * @param protocols The list.
 * @returns A copy of the list.
 * @throws {TypeError} If it is no list, an entry is not a token, or one is there twice.
 */
export function checkProtocols(protocols: readonly string[]): readonly string[] {
  if (!Array.isArray(protocols)) throw new TypeError("protocols must be a list of tokens");
  for (const protocol of protocols) {
    if (typeof protocol !== "string" || !isToken(protocol)) {
      throw new TypeError(`protocols must hold tokens, got ${JSON.stringify(protocol)}`);
    }
  }
  if (new Set(protocols).size !== protocols.length) {
    throw new TypeError("protocols must not hold one subprotocol twice");
  }
  return [...protocols];
}

/**
 * Reads the subprotocols that a client offers.
 *
 * @param value The `Sec-WebSocket-Protocol` value of the request, or `null` when it is absent.
 * @returns The offers in order, or `null` when the value breaks the grammar or repeats one.
 */
export function parseOfferedProtocols(value: string | null): readonly string[] | null {
  if (value === null) return [];
  const offered = parseTokenList(value);
  // RFC 6455 §4.1: the field is 1#token, and its elements "MUST all be unique strings"
  if (offered === null || offered.length === 0) return null;
  return offered.length > 1 && new Set(offered).size !== offered.length ? null : offered;
}

/**
 * Makes the chooser that a `protocols` option stands for.
 *
 * @param option A list, of which the client's first match wins, or a chooser.
 * @throws {TypeError} If the list is not one of distinct tokens.
 */
export function compileProtocols(option: SubprotocolPolicy): SubprotocolChooser {
  if (typeof option === "function") return option;
  const spoken = new Set(checkProtocols(option));
  return (offered) => offered.find((protocol) => spoken.has(protocol));
}

/**
 * Chooses a subprotocol.
 *
 * @param choose The chooser, or `null` when the server speaks none.
 * @param offered What the client offers.
 * @param request The opening request, handed to the chooser.
 * @returns The choice; the empty string for none.
 * @throws {TypeError} If the chooser answers with something that was not offered.
 */
export async function chooseProtocol(
  choose: SubprotocolChooser | null,
  offered: readonly string[],
  request: UpgradeRequest,
): Promise<string> {
  if (choose === null || offered.length === 0) return "";
  const choice = await choose(offered, request);
  if (choice === null || choice === undefined) return "";
  if (offered.includes(choice)) return choice;
  throw new TypeError("protocols must choose one of the offered subprotocols, or none");
}
