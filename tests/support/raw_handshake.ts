/**
 * The opening handshake by hand, for raw peers.
 * @module
 */

import type { RawPeer } from "./raw_peer.ts";

/** The key of RFC 6455, section 1.3, and the answer that it gives there. */
export const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
export const ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/** An opening request. */
export function requestText(extra: readonly string[] = [], path = "/"): string {
  return [
    `GET ${path} HTTP/1.1`,
    "Host: example.com",
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Key: ${KEY}`,
    "Sec-WebSocket-Version: 13",
    ...extra,
    "",
    "",
  ].join("\r\n");
}

/** Asks a server for a WebSocket, and fails unless it says 101 with the right answer. */
export async function openAsClient(
  peer: RawPeer,
  glued: Uint8Array = new Uint8Array(0),
): Promise<string> {
  peer.write(new TextEncoder().encode(requestText()), glued);
  const head = await peer.readHead();
  if (!head.startsWith("HTTP/1.1 101 ")) throw new Error(`not a 101: ${head}`);
  if (!head.toLowerCase().includes(`sec-websocket-accept: ${ACCEPT.toLowerCase()}\r\n`)) {
    throw new Error(`not the right answer: ${head}`);
  }
  return head;
}

/** The lines of a response that accepts a request. */
export async function acceptance(request: string): Promise<string[]> {
  const key = /^sec-websocket-key: *(.*?) *\r?$/im.exec(request)?.[1];
  const bytes = new TextEncoder().encode(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-1", bytes));
  return [
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Accept: ${btoa(String.fromCharCode(...digest))}`,
  ];
}

/** Computes the 101 response to a request. */
export async function answerText(request: string, extra: readonly string[] = []): Promise<string> {
  return [...await acceptance(request), ...extra, "", ""].join("\r\n");
}

/** Answers a client's opening request. */
export async function openAsServer(
  peer: RawPeer,
  glued: Uint8Array = new Uint8Array(0),
): Promise<string> {
  const request = await peer.readHead();
  peer.write(new TextEncoder().encode(await answerText(request)), glued);
  return request;
}
