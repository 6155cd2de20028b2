/**
 * The server's side of the opening handshake: what is decided, not how it is sent.
 *
 * @see RFC 6455, section 4.2
 * @module
 */

import { acceptKey, isKey } from "./accept_key.ts";
import { type ExtensionOffer, parseExtensions, type ServerExtension } from "./extension_header.ts";
import { type HeaderField, toHeaderFields } from "./extra_headers.ts";
import { hasToken, isHost } from "./grammar.ts";
import type { HeaderReader, HeadersLike, RequestLike, UpgradeRequest } from "./header_reader.ts";
import { checkExtensions, type Negotiated, negotiateServer } from "./negotiation.ts";
import { compileOrigins, type OriginCheck, type OriginPolicy } from "./origin.ts";
import { refuse, type RefusedUpgrade, refuseWith } from "./refusal.ts";
import {
  chooseProtocol,
  compileProtocols,
  parseOfferedProtocols,
  type SubprotocolChooser,
  type SubprotocolPolicy,
} from "./subprotocol.ts";

/** Looks at a request that is otherwise acceptable; a `Response` refuses it. */
export type Verify = (request: UpgradeRequest) => Response | void | Promise<Response | void>;

/** Makes header fields for the 101 response. */
export type HeadersFunction = (request: UpgradeRequest) => HeadersLike | Promise<HeadersLike>;

/** The options of the server's handshake. */
export interface ServerHandshakeOptions<E = unknown> {
  /** The subprotocols this server speaks, or a function that chooses. Default: none. */
  readonly protocols?: SubprotocolPolicy;
  /** Which origins may connect. Default: every origin. */
  readonly origins?: OriginPolicy;
  /** A last check that may refuse with any `Response`. Default: none. */
  readonly verify?: Verify;
  /** Header fields to add to the 101 response. Default: none. */
  readonly headers?: HeadersLike | HeadersFunction;
  /** The extensions this server can use, in its order. Default: none. */
  readonly extensions?: readonly ServerExtension<E>[];
}

/** Checked options, made once by {@linkcode validateServerOptions} and used for every request. */
export interface ServerPolicy<E = unknown> {
  /** Chooses the subprotocol, or `null` when the server speaks none. */
  readonly choose: SubprotocolChooser | null;
  /** Checks the origin, or `null` when every one may connect. */
  readonly checkOrigin: OriginCheck | null;
  /** The user's last check, or `null`. */
  readonly verify: Verify | null;
  /** Makes the extra header fields, or is the list of them. */
  readonly headers: HeadersFunction | readonly HeaderField[];
  /** The negotiators. */
  readonly extensions: readonly ServerExtension<E>[];
  /** Whether a function of the user's gets to see the request. */
  readonly showsRequest: boolean;
}

/** The outcome of a handshake that was accepted. */
export interface AcceptedUpgrade<E = unknown> extends Negotiated<E> {
  /** Tells the outcomes apart. */
  readonly accepted: true;
  /** The client's `Sec-WebSocket-Key`. */
  readonly key: string;
  /** The chosen subprotocol; the empty string for none. */
  readonly protocol: string;
  /** The user's extra header fields. */
  readonly headers: readonly HeaderField[];
}

/** The outcome of an opening handshake. */
export type UpgradeDecision<E = unknown> = AcceptedUpgrade<E> | RefusedUpgrade;

/**
 * Checks the options of the server's handshake; keys it does not know are left to the caller.
 *
 * @param options The options.
 * @returns What {@linkcode decideUpgrade} works with.
 * @throws {TypeError} If an option has a wrong type or value; the message names the option.
 */
export function validateServerOptions<E = unknown>(
  options: ServerHandshakeOptions<E> = {},
): ServerPolicy<E> {
  const { protocols, origins, verify, headers, extensions } = options;
  if (verify !== undefined && typeof verify !== "function") {
    throw new TypeError("verify must be a function");
  }
  return {
    choose: protocols === undefined ? null : compileProtocols(protocols),
    checkOrigin: origins === undefined ? null : compileOrigins(origins),
    verify: verify ?? null,
    headers: typeof headers === "function" ? headers : toHeaderFields(headers),
    extensions: checkExtensions(extensions),
    showsRequest: [protocols, origins, verify, headers].some((it) => typeof it === "function"),
  };
}

/**
 * Tells whether a request asks for a WebSocket, so that an application can route it.
 *
 * @param request A `Request`, or an `IncomingMessage` of `node:http`.
 * @returns Whether it is a GET whose Upgrade field names `websocket`; it may still be refused.
 */
