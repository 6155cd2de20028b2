/**
 * The client's opening handshake over a transport, from the request to the connection.
 * @module
 */

import { HandshakeError } from "../errors.ts";
import { encodeRequestHead, refusedError, verifyResponse } from "../handshake/mod.ts";
import type { ClientSetup } from "./client_options.ts";
import { lossError, readRefusalBody } from "./client_refusal.ts";
import { findDeflate } from "./compression.ts";
import type { WebSocketConnection } from "./connection.ts";
import { ConnectionCore, startSoon } from "./connection_core.ts";
import { EngineChannel } from "./engine_channel.ts";
import type { EngineTap } from "./engine_tap.ts";
import { runHandler } from "./handler.ts";
import { HeadPhase } from "./head_phase.ts";
import type { Transport } from "./transport.ts";

/**
 * Sends the opening request over a transport and checks the answer.
 *
 * @param transport A byte stream to the server.
 * @param setup The handshake and the options.
 * @param timeoutMs What is left of the handshake's time. Default: all of `handshakeTimeoutMs`.
 * @param tap Where to report what observers see. Default: nowhere.
 * @returns The connection, not started yet.
 * @throws {HandshakeError} If the server refused, broke a rule, or did not answer in time; the
 * transport is then destroyed.
 */
export async function openClient(
  transport: Transport,
  setup: ClientSetup,
  timeoutMs: number = setup.options.handshakeTimeoutMs,
  tap?: EngineTap,
): Promise<ConnectionCore> {
  const { handshake, options, dialect } = setup;
  const phase = new HeadPhase(transport, timeoutMs, options.signal);
  if (tap !== undefined) {
    tap.connection.remoteAddress = transport.remoteAddress;
    tap.requestSent(handshake.headers);
  }
  try {
    const request = encodeRequestHead(handshake);
    transport.write(dialect === undefined ? [request] : [request, dialect.body]);
    const outcome = await phase.readHead("response", options.maxHeaderBytes);
    if ("lost" in outcome) throw lossError(outcome, timeoutMs);
    if ("fault" in outcome) {
      const { code, message } = outcome.fault;
      throw new HandshakeError(`Cannot connect: ${message}`, { code });
    }
    const { head, rest } = outcome;
    tap?.response("in", head.status, head.headers);
    if (head.status !== 101) {
      throw refusedError(head, await readRefusalBody(phase, head, rest));
    }
    const answer = await phase.readBytes(rest, dialect?.answerBytes ?? 0);
    if ("lost" in answer) throw lossError(answer, timeoutMs);
    const verified = dialect?.verify?.(head, answer.bytes) ?? verifyResponse(handshake, head);
    const verdict = await phase.watch(Promise.resolve(verified));
    if ("lost" in verdict) throw lossError(verdict, timeoutMs);
    if (!verdict.ok) throw verdict.error;
    const deflate = findDeflate(verdict.negotiated);
    const channel = dialect?.connect?.(transport, "client", options, answer.rest) ??
      new EngineChannel(transport, "client", options, answer.rest, deflate, tap?.frames);
    return new ConnectionCore(
      channel,
      {
        protocol: verdict.protocol,
        extensions: verdict.extensions,
        url: handshake.url,
        responseHeaders: head.headers,
        remoteAddress: transport.remoteAddress,
      },
      options,
      tap,
    );
  } catch (error) {
    transport.destroy();
    if (error instanceof HandshakeError) tap?.refused(error);
    throw error;
  } finally {
    phase.finish();
  }
}

/** Sets a connection going: with the handler, or for whoever awaits it. */
export function startClient(
  core: ConnectionCore,
  setup: Pick<ClientSetup, "handler" | "onError">,
): WebSocketConnection {
  if (setup.handler === undefined) return startSoon(core);
  runHandler(core, setup.handler, setup.onError);
  return core.socket;
}
