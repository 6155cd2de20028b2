/**
 * Dialling: a byte stream to a server, on the way that the options name, under a deadline.
 * @module
 */

import { describe } from "../../api/options.ts";
import type { ByteStreamPair } from "../../api/stream_transport.ts";
import type { Transport } from "../../api/transport.ts";
import { HandshakeError } from "../../errors.ts";
import type { ClientHandshake } from "../../handshake/mod.ts";
import { builtin } from "./builtin.ts";
import { type ClientTlsOptions, startTls } from "./client_tls.ts";
import type { Deadline } from "./deadline.ts";
import type { Dial, DialedSocket } from "./dial_target.ts";
import { loadPart } from "./load_part.ts";
import type { NodeSocket } from "./node_types.ts";
import type { Proxy } from "./proxy.ts";
import { LentReads } from "./lent_reads.ts";
import { connectFailed, untilReady } from "./socket_wait.ts";
import { SocketTransport } from "./socket_transport.ts";

/** Whether this is Node itself: others have `net.connect`, but not all of its options. */
const NODE = !("Deno" in globalThis || "Bun" in globalThis);

/** The way to a server. */
export interface Route {
  /** Where to. */
  readonly handshake: ClientHandshake;
  /** How TLS is done. */
  readonly tls: ClientTlsOptions;
  /** The unix socket to connect to instead of the URL's host. */
  readonly socketPath: string | undefined;
  /** Who makes the stream instead. */
  readonly dial: Dial | undefined;
  /** The proxy to go through. */
  readonly proxy: Proxy | undefined;
  /** The most bytes of the proxy's answer. */
  readonly maxHeaderBytes: number;
}

/**
 * Makes a byte stream to a server.
 *
 * @throws {HandshakeError} If there is none in time, or the certificate fails.
 * @throws {TypeError} If TLS options are of no use, or `dial` returned something else.
 */
export async function dial(route: Route, deadline: Deadline): Promise<Transport> {
  const { handshake, tls, socketPath, proxy } = route;
  const { hostname, port, secure } = handshake;
  const where = socketPath ?? authority(handshake);
  deadline.check(where);
  if (route.dial !== undefined) {
    const stream = await callDial(route.dial, handshake, where, deadline);
    if (!isSocket(stream)) return await overStreams(stream as ByteStreamPair, deadline);
    return new SocketTransport(secure ? await over(stream) : stream, true);
  }
  if (proxy !== undefined) {
    const { maxHeaderBytes } = route;
    const { openTunnel } = await loadPart(import("./client_extras.ts"), deadline);
    const tunnel = await openTunnel(proxy, authority(handshake), deadline, maxHeaderBytes);
    return secure ? new SocketTransport(await over(tunnel.release()), true) : tunnel;
  }
  const address = socketPath === undefined ? { port } : { path: socketPath };
  if (secure) return new SocketTransport(await ready(startTls(hostname, address, tls)));
  const reads = NODE ? new LentReads() : undefined;
  const socket = builtin("net").connect({
    host: hostname,
    ...address,
    allowHalfOpen: true,
    ...(reads && { onread: reads.onread }),
  });
  socket.pause(); // what a server says at once has to wait
  return new SocketTransport(
    await untilReady(socket as unknown as NodeSocket, "connect", { where }, deadline),
    false,
    reads,
  );

  function ready(socket: NodeSocket, below?: NodeSocket): Promise<NodeSocket> {
    return untilReady(socket, "secureConnect", { where, below }, deadline);
  }

  async function over(below: NodeSocket): Promise<NodeSocket> {
    let socket: NodeSocket;
    try {
      socket = startTls(hostname, { socket: below }, tls);
    } catch (error) {
      below.destroy();
      throw error;
    }
    return await ready(socket, below);
  }
}

/** The host and the port, which the Host field leaves out where it is the usual one. */
function authority({ hostname, port }: ClientHandshake): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

/** Has the caller make a stream. */
async function callDial(
  dial: Dial,
  { hostname, port, secure, url }: ClientHandshake,
  where: string,
  deadline: Deadline,
): Promise<Awaited<ReturnType<Dial>>> {
  const controller = new AbortController();
  const dialling = (async () => {
    try {
      const target = { hostname, port, secure, url, timeoutMs: deadline.leftMs };
      return await dial(target, controller.signal);
    } catch (cause) {
      throw cause instanceof HandshakeError ? cause : connectFailed({ where }, cause);
    }
  })();
  let stream: Awaited<ReturnType<Dial>>;
  try {
    stream = await deadline.race(dialling, where);
  } catch (error) {
    controller.abort(error);
    dialling.then(discard, () => {});
    throw error;
  }
  if (typeof stream === "object" && stream !== null) return stream;
  throw new TypeError(
    `Cannot use what dial() returned: expected a socket or { readable, writable }, got ${
      describe(stream)
    }`,
  );
}

function isSocket(stream: object): stream is DialedSocket & NodeSocket {
  return typeof (stream as DialedSocket).on === "function";
}

/** Makes a transport of a pair of streams, or cuts them. */
async function overStreams(pair: ByteStreamPair, deadline: Deadline): Promise<Transport> {
  const part = loadPart(import("./client_extras.ts"), deadline);
  part.catch(() => discard(pair));
  return new (await part).StreamTransport(pair);
}

/** Cuts a stream that came too late. */
function discard(stream: Awaited<ReturnType<Dial>>): void {
  if (typeof stream !== "object" || stream === null) return;
  if (isSocket(stream)) {
    stream.on("error", () => {});
    stream.destroy();
  } else {
    const { readable, writable } = stream as ByteStreamPair;
    const reason = new DOMException("The connection was cut", "AbortError");
    readable?.cancel?.(reason).catch(() => {});
    writable?.abort?.(reason).catch(() => {});
  }
}
