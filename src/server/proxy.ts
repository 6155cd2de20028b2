/**
 * Who the client is when proxies stand between: their header fields, believed only where the
 * application says so.
 *
 * @see RFC 7239
 * @module
 */

import { describe } from "../api/options.ts";
import { type AddressRange, isInRange, parseAddress, parseRange } from "./address.ts";

/**
 * Which proxies are believed: `true` for whoever connects and whatever is said (only where nobody
 * but a proxy can connect, and it replaces the fields), a number of proxies in a row, or a list of
 * their addresses and CIDR ranges.
 */
export type TrustProxy = boolean | number | readonly string[];

/**
 * Which fields the proxies write: `X-Forwarded-For`, `-Proto` and `-Host`, or `Forwarded`. One kind
 * only: the other would come from the client, and say what it likes.
 */
export type ProxyHeader = "x-forwarded" | "forwarded";

/** What is known of a request before any proxy was asked. */
export interface DirectRequest {
  /** The address that connected. */
  readonly remoteAddress: string | undefined;
  /** Whether it came over TLS. */
  readonly secure: boolean;
  /** Looks up a header field; repeated ones come joined by `", "`. */
  header(name: string): string | null;
}

/** Who asks, and what for, as the client sees it. */
export interface Client {
  /** The client's address; `undefined` when it is not known. */
  readonly address: string | undefined;
  /** Whether the client speaks TLS. */
  readonly secure: boolean;
  /** The host and port that the client asked for. */
  readonly host: string;
}

/** Finds the client of a request. */
export type ClientFinder = (request: DirectRequest) => Client;

/** What one proxy said. */
interface Hop {
  /** Who spoke to it; `undefined` when it will not tell, `null` when it has nothing to say of it. */
  readonly address: string | undefined | null;
  readonly proto: string | undefined;
  readonly host: string | undefined;
}

/** More proxies than this in a row are not looked at. */
const MAX_HOPS = 32;

/**
 * Makes what finds the client.
 *
 * @throws {TypeError} If an option has the wrong type or a range is malformed.
 * @throws {RangeError} If a number is no integer from 1 to 32.
 */
export function compileTrust(
  trustProxy: TrustProxy = false,
  proxyHeader: ProxyHeader = "x-forwarded",
): ClientFinder {
  if (proxyHeader !== "x-forwarded" && proxyHeader !== "forwarded") {
    throw new TypeError(
      'Cannot use option "proxyHeader": expected "x-forwarded" or "forwarded"',
    );
  }
  if (trustProxy === false) return direct;
  const trusts = compileTrusted(trustProxy);
  const readHops = proxyHeader === "forwarded" ? readForwarded : readXForwarded;
  return (request) => {
    if (!trusts(request.remoteAddress, 0)) return direct(request); // its fields are not even read
    const hops = readHops(request);
    let { address, secure, host } = direct(request);
    // From the last proxy backwards, as long as who speaks is believed.
    for (let i = 0; i < hops.length && trusts(address, i); i++) {
      const hop = hops[i];
      if (hop.proto !== undefined) secure = hop.proto === "https" || hop.proto === "wss";
      if (hop.host !== undefined) host = hop.host;
      if (hop.address === null) break;
      address = hop.address; // of somebody whom the proxy does not name, nothing is known
      if (address === undefined) break;
    }
    return { address, secure, host };
  };
}

function direct({ remoteAddress, secure, header }: DirectRequest): Client {
  return { address: remoteAddress, secure, host: header("host") ?? "" };
}

