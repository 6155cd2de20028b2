/**
 * Frames in words: one line for a person, or one JSON object for a program.
 * @module
 */

import { toHex } from "../../bytes.ts";
import { escapeControls } from "../text.ts";
import type { SeenFrame } from "./frame_view.ts";

const OPCODES: Readonly<Record<number, string>> = {
  0: "cont",
  1: "text",
  2: "binary",
  8: "close",
  9: "ping",
  10: "pong",
};

/** What close codes mean: RFC 6455 §7.4.1 and IANA's list. */
const CLOSE_CODES: Readonly<Record<number, string>> = {
  1000: "normal closure",
  1001: "going away",
  1002: "protocol error",
  1003: "unsupported data",
  1005: "no status: must not be sent",
  1006: "abnormal closure: must not be sent",
  1007: "invalid payload data",
  1008: "policy violation",
  1009: "message too big",
  1010: "mandatory extension",
  1011: "internal error",
  1012: "service restart",
  1013: "try again later",
  1014: "bad gateway",
  1015: "TLS handshake: must not be sent",
};

/** Explains a close code. */
export function explainClose(code: number): string {
  if (code in CLOSE_CODES) return CLOSE_CODES[code];
  if (code >= 3000 && code <= 3999) return "registered with IANA";
  if (code >= 4000 && code <= 4999) return "the application's own";
  return "not a code that may be sent";
}

/** Lists which rules a frame breaks by itself. */
export function faultsOf(frame: SeenFrame, compressed: boolean): string[] {
  const faults: string[] = [];
  if (!(frame.opcode in OPCODES)) faults.push("reserved opcode");
  if (frame.from === "client" && !frame.masked) faults.push("not masked");
  if (frame.from === "server" && frame.masked) faults.push("masked");
  if (frame.opcode >= 8 && !frame.fin) faults.push("fragmented control frame");
  if (frame.opcode >= 8 && frame.length > 125) faults.push("control frame of more than 125 bytes");
  if (frame.rsv1 && (!compressed || frame.opcode === 0 || frame.opcode >= 8)) {
    faults.push("rsv1 without a meaning");
  }
  if (frame.rsv2 || frame.rsv3) faults.push("rsv2 or rsv3 without a meaning");
  if (frame.opcode === 8 && frame.length === 1) faults.push("close payload of one byte");
  return faults;
}

/** Shows a frame on one line. */
export function showFrame(frame: SeenFrame, compressed: boolean): string {
  const name = OPCODES[frame.opcode] ?? `0x${frame.opcode.toString(16)}`;
  const flags = [
    frame.fin ? "fin" : "more",
    ...(["rsv1", "rsv2", "rsv3"] as const).filter((flag) => frame[flag]),
    ...(frame.masked ? ["masked"] : []),
  ];
  const arrow = frame.from === "client" ? "→" : "←";
  const parts = [
    `${arrow} ${name.padEnd(6)} ${`${frame.length} B`.padStart(9)} ${flags.join(" ")}`,
  ];
  if (frame.opcode === 8 && frame.head.length >= 2) {
    const code = frame.head[0] * 256 + frame.head[1];
    parts.push(`${code} (${explainClose(code)})`);
    if (frame.length > 2) parts.push(showText(frame.head.subarray(2), frame.length - 2));
  } else if (frame.length > 0) {
    const text = (frame.opcode === 1 || frame.opcode >= 9) && !frame.rsv1;
    parts.push((text ? showText : showBytes)(frame.head, frame.length));
  }
  const { inflated } = frame;
  if (inflated !== undefined) {
    parts.push(
      "why" in inflated
        ? `not inflated: ${escapeControls(inflated.why)}`
        : `= ${inflated.bytes} B ${showText(inflated.head, inflated.bytes)}`,
    );
  }
  const faults = faultsOf(frame, compressed);
  if (faults.length > 0) parts.push(`! ${faults.join(", ")}`);
  return parts.join("  ");
}

/** Shows the start of text; bytes that are no UTF-8 as hexadecimal. */
function showText(head: Uint8Array, length: number): string {
  try {
    // The head may end within a character.
    const text = new TextDecoder("utf-8", { fatal: true }).decode(head, {
      stream: head.length < length,
    });
    return `"${escapeControls(text)}"${head.length < length ? "…" : ""}`;
  } catch {
    return showBytes(head, length);
  }
}

function showBytes(head: Uint8Array, length: number): string {
  return `${toHex(head)}${head.length < length ? "…" : ""}`;
}

/** A frame as a JSON object. */
export function frameRecord(frame: SeenFrame, compressed: boolean): Record<string, unknown> {
  const { from, opcode, fin, rsv1, rsv2, rsv3, masked, length, head, inflated } = frame;
  const code = opcode === 8 && head.length >= 2 ? head[0] * 256 + head[1] : undefined;
  return {
    event: "frame",
    from,
    opcode,
    type: OPCODES[opcode] ?? "reserved",
    fin,
    rsv1,
    rsv2,
    rsv3,
    masked,
    length,
    head: toHex(head),
    ...(code === undefined ? {} : { closeCode: code, closeMeaning: explainClose(code) }),
    ...(inflated === undefined
      ? {}
      : "why" in inflated
      ? { notInflated: inflated.why }
      : { inflatedLength: inflated.bytes, inflatedHead: toHex(inflated.head) }),
    faults: faultsOf(frame, compressed),
  };
}
