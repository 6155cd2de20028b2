/**
 * The opening handshakes of drafts 75 and 76, on a server.
 *
 * @see draft-hixie-thewebsocketprotocol-75 and -76, section 5
 * @module
 */

import { EMPTY_BYTES } from "../bytes.ts";
import {
  type AcceptedUpgrade,
  checkUpgrade,
  type HeaderField,
  type HeaderReader,
  isHeaderValue,
  type Opening,
  parseOfferedProtocols,
  refuse,
  type RefusedUpgrade,
  type ServerDialect,
  type UpgradeRequest,
} from "../api/dialect.ts";
import { answerChallenge, BODY_BYTES, readKey } from "./challenge.ts";
import { HixieChannel } from "./hixie_channel.ts";

/** Draft 75: no challenge at all. */
export const HIXIE_75: ServerDialect = {
  bodyBytes: 0,
  read: (method, fields) => readOpening(method, fields, "websocket-protocol"),
  respond: (request, decision) => ({
    // This very phrase: clients of that time compared it byte by byte.
    statusText: "Web Socket Protocol Handshake",
    headers: responseFields(request, decision, ""),
    answer: EMPTY_BYTES,
  }),
  connect: (...parts) => new HixieChannel("hixie-75", ...parts),
};

/** Draft 76, and hybi-00: two keys in the head, eight bytes after it. */
export const HIXIE_76: ServerDialect = {
  bodyBytes: BODY_BYTES,
  read(method, fields) {
    const opening = readOpening(method, fields, "sec-websocket-protocol");
    if ("accepted" in opening) return opening;
    const [first, second] = readKeys(fields);
    if (first === null || second === null) {
      return invalid("a Sec-WebSocket-Key1 or Key2 field is missing or stands for no number");
    }
    return opening;
  },
  respond(request, decision, body) {
    const [first, second] = readKeys(request.headers);
    return {
      statusText: "WebSocket Protocol Handshake",
      headers: responseFields(request, decision, "Sec-"),
      answer: answerChallenge(first!, second!, body), // read() has seen both
    };
  },
  connect: (...parts) => new HixieChannel("hixie-76", ...parts),
};

function readKeys(fields: HeaderReader): [number | null, number | null] {
  return [readKey(fields.get("sec-websocket-key1")), readKey(fields.get("sec-websocket-key2"))];
}

function readOpening(
  method: string,
  fields: HeaderReader,
  protocolField: string,
): Opening | RefusedUpgrade {
  const refused = checkUpgrade(method, fields);
  if (refused !== null) return refused;
  const offeredProtocols = parseOfferedProtocols(fields.get(protocolField));
  if (offeredProtocols === null) return invalid(`the ${protocolField} field is malformed`);
  const origin = fields.get("origin");
  // It goes back to the client, so it must be one that can be sent.
  if (origin !== null && !isHeaderValue(origin)) return invalid("the Origin field is malformed");
  return { key: "", origin, offeredProtocols, offeredExtensions: [] };
}

/** Lists the response's fields, in the order that draft 75 demands. */
function responseFields(
  request: UpgradeRequest,
  decision: AcceptedUpgrade,
  prefix: "" | "Sec-",
): HeaderField[] {
  const fields: HeaderField[] = [["Upgrade", "WebSocket"], ["Connection", "Upgrade"]];
  const origin = request.headers.get("origin");
  if (origin !== null) fields.push([`${prefix}WebSocket-Origin`, origin]);
  fields.push([`${prefix}WebSocket-Location`, request.url.replace(/^http/, "ws")]);
  if (decision.protocol !== "") fields.push([`${prefix}WebSocket-Protocol`, decision.protocol]);
  fields.push(...decision.headers);
  return fields;
}

function invalid(message: string): RefusedUpgrade {
  return refuse({ status: 400, code: "WS_REQUEST_INVALID", message });
}
