/**
 * Where a log's records go.
 * @module
 */

import diagnostics from "node:diagnostics_channel";
import { checkOptionNames, describe } from "../api/options.ts";
import {
  formatJson,
  formatText,
  LOG_CHANNELS,
  type LogChannel,
  type LogRecord,
} from "./log_record.ts";

/** Takes records: any function of one. */
export interface LogSink {
  /** Takes a record; it may be kept. */
  (record: LogRecord): void;
  /** Tells whether it wants records of a channel now. Default: it does. */
  wants?(channel: LogChannel): boolean;
}

/** Options of {@linkcode consoleSink}. */
export interface ConsoleSinkOptions {
  /** One line of text, or of JSON, for each record. Default: `"text"`. */
  format?: "text" | "json";
  /** Takes the lines, without their ends. Default: `console.log`, and `console.error` for errors. */
  write?: (line: string, record: LogRecord) => void;
}

const TO_STDERR: ReadonlySet<LogChannel> = new Set(["warn", "error", "fatal"]);

/**
 * Makes a sink that writes lines: to the console, or where you like.
 *
 * @param options How, and where to.
 * @returns The sink.
 * @throws {TypeError} If an option is wrong.
 *
 * @example
 * ```ts
 * import { consoleSink, createLog } from "@fullduplex/ws/server";
 *
 * const lines: string[] = [];
 * const log = createLog({
 *   sink: consoleSink({ format: "json", write: (line) => lines.push(line) }),
 * });
 * log.write("app", "started");
 * console.log(JSON.parse(lines[0]).message); // started
 * ```
 */
export function consoleSink(options: ConsoleSinkOptions = {}): LogSink {
  checkOptionNames(options, ["format", "write"]);
  const { format = "text", write = writeToConsole } = options;
  if (format !== "text" && format !== "json") {
    throw new TypeError(`Cannot use option "format": expected "text" or "json", got ${format}`);
  }
  if (typeof write !== "function") {
    throw new TypeError(
      `Cannot use option "write": expected a function, got ${describe(write)}`,
    );
  }
  const line = format === "json" ? formatJson : formatText;
  return (record) => write(line(record), record);
}

function writeToConsole(line: string, { channel }: LogRecord): void {
  if (TO_STDERR.has(channel)) console.error(line);
  else console.log(line);
}

/**
 * Makes a sink that publishes each record on a channel of `node:diagnostics_channel`, named
 * `fullduplex:connect`, `fullduplex:frameHeader` and so on. Where nobody has subscribed, no record
 * is made: a log with all channels on and this sink costs next to nothing until somebody looks.
 *
 * @returns The sink.
 *
 * @example
 * ```ts
 * import { subscribe } from "node:diagnostics_channel";
 * import { createLog, diagnosticsSink } from "@fullduplex/ws/server";
 *
 * const log = createLog({ channels: "all", sink: diagnosticsSink() });
 * subscribe("fullduplex:app", (record) => console.log(record));
 * log.write("app", "started");
 * ```
 */
export function diagnosticsSink(): LogSink {
  const channels = new Map(
    LOG_CHANNELS.map((name) => [name, diagnostics.channel(`fullduplex:${name}`)]),
  );
  const sink: LogSink = (record) => channels.get(record.channel)!.publish(record);
  sink.wants = (channel) => channels.get(channel)!.hasSubscribers;
  return sink;
}
