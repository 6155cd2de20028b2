/**
 * Accepting WebSocket connections in a handler of `Deno.serve`.
 * @module
 */

import { ConnectionCore } from "../../api/connection_core.ts";
import { type Handler, runHandler } from "../../api/handler.ts";
import type { ServerOptions, ServerSetup } from "../../api/server_opening.ts";
import { BY_REFERENCE_BYTES } from "../../frames/mod.ts";
import { refuse } from "../../handshake/mod.ts";
import { NativeChannel } from "../native/native_channel.ts";
import {
  type NativeOpening,
  nativeSetup,
  openNative,
  toInfo,
  toResponse,
} from "../native/opening.ts";
import { DenoSocket } from "./deno_socket.ts";
import {
  type DenoServeInfo,
  type DenoUpgrade,
  denoUpgrade,
  type DenoWebSocket,
} from "./deno_types.ts";

/**
 * Answers an upgrade request of `Deno.serve`, over Deno's own WebSocket.
 *
 * What that socket cannot do is in `socket.capabilities`: no pings of yours, no holding back of the
 * peer, no streaming, no `terminate()` at once. `serve()` has all of it on Deno as well.
 *
 * - `pingIntervalMs` and `pingTimeoutMs` become Deno's `idleTimeout`: after half of their sum
 *   without a message or pong Deno pings, after the other half it gives the peer up. A peer that is
 *   busy for longer with sending one frame looks silent too.
 * - `maxMessageBytes` is checked when the message has come. Deno itself takes frames of at most
 *   64 MiB, and any number of fragments.
 * - A connection that was cut, or that closed without the peer's close frame, is over for the
 *   application at once; Deno keeps its socket until the peer leaves.
 *
 * @param request The request, as `Deno.serve` gives it.
 * @param handler What to do with the connection.
 * @param options Limits, policies and deadlines; checked once per object. Default: none.
 * @param info What `Deno.serve` gives beside the request, for `socket.remoteAddress`. Default: none.
 * @returns The response, to be returned to `Deno.serve` as it is: Deno 2.9 ends the whole server
 * when a response that upgrades is not returned.
 * @throws {TypeError} If this is not Deno, or the handler or an option is wrong.
 * @throws {RangeError} If a number is out of range.
 *
 * @example
 * ```ts
 * import { upgradeWebSocket } from "@fullduplex/ws/deno";
 *
 * const server = Deno.serve({ port: 0 }, (request, info) =>
 *   upgradeWebSocket(request, { message: (socket, data) => socket.send(data) }, {}, info));
 * await server.shutdown();
 * ```
 *
 * @see RFC 6455, section 4.2
 */
export async function upgradeWebSocket(
  request: Request,
  handler: Handler,
  options?: ServerOptions,
  info?: DenoServeInfo,
): Promise<Response> {
  const upgrade = denoUpgrade();
  const setup = nativeSetup(handler, options);
  const opening = await openNative(request, setup);
  if (opening instanceof Response) return opening;
  return switchProtocols(upgrade, request, opening, handler, setup, info?.remoteAddr.hostname);
}

function switchProtocols(
  upgrade: DenoUpgrade,
  request: Request,
  opening: NativeOpening,
  handler: Handler,
  setup: ServerSetup,
  remoteAddress: string | undefined,
): Response {
  const { pingIntervalMs, pingTimeoutMs } = setup.options;
  const idleTimeout = pingIntervalMs === 0 ? 0 : (pingIntervalMs + pingTimeoutMs) / 1000;
  let native: { response: Response; socket: DenoWebSocket };
  try {
    native = upgrade(request, { idleTimeout });
  } catch {
    // Deno has an opinion of its own on what asks for a WebSocket.
    const message = "the request does not ask for a WebSocket";
    return toResponse(
      refuse({ status: 400, code: "WS_REQUEST_INVALID", message }),
      opening.tap,
    );
  }
  const { response, socket } = native;
  const { protocol, headers } = opening.decision;
  // Not with Deno's `protocol` option, which does not find "b" in an offer of "a,b" without blanks.
  if (protocol !== "") response.headers.set("Sec-WebSocket-Protocol", protocol);
  for (const [name, value] of headers) response.headers.append(name, value);
  opening.tap?.response("out", 101, headers);
  // Before this event nothing can come. Where the client has left, there will be none.
  socket.addEventListener("open", () => {
    const { options, onError } = setup;
    const watchAbove = Math.min(options.highWaterMark, BY_REFERENCE_BYTES - 1);
    const channel = new NativeChannel(new DenoSocket(socket, watchAbove), options);
    const info = toInfo(opening, remoteAddress);
    const core = new ConnectionCore(channel, info, options, opening.tap);
    runHandler(core, handler, onError);
  });
  return response;
}
