/**
 * Dialling: a TCP or TLS connection to a server, under a deadline.
 * @module
 */

import { unwatchAbort, watchAbort } from "../../api/abort_watch.ts";
import { HandshakeError } from "../../errors.ts";
import type { ClientHandshake } from "../../handshake/mod.ts";
import { builtin } from "./builtin.ts";
import type { NodeSocket } from "./node_types.ts";

/** How a `wss:` connection is secured; values go to `tls.connect` as they are. */
export interface ClientTlsOptions {
  /** Certificates to trust instead of the runtime's own list, in PEM. */
  ca?: string | Uint8Array | (string | Uint8Array)[];
  /** This client's certificate, in PEM. */
  cert?: string | Uint8Array;
  /** The private key of `cert`, in PEM. */
  key?: string | Uint8Array;
  /** The passphrase of `key`. */
  passphrase?: string;
  /** The name to ask for and to check the certificate against. Default: the URL's host. */
  servername?: string;
  /** Whether a certificate that cannot be verified fails the connection. Default: `true`. */
  rejectUnauthorized?: boolean;
}

/** The names of all {@linkcode ClientTlsOptions}. */
export const CLIENT_TLS_OPTION_NAMES: readonly string[] = [
  "ca",
  "cert",
  "key",
  "passphrase",
  "servername",
  "rejectUnauthorized",
];

/**
 * Connects a socket.
 *
 * @param handshake Where to.
 * @param options TLS options.
 * @param timeoutMs The deadline, in milliseconds.
 * @param signal Gives up when aborted.
 * @throws {HandshakeError} If there is no connection in time, or the certificate fails.
 */
export function dial(
  handshake: ClientHandshake,
  options: ClientTlsOptions,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<NodeSocket> {
  const net = builtin("net");
  const { hostname: host, port, secure } = handshake;
  const where = `${handshake.host}${handshake.host.endsWith(`:${port}`) ? "" : `:${port}`}`;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(aborted(where, signal));
    const socket = (secure
      ? builtin("tls").connect({
        host,
        port,
        ALPNProtocols: ["http/1.1"],
        // RFC 6066 §3: a literal IP address is not a server name.
        servername: net.isIP(host) === 0 ? host : undefined,
        // The engine decides when to end, also after the server did. (The types do not know it.)
        ...({ allowHalfOpen: true, ...options } as Record<string, unknown>),
      })
      : net.connect({ host, port, allowHalfOpen: true })) as unknown as NodeSocket & {
        setNoDelay(on: boolean): void;
      };

    const settle = (error?: HandshakeError) => {
      clearTimeout(timer);
      if (signal !== undefined) unwatchAbort(signal, onAbort);
      socket.removeListener("error", onError);
      socket.removeListener("close", onClose);
      if (error === undefined) return resolve(socket);
      socket.on("error", () => {}); // what comes after the first error says nothing new
      socket.destroy();
      reject(error);
    };
    const onAbort = () => settle(aborted(where, signal!));
    const onError = (cause: unknown) => settle(failed(where, cause));
    const onClose = () => settle(failed(where, new Error("the connection was closed")));
    const timer = setTimeout(() =>
      settle(
        new HandshakeError(`Cannot connect to ${where}: no connection within ${timeoutMs} ms`, {
          code: "WS_HANDSHAKE_TIMEOUT",
        }),
      ), timeoutMs);

    if (signal !== undefined) watchAbort(signal, onAbort);
    socket.on("error", onError);
    socket.on("close", onClose);
    socket.once(secure ? "secureConnect" : "connect", () => {
      socket.setNoDelay(true);
      settle();
    });
  });
}

function failed(where: string, cause: unknown): HandshakeError {
  const { message = "", code, reason } = cause as Record<"message" | "code" | "reason", string>;
  // Dialling several addresses fails with an AggregateError, which has no message of its own;
  // OpenSSL's message on Node is a line of internals and a line's end, with the gist in `reason`.
  const why = (message.includes("\n") && reason) || message || code || "unknown error";
  return new HandshakeError(`Cannot connect to ${where}: ${why}`, {
    code: "WS_CONNECT_FAILED",
    cause,
  });
}

function aborted(where: string, signal: AbortSignal): HandshakeError {
  return new HandshakeError(`Cannot connect to ${where}: the signal was aborted`, {
    code: "WS_HANDSHAKE_ABORTED",
    cause: signal.reason,
  });
}
