/**
 * Logs: an observer that writes records to sinks, channel by channel.
 * @module
 */

import type { HandshakeError, WebSocketError } from "../errors.ts";
import type {
  ConnectionObserver,
  FrequentEvent,
  ObservedClose,
  ObservedClosing,
  ObservedConnection,
  ObservedControl,
  ObservedEndpoint,
  ObservedFrame,
  ObservedHead,
  ObservedHttp,
  ObservedMessage,
} from "../api/observer.ts";
import { checkOptionNames, describe } from "../api/options.ts";
import { DEFAULT_CHANNELS, LOG_CHANNELS, type LogChannel, type LogRecord } from "./log_record.ts";
import { consoleSink, type LogSink } from "./log_sinks.ts";

/** Options of {@linkcode createLog}. */
export interface LogOptions {
  /**
   * The channels that are on at first. Default: `connect`, `disconnect`, `endpoint`, `http`, `fail`,
   * `app`, and all levels of errors but `debug`.
   */
  channels?: readonly LogChannel[] | "all";
  /** Where records go: one sink or several. Default: lines of text on the console. */
  sink?: LogSink | readonly LogSink[];
  /** How much of a payload a record holds, in bytes or UTF-16 units. Default: 256. */
  maxPayloadBytes?: number;
  /**
   * Whether records hold what may be secret: queries of URLs, and the fields Authorization, Cookie
   * and their like. Default: `false`. Payloads may be secret too: their channels are off at first.
   */
  secrets?: boolean;
}

/** What `log.write` takes beside the message. */
export type LogFields = Omit<LogRecord, "time" | "channel" | "message">;

const LOG_OPTION_NAMES = ["channels", "sink", "maxPayloadBytes", "secrets"];

const SECRET_FIELDS = new Set([
  "authorization",
  "cookie",
  "proxy-authenticate",
  "proxy-authorization",
  "set-cookie",
  "www-authenticate",
]);

/** The level of an error of a connection that is no breach by the peer. */
const LEVELS: Readonly<Partial<Record<string, LogChannel>>> = {
  WS_CONNECTION_LOST: "info",
  WS_CLOSE_TIMEOUT: "info",
  WS_PING_TIMEOUT: "info",
  WS_TERMINATED: "debug",
  WS_ABORTED: "debug",
  WS_COMPRESSION_FAILED: "library",
  WS_HANDLER_FAILED: "error",
  WS_SEND_FAILED: "error",
};

/** Writes what connections do to sinks. Made by {@linkcode createLog}. */
export class Log implements ConnectionObserver {
  readonly #sinks: readonly LogSink[];
  readonly #on: Set<LogChannel>;
  readonly #maxPayloadBytes: number;
  readonly #secrets: boolean;

  /** Internal: see {@linkcode createLog}. */
  constructor(options: LogOptions) {
    checkOptionNames(options, LOG_OPTION_NAMES);
    const { channels = DEFAULT_CHANNELS, sink = consoleSink() } = options;
    const { maxPayloadBytes = 256, secrets = false } = options;
    this.#on = new Set(channels === "all" ? LOG_CHANNELS : checkChannels(channels));
    this.#sinks = typeof sink === "function" ? [sink] : [...checkSinks(sink)];
    if (!Number.isSafeInteger(maxPayloadBytes) || maxPayloadBytes < 0) {
      throw new RangeError(
        `Cannot use option "maxPayloadBytes": expected an integer from 0 on, got ${maxPayloadBytes}`,
      );
    }
    if (typeof secrets !== "boolean") {
      throw new TypeError(
        `Cannot use option "secrets": expected a boolean, got ${describe(secrets)}`,
      );
    }
    this.#maxPayloadBytes = maxPayloadBytes;
    this.#secrets = secrets;
  }

