/**
 * Accepting WebSocket connections on a `node:http` or `node:https` server.
 * @module
 */

import type { WebSocketConnection } from "../../api/connection.ts";
import { startSoon } from "../../api/connection_core.ts";
import { checkHandler, type Handler, runHandler } from "../../api/handler.ts";
import { HeadPhase } from "../../api/head_phase.ts";
import {
  answerRefusal,
  openFromRequest,
  type Opening,
  type ServerOptions,
  type ServerSetup,
  setupServer,
  tapServer,
} from "../../api/server_opening.ts";
import { isTarget, MAX_HEADER_FIELDS, refuse, type RefusedUpgrade } from "../../handshake/mod.ts";
import type { NodeDuplex, NodeRequest, NodeSocket } from "./node_types.ts";
import { RawFields, toOpeningRequest } from "./opening_request.ts";
import { SocketTransport } from "./socket_transport.ts";
import { zlibCodec } from "../zlib/codec.ts";

/** A listener for the "upgrade" event of `http.Server`. */
export type UpgradeListener = (request: NodeRequest, socket: NodeDuplex, head: Uint8Array) => void;

/**
 * Makes a listener for the "upgrade" event of a `node:http` or `node:https` server, on Node and on
 * the other runtimes' `node:http`.
 *
 * @param handler What to do with each connection.
 * @param options Limits, policies and deadlines.
 * @returns The listener.
 * @throws {TypeError} If the handler or an option is wrong.
 * @throws {RangeError} If a number is out of range.
 *
 * @example
 * ```ts
 * import http from "node:http";
 * import { onUpgrade } from "fullduplex/node";
 *
 * const server = http.createServer((_request, response) => {
 *   response.end("plain HTTP");
 * });
 * server.on("upgrade", onUpgrade({ message: (socket, data) => socket.send(data) }));
 * server.listen(0, "127.0.0.1", () => server.close());
 * ```
 *
 * @see RFC 6455, section 4.2
 */
export function onUpgrade(handler: Handler, options: ServerOptions = {}): UpgradeListener {
  checkHandler(handler);
  const setup = setupServer(options, [], zlibCodec);
  return (request, socket, head) => {
    openUpgrade(request, socket as NodeSocket, head, setup).then((opening) => {
      if (!(opening instanceof Error)) runHandler(opening, handler, setup.onError);
    }, setup.onError);
  };
}

/**
 * Answers one upgrade request of a `node:http` or `node:https` server and returns the connection,
 * for applications that route upgrades themselves.
 *
 * @param request The request, as the "upgrade" event gives it.
 * @param socket The socket, as the "upgrade" event gives it.
 * @param head The first bytes after the request, as the "upgrade" event gives them.
 * @param options Limits, policies and deadlines.
 * @returns The connection, open.
 * @throws {HandshakeError} If the request was refused; the client has got the response.
 * @throws {TypeError} If an option is wrong.
 * @throws {RangeError} If a number is out of range.
 *
 * @example
 * ```ts
 * import http from "node:http";
 * import { upgradeWebSocket } from "fullduplex/node";
 *
 * const server = http.createServer();
 * server.on("upgrade", async (request, socket, head) => {
 *   const connection = await upgradeWebSocket(request, socket, head, { protocols: ["chat"] });
 *   await connection.send("welcome");
 * });
 * server.listen(0, "127.0.0.1", () => server.close());
 * ```
 */
export async function upgradeWebSocket(
  request: NodeRequest,
  socket: NodeDuplex,
  head: Uint8Array,
  options: ServerOptions = {},
): Promise<WebSocketConnection> {
  const opening = await openUpgrade(
    request,
    socket as NodeSocket,
    head,
    setupServer(options, [], zlibCodec),
  );
  if (opening instanceof Error) throw opening;
  return startSoon(opening);
}

/** Answers an upgrade request. */
export function openUpgrade(
  request: NodeRequest,
  socket: NodeSocket,
  head: Uint8Array,
  setup: ServerSetup,
): Promise<Opening> {
  const transport = new SocketTransport(socket);
  const { options } = setup;
  const refusal = checkHead(request, options.maxHeaderBytes);
  if (refusal !== null) {
    const phase = new HeadPhase(transport, options.handshakeTimeoutMs);
    return answerRefusal(transport, phase, refusal, options, tapServer(transport, options));
  }
  const fields = new RawFields(request.rawHeaders);
  const opening = toOpeningRequest(request, fields, socket.encrypted === true);
  return openFromRequest(transport, opening, head, setup, fields);
}

/** Checks what Node's HTTP parser lets through. */
function checkHead(request: NodeRequest, maxHeaderBytes: number): RefusedUpgrade | null {
  const { method = "", url = "", rawHeaders } = request;
  if (request.httpVersion !== "1.1") return malformed(505, "the HTTP version is not 1.1");
  let size = method.length + url.length;
  for (const part of rawHeaders) size += part.length + 2;
  if (size > maxHeaderBytes || rawHeaders.length > 2 * MAX_HEADER_FIELDS) {
    return refuse({
      status: 431,
      code: "WS_HANDSHAKE_TOO_LARGE",
      message: "the head is larger than allowed",
    });
  }
  return isTarget(url) ? null : malformed(400, "the request target is malformed");
}

function malformed(status: number, message: string): RefusedUpgrade {
  return refuse({ status, code: "WS_HANDSHAKE_MALFORMED", message });
}