export function isUpgradeRequest({ method, headers }: RequestLike): boolean {
  const upgrade = typeof headers.get === "function"
    ? headers.get("upgrade")
    : (headers as Record<string, unknown>).upgrade;
  return method === "GET" && typeof upgrade === "string" && hasToken(upgrade, "websocket");
}

/** Reads what an opening request asks for, or refuses it. */
export type OpeningReader = (method: string, fields: HeaderReader) => Opening | RefusedUpgrade;

/**
 * Decides on an opening request.
 *
 * The request itself is shown to the user's functions only.
 *
 * @param request The request, whose `url` is absolute.
 * @param policy The checked options.
 * @param fields Where the handshake looks header fields up. Default: the request's headers.
 * @param read Reads the request. Default: {@linkcode readOpening}, for version 13 alone.
 * @returns The decision. Nothing that a client sent, and nothing that the user's functions throw,
 * makes it reject.
 */
export async function decideUpgrade<E>(
  request: UpgradeRequest,
  policy: ServerPolicy<E>,
  fields: HeaderReader = request.headers,
  read: OpeningReader = readOpening,
): Promise<UpgradeDecision<E>> {
  const opening = read(request.method, fields);
  if ("accepted" in opening) return opening;
  if (policy.showsRequest && !URL.canParse(request.url)) {
    return invalid(400, "the Host field and the request target make no valid URL");
  }
  try {
    if (policy.checkOrigin !== null) {
      const allowed: unknown = await policy.checkOrigin(opening.origin, request);
      if (typeof allowed !== "boolean") throw new TypeError("origins must answer with a boolean");
      if (!allowed) return refuseOrigin();
    }
    if (policy.verify !== null) {
      const answer: unknown = await policy.verify(request);
      if (answer !== undefined) return refuseWith(answer);
    }
    const protocol = await chooseProtocol(policy.choose, opening.offeredProtocols, request);
    const headers = typeof policy.headers === "function"
      ? toHeaderFields(await policy.headers(request))
      : policy.headers;
    return accept(opening, policy, protocol, headers);
  } catch (cause) {
    return undecided(cause);
  }
}

/**
 * Decides on an opening request without waiting, where no function of the user's has a say.
 *
 * @param request The request.
 * @param policy The checked options.
 * @param fields Where the handshake looks header fields up. Default: the request's headers.
 * @returns The same as {@linkcode decideUpgrade}, or `undefined` where that has to be asked.
 */
export function decideAtOnce<E>(
  request: UpgradeRequest,
  policy: ServerPolicy<E>,
  fields: HeaderReader = request.headers,
): UpgradeDecision<E> | undefined {
  if (policy.showsRequest) return undefined;
  const opening = readOpening(request.method, fields);
  if ("accepted" in opening) return opening;
  try {
    if (policy.checkOrigin?.(opening.origin, request) === false) return refuseOrigin();
    const protocol = policy.choose?.(opening.offeredProtocols, request) as string | undefined;
    return accept(opening, policy, protocol ?? "", policy.headers as readonly HeaderField[]);
  } catch (cause) {
    return undecided(cause);
  }
}

/** Accepts; last of all, so that no extension is made for a request that is refused after all. */
function accept<E>(
  { key, offeredExtensions }: Opening,
  policy: ServerPolicy<E>,
  protocol: string,
  headers: readonly HeaderField[],
): AcceptedUpgrade<E> {
  const { extensions, negotiated } = negotiateServer(policy.extensions, offeredExtensions);
  return { accepted: true, key, protocol, extensions, negotiated, headers };
}

function undecided(cause: unknown): RefusedUpgrade {
  const message = "the server failed to decide";
  return refuse({ status: 500, code: "WS_VERIFY_FAILED", message, cause });
}

/**
 * Lists the complete header fields of the 101 response.
 *
 * @param decision An accepted handshake.
 * @returns The fields, in the order in which to send them.
 */
export function switchingProtocols(
  decision: AcceptedUpgrade,
): HeaderField[] | Promise<HeaderField[]> {
  const accept = acceptKey(decision.key);
  return typeof accept === "string"
    ? responseFields(decision, accept)
    : accept.then((accept) => responseFields(decision, accept));
}

function responseFields(decision: AcceptedUpgrade, accept: string): HeaderField[] {
  const fields: HeaderField[] = [
    ["Upgrade", "websocket"],
    ["Connection", "Upgrade"],
    ["Sec-WebSocket-Accept", accept],
  ];
  if (decision.protocol !== "") fields.push(["Sec-WebSocket-Protocol", decision.protocol]);
  if (decision.extensions !== "") fields.push(["Sec-WebSocket-Extensions", decision.extensions]);
  fields.push(...decision.headers);
  return fields;
}

