/**
 * The HTTP heads that pass: found in the bytes, read, and changed where the target must not see
 * the proxy.
 *
 * @module
 */

import { concatBytes } from "../../bytes.ts";

/** A head is at most this large; what is larger is no WebSocket handshake. */
const MAX_HEAD_BYTES = 65536;

/** Gathers bytes until a head is whole. */
export class HeadCollector {
  #bytes: Uint8Array = new Uint8Array(0);

  /**
   * Takes bytes.
   *
   * @returns The head, with its empty line, and what came after it; `undefined` while it is not
   * whole, and `"too large"` when it will not be looked at.
   */
  push(chunk: Uint8Array): { head: string; rest: Uint8Array } | "too large" | undefined {
    const from = Math.max(0, this.#bytes.length - 3);
    this.#bytes = concatBytes([this.#bytes, chunk]);
    const end = findEnd(this.#bytes, from);
    if (end > MAX_HEAD_BYTES || (end < 0 && this.#bytes.length > MAX_HEAD_BYTES)) {
      return "too large";
    }
    if (end < 0) return undefined;
    return { head: latin1(this.#bytes.subarray(0, end)), rest: this.#bytes.slice(end) };
  }

  /** All bytes so far. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }
}

function findEnd(bytes: Uint8Array, from: number): number {
  for (let i = from; i + 3 < bytes.length; i++) {
    if (bytes[i] === 13 && bytes[i + 1] === 10 && bytes[i + 2] === 13 && bytes[i + 3] === 10) {
      return i + 4;
    }
  }
  return -1;
}

/** Turns a head into bytes, one for each character. */
export function headBytes(head: string): Uint8Array {
  return Uint8Array.from(head, (character) => character.charCodeAt(0));
}

function latin1(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** The first line of a head. */
export function firstLine(head: string): string {
  return head.slice(0, head.indexOf("\r\n"));
}

/** The values of a field, joined as RFC 9110 §5.3 allows; `""` for none. */
export function field(head: string, name: string): string {
  return lines(head).filter((line) => isField(line, name))
    .map((line) => line.slice(line.indexOf(":") + 1).trim()).join(", ");
}

function lines(head: string): string[] {
  return head.split("\r\n").slice(1, -2);
}

function isField(line: string, name: string): boolean {
  return line.slice(0, name.length + 1).toLowerCase() === `${name}:`;
}

/** What a request is changed to. */
export interface RequestChanges {
  /** Where it goes. */
  readonly target: URL;
  /** The origin of the proxy, which stands for the target's. */
  readonly ownOrigin?: string;
  /** A fresh key, for a request that is sent again. */
  readonly key?: string;
}

/**
 * Readdresses a request to the target: its Host, its path if it asks for `/`, and an Origin that is
 * the proxy's own.
 *
 * @param head The request's head.
 * @param changes What to change.
 * @returns The changed head; what does not ask for an upgrade asks for no further request.
 */
export function readdress(head: string, { target, ownOrigin, key }: RequestChanges): string {
  const [method, path = "/", version = "HTTP/1.1"] = firstLine(head).split(" ");
  const wanted = path === "/" ? `${target.pathname}${target.search}` : path;
  const upgrades = field(head, "upgrade") !== "";
  const secure = target.protocol === "wss:" || target.protocol === "https:";
  const changed = lines(head).flatMap((line) => {
    if (isField(line, "host")) return [`Host: ${target.host}`];
    if (isField(line, "origin") && line.slice(7).trim().toLowerCase() === ownOrigin) {
      return [`Origin: ${secure ? "https" : "http"}://${target.host}`];
    }
    if (isField(line, "sec-websocket-key") && key !== undefined) {
      return [`Sec-WebSocket-Key: ${key}`];
    }
    return isField(line, "connection") && !upgrades ? [] : [line];
  });
  if (!upgrades) changed.push("Connection: close");
  return [`${method} ${wanted} ${version}`, ...changed, "", ""].join("\r\n");
}
