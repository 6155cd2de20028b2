/**
 * The text/event-stream format: events to lines.
 *
 * @see HTML Standard, section 9.2.5 (Parsing an event stream)
 * @module
 */

import { describe } from "../api/options.ts";

/** Options of one event. */
export interface EventOptions {
  /** The event's name, for `addEventListener`. Default: `"message"`. */
  event?: string;
  /** The event's id, which the client sends when it reconnects; `""` forgets the last one. */
  id?: string;
}

const LINE_ENDS = /\r\n|\r|\n/;

/**
 * Writes an event.
 *
 * @throws {TypeError} If something is no string, or a name or id has a CR, LF or NUL in it.
 */
export function formatEvent(data: string, { event, id }: EventOptions): string {
  if (typeof data !== "string") {
    throw new TypeError(`Cannot send event: expected a string, got ${describe(data)}`);
  }
  let text = "";
  if (event !== undefined) text += `event: ${checkField("event", event)}\n`;
  if (id !== undefined) text += `id: ${checkField("id", id)}\n`;
  // A line end inside would end the field, and what follows be fields of the sender's making.
  for (const line of data.split(LINE_ENDS)) text += `data: ${line}\n`;
  return `${text}\n`;
}

/** NUL is refused too: clients ignore an id that has one. */
function checkField(name: string, value: string): string {
  if (typeof value !== "string") {
    throw new TypeError(`Cannot use option "${name}": expected a string, got ${describe(value)}`);
  }
  if (/[\0\r\n]/.test(value)) {
    throw new TypeError(`Cannot use option "${name}": it has a line end or a NUL in it`);
  }
  return value;
}

/** Writes a comment, which clients ignore. */
export function formatComment(text: string): string {
  return text.split(LINE_ENDS).map((line) => `: ${line}\n`).join("") + "\n";
}

/** Writes how long the client is to wait before it reconnects. */
export function formatRetry(ms: number): string {
  return `retry: ${ms}\n\n`;
}

/**
 * Reads a Last-Event-ID field: an id is UTF-8 on the wire, and a header field is given as a string
 * of its bytes by some runtimes and decoded by others. What is not UTF-8 is taken as it is.
 */
export function readLastEventId(field: string | null): string {
  if (field === null) return "";
  const bytes = new Uint8Array(field.length);
  for (let i = 0; i < field.length; i++) {
    const unit = field.charCodeAt(i);
    if (unit > 0xff) return field;
    bytes[i] = unit;
  }
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return field;
  }
}
