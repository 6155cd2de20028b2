/**
 * What a log writes: channels, records, and records as lines.
 * @module
 */

import type { Direction } from "../api/observer.ts";
import { toHex } from "../bytes.ts";

/**
 * The channels of access: what happens.
 *
 * | channel | websocketpp's `alevel::` | one record for each |
 * | --- | --- | --- |
 * | `connect` | `connect` | connection that opened |
 * | `disconnect` | `disconnect` | connection that ended |
 * | `control` | `control` | ping, pong and close frame |
 * | `frameHeader` | `frame_header` | frame |
 * | `framePayload` | `frame_payload` | slice of a frame's payload, as on the wire but not masked |
 * | `messageHeader` | `message_header` | message, uncompressed |
 * | `messagePayload` | `message_payload` | message, with the start of it |
 * | `endpoint` | `endpoint` | start and stop of a server |
 * | `handshake` | `debug_handshake` | head of an opening handshake, with its fields |
 * | `close` | `debug_close` | close frame, with code and reason |
 * | `http` | `http` | plain HTTP request to `serve()` |
 * | `fail` | `fail` | opening handshake that failed |
 * | `app` | `app` | `log.write("app", …)` of yours |
 * | `devel` | `devel` | ping that was answered, with the time it took |
 */
export const ACCESS_CHANNELS = [
  "connect",
  "disconnect",
  "control",
  "frameHeader",
  "framePayload",
  "messageHeader",
  "messagePayload",
  "endpoint",
  "handshake",
  "close",
  "http",
  "fail",
  "app",
  "devel",
] as const;

/**
 * The levels of errors: what goes wrong.
 *
 * | level | websocketpp's `elevel::` | what |
 * | --- | --- | --- |
 * | `debug` | `devel` | this side cut a connection, as it was told to |
 * | `library` | `library` | the codec failed |
 * | `info` | `info` | a connection was lost, or its peer silent |
 * | `warn` | `warn` | a peer broke a rule or a limit |
 * | `error` | `rerror` | the application's own function failed |
 * | `fatal` | `fatal` | a server failed |
 */
export const ERROR_LEVELS = ["debug", "library", "info", "warn", "error", "fatal"] as const;

/** A channel of access or a level of errors; each is on or off by itself. */
export type LogChannel = typeof ACCESS_CHANNELS[number] | typeof ERROR_LEVELS[number];

/** All there are. */
export const LOG_CHANNELS: readonly LogChannel[] = [...ACCESS_CHANNELS, ...ERROR_LEVELS];

/** What is on unless a log is told otherwise. */
export const DEFAULT_CHANNELS: readonly LogChannel[] = [
  ...["connect", "disconnect", "endpoint", "http", "fail", "app"] as const,
  ...["library", "info", "warn", "error", "fatal"] as const,
];

