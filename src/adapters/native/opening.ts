/**
 * The opening handshake where a runtime's own server has read the request and sends the answer.
 * @module
 */

import { unwatchAbort, watchAbort } from "../../api/abort_watch.ts";
import type { ConnectionInfo } from "../../api/connection_info.ts";
import { ConnectionTap } from "../../api/connection_tap.ts";
import { checkHandler, type Handler, logError } from "../../api/handler.ts";
import { type ServerOptions, type ServerSetup, setupServer } from "../../api/server_opening.ts";
import {
  type AcceptedUpgrade,
  decideUpgrade,
  refuse,
  type RefusedUpgrade,
  type UpgradeDecision,
  type UpgradeRequest,
} from "../../handshake/mod.ts";

/** Options that were left out, so that they too are checked once. */
const NO_OPTIONS: ServerOptions = {};

/** Checked once per object, not once per request: a later change of it is not seen. */
const setups = new WeakMap<object, ServerSetup>();
const handlers = new WeakSet<object>();

/**
 * Checks a handler and options, or recalls that they were.
 *
 * @param handler What the application gave.
 * @param options What the application gave.
 * @throws {TypeError} If the handler or an option is wrong, or cannot be honoured here.
 * @throws {RangeError} If a number is out of range.
 */
export function nativeSetup(handler: Handler, options: ServerOptions = NO_OPTIONS): ServerSetup {
  if (typeof handler !== "function" && !handlers.has(handler)) {
    checkHandler(handler);
    if (handler.frame !== undefined) {
      throw new TypeError(
        'Cannot use handler: "frame" needs the frames, which this runtime\'s socket joins unseen; ' +
          "serve() and the node adapter have them",
      );
    }
    handlers.add(handler);
  }
  const known = setups.get(options);
  if (known !== undefined) return known;
  const setup = guarded(setupServer(options));
  if (options.maxFragments !== undefined && options.maxFragments !== Infinity) {
    throw new TypeError(
      'Cannot use option "maxFragments": this runtime\'s socket joins fragments unseen; ' +
        "serve() and the node adapter count them",
    );
  }
  if (options.maxFrameBytes !== undefined && options.maxFrameBytes !== Infinity) {
    throw new TypeError(
      'Cannot use option "maxFrameBytes": this runtime\'s socket joins frames unseen; ' +
        "serve() and the node adapter see each",
    );
  }
  if (options.silentClose) {
    throw new TypeError(
      'Cannot use option "silentClose": this runtime\'s socket answers for itself; ' +
        "serve() and the node adapter can be silent",
    );
  }
  if (options.fragmentBytes !== undefined && options.fragmentBytes !== Infinity) {
    throw new TypeError(
      'Cannot use option "fragmentBytes": this runtime\'s socket sends a message as one frame; ' +
        "serve() and the node adapter send fragments",
    );
  }
  if (options.compression !== undefined && options.compression !== false) {
    throw new TypeError(
      'Cannot use option "compression": this runtime\'s socket does not take it; on Bun give it ' +
        "to createWebSocket(), on Deno there is none; serve() and the node adapter compress",
    );
  }
  if (options.legacy !== undefined) {
    throw new TypeError(
      'Cannot use option "legacy": this runtime\'s socket speaks RFC 6455 only; serve() and the ' +
        "node adapter speak what came before",
    );
  }
  setups.set(options, setup);
  return setup;
}

/** An application whose `onError` throws gets that printed: a peer must not end the process. */
function guarded(setup: ServerSetup): ServerSetup {
  return {
    ...setup,
    onError(error) {
      try {
        setup.onError(error);
      } catch (cause) {
        logError(cause);
      }
    },
  };
}

/** A request that was accepted. */
export interface NativeOpening {
  /** What was decided. */
  readonly decision: AcceptedUpgrade;
  /** The request as the application sees it. */
  readonly request: UpgradeRequest;
  /** Where to report what observers see of it. */
  readonly tap: ConnectionTap | undefined;
}

