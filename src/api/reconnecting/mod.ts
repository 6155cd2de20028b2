/**
 * A WebSocket that connects again.
 * @module
 */

export type { AnyListener, ListenerOptions } from "../listener_types.ts";
export {
  ConnectingEvent,
  GiveUpEvent,
  ReconnectingEvent,
  type ReconnectingEventMap,
} from "./events.ts";
export { ReconnectingEventTarget, type ReconnectingListener } from "./event_target.ts";
export type { HeartbeatOptions, ReconnectingOptions } from "./options.ts";
export { ReconnectingWebSocket } from "./reconnecting_web_socket.ts";
export type {
  AttemptInfo,
  ConnectionEnd,
  PerAttempt,
  SocketConstructor,
  SocketLike,
} from "./socket_like.ts";
