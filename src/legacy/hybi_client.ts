/**
 * The opening handshakes of the drafts that frame as RFC 6455 does, on a client.
 *
 * @see draft-ietf-hybi-thewebsocketprotocol-07 and -08, section 5.1
 * @module
 */

import { EMPTY_BYTES } from "../bytes.ts";
import {
  type ClientDialect,
  type ClientHandshake,
  equalsIgnoreCase,
  type HeaderField,
} from "../api/dialect.ts";

/**
 * Makes a handshake of such a draft out of RFC 6455's: another version, another name for the origin.
 *
 * @param version What `Sec-WebSocket-Version` says.
 * @param standard The handshake of RFC 6455.
 */
export function beginHybi(version: string, standard: ClientHandshake): ClientDialect {
  const headers = standard.headers.map(([name, value]): HeaderField => {
    if (equalsIgnoreCase(name, "sec-websocket-version")) return [name, version];
    return equalsIgnoreCase(name, "origin") ? ["Sec-WebSocket-Origin", value] : [name, value];
  });
  return { handshake: { ...standard, headers }, body: EMPTY_BYTES, answerBytes: 0 };
}
