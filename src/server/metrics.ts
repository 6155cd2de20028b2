/**
 * Metrics: an observer that counts, and tells Prometheus.
 * @module
 */

import type { HandshakeError, WebSocketError } from "../errors.ts";
import type {
  ConnectionObserver,
  ObservedClose,
  ObservedConnection,
  ObservedControl,
  ObservedHttp,
  ObservedMessage,
} from "../api/observer.ts";
import { checkOptionNames, describe } from "../api/options.ts";
import { type Labels, PROMETHEUS_TYPE, Registry, type Sample } from "./prometheus.ts";

/** Options of {@linkcode createMetrics}. */
export interface MetricsOptions {
  /** What the metrics' names begin with. Default: `"fullduplex_"`. */
  prefix?: string;
  /** Labels that every sample gets, to tell servers apart. Default: none. */
  labels?: Readonly<Record<string, string>>;
}

const ROLES = ["server", "client"] as const;
const DIRECTIONS = ["in", "out"] as const;
const OWN_LABELS = ["role", "direction", "type", "code", "le"];

/** Upper bounds of the buckets of times, in seconds. */
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20];

/** What is counted of the messages of one role, direction and type. */
interface Traffic {
  readonly messages: Sample;
  readonly bytes: Sample;
}

/** Counts what connections do. Made by {@linkcode createMetrics}. */
export class Metrics implements ConnectionObserver {
  readonly #registry: Registry;
  readonly #live: Set<ObservedConnection> = new Set();
  readonly #open: (labels: Labels) => Sample;
  readonly #opened: (labels: Labels) => Sample;
  readonly #refused: (labels: Labels) => Sample;
  readonly #traffic: Record<string, Traffic> = {};
  readonly #controls: (labels: Labels) => Sample;
  readonly #closes: (labels: Labels) => Sample;
  readonly #errors: (labels: Labels) => Sample;
  readonly #handshakes: (labels: Labels, seconds?: number) => void;
  readonly #roundTrips: (labels: Labels, seconds?: number) => void;
  readonly #requests: (labels: Labels) => Sample;

  /** Internal: see {@linkcode createMetrics}. */
  constructor(options: MetricsOptions) {
    checkOptionNames(options, ["prefix", "labels"]);
    const { prefix = "fullduplex_", labels = {} } = options;
    checkNames(prefix, labels);
    const all = this.#registry = new Registry(prefix, labels);
    this.#open = all.number("gauge", "connections_open", "Connections open or closing.");
    this.#opened = all.number("counter", "connections_total", "Connections that opened.");
    this.#refused = all.number(
      "counter",
      "handshakes_failed_total",
      "Opening handshakes that failed, by the error's code.",
    );
    const messages = all.number("counter", "messages_total", "Messages received and sent.");
    const bytes = all.number(
      "counter",
      "message_bytes_total",
      "Bytes of messages received and sent, uncompressed.",
    );
    this.#controls = all.number(
      "counter",
      "control_frames_total",
      "Pings, pongs and close frames received and sent.",
    );
    this.#closes = all.number(
      "counter",
      "closes_total",
      "Connections that ended, by the close code received; 1006 for none.",
    );
    this.#errors = all.number(
      "counter",
      "errors_total",
      "Connections that failed, by the error's code.",
    );
    this.#handshakes = all.histogram(
      "handshake_duration_seconds",
      "Time that opening handshakes took which succeeded.",
      SECONDS,
    );
    this.#roundTrips = all.histogram(
      "ping_round_trip_seconds",
      "Time from a ping to its pong.",
      SECONDS,
    );
    const buffered = all.number(
      "gauge",
      "buffered_bytes",
      "Bytes given to send that have not left, of all connections.",
      () => {
        for (const role of ROLES) buffered({ role }).value = 0;
        for (const { role, socket } of this.#live) {
          buffered({ role }).value += socket?.bufferedAmount ?? 0;
        }
      },
    );
    this.#requests = all.number(
      "counter",
      "http_requests_total",
      "Plain HTTP requests to serve(), by the class of the status.",
    );
    // What is there from the start reads as 0 and not as missing.
    for (const role of ROLES) {
      this.#open({ role });
      this.#opened({ role });
      this.#handshakes({ role });
      this.#roundTrips({ role });
      for (const direction of DIRECTIONS) {
        for (const type of ["text", "binary"]) {
          const labels = { role, direction, type };
          this.#traffic[role + direction + type] = {
            messages: messages(labels),
            bytes: bytes(labels),
          };
        }
      }
    }
  }

  /** Writes all metrics in Prometheus' text format, version 0.0.4. */
  text(): string {
    return this.#registry.text();
  }

  /**
   * Answers a request with the metrics; GET and HEAD only. It needs no `this`.
   *
   * @param request The request, whatever its path.
   */
  readonly fetch = (request: Request): Response => {
    if (request.method !== "GET" && request.method !== "HEAD") {
      return new Response(null, { status: 405, headers: { allow: "GET, HEAD" } });
    }
    const headers = { "content-type": PROMETHEUS_TYPE, "cache-control": "no-store" };
    return new Response(request.method === "HEAD" ? null : this.text(), { headers });
  };

  // ------------------------------------------------------------------ as an observer

  /** Internal. */
  open(connection: ObservedConnection, durationMs: number): void {
    const { role } = connection;
    this.#live.add(connection);
    this.#open({ role }).value++;
    this.#opened({ role }).value++;
    this.#handshakes({ role }, durationMs / 1000);
  }

  /** Internal. */
  refuse({ role }: ObservedConnection, { code }: HandshakeError): void {
    this.#refused({ role, code }).value++;
  }

  /** Internal. */
  message({ role }: ObservedConnection, { direction, type, length }: ObservedMessage): void {
    const traffic = this.#traffic[role + direction + type];
    traffic.messages.value++;
    traffic.bytes.value += length;
  }

  /** Internal. */
  control({ role }: ObservedConnection, { direction, type }: ObservedControl): void {
    this.#controls({ role, direction, type }).value++;
  }

  /** Internal. */
  roundTrip({ role }: ObservedConnection, ms: number): void {
    this.#roundTrips({ role }, ms / 1000);
  }

  /** Internal. */
  error({ role }: ObservedConnection, { code }: WebSocketError): void {
    this.#errors({ role, code }).value++;
  }

  /** Internal. */
  close(connection: ObservedConnection, { closeCode }: ObservedClose): void {
    const { role } = connection;
    this.#live.delete(connection);
    this.#open({ role }).value--;
    this.#closes({ role, code: codeLabel(closeCode) }).value++;
  }

  /** Internal. */
  http({ status }: ObservedHttp): void {
    this.#requests({ code: `${Math.floor(status / 100)}xx` }).value++;
  }
}

