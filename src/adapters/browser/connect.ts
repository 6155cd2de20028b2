/**
 * Opening connections with the platform's own WebSocket.
 * @module
 */

import { unwatchAbort, watchAbort } from "../../api/abort_watch.ts";
import { handshakeAborted } from "../../api/aborted.ts";
import { startClient } from "../../api/client_opening.ts";
import type { ClientOptions } from "../../api/client_options.ts";
import type { WebSocketConnection } from "../../api/connection.ts";
import { ConnectionCore } from "../../api/connection_core.ts";
import { ConnectionTap } from "../../api/connection_tap.ts";
import { checkHandler, checkOnError, logError } from "../../api/handler.ts";
import { describe, type ResolvedOptions, resolveOptions } from "../../api/options.ts";
import { PatientTimer } from "../../api/patient_timer.ts";
import { parseUrl } from "../../api/websocket/arguments.ts";
import { HandshakeError } from "../../errors.ts";
import { BY_REFERENCE_BYTES } from "../../frames/mod.ts";
import { NativeChannel } from "../native/native_channel.ts";
import { BrowserSocket } from "./browser_socket.ts";

/** The options that can be kept without a say in the handshake and the framing. */
const KEPT: readonly (keyof BrowserConnectOptions)[] = [
  "protocols",
  "maxMessageBytes",
  "handshakeTimeoutMs",
  "closeTimeoutMs",
  "highWaterMark",
  "maxBufferedBytes",
  "signal",
  "handler",
  "onError",
  "observer",
];

/**
 * Options of {@linkcode connect}: those of the other runtimes that a browser can keep. It sets all
 * header fields itself, compresses as it likes, answers pings and sends none.
 */
export type BrowserConnectOptions = Pick<
  ClientOptions,
  | ("protocols" | "signal" | "handler" | "onError" | "observer")
  | ("maxMessageBytes" | "maxBufferedBytes" | "highWaterMark")
  | ("handshakeTimeoutMs" | "closeTimeoutMs")
>;

/**
 * Opens a WebSocket connection with the platform's own WebSocket.
 *
 * What that cannot do is in `socket.capabilities`: no pings, no holding back of the peer, no
 * streaming, and a failure has no details. `maxMessageBytes` is checked when the message has come;
 * the peer is then told 4009, since a browser cannot send 1009.
 *
 * @param url A URL with the scheme ws or wss (or http or https), or one relative to the page.
 * @param options Subprotocols, limits, deadlines, the handler.
 * @returns The connection, open.
 * @throws {HandshakeError} If there is no connection in time; the platform does not tell why.
 * @throws {TypeError} If an option is wrong, or one that a browser cannot keep.
 * @throws {RangeError} If a number is out of range.
 * @throws {DOMException} `SyntaxError`, if the URL or a subprotocol is wrong; `NotSupportedError`,
 * where the platform has no WebSocket.
 *
 * @example
 * ```ts
 * import { connect } from "@fullduplex/ws/browser";
 * import { serve } from "@fullduplex/ws/serve";
 *
 * await using server = await serve({ message: (socket, data) => socket.send(data) }, { port: 0 });
 * await using socket = await connect(server.url); // in a browser: connect("/chat")
 * await socket.send("hello");
 * for await (const message of socket) {
 *   console.log(message); // "hello"
 *   break;
 * }
 * ```
 *
 * @see WHATWG WebSockets, section 3
 */
export async function connect(
  url: string | URL,
  options: BrowserConnectOptions = {},
): Promise<WebSocketConnection> {
  checkNames(options);
  const { protocols = [], handler, onError = logError } = options;
  if (handler !== undefined) checkHandler(handler);
  checkOnError(onError);
  const resolved = resolveOptions(options, onError);
  const href = parseUrl(String(url)).href;
  if (typeof WebSocket === "undefined") {
    throw new DOMException(
      "Cannot connect: this platform has no WebSocket of its own",
      "NotSupportedError",
    );
  }
  const tap = resolved.observers && new ConnectionTap(resolved.observers, "client");
  if (tap !== undefined) tap.connection.url = href;
  const core = await openPlatform(href, protocols, resolved, tap).catch((error) => {
    if (error instanceof HandshakeError) tap?.refused(error);
    throw error;
  });
  return startClient(core, { handler, onError });
}

function checkNames(options: unknown): void {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`Cannot use options: expected an object, got ${describe(options)}`);
  }
  for (const name of Object.keys(options)) {
    if ((KEPT as readonly string[]).includes(name)) continue;
    throw new TypeError(
      `Cannot use option "${name}": a browser's WebSocket cannot keep it, or it does not exist; ` +
        `allowed are ${KEPT.join(", ")}`,
    );
  }
}

/**
 * Opens a connection, not started yet, with the platform's own WebSocket.
 *
 * @throws {HandshakeError} If there is none in time.
 */
export function openPlatform(
  url: string,
  protocols: string | readonly string[],
  options: ResolvedOptions,
  tap: ConnectionTap | undefined,
): Promise<ConnectionCore> {
  const { handshakeTimeoutMs, highWaterMark, signal } = options;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) throw handshakeAborted(signal);
    const socket = new WebSocket(url, protocols as string | string[]);
    socket.binaryType = "arraybuffer";
    const settle = () => {
      timer.stop();
      if (signal !== undefined) unwatchAbort(signal, onAbort);
      socket.removeEventListener("open", onOpen);
      socket.removeEventListener("close", onClose);
    };
    const fail = (error: HandshakeError) => {
      settle();
      socket.close();
      reject(error);
    };
    const timer = new PatientTimer(handshakeTimeoutMs, () =>
      fail(
        new HandshakeError(`Cannot connect: no connection within ${handshakeTimeoutMs} ms`, {
          code: "WS_HANDSHAKE_TIMEOUT",
        }),
      ));
    const onAbort = () => fail(handshakeAborted(signal!));
    const onClose = () =>
      fail(
        new HandshakeError("Cannot connect: there is no connection, and the platform hides why", {
          code: "WS_CONNECT_FAILED",
        }),
      );
    const onOpen = () => {
      settle();
      // At once, so that no message is missed. Large bytes are waited for one by one.
      const native = new BrowserSocket(socket, Math.min(highWaterMark, BY_REFERENCE_BYTES - 1));
      const { protocol, extensions } = socket;
      const info = { protocol, extensions, url };
      resolve(new ConnectionCore(new NativeChannel(native, options), info, options, tap));
    };
    if (signal !== undefined) watchAbort(signal, onAbort);
    socket.addEventListener("open", onOpen);
    socket.addEventListener("close", onClose);
  });
}
