/**
 * Accepting WebSocket connections in `Bun.serve`.
 * @module
 */

import { ConnectionCore } from "../../api/connection_core.ts";
import { type Handler, runHandler } from "../../api/handler.ts";
import { checkOptionNames, describe } from "../../api/options.ts";
import type { ServerOptions, ServerSetup } from "../../api/server_opening.ts";
import { refuse } from "../../handshake/mod.ts";
import { NativeChannel } from "../native/native_channel.ts";
import {
  type NativeOpening,
  nativeSetup,
  openNative,
  toInfo,
  toResponse,
} from "../native/opening.ts";
import { BUN_CAPABILITIES, BUN_CAPABILITIES_LATE_LIMIT, BunSocket } from "./bun_socket.ts";
import type {
  BunConnectionData,
  BunServer,
  BunServerWebSocket,
  BunWebSocketPlugin,
} from "./bun_types.ts";

/** Bun keeps both limits in 32 bits. */
const MAX_UINT32 = 2 ** 32 - 1;

/** Settings that all WebSockets of one `Bun.serve` share. */
export interface BunWebSocketOptions {
  /** The most bytes of a message; one more ends with 1009 before it is read. Default: 16 MiB. */
  maxMessageBytes?: number;
  /**
   * Whether to compress messages with clients that offer it, as Bun does it: without takeover, with
   * one context for all connections. Default: `false`.
   */
  compression?: boolean | {
    /** From how many bytes on, unless `send()` says otherwise. Default: 1024. */
    thresholdBytes?: number;
  };
}

/** What travels in `ws.data`, from `upgradeWebSocket` to the plugin. */
class Upgrade implements BunConnectionData {
  readonly owner = "fullduplex";
  socket: BunSocket | undefined;
  channel: NativeChannel | undefined;
  /** Why the plugin did not take the connection. */
  refusal: Error | undefined;
  readonly #opening: NativeOpening;
  readonly #handler: Handler;
  readonly #setup: ServerSetup;
  /** `maxMessageBytes`, when the application gave it. */
  readonly #limit: number | undefined;

  constructor(
    opening: NativeOpening,
    handler: Handler,
    setup: ServerSetup,
    limit: number | undefined,
  ) {
    this.#opening = opening;
    this.#handler = handler;
    this.#setup = setup;
    this.#limit = limit;
  }

