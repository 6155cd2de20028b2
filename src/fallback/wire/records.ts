/**
 * The lines that both sides send each other, the same in every mode and direction:
 *
 * ```
 * 12 t"hello"          the 12th record: a text message, as a JSON string
 * 13 Bq83v             a fragment of a binary message, in base64; small letters end a message
 * 14 b
 * 15 c[1000,"bye"]     the end: a close code and a reason, or []
 * a11                  the other side's records up to the 11th have come
 * h                    nothing, but somebody is there
 * ```
 *
 * Numbers begin at 1 in each direction. What is not acknowledged is sent again; what came already is
 * dropped by its number. So a request that is lost, or done twice, changes nothing.
 *
 * @module
 */

import { isWireCloseCode } from "../../api/dialect.ts";
import { utf8Length } from "../../api/seen_message.ts";
import { fromBase64, toBase64 } from "./base64.ts";

/** The version of this format, which both sides name when a session opens. */
export const WIRE_VERSION = 1;

/** A message, or a fragment of one. */
export interface DataRecord {
  readonly seq: number;
  readonly type: "text" | "binary";
  /** Whether its message ends with it. */
  readonly final: boolean;
  readonly data: string | Uint8Array;
}

/** The end of a direction. */
export interface CloseRecord {
  readonly seq: number;
  readonly type: "close";
  /** 1005 for none. */
  readonly closeCode: number;
  readonly reason: string;
}

/** A line with a number. */
export type SequencedRecord = DataRecord | CloseRecord;

/** Any line. */
export type WireLine =
  | SequencedRecord
  | { readonly type: "ack"; readonly ack: number }
  | { readonly type: "nothing" };

/** How many UTF-16 units of text one record has at most: six bytes each when all are escaped. */
const TEXT_UNITS = 16 * 1024;
/** How many bytes one record has at most; base64 makes four of three. */
const BINARY_BYTES = 48 * 1024;

/** No record's line is longer than this, in bytes, its number and line end included. */
export const MAX_LINE_BYTES: number = 6 * TEXT_UNITS + 64;

/** The most bytes of UTF-8 of a close reason. */
const MAX_REASON_BYTES = 123;

/** What one message becomes. */
export interface EncodedPart {
  /** The line without its number. */
  readonly body: string;
  /** Bytes of the message in it. */
  readonly size: number;
}

/** Writes a text message as the bodies of one or more records. */
export function encodeText(text: string): EncodedPart[] {
  const whole = text.toWellFormed();
  const parts: EncodedPart[] = [];
  for (let at = 0, end: number; at < whole.length || parts.length === 0; at = end) {
    end = Math.min(at + TEXT_UNITS, whole.length);
    // Not between the halves of a pair.
    if (end < whole.length && (whole.charCodeAt(end - 1) & 0xfc00) === 0xd800) end--;
    const cut = whole.slice(at, end);
    const body = (end === whole.length ? "t" : "T") + JSON.stringify(cut);
    parts.push({ body, size: utf8Length(cut) });
    if (end === whole.length) break;
  }
  return parts;
}

/** Writes a binary message as the bodies of one or more records. */
export function encodeBinary(bytes: Uint8Array): EncodedPart[] {
  const parts: EncodedPart[] = [];
  for (let at = 0; at === 0 || at < bytes.length; at += BINARY_BYTES) {
    const cut = bytes.subarray(at, at + BINARY_BYTES);
    const final = at + BINARY_BYTES >= bytes.length;
    parts.push({ body: (final ? "b" : "B") + toBase64(cut), size: cut.length });
  }
  return parts;
}

/** Writes the end of a direction. */
export function encodeClose(closeCode: number | undefined, reason: string): EncodedPart {
  const body = "c" + JSON.stringify(closeCode === undefined ? [] : [closeCode, reason]);
  return { body, size: 2 + reason.length };
}

/**
 * Reads a line.
 *
 * @param line The line, without its end.
 * @returns What it says; `null` when it is malformed.
 */
export function parseLine(line: string): WireLine | null {
  if (line === "" || line[0] === "h") return { type: "nothing" };
  if (line[0] === "a") {
    const ack = parseSeq(line.slice(1));
    return ack === null ? null : { type: "ack", ack };
  }
  const space = line.indexOf(" ");
  if (space < 1 || space > 16) return null;
  const seq = parseSeq(line.slice(0, space));
  if (seq === null || seq === 0) return null;
  const letter = line[space + 1];
  const body = line.slice(space + 2);
  if (letter === "c") return parseClose(seq, body);
  const final = letter === "t" || letter === "b";
  if (letter === "t" || letter === "T") {
    const text = parseJson(body);
    // Half a character is nothing that text can have on a WebSocket.
    if (typeof text !== "string" || !text.isWellFormed()) return null;
    return { seq, type: "text", final, data: text };
  }
  if (letter !== "b" && letter !== "B") return null;
  const bytes = fromBase64(body);
  return bytes === null ? null : { seq, type: "binary", final, data: bytes };
}

/**
 * Reads a record's number, or an acknowledgement.
 *
 * @returns The number, from 0 on; `null` for anything else.
 */
export function parseSeq(text: string): number | null {
  if (!/^(0|[1-9][0-9]{0,14})$/.test(text)) return null;
  return Number(text);
}

function parseClose(seq: number, body: string): CloseRecord | null {
  const value = parseJson(body);
  if (!Array.isArray(value)) return null;
  if (value.length === 0) return { seq, type: "close", closeCode: 1005, reason: "" };
  const [closeCode, reason] = value;
  if (value.length !== 2 || typeof closeCode !== "number" || typeof reason !== "string") {
    return null;
  }
  if (!isWireCloseCode(closeCode) || !reason.isWellFormed()) return null;
  if (utf8Length(reason) > MAX_REASON_BYTES) return null;
  return { seq, type: "close", closeCode, reason };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
