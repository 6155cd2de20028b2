/**
 * Connections to the server that is inspected.
 * @module
 */

import net from "node:net";
import tls from "node:tls";

/** Where `inspect` connects to, and how. */
export interface Target {
  readonly url: URL;
  /** Certificates to trust, in PEM. Default: the runtime's own. */
  readonly ca?: string | undefined;
  /** Whether any certificate will do. */
  readonly insecure: boolean;
  /** How long a connection may take, in milliseconds. Default: 10 000. */
  readonly connectTimeoutMs?: number;
}

/** A byte stream: what `net` and `tls` sockets of the three runtimes have in common here. */
export interface ByteSocket {
  on(event: "data", listener: (chunk: Uint8Array) => void): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: "end" | "close" | "drain", listener: () => void): unknown;
  write(bytes: Uint8Array): boolean;
  pause(): unknown;
  resume(): unknown;
  end(): unknown;
  destroy(): unknown;
  setNoDelay(on: boolean): unknown;
  readonly destroyed: boolean;
}

/** How long a connection may take, TLS included, in milliseconds. */
const CONNECT_TIMEOUT_MS = 10_000;

/**
 * Connects.
 *
 * @param target Where to.
 * @throws {Error} If there is no connection in time.
 */
export function reach(target: Target): Promise<ByteSocket> {
  const { url, ca, insecure, connectTimeoutMs = CONNECT_TIMEOUT_MS } = target;
  const secure = url.protocol === "wss:";
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const port = url.port === "" ? (secure ? 443 : 80) : Number(url.port);
  return new Promise((resolve, reject) => {
    const socket = secure
      ? tls.connect({
        host,
        port,
        ca,
        rejectUnauthorized: !insecure,
        ALPNProtocols: ["http/1.1"],
        // RFC 6066 §3: a literal IP address is not a server name.
        servername: net.isIP(host) === 0 ? host : undefined,
      })
      : net.connect({ host, port, allowHalfOpen: true });
    const fail = (error: Error) => {
      clearTimeout(timer);
      socket.destroy();
      const { code, message } = error as { code?: string; message: string };
      reject(new Error(`cannot connect to ${url.host}: ${message || code}`, { cause: error }));
    };
    const timer = setTimeout(
      () => fail(new Error(`no connection within ${connectTimeoutMs} ms`)),
      connectTimeoutMs,
    );
    socket.on("error", fail); // stays: what comes after the first error says nothing new
    socket.once(secure ? "secureConnect" : "connect", () => {
      clearTimeout(timer);
      socket.setNoDelay(true);
      resolve(socket as unknown as ByteSocket);
    });
  });
}