/**
 * Decides on a request.
 *
 * @param original The request, as the runtime gives it.
 * @param setup The server's options.
 * @returns The opening, or the response that refuses.
 */
export async function openNative(
  original: Request,
  setup: ServerSetup,
): Promise<NativeOpening | Response> {
  const { options, policy, onError } = setup;
  const { observers } = options;
  const tap = observers === undefined ? undefined : new ConnectionTap(observers, "server");
  const request = copyRequest(original, options.maxHeaderBytes);
  if ("accepted" in request) return toResponse(request, tap);
  tap?.request(request);
  if (options.signal?.aborted) return toResponse(abortedOpening(), tap);
  const deciding = decideUpgrade(request, policy);
  const decision = policy.showsRequest
    ? await inTime(deciding, options.handshakeTimeoutMs, options.signal)
    : await deciding;
  if (decision.accepted) return { decision, request, tap };
  if (decision.error.code === "WS_VERIFY_FAILED") onError(decision.error.cause);
  return toResponse(decision, tap);
}

/**
 * Copies what the connection will go on to show: Deno 2.9 answers "Request closed" to whoever reads
 * the header fields of a request after it was upgraded.
 */
function copyRequest(original: Request, maxHeaderBytes: number): UpgradeRequest | RefusedUpgrade {
  let request: UpgradeRequest;
  try {
    const { method, url } = original;
    request = { method, url, headers: new Headers(original.headers) };
  } catch {
    return refuse({
      status: 400,
      code: "WS_HANDSHAKE_MALFORMED",
      message: "the request is malformed",
    });
  }
  let size = request.method.length + request.url.length;
  for (const [name, value] of request.headers) size += name.length + value.length + 4;
  if (size <= maxHeaderBytes) return request;
  return refuse({
    status: 431,
    code: "WS_HANDSHAKE_TOO_LARGE",
    message: "the head is larger than allowed",
  });
}

/**
 * Waits for a decision that the application's functions take part in.
 *
 * @param deciding The decision.
 * @param timeoutMs How long it may take, in milliseconds; then it is a refusal.
 * @param signal Refuses when it is aborted.
 */
export function inTime(
  deciding: Promise<UpgradeDecision>,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<UpgradeDecision> {
  return new Promise((resolve) => {
    const settle = (decision: UpgradeDecision) => {
      clearTimeout(timer);
      if (signal !== undefined) unwatchAbort(signal, onAbort);
      resolve(decision);
    };
    const onAbort = () => settle(abortedOpening());
    const timer = setTimeout(() => {
      const message = `it did not finish within ${timeoutMs} ms`;
      settle(refuse({ status: 503, code: "WS_HANDSHAKE_TIMEOUT", message }));
    }, timeoutMs);
    if (signal !== undefined) watchAbort(signal, onAbort);
    deciding.then(settle); // it never rejects
  });
}

/** The refusal of a request that came, or was still being decided on, when the signal was aborted. */
export function abortedOpening(): RefusedUpgrade {
  const message = "the signal was aborted";
  return refuse({ status: 503, code: "WS_HANDSHAKE_ABORTED", message });
}

/** Makes the runtime's response of a refusal. */
export function toResponse(refused: RefusedUpgrade, tap: ConnectionTap | undefined): Response {
  const { status, statusText = "", headers, body } = refused.response;
  tap?.response("out", status === 0 ? 500 : status, headers);
  tap?.refused(refused.error);
  if (status === 0) return new Response(null, { status: 500 }); // there is no way to cut
  return new Response(body as BodyInit | null, { status, statusText, headers: [...headers] });
}

/** Makes what the connection will tell of itself. */
export function toInfo(opening: NativeOpening, remoteAddress: string | undefined): ConnectionInfo {
  const { decision, request } = opening;
  return {
    protocol: decision.protocol,
    extensions: "",
    request,
    remoteAddress,
  };
}
