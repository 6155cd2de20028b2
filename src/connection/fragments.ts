/**
 * What is above a limit leaves as several frames.
 * @module
 */

import { CONTINUATION, FIN, type FrameWriter } from "../frames/mod.ts";

/**
 * Writes a payload as frames of at most so many bytes each.
 *
 * @param output Where they go.
 * @param most The most payload bytes of a frame.
 * @param first The first header byte of the first one, without FIN; RSV1 is said there alone.
 * @param payload All of it.
 * @param keep As with {@linkcode FrameWriter.writeFrame}.
 * @param final Whether the message ends with it. Default: `true`.
 */
export function writeFragments(
  output: FrameWriter,
  most: number,
  first: number,
  payload: Uint8Array,
  keep: boolean,
  final = true,
): void {
  const fin = final ? FIN : 0;
  if (payload.length <= most) return output.writeFrame(fin | first, payload, keep);
  let at = 0;
  for (let opcode = first; at + most < payload.length; at += most, opcode = CONTINUATION) {
    output.writeFrame(opcode, payload.subarray(at, at + most), keep);
  }
  output.writeFrame(fin | CONTINUATION, payload.subarray(at), keep);
}