/** Makes what tells whether an address, so many hops away, is a proxy that is believed. */
function compileTrusted(
  trustProxy: true | number | readonly string[],
): (address: string | undefined, hop: number) => boolean {
  if (trustProxy === true) return () => true;
  if (typeof trustProxy === "number") {
    if (!Number.isInteger(trustProxy) || trustProxy < 1 || trustProxy > MAX_HOPS) {
      throw new RangeError(
        `Cannot use option "trustProxy": expected 1 to ${MAX_HOPS} proxies, got ${trustProxy}`,
      );
    }
    return (_, hop) => hop < trustProxy;
  }
  if (!Array.isArray(trustProxy) || trustProxy.some((range) => typeof range !== "string")) {
    throw new TypeError(
      'Cannot use option "trustProxy": expected a boolean, a number or a list of addresses, got ' +
        describe(trustProxy),
    );
  }
  const ranges: AddressRange[] = trustProxy.map(parseRange);
  return (address) => {
    const bytes = address === undefined ? null : parseAddress(address);
    return bytes !== null && ranges.some((range) => isInRange(bytes, range));
  };
}

/** Reads the `X-Forwarded-*` fields, the last proxy's words first. */
function readXForwarded({ header }: DirectRequest): Hop[] {
  const fors = listOf(header("x-forwarded-for"));
  const protos = listOf(header("x-forwarded-proto"));
  const hosts = listOf(header("x-forwarded-host"));
  const count = Math.max(fors.length, protos.length > 0 || hosts.length > 0 ? 1 : 0);
  return Array.from({ length: count }, (_, i) => ({
    address: fors[i] === undefined ? null : toAddress(fors[i]),
    proto: toProto(protos[i]),
    host: toHost(hosts[i]),
  }));
}

/** The elements of a list, the last one first, as many as count. */
function listOf(value: string | null): string[] {
  const elements: string[] = [];
  if (value === null) return elements;
  for (let end = value.length; end >= 0 && elements.length < MAX_HOPS;) {
    const comma = end === 0 ? -1 : value.lastIndexOf(",", end - 1);
    elements.push(value.slice(comma + 1, end).trim());
    end = comma;
  }
  return elements;
}

/** A parameter of a `Forwarded` element, and what separates it from the next. */
const PARAMETER =
  /[ \t]*([\w!#$%&'*+.^`|~-]+)=(?:"((?:[^"\\]|\\[^])*)"|([^\s;,"]*))[ \t]*([;,]|$)/y;

/** Reads the `Forwarded` field, the last proxy's words first; a malformed field says nothing. */
function readForwarded({ header }: DirectRequest): Hop[] {
  const value = header("forwarded");
  if (value === null) return [];
  const hops: Hop[] = [];
  let hop = new Map<string, string>();
  const finish = () => {
    hops.push({
      address: hop.has("for") ? toAddress(hop.get("for")!) : null,
      proto: toProto(hop.get("proto")),
      host: toHost(hop.get("host")),
    });
    hop = new Map();
  };
  for (let at = 0; at < value.length;) {
    PARAMETER.lastIndex = at;
    const match = PARAMETER.exec(value);
    if (match === null) return [];
    const [all, name, quoted, token, separator] = match;
    const key = name.toLowerCase();
    if (hop.has(key)) return []; // RFC 7239 §4: "Each parameter MUST NOT occur more than once"
    hop.set(key, quoted?.replace(/\\(.)/gs, "$1") ?? token);
    at += all.length;
    if (separator !== ";") finish();
  }
  return hops.slice(-MAX_HOPS).reverse();
}

/** The address in `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1` or `[2001:db8::1]:80`. */
function toAddress(node: string): string | undefined {
  const inner = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(node)?.[1] ??
    /^(\d[\d.]*):\d{1,5}$/.exec(node)?.[1] ?? node;
  return parseAddress(inner) === null ? undefined : inner;
}

function toProto(proto: string | undefined): string | undefined {
  const lower = proto?.toLowerCase();
  return lower !== undefined && /^(?:https?|wss?)$/.test(lower) ? lower : undefined;
}

function toHost(host: string | undefined): string | undefined {
  return host !== undefined && /^(?:[\w.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i.test(host) &&
      URL.canParse(`http://${host}/`)
    ? host
    : undefined;
}
