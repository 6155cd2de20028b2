/**
 * What the tests of the old handshakes share: requests by hand, and frames.
 * @module
 */

import { type AcceptOptions, acceptWebSocket } from "../../src/api/stream.ts";
import type { WebSocketConnection } from "../../src/api/connection.ts";
import { legacy } from "../../src/legacy/mod.ts";
import { join } from "../support/bytes.ts";
import { MemoryPeer } from "../support/memory_peer.ts";

/** The keys, the body and the answer of draft 76's well-known example. */
export const KEY_1 = "4 @1  46546xW%0l 1 5";
export const KEY_2 = "12998 5 Y3 1  .P00";
export const BODY = "^n:ds[4U";
export const ANSWER = "8jKS'y:G*Co,Wxa-";
/** A key whose digits its spaces do not divide. */
export const BAD_KEY = "2 L785 8o% s9Sy9@V. 4<1P5";

const encoder = new TextEncoder();

/** UTF-8 of a string. */
export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** A text frame of drafts 75 and 76. */
export function textFrame(text: string): Uint8Array {
  return join([Uint8Array.of(0x00), utf8(text), Uint8Array.of(0xff)]);
}

/** A frame with a length, which receivers skip. */
export function lengthFrame(type: number, length: number, payload = length): Uint8Array {
  const digits = [length % 128];
  for (let rest = Math.floor(length / 128); rest > 0; rest = Math.floor(rest / 128)) {
    digits.unshift(128 + rest % 128);
  }
  return join([Uint8Array.of(type, ...digits), new Uint8Array(payload).fill(0xff)]);
}

/** The closing frame of draft 76. */
export const CLOSE: Uint8Array = Uint8Array.of(0xff, 0x00);

/** A request's head. */
export function head(lines: readonly string[]): string {
  return [...lines, "", ""].join("\r\n");
}

/** The lines of a request of draft 75. */
export function lines75(...extra: string[]): string[] {
  return [
    "GET /demo HTTP/1.1",
    "Upgrade: WebSocket",
    "Connection: Upgrade",
    "Host: example.com",
    "Origin: http://example.com",
    ...extra,
  ];
}

/** The lines of a request of draft 76; the body is not among them. */
export function lines76(...extra: string[]): string[] {
  return lines75(`Sec-WebSocket-Key1: ${KEY_1}`, `Sec-WebSocket-Key2: ${KEY_2}`, ...extra);
}

/** The lines of a request of hybi-07 or of hybi-08 to -12. */
export function linesHybi(version: number | string, ...extra: string[]): string[] {
  return [
    "GET /demo HTTP/1.1",
    "Host: example.com",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    `Sec-WebSocket-Version: ${version}`,
    ...extra,
  ];
}

/** A server's end of a connection in memory, with everything old allowed. */
export function accept(
  options: AcceptOptions = {},
): { peer: MemoryPeer; accepted: Promise<WebSocketConnection> } {
  const peer = new MemoryPeer();
  const accepted = acceptWebSocket(peer.pair, {
    pingIntervalMs: 0,
    legacy: legacy(),
    ...options,
  });
  accepted.catch(() => {});
  return { peer, accepted };
}

/** A server's open connection of draft 75 or 76 and its raw client. */
export async function open(
  version: "hixie-75" | "hixie-76",
  options: AcceptOptions = {},
  glued: Uint8Array = new Uint8Array(0),
): Promise<{ peer: MemoryPeer; socket: WebSocketConnection }> {
  const { peer, accepted } = accept(options);
  if (version === "hixie-75") peer.write(utf8(head(lines75())), glued);
  else peer.write(utf8(head(lines76()) + BODY), glued);
  await peer.readHead();
  if (version === "hixie-76") await peer.read(16);
  return { peer, socket: await accepted };
}
