/**
 * The opening of a session: the same decision as on a WebSocket's handshake.
 * @module
 */

import { ConnectionTap } from "../../api/connection_tap.ts";
import {
  type AcceptedUpgrade,
  decideUpgrade,
  type OpeningReader,
  parseOfferedProtocols,
  refuse,
  type UpgradeRequest,
} from "../../api/dialect.ts";
import { abortedOpening, inTime, toResponse } from "../../adapters/native/opening.ts";
import { WIRE_VERSION } from "../wire/records.ts";
import { withoutTarget } from "../wire/target.ts";
import type { FallbackSetup } from "./options.ts";

/** A request that was accepted. */
export interface AcceptedOpening {
  readonly decision: AcceptedUpgrade;
  /** The request as the application sees it: as if it had been a WebSocket's. */
  readonly request: UpgradeRequest;
  readonly tap: ConnectionTap | undefined;
}

/** What a client says when it opens a session. */
export interface OpenMessage {
  /** The subprotocols that it offers, as in a header field. */
  readonly protocols: string | null;
}

/** Reads that; `null` when it is malformed. */
export function parseOpenMessage(text: string): OpenMessage | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== "object" || value === null) return null;
  const { version, protocols = [] } = value as { version?: unknown; protocols?: unknown };
  if (version !== WIRE_VERSION || !Array.isArray(protocols)) return null;
  if (protocols.length === 0) return { protocols: null };
  return protocols.every((item) => typeof item === "string")
    ? { protocols: protocols.join(", ") }
    : null;
}

/**
 * Makes what the application sees of a request: a GET of the URL that a WebSocket would have asked
 * for, with the header fields of the request that opens the session.
 */
export function toUpgradeRequest(original: Request): UpgradeRequest {
  const headers = new Headers(original.headers);
  for (const name of ["content-type", "content-length", "transfer-encoding"]) headers.delete(name);
  return { method: "GET", url: withoutTarget(original.url), headers };
}

/**
 * Decides on a request whose origin has been looked at.
 *
 * @returns The opening, or the response that refuses.
 */
export async function decideOpening(
  request: UpgradeRequest,
  message: OpenMessage,
  setup: FallbackSetup,
): Promise<AcceptedOpening | Response> {
  const { options, policy, onError } = setup;
  const tap = options.observers && new ConnectionTap(options.observers, "server");
  tap?.request(request);
  if (options.signal?.aborted) return toResponse(abortedOpening(), tap);
  const read: OpeningReader = (_method, fields) => {
    const offeredProtocols = parseOfferedProtocols(message.protocols);
    if (offeredProtocols === null) {
      const why = "the offered subprotocols are malformed";
      return refuse({ status: 400, code: "WS_REQUEST_INVALID", message: why });
    }
    return { key: "", origin: fields.get("origin"), offeredProtocols, offeredExtensions: [] };
  };
  const deciding = decideUpgrade(request, { ...policy, checkOrigin: null }, undefined, read);
  const decision = await inTime(deciding, options.handshakeTimeoutMs, options.signal);
  if (decision.accepted) return { decision, request, tap };
  if (decision.error.code === "WS_VERIFY_FAILED") onError(decision.error.cause);
  return toResponse(decision, tap);
}

/** Refuses a page of another origin. */
export function refuseOrigin(request: UpgradeRequest, { options }: FallbackSetup): Response {
  const tap = options.observers && new ConnectionTap(options.observers, "server");
  tap?.request(request);
  const message = "the origin is not allowed";
  return toResponse(refuse({ status: 403, code: "WS_ORIGIN_REFUSED", message }), tap);
}