  /** The channels that are on. */
  get channels(): LogChannel[] {
    return LOG_CHANNELS.filter((channel) => this.#on.has(channel));
  }

  /**
   * Switches channels on, for connections that are open already as well.
   *
   * @param channels Their names.
   * @throws {TypeError} If there is no such channel.
   */
  enable(...channels: LogChannel[]): void {
    for (const channel of checkChannels(channels)) this.#on.add(channel);
  }

  /**
   * Switches channels off.
   *
   * @param channels Their names.
   * @throws {TypeError} If there is no such channel.
   */
  disable(...channels: LogChannel[]): void {
    for (const channel of checkChannels(channels)) this.#on.delete(channel);
  }

  /**
   * Tells whether a record of a channel would go anywhere now.
   *
   * @param channel Its name.
   */
  isEnabled(channel: LogChannel): boolean {
    return this.#on.has(channel) &&
      this.#sinks.some((sink) => sink.wants === undefined || sink.wants(channel));
  }

  /**
   * Writes a record of the application's.
   *
   * @param channel Where: `"app"`, or a level of errors; nothing happens when it is off.
   * @param message What.
   * @param fields More. Default: none.
   */
  write(channel: LogChannel, message: string, fields?: LogFields): void {
    checkChannels([channel]);
    if (!this.isEnabled(channel)) return;
    const record = { time: Date.now(), channel, message, ...fields };
    let failed: { error: unknown } | undefined;
    for (const sink of this.#sinks) {
      try {
        if (sink.wants === undefined || sink.wants(channel)) sink(record);
      } catch (error) {
        failed ??= { error };
      }
    }
    // After all of them had it; on behalf of a connection, it goes to `onError`, once.
    if (failed !== undefined) throw failed.error;
  }

  /** Takes errors of the application, for the `onError` option: writes them as `error`. */
  readonly onError = (error: unknown): void => {
    this.write("error", error instanceof Error ? error.message : String(error), { error });
  };

  // ------------------------------------------------------------------ as an observer

  #of(
    channel: LogChannel,
    connection: ObservedConnection,
    message: string,
    fields: LogFields,
  ): void {
    const { id, role, remoteAddress } = connection;
    this.write(channel, message, {
      connection: id,
      role,
      ...(remoteAddress === undefined ? {} : { remoteAddress }),
      ...fields,
    });
  }

  /** Internal. */
  wants(event: FrequentEvent): boolean {
    if (event === "frame") return this.isEnabled("frameHeader");
    if (event === "framePayload") return this.isEnabled("framePayload");
    return this.isEnabled("messageHeader") || this.isEnabled("messagePayload");
  }

  /** Internal. */
  handshake(connection: ObservedConnection, head: ObservedHead): void {
    if (!this.isEnabled("handshake")) return;
    const { direction, method, status } = head;
    const headers: Record<string, string> = {};
    for (const [name, value] of head.headers) {
      const secret = !this.#secrets && SECRET_FIELDS.has(name);
      headers[name] = secret ? "[secret]" : value;
    }
    this.#of("handshake", connection, method === undefined ? "response" : "request", {
      direction,
      ...(method === undefined ? { status } : { method, path: this.#path(connection.url) }),
      headers,
    });
  }

