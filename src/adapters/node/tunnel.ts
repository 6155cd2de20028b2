/**
 * A tunnel through an HTTP proxy, asked for with CONNECT.
 *
 * @see RFC 9110, section 9.3.6
 * @module
 */

import { lossError, readRefusalBody } from "../../api/client_refusal.ts";
import { HeadPhase } from "../../api/head_phase.ts";
import { HandshakeError } from "../../errors.ts";
import { encodeConnectHead } from "../../handshake/mod.ts";
import { builtin } from "./builtin.ts";
import { startTls } from "./client_tls.ts";
import type { Deadline } from "./deadline.ts";
import type { NodeSocket } from "./node_types.ts";
import type { Proxy } from "./proxy.ts";
import { untilReady } from "./socket_wait.ts";
import { SocketTransport } from "./socket_transport.ts";

/**
 * Has a proxy make a tunnel.
 *
 * @param proxy The proxy.
 * @param authority The host and the port that the tunnel is to reach.
 * @param deadline The time there is.
 * @param maxHeaderBytes The most bytes of the proxy's answer.
 * @returns The tunnel, with nothing read from it yet.
 * @throws {HandshakeError} If the proxy cannot be reached, refuses, breaks a rule or is late.
 */
export async function openTunnel(
  proxy: Proxy,
  authority: string,
  deadline: Deadline,
  maxHeaderBytes: number,
): Promise<SocketTransport> {
  const { hostname, port, secure, tls, fields } = proxy;
  const where = `the proxy ${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
  const stage = { where, code: "WS_PROXY_FAILED" } as const;
  const socket = secure
    ? await untilReady(startTls(hostname, { port }, tls), "secureConnect", stage, deadline)
    : await untilReady(
      builtin("net").connect({
        host: hostname,
        port,
        allowHalfOpen: true,
      }) as unknown as NodeSocket,
      "connect",
      stage,
      deadline,
    );
  const transport = new SocketTransport(socket, true);
  const phase = new HeadPhase(transport, deadline.leftMs, deadline.signal);
  try {
    transport.write([encodeConnectHead(authority, fields)]);
    const outcome = await phase.readHead("response", maxHeaderBytes);
    if ("lost" in outcome) {
      throw lossError(outcome, deadline.timeoutMs, `Cannot connect to ${where}`, stage.code);
    }
    if ("fault" in outcome) {
      const { code, message } = outcome.fault;
      throw new HandshakeError(`Cannot connect through ${where}: ${message}`, { code });
    }
    const { head: { status, headers }, rest } = outcome;
    // RFC 9110 §9.3.6: "Any 2xx (Successful) response indicates that the sender […] will switch
    // to tunnel mode immediately after the response header section"
    if (status < 200 || status > 299) {
      const body = await readRefusalBody(phase, outcome.head, rest);
      throw new HandshakeError(`Cannot connect through ${where}: it answered ${status}`, {
        code: "WS_PROXY_REFUSED",
        status,
        headers,
        body,
      });
    }
    // Neither TLS nor WebSocket lets the server speak first: these bytes are nobody's.
    if (rest.length > 0) {
      throw new HandshakeError(`Cannot connect through ${where}: it sent more than its answer`, {
        code: "WS_HANDSHAKE_MALFORMED",
      });
    }
    return transport;
  } catch (error) {
    transport.destroy();
    throw error;
  } finally {
    phase.finish();
  }
}
