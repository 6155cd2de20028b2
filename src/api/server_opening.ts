/**
 * The server's opening handshake over a transport, from the request to the connection.
 * @module
 */

import { HandshakeError } from "../errors.ts";
import {
  type AcceptedUpgrade,
  decideAtOnce,
  decideUpgrade,
  encodeResponseHead,
  type HeaderField,
  type HeaderReader,
  type HeadersFunction,
  type HeadersLike,
  type OriginPolicy,
  refuse,
  type RefusedUpgrade,
  type ServerPolicy,
  type SubprotocolPolicy,
  switchingProtocols,
  toUpgradeRequest,
  type UpgradeRequest,
  validateServerOptions,
  type Verify,
} from "../handshake/mod.ts";
import type { DeflateCodec } from "../extensions/mod.ts";
import type { Channel } from "./channel.ts";
import { type CompressionOptions, findDeflate, resolveCompression } from "./compression.ts";
import { ConnectionCore } from "./connection_core.ts";
import { serverExtensions } from "./deflate_extensions.ts";
import type { LegacyServer } from "./dialect.ts";
import { EngineChannel } from "./engine_channel.ts";
import { EngineTap } from "./engine_tap.ts";
import { checkOnError, logError } from "./handler.ts";
import { type HeadLoss, HeadPhase, lingerAndClose } from "./head_phase.ts";
import { checkLegacy } from "./legacy_check.ts";
import {
  checkOptionNames,
  CONNECTION_OPTION_NAMES,
  type ConnectionOptions,
  type ResolvedOptions,
  resolveOptions,
} from "./options.ts";
import type { Transport } from "./transport.ts";
import { webCodec } from "./web_codec.ts";

/** The options of everything that accepts WebSocket connections. */
export interface ServerOptions extends ConnectionOptions {
  /**
   * The subprotocols this server speaks (the first that the client offers is taken), or a function
   * that chooses. Default: none.
   */
  protocols?: SubprotocolPolicy;
  /**
   * Which origins may connect: `"same-origin"`, a list of origins, or a function. A request without
   * an Origin field is not from a browser, and passes all but the function. Default: every origin.
   */
  origins?: OriginPolicy;
  /**
   * A last look at the request; a `Response` refuses it, and `Response.error()` cuts the connection
   * without an answer (on the runtimes' own sockets, which cannot, it is a 500). Default: none.
   */
  verify?: Verify;
  /** Header fields to add to the 101 response, or a function that makes them. Default: none. */
  headers?: HeadersLike | HeadersFunction;
  /**
   * Compresses messages with clients that offer it (permessage-deflate, RFC 7692). Default: `false`.
   */
  compression?: boolean | CompressionOptions;
  /**
   * Takes the errors of the application's own functions: what a handler, `verify` or a chooser
   * threw. Default: they are printed with `console.error`.
   */
  onError?: (error: unknown) => void;
  /**
   * Also accepts handshakes that are older than RFC 6455: what `legacy()` of `./legacy` returns.
   * Default: none, and no code for them is loaded.
   */
  legacy?: LegacyServer;
}

/** The names of all {@linkcode ServerOptions}. */
export const SERVER_OPTION_NAMES: readonly string[] = [
  ...CONNECTION_OPTION_NAMES,
  "protocols",
  "origins",
  "verify",
  "headers",
  "compression",
  "onError",
  "legacy",
];

/** {@linkcode ServerOptions}, checked once and used for every connection. */
export interface ServerSetup {
  /** Limits and deadlines. */
  readonly options: ResolvedOptions;
  /** What decides on requests. */
  readonly policy: ServerPolicy;
  /** Where the application's errors go. */
  readonly onError: (error: unknown) => void;
  /** Who answers requests that are older than RFC 6455. Default: nobody. */
  readonly legacy?: LegacyServer | undefined;
}

/**
 * Checks the options of a server.
 *
 * @param options What the caller gave.
 * @param more Names that the caller allows beside {@linkcode ServerOptions}.
 * @param codec What compresses, unless the caller says otherwise; the web's own where none is given.
 * @throws {TypeError} If an option does not exist or has the wrong type.
 * @throws {RangeError} If a number is out of range.
 */