/** What the request itself asks for. */
export interface Opening {
  /** The `Sec-WebSocket-Key`. */
  readonly key: string;
  /** Where the page that asks comes from; `null` when the request does not say. */
  readonly origin: string | null;
  /** The subprotocols, in the client's order. */
  readonly offeredProtocols: readonly string[];
  /** The extensions, in the client's order. */
  readonly offeredExtensions: readonly ExtensionOffer[];
}

/**
 * Checks what every version of the protocol asks of a request.
 *
 * @param method The request's method.
 * @param headers Its header fields.
 * @returns The refusal, or `null`.
 */
export function checkUpgrade(method: string, headers: HeaderReader): RefusedUpgrade | null {
  if (method !== "GET") return invalid(405, "the method is not GET", [["Allow", "GET"]]);
  // A body would be read as frames here and as a body by a proxy: that is request smuggling.
  const length = headers.get("content-length");
  if ((length !== null && length !== "0") || headers.get("transfer-encoding") !== null) {
    return invalid(400, "the request has a body");
  }
  if (!isHost(headers.get("host") ?? "")) {
    return invalid(400, "the Host field is missing, repeated or malformed");
  }
  if (
    !hasToken(headers.get("upgrade"), "websocket") ||
    !hasToken(headers.get("connection"), "upgrade")
  ) {
    return invalid(426, "the request does not ask for a WebSocket", UPGRADE);
  }
  return null;
}

/** The one version that is spoken unless the application asks for more. */
const STANDARD: readonly string[] = ["13"];

/**
 * Checks everything that RFC 6455, section 4.2.1 asks of the request.
 *
 * @param method The request's method.
 * @param headers Its header fields.
 * @param versions The values of `Sec-WebSocket-Version` to accept, the best first. Default: 13.
 */
export function readOpening(
  method: string,
  headers: HeaderReader,
  versions: readonly string[] = STANDARD,
): Opening | RefusedUpgrade {
  const refused = checkUpgrade(method, headers);
  if (refused !== null) return refused;
  const version = headers.get("sec-websocket-version");
  if (version === null || !versions.includes(version)) return refuseVersion(version, versions);
  const key = headers.get("sec-websocket-key");
  if (key === null || !isKey(key)) {
    return invalid(400, "the Sec-WebSocket-Key field is missing, repeated or malformed");
  }
  const offeredProtocols = parseOfferedProtocols(headers.get("sec-websocket-protocol"));
  if (offeredProtocols === null) {
    return invalid(400, "the Sec-WebSocket-Protocol field is malformed");
  }
  let origin = headers.get("origin");
  if (version !== "13") {
    // Drafts 07 to 10 name the field so. Their extensions are none that is known here.
    origin = headers.get("sec-websocket-origin") ?? origin;
    return { key, origin, offeredProtocols, offeredExtensions: [] };
  }
  const extensions = headers.get("sec-websocket-extensions");
  const offeredExtensions = extensions === null ? [] : parseExtensions(extensions);
  if (offeredExtensions === null) {
    return invalid(400, "the Sec-WebSocket-Extensions field is malformed");
  }
  return { key, origin, offeredProtocols, offeredExtensions };
}

const UPGRADE: readonly HeaderField[] = [["Upgrade", "websocket"]];

function invalid(
  status: number,
  message: string,
  headers?: readonly HeaderField[],
): RefusedUpgrade {
  return refuse({ status, code: "WS_REQUEST_INVALID", message, headers });
}

function refuseOrigin(): RefusedUpgrade {
  return refuse({ status: 403, code: "WS_ORIGIN_REFUSED", message: "the origin is not allowed" });
}

function refuseVersion(version: string | null, versions: readonly string[]): RefusedUpgrade {
  const spoken: HeaderField = ["Sec-WebSocket-Version", versions.join(", ")];
  if (version === null || !isVersion(version)) {
    return invalid(400, "the Sec-WebSocket-Version field is missing, repeated or malformed", [
      spoken,
    ]);
  }
  const message = `the Sec-WebSocket-Version is not ${versions.join(", ")}`;
  const headers = [...UPGRADE, spoken];
  return refuse({ status: 426, code: "WS_VERSION_UNSUPPORTED", message, headers });
}

/** RFC 6455 §4.3: a version is 0 to 255 without leading zeros. */
function isVersion(value: string): boolean {
  const version = Number(value);
  return Number.isInteger(version) && version >= 0 && version <= 255 && String(version) === value;
}
