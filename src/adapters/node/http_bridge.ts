/**
 * Plain HTTP on the same port: `node:http` requests and responses as the platform's `Request` and
 * `Response`.
 *
 * @module
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { ObservedHttp } from "../../api/observer.ts";
import type { Observers } from "../../api/observers.ts";
import { WebSocketError } from "../../errors.ts";
import { builtin } from "./builtin.ts";
import type { FetchHandler } from "./fetch_handler.ts";

/**
 * Answers one request with a fetch handler.
 *
 * @param fetch The handler.
 * @param incoming The request.
 * @param outgoing Its response.
 * @param secure Whether it came over TLS.
 * @param onError Takes what the handler throws; the client sees a 500.
 */
export async function answerHttp(
  fetch: FetchHandler,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  secure: boolean,
  onError: (error: unknown) => void,
): Promise<void> {
  const leaving = new AbortController();
  outgoing.once("close", () => {
    if (!outgoing.writableFinished) leaving.abort(new Error("the client has left"));
  });
  let request: Request;
  try {
    request = toRequest(incoming, secure, leaving.signal);
  } catch {
    return sendText(outgoing, 400, "Cannot answer: the request is malformed\n");
  }
  let response: Response;
  try {
    response = await fetch(request);
    if (typeof response?.status !== "number") {
      throw new TypeError("Cannot answer: fetch must return a Response");
    }
  } catch (error) {
    onError(error);
    return sendText(outgoing, 500, "Cannot answer: the server failed\n");
  }
  try {
    await sendResponse(response, incoming.method === "HEAD", outgoing);
  } catch (error) {
    // The head is on its way: the client can only see that the rest does not come.
    outgoing.destroy();
    // Of an event stream: it was cut, and whoever sends has been told.
    if (!(error instanceof WebSocketError)) onError(error);
  }
}

/** Reports a request to observers when its response is over. */
export function observeHttp(
  observers: Observers,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): void {
  const start = performance.now();
  const { method = "", url: target = "", headers } = incoming;
  const { remoteAddress } = incoming.socket; // which a closed socket does not know any more
  outgoing.once("close", () => {
    const http: ObservedHttp = {
      method,
      target,
      status: outgoing.statusCode,
      remoteAddress,
      userAgent: headers["user-agent"] ?? "",
      durationMs: performance.now() - start,
      complete: outgoing.writableFinished,
    };
    observers.tell("http", http);
  });
}

/** Answers what no handler takes. */
export function sendText(outgoing: ServerResponse, status: number, text: string): void {
  outgoing.writeHead(status, {
    "Content-Type": "text/plain; charset=utf-8",
    "Content-Length": String(new TextEncoder().encode(text).length),
    ...(status === 426 ? { Upgrade: "websocket", Connection: "Upgrade, close" } : {}),
  });
  outgoing.end(text);
}

/** The fields of a request. */
export function fieldsOf(rawHeaders: readonly string[]): Headers {
  const headers = new Headers();
  for (let i = 0; i < rawHeaders.length; i += 2) headers.append(rawHeaders[i], rawHeaders[i + 1]);
  return headers;
}

function toRequest(incoming: IncomingMessage, secure: boolean, signal: AbortSignal): Request {
  const { method = "GET", url: target = "/", rawHeaders } = incoming;
  const headers = fieldsOf(rawHeaders);
  const origin = `${secure ? "https" : "http"}://${headers.get("host") ?? "localhost"}`;
  const url = target.startsWith("/") ? origin + target : target;
  if (method === "GET" || method === "HEAD") return new Request(url, { method, headers, signal });
  const body = builtin("stream").Readable.toWeb(incoming) as ReadableStream<Uint8Array>;
  return new Request(url, { method, headers, body, signal, duplex: "half" } as RequestInit);
}

/**
 * Sends a response, no faster than the client takes it.
 *
 * @param response The response.
 * @param bodiless Whether only its head goes out, as for HEAD.
 * @param outgoing Where to.
 * @throws {Error} What the body's source fails with.
 */
export async function sendResponse(
  response: Response,
  bodiless: boolean,
  outgoing: ServerResponse,
): Promise<void> {
  const headers: Record<string, string | string[]> = {};
  for (const [name, value] of response.headers) {
    if (name !== "set-cookie") headers[name] = value;
  }
  const cookies = response.headers.getSetCookie();
  if (cookies.length > 0) headers["set-cookie"] = cookies;
  outgoing.writeHead(response.status, response.statusText || undefined, headers);
  if (response.body === null || bodiless) {
    await response.body?.cancel();
    outgoing.end();
    return;
  }
  outgoing.flushHeaders(); // the body may have nothing to give for a long time
  const reader = response.body.getReader();
  // A client that leaves ends the body's source, also while that has nothing to give.
  outgoing.once("close", () => void reader.cancel().catch(() => {}));
  // A source that fails cuts the connection, also while a client that does not read is waited for.
  reader.closed.catch(() => outgoing.destroy());
  for (;;) {
    const { done, value } = await reader.read();
    if (done || outgoing.destroyed) break;
    if (!outgoing.write(value)) await drained(outgoing);
  }
  await reader.cancel(); // the client may have left before there was a reader
  outgoing.end();
}

/** Waits until a response takes more, or is over. */
export function drained(outgoing: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      outgoing.removeListener("drain", done);
      outgoing.removeListener("close", done);
      resolve();
    };
    outgoing.once("drain", done);
    outgoing.once("close", done);
  });
}