export function setupServer(
  options: ServerOptions,
  more: readonly string[] = [],
  codec: DeflateCodec = webCodec,
): ServerSetup {
  checkOptionNames(options, [...SERVER_OPTION_NAMES, ...more]);
  const { onError = logError } = options;
  checkOnError(onError);
  const { legacy } = options;
  if (legacy !== undefined) checkLegacy(legacy, "choose", "legacy()");
  const compression = resolveCompression(options.compression, codec);
  return {
    options: resolveOptions(options, onError),
    policy: validateServerOptions({ ...options, extensions: serverExtensions(compression) }),
    onError,
    legacy,
  };
}

/** A request that was accepted, not started yet, or the error of one that was refused. */
export type Opening = ConnectionCore | HandshakeError;

/**
 * Reads a request from a transport and answers it.
 *
 * @param transport A byte stream, before anything was read from it.
 * @param secure Whether it is encrypted: decides between http: and https: in the request's URL.
 * @param setup The server's options.
 */
export async function openFromBytes(
  transport: Transport,
  secure: boolean,
  setup: ServerSetup,
): Promise<Opening> {
  const { options } = setup;
  const tap = tapServer(transport, options);
  const phase = new HeadPhase(transport, options.handshakeTimeoutMs, options.signal);
  const outcome = await phase.readHead("request", options.maxHeaderBytes);
  if ("lost" in outcome) return lose(transport, phase, outcome, 408, options, tap);
  if ("fault" in outcome) {
    return answerRefusal(transport, phase, refuse(outcome.fault), options, tap);
  }
  const request = toUpgradeRequest(outcome.head, secure);
  return await answer(transport, phase, request, outcome.rest, setup, tap);
}

/**
 * Answers a request that something else has read.
 *
 * @param transport The byte stream after the request's head.
 * @param request The request.
 * @param early Bytes that came after the head, in the same read.
 * @param setup The server's options.
 * @param fields A cheaper way to look up header fields than `request.headers`. Default: none.
 */
export function openFromRequest(
  transport: Transport,
  request: UpgradeRequest,
  early: Uint8Array,
  setup: ServerSetup,
  fields?: HeaderReader,
): Promise<Opening> {
  const { options, policy, legacy } = setup;
  const tap = tapServer(transport, options);
  if (legacy === undefined && !options.signal?.aborted) {
    // Most servers ask nobody: there is nothing to wait for, and nothing to watch meanwhile.
    const decision = decideAtOnce(request, policy, fields);
    const headers = decision?.accepted ? switchingProtocols(decision) : undefined;
    if (decision?.accepted && headers !== undefined && !(headers instanceof Promise)) {
      tap?.request(request);
      return Promise.resolve(
        switchOver(transport, request, decision, headers, early, options, tap),
      );
    }
  }
  const phase = new HeadPhase(transport, options.handshakeTimeoutMs, options.signal);
  return answer(transport, phase, request, early, setup, tap, fields);
}

/** Makes the reporting end of a connection, where somebody observes. */
export function tapServer(
  transport: Transport,
  options: ResolvedOptions,
): EngineTap | undefined {
  if (options.observers === undefined) return undefined;
  const tap = new EngineTap(options.observers, "server");
  tap.connection.remoteAddress = transport.remoteAddress;
  return tap;
}

async function answer(
  transport: Transport,
  phase: HeadPhase,
  request: UpgradeRequest,
  early: Uint8Array,
  setup: ServerSetup,
  tap: EngineTap | undefined,
  fields?: HeaderReader,
): Promise<Opening> {
  const { options, policy, legacy } = setup;
  tap?.request(request);
  const dialect = legacy?.choose(fields ?? request.headers);
  const read = dialect?.read ?? legacy?.read;
  const decision = await phase.watch(decideUpgrade(request, policy, fields, read));
  if ("lost" in decision) return lose(transport, phase, decision, 503, options, tap);
  if (!decision.accepted) {
    if (decision.error.code === "WS_VERIFY_FAILED") setup.onError(decision.error.cause);
    return answerRefusal(transport, phase, decision, options, tap);
  }
  if (dialect !== undefined) {
    const body = await phase.readBytes(early, dialect.bodyBytes);
    if ("lost" in body) return lose(transport, phase, body, 408, options, tap);
    phase.finish();
    const { statusText, headers, answer } = dialect.respond(request, decision, body.bytes);
    tap?.response("out", 101, headers);
    transport.write([encodeResponseHead({ status: 101, statusText, headers }), answer]);
    const channel = dialect.connect(transport, "server", options, body.rest);
    return makeCore(transport, request, decision, channel, options, tap);
  }
  const fieldsToSend = switchingProtocols(decision);
  const headers = fieldsToSend instanceof Promise ? await phase.watch(fieldsToSend) : fieldsToSend;
  if ("lost" in headers) return lose(transport, phase, headers, 503, options, tap);
  phase.finish();
  return switchOver(transport, request, decision, headers, early, options, tap);
}