/** One thing that happened; a plain object that nobody changes, and that may be kept. */
export interface LogRecord {
  /** When, in milliseconds since 1970. */
  readonly time: number;
  /** The channel or level. */
  readonly channel: LogChannel;
  /** What, in a few fixed words; for errors, the error's message. */
  readonly message: string;
  /** The connection's number in this process. */
  readonly connection?: number;
  /** Which end this is. */
  readonly role?: "server" | "client";
  /** The peer's address. */
  readonly remoteAddress?: string;
  /** `"in"`: from the peer; `"out"`: from this side. */
  readonly direction?: Direction;
  /** The request's method. */
  readonly method?: string;
  /** The path that was asked for, without its query unless the log keeps secrets. */
  readonly path?: string;
  /** The response's status. */
  readonly status?: number;
  /** The subprotocol; absent for none. */
  readonly protocol?: string;
  /** The extensions; absent for none. */
  readonly extensions?: string;
  /** The page's origin. */
  readonly origin?: string;
  /** The client's name for itself. */
  readonly userAgent?: string;
  /** The fields of a head. */
  readonly headers?: Readonly<Record<string, string>>;
  /** A frame's opcode. */
  readonly opcode?: number;
  /** Whether a frame ends its message. */
  readonly fin?: boolean;
  /** Whether a message is compressed. */
  readonly rsv1?: boolean;
  /** Unused so far. */
  readonly rsv2?: boolean;
  /** Unused so far. */
  readonly rsv3?: boolean;
  /** Whether a frame is masked. */
  readonly masked?: boolean;
  /** A message's type, or a control frame's. */
  readonly type?: "text" | "binary" | "close" | "ping" | "pong";
  /** Bytes of the payload. */
  readonly length?: number;
  /** The payload, or the start of it: a copy. */
  readonly payload?: string | Uint8Array;
  /** Whether there was more of it than `maxPayloadBytes`. */
  readonly truncated?: boolean;
  /** A close code; of a connection that ended, the peer's. */
  readonly closeCode?: number;
  /** The reason that went with it. */
  readonly reason?: string;
  /** The close code that this side sent. */
  readonly sentCode?: number;
  /** The reason that this side sent. */
  readonly sentReason?: string;
  /** Whether both sides sent a close frame. */
  readonly wasClean?: boolean;
  /** The stable code of an error. */
  readonly code?: string;
  /** How long it took, in milliseconds. */
  readonly durationMs?: number;
  /** What became of a server. */
  readonly state?: "listening" | "closing" | "closed" | "failed";
  /** A server's URL. */
  readonly url?: string;
  /** Whether an HTTP response was sent to its end. */
  readonly complete?: boolean;
  /** The error itself. */
  readonly error?: unknown;
  /** What the application added. */
  readonly data?: Readonly<Record<string, unknown>>;
}

/** The fields that begin a line of text, in this order. */
const LEADING = new Set(["time", "channel", "message", "connection", "role", "direction"]);

/**
 * Writes a record as one line of text, without an end of line. What peers sent is escaped: it can
 * neither begin a line nor move a terminal's cursor.
 *
 * @param record The record.
 *
 * @example
 * ```ts
 * import { formatText } from "@fullduplex/ws/server";
 *
 * const time = Date.UTC(2026, 0, 2);
 * console.log(formatText({ time, channel: "close", message: "close frame", direction: "in", closeCode: 1000 }));
 * // 2026-01-02T00:00:00.000Z close in: close frame closeCode=1000
 * ```
 */
export function formatText(record: LogRecord): string {
  const { time, channel, message, connection, role, direction } = record;
  let line = `${new Date(time).toISOString()} ${channel}`;
  if (role !== undefined) line += ` ${role}`;
  if (connection !== undefined) line += `#${connection}`;
  if (direction !== undefined) line += ` ${direction}`;
  line += `: ${escapeText(message)}`;
  for (const [name, value] of Object.entries(record)) {
    if (!LEADING.has(name) && value !== undefined) line += ` ${name}=${formatValue(value)}`;
  }
  return line;
}

function formatValue(value: unknown): string {
  if (typeof value === "number") {
    return String(Number.isInteger(value) ? value : Number(value.toFixed(3)));
  }
  if (typeof value === "string" && /^[!#-<>-~]+$/.test(value)) return value;
  return toJson(value);
}

/**
 * Writes a record as one line of JSON, without an end of line: `time` as an ISO date, bytes as hex.
 *
 * @param record The record.
 */
export function formatJson(record: LogRecord): string {
  const time = new Date(record.time).toISOString();
  const fields = Object.entries({ ...record, time })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${JSON.stringify(name)}:${toJson(value)}`);
  return `{${fields.join(",")}}`;
}

function toJson(value: unknown): string {
  try {
    return escapeText(JSON.stringify(value, simplify) ?? "null");
  } catch {
    return '"[unprintable]"'; // such as an object that holds itself
  }
}

function simplify(_name: string, value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  if (value instanceof Uint8Array) return toHex(value);
  if (!(value instanceof Error)) return value;
  const { name, message, code, cause } = value as Error & { code?: unknown };
  return { name, message, code, cause: cause === undefined ? undefined : String(cause) };
}

/** Controls, line separators and marks that turn the direction of text: none of them printed. */
// deno-lint-ignore no-control-regex -- they are what is looked for
const UNPRINTED = /[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

function escapeText(text: string): string {
  return text.replace(
    UNPRINTED,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
