/**
 * The choice of extensions, from the server's and from the client's side.
 *
 * @see RFC 6455, section 9.1
 * @module
 */

import {
  type ClientExtension,
  type ExtensionOffer,
  formatExtensions,
  type ServerExtension,
} from "./extension_header.ts";
import { isToken } from "./grammar.ts";

/** The extensions in use, in the order in which they apply to outgoing data. */
export interface Negotiated<E = unknown> {
  /** The `Sec-WebSocket-Extensions` value; the empty string when none is in use. */
  readonly extensions: string;
  /** What the negotiators made of it, in the same order. */
  readonly negotiated: readonly E[];
}

/**
 * Checks an `extensions` option.
 *
 * @param extensions The negotiators, or `undefined` for none.
 * @returns A copy of the list.
 * @throws {TypeError} If an entry lacks a name or a method, or a name is repeated.
 */
export function checkExtensions<X extends ServerExtension | ClientExtension>(
  extensions: readonly X[] | undefined,
): readonly X[] {
  if (extensions === undefined) return [];
  if (!Array.isArray(extensions)) throw new TypeError("extensions must be a list of extensions");
  const names = new Set<string>();
  for (const extension of extensions) {
    const name: unknown = extension?.name;
    if (typeof name !== "string" || !isToken(name) || typeof extension.accept !== "function") {
      throw new TypeError("extensions must hold objects with a token as name and an accept()");
    }
    if (names.has(name)) throw new TypeError(`extensions must not name "${name}" twice`);
    names.add(name);
  }
  return [...extensions];
}

/**
 * Picks what a server will use of what a client offers; what it does not know it ignores.
 *
 * @param extensions The server's negotiators; their order is the order of the response.
 * @param offers What the client offers, the most preferred first.
 * @throws {TypeError} If a negotiator answers with something other than it must.
 */
export function negotiateServer<E>(
  extensions: readonly ServerExtension<E>[],
  offers: readonly ExtensionOffer[],
): Negotiated<E> {
  const responses: ExtensionOffer[] = [];
  const negotiated: E[] = [];
  for (const extension of extensions) {
    const own = offers.filter((offer) => offer.name === extension.name);
    const accepted = own.length > 0 ? extension.accept(own) : null;
    if (accepted === null) continue;
    if (accepted.response.name !== extension.name) {
      throw new TypeError(`Cannot accept "${extension.name}": its response has another name`);
    }
    responses.push(accepted.response);
    negotiated.push(accepted.extension);
  }
  return { extensions: formatExtensions(responses), negotiated };
}

/**
 * Lists what a client offers.
 *
 * @param extensions The client's negotiators, the most preferred first.
 * @returns The header value; the empty string when nothing is offered.
 * @throws {TypeError} If a negotiator offers something under another name or with bad parameters.
 */
export function offerExtensions(extensions: readonly ClientExtension[]): string {
  const offers: ExtensionOffer[] = [];
  for (const extension of extensions) {
    for (const offer of extension.offers()) {
      if (offer.name !== extension.name) {
        throw new TypeError(`extensions: "${extension.name}" offers "${offer.name}"`);
      }
      offers.push(offer);
    }
  }
  return formatExtensions(offers);
}

/**
 * Takes the server's choice.
 *
 * @param extensions The negotiators whose offers were sent.
 * @param responses What the server answered.
 * @returns The extensions in the server's order, or what is wrong with the answer.
 */
export function negotiateClient<E>(
  extensions: readonly ClientExtension<E>[],
  responses: readonly ExtensionOffer[],
): E[] | { readonly fault: string; readonly cause?: unknown } {
  const remaining = new Map(extensions.map((extension) => [extension.name, extension]));
  const negotiated: E[] = [];
  for (const response of responses) {
    const extension = remaining.get(response.name);
    // RFC 6455 §4.1: "an extension that was not present in the client's handshake"
    if (extension === undefined) {
      return { fault: "the server chose an extension that was not offered, or one twice" };
    }
    remaining.delete(response.name);
    try {
      const accepted = extension.accept(response);
      if (accepted === null) {
        return { fault: `the server's parameters for ${extension.name} are not acceptable` };
      }
      negotiated.push(accepted.extension);
    } catch (cause) {
      return { fault: `${extension.name} failed on the server's parameters`, cause };
    }
  }
  return negotiated;
}