  /** Internal. */
  open(connection: ObservedConnection, durationMs: number): void {
    if (!this.isEnabled("connect")) return;
    const { protocol, extensions } = connection.socket!;
    this.#of("connect", connection, "opened", {
      ...this.#asked(connection),
      status: 101,
      ...(protocol === "" ? {} : { protocol }),
      ...(extensions === "" ? {} : { extensions }),
      durationMs,
    });
  }

  /** Internal. */
  refuse(connection: ObservedConnection, error: HandshakeError, durationMs: number): void {
    const { code, status, message } = error;
    const asked = { ...this.#asked(connection), code, ...(status === 0 ? {} : { status }) };
    this.#of("fail", connection, message, { ...asked, durationMs });
    if (code === "WS_VERIFY_FAILED") this.#of("error", connection, message, { ...asked, error });
  }

  #asked({ url, request }: ObservedConnection): LogFields {
    const userAgent = request?.headers.get("user-agent");
    const origin = request?.headers.get("origin");
    return {
      ...(url === "" ? {} : { path: this.#path(url) }),
      ...(origin ? { origin } : {}),
      ...(userAgent ? { userAgent } : {}),
    };
  }

  /** Takes the path of a URL or of a request target. */
  #path(url: string): string {
    const target = url.replace(/^[a-z]+:\/\/[^/?]*/i, "");
    return this.#secrets ? target : target.replace(/\?.*$/s, "");
  }

  /** Internal. */
  frame(connection: ObservedConnection, frame: ObservedFrame): void {
    this.#of("frameHeader", connection, "frame", frame);
  }

  /** Internal. */
  framePayload(connection: ObservedConnection, frame: ObservedFrame, bytes: Uint8Array): void {
    const { direction, opcode } = frame;
    this.#of("framePayload", connection, "payload", { direction, opcode, ...this.#payload(bytes) });
  }

  /** Internal. */
  control(connection: ObservedConnection, control: ObservedControl): void {
    if (!this.isEnabled("control")) return;
    const { direction, type, payload } = control;
    this.#of("control", connection, type, { direction, type, ...this.#payload(payload) });
  }

  /** Internal. */
  roundTrip(connection: ObservedConnection, durationMs: number): void {
    this.#of("devel", connection, "round trip", { durationMs });
  }

  /** Internal. */
  message(connection: ObservedConnection, message: ObservedMessage): void {
    const { direction, type, length, data } = message;
    if (this.isEnabled("messageHeader")) {
      this.#of("messageHeader", connection, "message", { direction, type, length });
    }
    if (data === undefined || !this.isEnabled("messagePayload")) return;
    const payload = { ...this.#payload(data), length };
    this.#of("messagePayload", connection, "message", { direction, type, ...payload });
  }

  /** Copies the start of a payload. */
  #payload(data: string | Uint8Array): LogFields {
    const most = this.#maxPayloadBytes;
    const { length } = data;
    if (length === 0) return { length };
    const payload = typeof data === "string" ? data.slice(0, most) : new Uint8Array(
      data.subarray(0, most),
    );
    return length <= most ? { length, payload } : { length, payload, truncated: true };
  }

  /** Internal. */
  closing(connection: ObservedConnection, closing: ObservedClosing): void {
    this.#of("close", connection, "close frame", closing);
  }

  /** Internal. */
  error(connection: ObservedConnection, error: WebSocketError): void {
    const { code, message } = error;
    this.#of(LEVELS[code] ?? "warn", connection, message, { code, error });
  }

  /** Internal. */
  close(connection: ObservedConnection, close: ObservedClose): void {
    const { closeCode, reason, sentCode, sentReason, wasClean, durationMs, error } = close;
    this.#of("disconnect", connection, "closed", {
      closeCode,
      reason,
      ...(sentCode === undefined ? {} : { sentCode, sentReason }),
      wasClean,
      ...(error === undefined ? {} : { code: error.code }),
      durationMs,
    });
  }

  /** Internal. */
  http(http: ObservedHttp): void {
    const { method, target, status, remoteAddress, userAgent, durationMs, complete } = http;
    this.write("http", "request", {
      role: "server",
      ...(remoteAddress === undefined ? {} : { remoteAddress }),
      method,
      path: this.#path(target),
      status,
      ...(userAgent === "" ? {} : { userAgent }),
      durationMs,
      complete,
    });
  }

  /** Internal. */
  endpoint({ state, url, error }: ObservedEndpoint): void {
    this.write("endpoint", state, { role: "server", state, url });
    if (state !== "failed") return;
    const message = error instanceof Error ? error.message : String(error);
    this.write("fatal", message, { role: "server", url, error });
  }
}

/**
 * Makes a log, for the `observer` option of servers and clients.
 *
 * Each channel is on or off at run time. A log may serve any number of servers and clients; what is
 * off costs a look at a set.
 *
 * @param options Channels, sinks and how much to tell. Default: see there.
 * @returns The log.
 * @throws {TypeError} If an option is wrong.
 * @throws {RangeError} If a number is out of range.
 *
 * @example
 * ```ts
 * import { createLog } from "@fullduplex/ws/server";
 * import { serve } from "@fullduplex/ws/serve";
 *
 * const log = createLog();
 * await using server = await serve({}, { port: 0, observer: log, onError: log.onError });
 * log.enable("frameHeader", "control"); // from now on
 * log.disable("frameHeader");
 * log.write("app", "ready", { data: { url: server.url } });
 * ```
 */
export function createLog(options: LogOptions = {}): Log {
  return new Log(options);
}

function checkChannels(channels: readonly LogChannel[]): readonly LogChannel[] {
  if (!Array.isArray(channels)) {
    throw new TypeError(
      `Cannot use option "channels": expected a list or "all", got ${describe(channels)}`,
    );
  }
  for (const channel of channels) {
    if (!LOG_CHANNELS.includes(channel)) {
      throw new TypeError(
        `Cannot use log channel "${channel}": it does not exist; there are ${
          LOG_CHANNELS.join(", ")
        }`,
      );
    }
  }
  return channels;
}

function checkSinks(sinks: readonly LogSink[]): readonly LogSink[] {
  const bad = Array.isArray(sinks) ? sinks.find((sink) => typeof sink !== "function") : sinks;
  if (!Array.isArray(sinks) || (sinks.length > 0 && bad !== undefined)) {
    throw new TypeError(
      `Cannot use option "sink": expected a function or a list of them, got ${describe(bad)}`,
    );
  }
  return sinks;
}