  /** Starts the connection on the socket that Bun has made. */
  open(ws: BunServerWebSocket, serverLimit: number, threshold: number): void {
    if (this.#limit !== undefined && this.#limit > serverLimit) {
      this.refusal = new RangeError(
        `Cannot use option "maxMessageBytes": ${this.#limit} is above the server's ` +
          `${serverLimit}; start the server with websocket: createWebSocket({ maxMessageBytes })`,
      );
      return ws.close(1011, "the server is misconfigured");
    }
    const { options, onError } = this.#setup;
    const late = options.maxMessageBytes < serverLimit;
    const capabilities = late ? BUN_CAPABILITIES_LATE_LIMIT : BUN_CAPABILITIES;
    this.socket = new BunSocket(ws, capabilities, threshold);
    this.channel = new NativeChannel(this.socket, options);
    const info = toInfo(this.#opening, ws.remoteAddress);
    const core = new ConnectionCore(this.channel, info, options, this.#opening.tap);
    runHandler(core, this.#handler, onError);
  }
}

/**
 * Makes the value for `Bun.serve`'s `websocket`, with settings of your own.
 *
 * @param options Settings that all connections of the server share. Default: those of
 * {@linkcode websocket}.
 * @throws {TypeError} If an option does not exist or has the wrong type.
 * @throws {RangeError} If a number is out of range.
 *
 * @example
 * ```ts
 * import { createWebSocket } from "@fullduplex/ws/bun";
 *
 * const websocket = createWebSocket({ maxMessageBytes: 64 * 1024 * 1024 });
 * console.log(websocket.maxPayloadLength); // 67108864
 * ```
 */
export function createWebSocket(options: BunWebSocketOptions = {}): BunWebSocketPlugin {
  checkOptionNames(options, ["maxMessageBytes", "compression"]);
  const threshold = compressionThreshold(options.compression);
  const { maxMessageBytes = 16 * 1024 * 1024 } = options;
  if (typeof maxMessageBytes !== "number") {
    throw new TypeError(
      `Cannot use option "maxMessageBytes": expected a number, got ${describe(maxMessageBytes)}`,
    );
  }
  if (!Number.isInteger(maxMessageBytes) || maxMessageBytes < 0 || maxMessageBytes > MAX_UINT32) {
    throw new RangeError(
      `Cannot use option "maxMessageBytes": expected an integer from 0 to ${MAX_UINT32}, ` +
        `got ${maxMessageBytes}`,
    );
  }
  return {
    data: undefined as unknown as BunConnectionData,
    maxPayloadLength: maxMessageBytes,
    backpressureLimit: MAX_UINT32, // `maxBufferedBytes` decides, for each connection
    idleTimeout: 0,
    sendPings: false,
    perMessageDeflate: threshold !== Infinity,
    open(ws) {
      if (ws.data instanceof Upgrade) ws.data.open(ws, maxMessageBytes, threshold);
      else ws.close(1011, "the server is misconfigured"); // upgraded by something else
    },
    message(ws, data) {
      (ws.data as Upgrade).channel?.onMessage(data);
    },
    drain(ws) {
      (ws.data as Upgrade).socket?.onDrain();
    },
    ping(ws, payload) {
      (ws.data as Upgrade).channel?.onPing(payload);
    },
    pong(ws, payload) {
      (ws.data as Upgrade).channel?.onPong(payload);
    },
    close(ws, closeCode, reason) {
      (ws.data as Upgrade | undefined)?.socket?.onClose(closeCode, reason);
    },
  };
}

/** From how many bytes on to compress; `Infinity` for never. */
function compressionThreshold(compression: BunWebSocketOptions["compression"] = false): number {
  if (typeof compression === "boolean") return compression ? 1024 : Infinity;
  checkOptionNames(compression, ["thresholdBytes"]);
  const { thresholdBytes = 1024 } = compression;
  if (Number.isSafeInteger(thresholdBytes) && thresholdBytes >= 0) return thresholdBytes;
  throw new RangeError(
    `Cannot use option "thresholdBytes": expected an integer from 0 on, got ${thresholdBytes}`,
  );
}

/**
 * The value for `Bun.serve`'s `websocket`: messages of at most 16 MiB.
 *
 * @example
 * ```ts
 * import { websocket } from "@fullduplex/ws/bun";
 *
 * console.log(websocket.maxPayloadLength); // 16777216
 * ```
 */
export const websocket: BunWebSocketPlugin = createWebSocket();

/**
 * Answers an upgrade request of `Bun.serve`, over Bun's own WebSocket.
 *
 * What that socket cannot do is in `socket.capabilities`: no streaming. `serve()` has that on Bun as
 * well.
 *
 * - Bun does not wait for the peer's answer to a close frame: after `close()`, `closed` resolves
 *   when the frame has been handed over, with this side's code.
 * - A `ping` callback sees pings, but cannot suppress the pong.
 * - A peer that is busy with sending one frame for longer than `pingIntervalMs` and `pingTimeoutMs`
 *   together is taken for silent: Bun tells nothing of a message before it is whole.
 * - `maxMessageBytes` above the server's limit closes the connection with 1011 and tells `onError`:
 *   see {@linkcode createWebSocket}.
 * - `compression` is the server's, too: see there. `socket.extensions` does not tell of it.
 *
 * @param request The request, as `Bun.serve` gives it.
 * @param server The server, as `Bun.serve` gives it; it must have been started with
 * {@linkcode websocket} or what {@linkcode createWebSocket} returned.
 * @param handler What to do with the connection.
 * @param options Limits, policies and deadlines; checked once per object. Default: none.
 * @returns The response that refuses, or `undefined` when the request was upgraded; return it.
 * @throws {TypeError} If the server, the handler or an option is wrong.
 * @throws {RangeError} If a number is out of range.
 *
 * @example
 * ```ts
 * import { upgradeWebSocket, websocket } from "@fullduplex/ws/bun";
 *
 * const server = Bun.serve({
 *   port: 0,
 *   websocket,
 *   fetch: (request, server) =>
 *     upgradeWebSocket(request, server, { message: (socket, data) => socket.send(data) }),
 * });
 * await server.stop(true);
 * ```
 *
 * @see RFC 6455, section 4.2
 */
export async function upgradeWebSocket(
  request: Request,
  server: BunServer,
  handler: Handler,
  options?: ServerOptions,
): Promise<Response | undefined> {
  if (typeof server?.upgrade !== "function") {
    throw new TypeError(
      "Cannot upgrade: expected the server that Bun.serve gives to fetch; on Deno use " +
        '"@fullduplex/ws/deno", on Node.js "fullduplex/node", anywhere "@fullduplex/ws/serve"',
    );
  }
  const setup = nativeSetup(handler, options);
  const opening = await openNative(request, setup);
  if (opening instanceof Response) return opening;
  const { protocol, headers: fields } = opening.decision;
  const headers = new Headers();
  // Always set, be it to nothing: Bun 1.4 would choose the first subprotocol that was offered.
  headers.set("Sec-WebSocket-Protocol", protocol);
  for (const [name, value] of fields) headers.append(name, value);
  opening.tap?.response("out", 101, fields);
  const upgrade = new Upgrade(opening, handler, setup, options?.maxMessageBytes);
  if (!server.upgrade(request, { headers, data: upgrade })) {
    // The client has left, or Bun has an opinion of its own on what asks for a WebSocket.
    const message = "the request does not ask for a WebSocket";
    return toResponse(
      refuse({ status: 400, code: "WS_REQUEST_INVALID", message }),
      opening.tap,
    );
  }
  if (upgrade.channel === undefined) {
    // Not thrown: Bun 1.4 has no answer left to make of it, and takes it for an uncaught error.
    setup.onError(
      upgrade.refusal ?? new TypeError(
        'Cannot upgrade: start the server with `websocket` of "@fullduplex/ws/bun": ' +
          "Bun.serve({ websocket, fetch })",
      ),
    );
  }
  return undefined;
}
