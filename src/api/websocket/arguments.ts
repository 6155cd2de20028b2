/**
 * What `WebSocket` and `WebSocketStream` accept: URLs, subprotocols, close codes and reasons.
 *
 * @see WHATWG WebSockets, section 3
 * @module
 */

import { MAX_REASON_BYTES } from "../../connection/close_payload.ts";
import { encodeUtf8 } from "../../frames/utf8.ts";
import { isToken } from "../../handshake/grammar.ts";
import { syntaxError } from "./idl.ts";

/**
 * Gets a URL record.
 *
 * @param input A URL; a relative one where the program has a location. http means ws, https wss.
 * @throws {DOMException} `SyntaxError`, if it is none, has another scheme or a fragment.
 */
export function parseUrl(input: string): URL {
  const url = tryParse(input);
  if (url.protocol === "http:") url.protocol = "ws:";
  else if (url.protocol === "https:") url.protocol = "wss:";
  if (url.protocol !== "ws:" && url.protocol !== "wss:") {
    throw syntaxError(
      `Cannot open WebSocket: expected the scheme ws, wss, http or https, got ${url.protocol}`,
    );
  }
  // "If urlRecord's fragment is non-null": an empty one, too, of which only `href` tells.
  if (url.href.includes("#")) {
    throw syntaxError("Cannot open WebSocket: the URL must not have a fragment");
  }
  return url;
}

/** The messages leave the URL out, because it may hold a password. */
function tryParse(input: string): URL {
  const base = (globalThis.location as Location | undefined)?.href;
  try {
    return new URL(input, base);
  } catch {
    throw syntaxError(
      `Cannot open WebSocket: expected an absolute URL${base === undefined ? "" : " or a path"}`,
    );
  }
}

/**
 * Checks a list of subprotocols.
 *
 * @throws {DOMException} `SyntaxError`, if one is no token or is there twice. RFC 6455 §4.1 says that
 * they "MUST all be unique strings"; as web-platform-tests have it, two that differ only in case are
 * not.
 */
export function checkSubprotocols(protocols: readonly string[]): void {
  for (const protocol of protocols) {
    if (!isToken(protocol)) {
      throw syntaxError(
        `Cannot offer subprotocol ${JSON.stringify(protocol)}: it is not a token (options are ` +
          "the third argument)",
      );
    }
  }
  if (new Set(protocols.map((protocol) => protocol.toLowerCase())).size !== protocols.length) {
    throw syntaxError("Cannot offer subprotocols: one of them is there twice");
  }
}

/**
 * Validates a close code and a reason.
 *
 * @param closeCode The code; `undefined` for none.
 * @param reason The reason; may be empty.
 * @throws {DOMException} `InvalidAccessError` for a code other than 1000 and 3000–4999;
 * `SyntaxError` for a reason of more than 123 bytes.
 */
export function validateClose(closeCode: number | undefined, reason: string): void {
  if (closeCode !== undefined && !isApplicationCode(closeCode)) {
    throw new DOMException(
      `Cannot close: code ${closeCode} is not for applications; allowed are 1000 and 3000-4999`,
      "InvalidAccessError",
    );
  }
  // UTF-8 takes at least one byte for each code unit.
  const bytes = reason.length > MAX_REASON_BYTES ? reason.length : encodeUtf8(reason).length;
  if (bytes > MAX_REASON_BYTES) {
    throw syntaxError(
      `Cannot close: the reason is longer than ${MAX_REASON_BYTES} bytes of UTF-8`,
    );
  }
}

function isApplicationCode(closeCode: number): boolean {
  return closeCode === 1000 || (closeCode >= 3000 && closeCode <= 4999);
}
