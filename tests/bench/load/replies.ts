/**
 * Counts the replies in the bytes that come back.
 * @module
 */

import { Buffer } from "node:buffer";
import { clientFrame, type LoadBytes } from "./frames.ts";
import { fail } from "./rounds.ts";

/** Looks at the first bytes of the first reply: is it the message that is expected? */
function checkFirst(bytes: Uint8Array, { replyStart }: LoadBytes): void {
  const start = Buffer.from(bytes.subarray(0, replyStart.length));
  if (start.compare(replyStart.subarray(0, start.length)) !== 0) {
    fail(`the reply begins with ${start.toString("hex")}, not ${replyStart.toString("hex")}`);
  }
}

/** Makes a function that takes bytes and tells how many replies of a known length they complete. */
export function byteCounter(load: LoadBytes): (bytes: Uint8Array) => number {
  let first = true;
  const replyBytes = load.replyBytes!;
  let got = 0;
  return (bytes) => {
    if (first) {
      first = false;
      checkFirst(bytes, load);
    }
    got += bytes.length;
    if (got < replyBytes) return 0;
    const count = Math.floor(got / replyBytes);
    got -= count * replyBytes;
    return count;
  };
}

/**
 * The same by the frames' headers, for short replies of any length; pings may come between them,
 * and are answered.
 */
export function frameCounter(
  load: LoadBytes,
  write: (bytes: Uint8Array) => void,
): (bytes: Uint8Array) => number {
  let rest: Uint8Array = new Uint8Array(0);
  return (bytes) => {
    const data = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    let at = 0, count = 0;
    while (data.length - at >= 4) {
      const short = data[at + 1];
      if (short > 126) fail("a reply is longer than this workload's can be");
      const end = at + (short < 126 ? 2 + short : 4 + (data[at + 2] << 8 | data[at + 3]));
      if (end > data.length) break;
      if (data[at] === 0x89) {
        write(clientFrame(0x8a, data.subarray(at + 2, end)));
      } else {
        checkFirst(data.subarray(at), load);
        count++;
      }
      at = end;
    }
    rest = data.slice(at);
    return count;
  };
}

/** Answers the pings among bytes that hold control frames only. */
export function answerPings(bytes: Uint8Array, write: (bytes: Uint8Array) => void): void {
  for (let at = 0; at + 2 <= bytes.length; at += 2 + bytes[at + 1]) {
    if (bytes[at] !== 0x89) continue;
    write(clientFrame(0x8a, bytes.subarray(at + 2, at + 2 + bytes[at + 1])));
  }
}