/** Sends the 101 response; what follows is frames. */
function switchOver(
  transport: Transport,
  request: UpgradeRequest,
  decision: AcceptedUpgrade,
  headers: readonly HeaderField[],
  early: Uint8Array,
  options: ResolvedOptions,
  tap: EngineTap | undefined,
): ConnectionCore {
  tap?.response("out", 101, headers);
  transport.write([encodeResponseHead({ status: 101, headers })]);
  const deflate = findDeflate(decision.negotiated);
  const channel = new EngineChannel(transport, "server", options, early, deflate, tap?.frames);
  return makeCore(transport, request, decision, channel, options, tap);
}

function makeCore(
  transport: Transport,
  request: UpgradeRequest,
  decision: AcceptedUpgrade,
  channel: Channel,
  options: ResolvedOptions,
  tap: EngineTap | undefined,
): ConnectionCore {
  return new ConnectionCore(
    channel,
    {
      protocol: decision.protocol,
      extensions: decision.extensions,
      request,
      remoteAddress: transport.remoteAddress,
    },
    options,
    tap,
  );
}

/** Gives up a handshake that time, the signal or the peer ended. */
async function lose(
  transport: Transport,
  phase: HeadPhase,
  loss: HeadLoss,
  timeoutStatus: number,
  options: ResolvedOptions,
  tap: EngineTap | undefined,
): Promise<HandshakeError> {
  if (loss.lost === "timeout") {
    const message = `it did not finish within ${options.handshakeTimeoutMs} ms`;
    const code = "WS_HANDSHAKE_TIMEOUT";
    return await answerRefusal(
      transport,
      phase,
      refuse({ status: timeoutStatus, code, message }),
      options,
      tap,
    );
  }
  phase.finish();
  transport.destroy();
  const error = loss.lost === "aborted"
    ? new HandshakeError("Cannot upgrade: the signal was aborted", {
      code: "WS_HANDSHAKE_ABORTED",
      cause: loss.cause,
    })
    : new HandshakeError("Cannot upgrade: the connection was lost in the handshake", {
      code: "WS_CONNECT_FAILED",
      cause: loss.cause,
    });
  tap?.refused(error);
  return error;
}

/** Sends a refusal and ends the stream. */
export async function answerRefusal(
  transport: Transport,
  phase: HeadPhase,
  refused: RefusedUpgrade,
  options: ResolvedOptions,
  tap: EngineTap | undefined,
): Promise<HandshakeError> {
  phase.finish();
  const { body, ...head } = refused.response;
  if (head.status === 0) {
    tap?.refused(refused.error);
    transport.destroy();
    return refused.error;
  }
  tap?.response("out", head.status, head.headers);
  tap?.refused(refused.error);
  const start = encodeResponseHead(head);
  if (body instanceof ReadableStream) {
    transport.write([start]);
    await pump(body, transport, options.closeTimeoutMs);
  } else {
    transport.write(body === null ? [start] : [start, body]);
  }
  await lingerAndClose(transport, options.closeTimeoutMs);
  return refused.error;
}

/** Writes a stream to a transport, held back by it, until both or the time end. */
async function pump(
  body: ReadableStream<Uint8Array>,
  transport: Transport,
  timeoutMs: number,
): Promise<void> {
  const reader = body.getReader();
  let drained: (() => void) | undefined;
  let gone = false;
  const stop = () => {
    gone = true;
    drained?.();
    reader.cancel().catch(() => {});
  };
  const timer = setTimeout(stop, timeoutMs);
  transport.attach({ onData() {}, onEnd() {}, onDrain: () => drained?.(), onClose: stop });
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done || gone) break;
      if (!transport.write([value])) await new Promise<void>((resolve) => drained = resolve);
    }
  } catch {
    // The body's source failed: the client sees a response that was cut short.
  } finally {
    clearTimeout(timer);
  }
}
