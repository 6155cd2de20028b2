/**
 * Reading the request for a WebSocket past node:http, in the usual case: it came in one piece, and
 * there is nothing odd about it. node:http takes a fifth of all that a handshake costs on Node.
 *
 * @module
 */

import { EMPTY_BYTES } from "../../bytes.ts";
import { hasToken, isBlankCode } from "../../handshake/mod.ts";
import type { NodeRequest } from "./node_types.ts";
import { RawFields } from "./opening_request.ts";

/** A request, and what came behind its head. */
export interface OpeningHead {
  readonly request: NodeRequest;
  readonly rest: Uint8Array;
}

/** What is used of Node's `Buffer`. */
interface NodeBuffer {
  indexOf(value: string): number;
  toString(encoding: string, start: number, end: number): string;
}

/** How the head of such a request begins: `GET` and a space. */
const START = [0x47, 0x45, 0x54, 0x20];

/**
 * A head (RFC 9112) but for its last line break. No character can belong to two of the parts that
 * touch, so that the time this takes is linear.
 */
const HEAD =
  /^GET [\x21-\x7e]+ HTTP\/1\.1\r\n(?:[!#$%&'*+\-.^`|~\w]+:[\t\x20-\x7e\x80-\xff]*\r\n)+$/;

/** Fields that make more of a request than its head; what they mean is node:http's to say. */
const BODY_FIELDS = ["content-length", "transfer-encoding", "expect"];

/**
 * Reads a request for a WebSocket.
 *
 * @param chunk The first bytes of a connection, a `Buffer` of Node's.
 * @param maxBytes The most bytes of a head.
 * @returns The request as node:http would give it; `undefined` for whatever is not clearly one and
 * whole, which is node:http's to read.
 */
export function readOpeningHead(chunk: Uint8Array, maxBytes: number): OpeningHead | undefined {
  for (let i = 0; i < START.length; i++) if (chunk[i] !== START[i]) return undefined;
  const buffer = chunk as unknown as NodeBuffer;
  const end = buffer.indexOf("\r\n\r\n") + 4;
  if (end < 4 || end > maxBytes) return undefined;
  const text = buffer.toString("latin1", 0, end - 2);
  if (!HEAD.test(text)) return undefined;
  const lines = text.split("\r\n");
  const rawHeaders: string[] = [];
  for (let i = 1; i < lines.length - 1; i++) { // the last one is empty
    const colon = lines[i].indexOf(":");
    rawHeaders.push(lines[i].slice(0, colon), trimBlanks(lines[i], colon + 1));
  }
  const fields = new RawFields(rawHeaders);
  const upgrades = hasToken(fields.get("upgrade"), "websocket") &&
    hasToken(fields.get("connection"), "upgrade");
  if (!upgrades || BODY_FIELDS.some((name) => fields.get(name) !== null)) return undefined;
  const url = lines[0].slice(START.length, lines[0].lastIndexOf(" "));
  return {
    request: { method: "GET", url, httpVersion: "1.1", rawHeaders },
    rest: end < chunk.length ? chunk.subarray(end) : EMPTY_BYTES, // which does not keep the chunk
  };
}

function trimBlanks(line: string, from: number): string {
  let start = from;
  let end = line.length;
  while (start < end && isBlankCode(line.charCodeAt(start))) start++;
  while (end > start && isBlankCode(line.charCodeAt(end - 1))) end--;
  return line.slice(start, end);
}
