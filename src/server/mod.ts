/**
 * What servers need beside connections: a router for paths and subprotocols, topics, limits,
 * cookies, proxies and an orderly shutdown; logs, metrics and EventSource.
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
export { broadcast, type BroadcastOptions, type Delivery, type SlowPolicy } from "./broadcast.ts";
export { type CookieOptions, parseCookies, serializeCookie } from "./cookies.ts";
export type { LimitOptions } from "./limits.ts";
export type { MountableServer } from "./mounts.ts";
export type { PathParams } from "./path_params.ts";
export { type PathGroups, PathPattern } from "./path_pattern.ts";
export type { ProxyHeader, TrustProxy } from "./proxy.ts";
export { broadcastChannelRelay, type RelayMessage, type TopicRelay } from "./relay.ts";
export {
  Route,
  type RouteCallbacks,
  type RouteContext,
  type RouteFunction,
  type RouteHandler,
  type RouteOptions,
} from "./route.ts";
export { type BunRouterServer, Router, type RouterOptions } from "./router.ts";
export {
  shutdownOnSignals,
  type ShutdownOptions,
  type ShutdownSignal,
  type Stoppable,
} from "./signals.ts";
export { Topics, type TopicsOptions } from "./topics.ts";
export {
  type AcceptedEventSource,
  acceptEventSource,
  type EventSourceHandler,
  type EventSourceOptions,
  isEventSource,
  type RequestLike,
  upgradeEventSource,
} from "./event_source.ts";
export {
  type EventSourceCallbacks,
  type EventSourceClose,
  EventSourceConnection,
  type EventSourceLimits,
} from "./event_source_connection.ts";
export type { EventOptions } from "./event_stream.ts";
export { type NodeResponse, onEventSource, type RequestListener } from "./event_source_node.ts";
export type { NodeRequest } from "../adapters/node/node_types.ts";
