/** What the tests of the handshake share. */

import type { HandshakeError } from "../../src/errors.ts";
import type {
  AcceptedUpgrade,
  ClientVerdict,
  HeadFault,
  HeadResult,
  RefusalResponse,
  UpgradeDecision,
  UpgradeRequest,
} from "../../src/handshake/mod.ts";

/** The sample key of RFC 6455, section 1.3, and its answer. */
export const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
export const ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/** Encodes a string of code units up to 0xFF as one byte each. */
export function bytesOfText(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** Decodes each byte as the code unit of the same number. */
export function textOfBytes(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}

/** The fields of a valid opening request; `null` takes one away. */
export function openingHeaders(changes: Record<string, string | null> = {}): Headers {
  const headers = new Headers({
    "Host": "example.com",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
  });
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) headers.delete(name);
    else headers.set(name, value);
  }
  return headers;
}

/** A valid opening request with some fields changed. */
export function openingRequest(
  changes: Record<string, string | null> = {},
  init: { method?: string; url?: string } = {},
): UpgradeRequest {
  const { method = "GET", url = "http://example.com/chat" } = init;
  return { method, url, headers: openingHeaders(changes) };
}

/** A string that counts how many of its characters are looked at. */
export function countingString(text: string): { value: string; looks: () => number } {
  let looks = 0;
  const methods: Record<string, (...args: number[]) => unknown> = {
    charCodeAt(at) {
      looks++;
      return text.charCodeAt(at);
    },
    slice(start, end) {
      const part = text.slice(start, end);
      looks += part.length;
      return part;
    },
  };
  const value = new Proxy(Object(text) as object, {
    get(_, property) {
      if (property === "length") return text.length;
      if (typeof property === "string" && Object.hasOwn(methods, property)) {
        return methods[property];
      }
      if (typeof property === "string" && /^\d+$/.test(property)) {
        looks++;
        return text[Number(property)];
      }
      // A regular expression or another built-in would look without being counted.
      throw new Error(`uncounted use of ${String(property)}`);
    },
  });
  return { value: value as unknown as string, looks: () => looks };
}

/** The complete head of a reader's result. */
export function completed<H>(result: HeadResult<H> | undefined): { head: H; rest: Uint8Array } {
  if (result === undefined || !("head" in result)) {
    throw new Error(`no head: ${JSON.stringify(result)}`);
  }
  return result;
}

/** The fault of a reader's result. */
export function faultOf<H>(result: HeadResult<H> | undefined): HeadFault {
  if (result === undefined || !("fault" in result)) throw new Error("no fault");
  return result.fault;
}

/** The decision as an accepted one. */
export function accepted<E>(decision: UpgradeDecision<E>): AcceptedUpgrade<E> {
  if (!decision.accepted) throw decision.error;
  return decision;
}

/** The error of a verdict. */
export function errorOf(verdict: ClientVerdict): HandshakeError {
  if (verdict.ok) throw new Error("the response was taken");
  return verdict.error;
}

/** What is worth comparing of a refusal: status, code and header fields. */
export function refused(decision: UpgradeDecision): {
  status: number;
  code: string;
  headers: Headers;
  error: HandshakeError;
  response: RefusalResponse;
} {
  if (decision.accepted) throw new Error("the request was accepted");
  const { response, error } = decision;
  const headers = new Headers(response.headers.map(([name, value]) => [name, value]));
  return { status: response.status, code: error.code, headers, error, response };
}
