/**
 * EventSource for `node:http` and `node:https` servers.
 * @module
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import { checkHandler, logError } from "../api/handler.ts";
import { answerHttp } from "../adapters/node/http_bridge.ts";
import type { NodeRequest } from "../adapters/node/node_types.ts";
import {
  CALLBACK_NAMES,
  checkEventSourceOptions,
  type EventSourceHandler,
  type EventSourceOptions,
  upgradeEventSource,
} from "./event_source.ts";

/** What `http.Server` hands to "request" listeners for the answer: `http.ServerResponse`. */
export interface NodeResponse {
  /** Whether all of the response was handed over. */
  readonly writableFinished: boolean;
  /** Cuts the connection. */
  destroy(): unknown;
}

/** A listener for the "request" event of `http.Server`. */
export type RequestListener = (request: NodeRequest, response: NodeResponse) => void;

/**
 * Makes a "request" listener for a `node:http` or `node:https` server that answers with a stream of
 * events, on Node and on the other runtimes' `node:http`.
 *
 * @param handler What to do with each stream.
 * @param options Policies, limits and deadlines. Default: see there.
 * @returns The listener.
 * @throws {TypeError} If the handler or an option is wrong.
 * @throws {RangeError} If a number is out of range.
 *
 * @example
 * ```ts
 * import http from "node:http";
 * import { isEventSource, onEventSource } from "fullduplex/server";
 *
 * const events = onEventSource({ open: (source) => source.send("hello") });
 * const server = http.createServer((request, response) => {
 *   if (isEventSource(request)) events(request, response);
 *   else response.end("a page");
 * });
 * server.listen(0, "127.0.0.1", () => server.close());
 * ```
 */
export function onEventSource(
  handler: EventSourceHandler,
  options: EventSourceOptions = {},
): RequestListener {
  checkHandler(handler, CALLBACK_NAMES);
  checkEventSourceOptions(options);
  const { onError = logError } = options;
  return (request, response) => {
    const incoming = request as unknown as IncomingMessage;
    const secure = (incoming.socket as { encrypted?: boolean }).encrypted === true;
    const fetch = (request: Request) => upgradeEventSource(request, handler, options);
    answerHttp(fetch, incoming, response as unknown as ServerResponse, secure, onError);
  };
}