/** Peers choose from thousands of codes; they must not choose how many series there are. */
function codeLabel(closeCode: number): string {
  if (closeCode >= 1000 && closeCode <= 1015) return String(closeCode);
  if (closeCode >= 3000 && closeCode <= 3999) return "3xxx";
  return closeCode >= 4000 && closeCode <= 4999 ? "4xxx" : "other";
}

/**
 * Makes metrics, for the `observer` option of servers and clients.
 *
 * | metric (after the prefix) | labels |
 * | --- | --- |
 * | `connections_open`, `connections_total`, `buffered_bytes` | `role` |
 * | `handshakes_failed_total`, `errors_total`, `closes_total` | `role`, `code` |
 * | `messages_total`, `message_bytes_total`, `control_frames_total` | `role`, `direction`, `type` |
 * | `handshake_duration_seconds`, `ping_round_trip_seconds` (histograms) | `role` |
 * | `http_requests_total` | `code` (`2xx` …) |
 *
 * No label has values that a peer chooses: close codes from 3000 on are `3xxx` and `4xxx`.
 *
 * @param options The prefix, and labels of your own. Default: see there.
 * @returns The metrics.
 * @throws {TypeError} If an option is wrong.
 *
 * @example
 * ```ts
 * import { createMetrics } from "@fullduplex/ws/server";
 * import { serve } from "@fullduplex/ws/serve";
 *
 * const metrics = createMetrics();
 * await using server = await serve({}, {
 *   port: 0,
 *   observer: metrics,
 *   fetch: (request) =>
 *     new URL(request.url).pathname === "/metrics"
 *       ? metrics.fetch(request)
 *       : new Response("not here", { status: 404 }),
 * });
 * const response = await fetch(server.url.replace("ws", "http") + "/metrics");
 * console.log((await response.text()).includes('fullduplex_connections_open{role="server"} 0'));
 * ```
 */
export function createMetrics(options: MetricsOptions = {}): Metrics {
  return new Metrics(options);
}

function checkNames(prefix: string, labels: Readonly<Record<string, string>>): void {
  if (typeof prefix !== "string" || !/^([a-zA-Z_:][a-zA-Z0-9_:]*)?$/.test(prefix)) {
    throw new TypeError(
      'Cannot use option "prefix": expected letters, digits, "_" and ":", no digit first',
    );
  }
  if (typeof labels !== "object" || labels === null) {
    throw new TypeError(
      `Cannot use option "labels": expected an object, got ${describe(labels)}`,
    );
  }
  for (const [name, value] of Object.entries(labels)) {
    if (!/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name) || name.startsWith("__")) {
      throw new TypeError(`Cannot use label "${name}": expected letters, digits and "_"`);
    }
    if (OWN_LABELS.includes(name)) {
      throw new TypeError(`Cannot use label "${name}": the metrics have it already`);
    }
    if (typeof value !== "string") {
      throw new TypeError(`Cannot use label "${name}": expected a string, got ${describe(value)}`);
    }
  }
}
