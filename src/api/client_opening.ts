/**
 * The client's opening handshake over a transport, from the request to the connection.
 * @module
 */

import { HandshakeError } from "../errors.ts";
import {
  type ClientHandshake,
  createClientHandshake,
  encodeRequestHead,
  type HeadersLike,
  refusedError,
  verifyResponse,
} from "../handshake/mod.ts";
import type { DeflateCodec } from "../extensions/mod.ts";
import { lossError, readRefusalBody } from "./client_refusal.ts";
import {
  clientExtensions,
  type CompressionOptions,
  findDeflate,
  resolveCompression,
} from "./compression.ts";
import type { WebSocketConnection } from "./connection.ts";
import { ConnectionCore, startSoon } from "./connection_core.ts";
import { ConnectionTap } from "./connection_tap.ts";
import { checkLegacy, type ClientDialect, type LegacyClient } from "./dialect.ts";
import { EngineChannel } from "./engine_channel.ts";
import { checkHandler, checkOnError, type Handler, logError, runHandler } from "./handler.ts";
import { HeadPhase } from "./head_phase.ts";
import {
  checkOptionNames,
  CONNECTION_OPTION_NAMES,
  type ConnectionOptions,
  type ResolvedOptions,
  resolveOptions,
} from "./options.ts";
import type { Transport } from "./transport.ts";
import { webCodec } from "./web_codec.ts";

/** The options of everything that opens WebSocket connections. */
export interface ClientOptions extends ConnectionOptions {
  /** The subprotocols to offer, the most preferred first. Default: none. */
  protocols?: string | readonly string[];
  /** Header fields to add, such as Origin, Cookie or Authorization. Default: none. */
  headers?: HeadersLike;
  /**
   * Offers to compress messages (permessage-deflate, RFC 7692). Default: `false`.
   */
  compression?: boolean | CompressionOptions;
  /**
   * What to do with the connection; it then belongs to the handler, and when that is a function,
   * its end closes it. Default: whoever opened it reads from it.
   */
  handler?: Handler;
  /** Takes what the handler throws. Default: it is printed with `console.error`. */
  onError?: (error: unknown) => void;
  /**
   * Speaks a version that is older than RFC 6455: what `legacyClient()` of `./legacy` returns.
   * Default: RFC 6455.
   */
  legacy?: LegacyClient;
}

/** The names of all {@linkcode ClientOptions}. */
export const CLIENT_OPTION_NAMES: readonly string[] = [
  ...CONNECTION_OPTION_NAMES,
  "protocols",
  "headers",
  "compression",
  "handler",
  "onError",
  "legacy",
];

/** A handshake ready to be sent, with the options of its connection. */
export interface ClientSetup {
  /** What is sent and expected. */
  readonly handshake: ClientHandshake;
  /** Limits and deadlines. */
  readonly options: ResolvedOptions;
  /** What to do with the connection. */
  readonly handler: Handler | undefined;
  /** Where its errors go. */
  readonly onError: (error: unknown) => void;
  /** Where to report what observers see of it; absent where nobody observes. */
  readonly tap?: ConnectionTap;
  /** What takes the place of RFC 6455's rules. Default: nothing. */
  readonly dialect?: ClientDialect | undefined;
}

/**
 * Checks a URL and the options of a client.
 *
 * @param url Where to connect.
 * @param options What the caller gave.
 * @param more Names that the caller allows beside {@linkcode ClientOptions}.
 * @param codec What compresses, unless the caller says otherwise; the web's own where none is given.
 * @throws {TypeError} If the URL or an option is wrong.
 * @throws {RangeError} If a number is out of range.
 */
export function setupClient(
  url: string | URL,
  options: ClientOptions,
  more: readonly string[] = [],
  codec: DeflateCodec = webCodec,
): ClientSetup {
  checkOptionNames(options, [...CLIENT_OPTION_NAMES, ...more]);
  const { protocols, headers, handler, onError = logError } = options;
  if (handler !== undefined) checkHandler(handler);
  checkOnError(onError);
  const { legacy } = options;
  if (legacy !== undefined) {
    checkLegacy(legacy, "begin", "legacyClient()");
    if (options.compression !== undefined && options.compression !== false) {
      throw new TypeError('Cannot use option "compression" with "legacy": the drafts have none');
    }
  }
  const compression = resolveCompression(options.compression, codec);
  const extensions = clientExtensions(compression);
  const handshake = createClientHandshake({ url, protocols, headers, extensions });
  const dialect = legacy?.begin(handshake);
  const setup = {
    handshake: dialect?.handshake ?? handshake,
    options: resolveOptions(options, onError),
    handler,
    onError,
    dialect,
  };
  const { observers } = setup.options;
  if (observers === undefined) return setup;
  const tap = new ConnectionTap(observers, "client");
  tap.connection.url = handshake.url;
  return { ...setup, tap };
}

/**
 * Sends the opening request over a transport and checks the answer.
 *
 * @param transport A byte stream to the server.
 * @param setup The handshake and the options.
 * @param timeoutMs What is left of the handshake's time. Default: all of `handshakeTimeoutMs`.
 * @returns The connection, not started yet.
 * @throws {HandshakeError} If the server refused, broke a rule, or did not answer in time; the
 * transport is then destroyed.
 */
export async function openClient(
  transport: Transport,
  setup: ClientSetup,
  timeoutMs: number = setup.options.handshakeTimeoutMs,
): Promise<ConnectionCore> {
  const { handshake, options, dialect, tap } = setup;
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
      new EngineChannel(transport, "client", options, answer.rest, deflate, tap);
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

/** Opens a client and sets its connection going: with the handler, or for whoever awaits it. */
export async function openAndStart(
  transport: Transport,
  setup: ClientSetup,
  timeoutMs?: number,
): Promise<WebSocketConnection> {
  return startClient(await openClient(transport, setup, timeoutMs), setup);
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
