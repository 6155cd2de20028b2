/**
 * What servers need beside connections: logs, metrics and EventSource.
 *
 * @module
 */

export type {
  ConnectionObserver,
  Direction,
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
export { createLog, type Log, type LogFields, type LogOptions } from "./log.ts";
export {
  ACCESS_CHANNELS,
  DEFAULT_CHANNELS,
  ERROR_LEVELS,
  formatJson,
  formatText,
  LOG_CHANNELS,
  type LogChannel,
  type LogRecord,
} from "./log_record.ts";
export {
  consoleSink,
  type ConsoleSinkOptions,
  diagnosticsSink,
  type LogSink,
} from "./log_sinks.ts";
export { createMetrics, type Metrics, type MetricsOptions } from "./metrics.ts";
