/**
 * Reads the chunked transfer coding, as far as a refusal's first bytes need it.
 * @module
 */

import { concatBytes } from "../bytes.ts";

const LF = 0x0a;

/**
 * Decodes what there is of a chunked body.
 *
 * @param raw The bytes after the head.
 * @returns The content so far, and whether the last chunk was seen or the coding is broken.
 * @see RFC 9112, section 7.1
 */
export function dechunk(raw: Uint8Array): { body: Uint8Array; ended: boolean } {
  const pieces: Uint8Array[] = [];
  let at = 0;
  let ended = false;
  while (!ended) {
    const lineEnd = raw.indexOf(LF, at);
    if (lineEnd < 0) break;
    const line = new TextDecoder("latin1").decode(raw.subarray(at, lineEnd));
    const size = /^[0-9a-f]{1,8}/i.exec(line);
    if (size === null || size[0] === "0") {
      ended = true;
      break;
    }
    const start = lineEnd + 1;
    const end = start + parseInt(size[0], 16);
    pieces.push(raw.subarray(start, end));
    if (end + 2 > raw.length) break;
    at = end + 2; // the line break after the chunk
  }
  return { body: concatBytes(pieces), ended };
}
