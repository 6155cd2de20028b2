/**
 * The opening handshakes of drafts 75 and 76, on a client.
 *
 * @see draft-hixie-thewebsocketprotocol-75 and -76, section 4
 * @module
 */

import { EMPTY_BYTES } from "../bytes.ts";
import {
  type ClientDialect,
  type ClientHandshake,
  type ClientVerdict,
  equalsIgnoreCase,
  hasToken,
  type HeaderField,
  type ResponseHead,
} from "../api/dialect.ts";
import { HandshakeError } from "../errors.ts";
import { ANSWER_BYTES, answerChallenge, BODY_BYTES, createKey } from "./challenge.ts";
import type { HixieVersion } from "./hixie_capabilities.ts";
import { HixieChannel } from "./hixie_channel.ts";

/** Makes a handshake of draft 75 or 76 out of RFC 6455's. */
export function beginHixie(version: HixieVersion, standard: ClientHandshake): ClientDialect {
  const prefix = version === "hixie-76" ? "Sec-" : "";
  const origin = originOf(standard);
  const headers: HeaderField[] = [
    ["Upgrade", "WebSocket"],
    ["Connection", "Upgrade"],
    ["Host", standard.host],
    ["Origin", origin],
  ];
  const { protocols } = standard;
  // Draft 75 knows one subprotocol, and draft 76 names as many as it likes in one field.
  if (protocols.length > 1 && version === "hixie-75") {
    throw new TypeError("Cannot offer several protocols with hixie-75: it has room for one");
  }
  if (protocols.length > 0) headers.push([`${prefix}WebSocket-Protocol`, protocols.join(", ")]);
  let body: Uint8Array = EMPTY_BYTES;
  let expected: Uint8Array = EMPTY_BYTES;
  if (version === "hixie-76") {
    const first = createKey();
    const second = createKey();
    headers.push(["Sec-WebSocket-Key1", first.value], ["Sec-WebSocket-Key2", second.value]);
    body = crypto.getRandomValues(new Uint8Array(BODY_BYTES));
    expected = answerChallenge(first.number, second.number, body);
  }
  for (const field of standard.headers) if (!isReplaced(field[0])) headers.push(field);
  return {
    handshake: { ...standard, headers },
    body,
    answerBytes: version === "hixie-76" ? ANSWER_BYTES : 0,
    verify(head, answer) {
      const protocol = head.headers.get(`${prefix}WebSocket-Protocol`);
      const fault = checkFields(head, standard, origin, prefix) ??
        checkProtocol(protocol, protocols) ??
        (isEqual(answer, expected) ? undefined : "the sixteen bytes do not answer the challenge");
      if (fault !== undefined) return invalid(fault, head);
      return { ok: true, protocol: protocol ?? "", extensions: "", negotiated: [] };
    },
    connect: (...parts) => new HixieChannel(version, ...parts),
  };
}

/** These drafts demand an origin of every client, not of browsers alone. */
function originOf(handshake: ClientHandshake): string {
  const given = handshake.headers.find(([name]) => equalsIgnoreCase(name, "origin"));
  return given?.[1] ?? `http${handshake.secure ? "s" : ""}://${handshake.host}`;
}

function isReplaced(name: string): boolean {
  return ["host", "upgrade", "connection", "origin"].some((own) => equalsIgnoreCase(name, own)) ||
    name.toLowerCase().startsWith("sec-websocket-");
}

function checkFields(
  head: ResponseHead,
  handshake: ClientHandshake,
  origin: string,
  prefix: string,
): string | undefined {
  const { headers } = head;
  if (!equalsIgnoreCase(headers.get("upgrade") ?? "", "websocket")) {
    return "the Upgrade field of the response is not WebSocket";
  }
  if (!hasToken(headers.get("connection"), "upgrade")) {
    return "the Connection field of the response does not hold Upgrade";
  }
  if (!equalsIgnoreCase(headers.get(`${prefix}WebSocket-Origin`) ?? "", origin)) {
    return `the ${prefix}WebSocket-Origin field is not the origin that was sent`;
  }
  // A page must be sure that the server knows itself by the name that was asked for.
  const location = headers.get(`${prefix}WebSocket-Location`) ?? "";
  const asked = `ws${handshake.secure ? "s" : ""}://${handshake.host}${handshake.target}`;
  if (!URL.canParse(location) || new URL(location).href !== new URL(asked).href) {
    return `the ${prefix}WebSocket-Location field is not the URL that was asked for`;
  }
}

function checkProtocol(protocol: string | null, offered: readonly string[]): string | undefined {
  if (protocol !== null && !offered.includes(protocol)) {
    return "the server chose a subprotocol that was not offered";
  }
  if (protocol === null && offered.length > 0) {
    return "the server chose none of the offered subprotocols";
  }
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

function invalid(fault: string, { status, headers }: ResponseHead): ClientVerdict<never> {
  const error = new HandshakeError(`Cannot connect: ${fault}`, {
    code: "WS_HANDSHAKE_INVALID",
    status,
    headers,
  });
  return { ok: false, error };
}
