/**
 * The ways to receive: each makes one request and hands on its lines until the response is over.
 * @module
 */

import type { FallbackMode } from "../wire/modes.ts";
import { hasDocument, type PageLike, type PageMessage, platform } from "./platform.ts";
import { checkStatus, readLines, type Requests } from "./requests.ts";

/** One request for messages. */
export interface Reception {
  readonly requests: Requests;
  readonly session: string;
  /** The number of the last record that has come. */
  readonly ack: number;
  /** Aborted when the response is not wanted any more. */
  readonly signal: AbortSignal;
  /** Whether cookies go to other origins, too. */
  readonly withCredentials: boolean;
  /** Takes a line. */
  take(line: string): void;
  /** Waits until more is wanted; `undefined` when it is. */
  ready(): Promise<void> | undefined;
}

/**
 * Receives by one response.
 *
 * @returns A promise that resolves when it came to its end, and rejects when it failed.
 */
export function receive(mode: FallbackMode, reception: Reception): Promise<void> {
  if (mode === "event-source") return receiveEvents(reception);
  return mode === "htmlfile" ? receiveScripts(reception) : receiveLines(mode, reception);
}

async function receiveLines(mode: FallbackMode, reception: Reception): Promise<void> {
  const { requests, session, ack, signal } = reception;
  const url = requests.url({ action: mode, session, ack: String(ack) });
  const response = await requests.fetch(url, signal);
  checkStatus(response);
  await readLines(response, reception.take, reception.ready);
}

/**
 * Runs something that reports by callbacks until it is over or aborted.
 *
 * @param start Starts it, and returns what stops it; `over` is called at its end.
 */
function untilOver(
  signal: AbortSignal,
  start: (over: () => void) => () => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const settle = (settled: () => void) => {
      signal.removeEventListener("abort", onAbort);
      stop();
      settled();
    };
    const onAbort = () => settle(() => reject(signal.reason));
    signal.addEventListener("abort", onAbort, { once: true });
    const stop = start(() => settle(resolve));
  });
}

async function receiveEvents(reception: Reception): Promise<void> {
  const { requests, session, ack, signal, withCredentials } = reception;
  const url = requests.url({ action: "event-source", session, ack: String(ack) });
  let lines = 0;
  await untilOver(signal, (over) => {
    const source = new platform.EventSource!(url, { withCredentials });
    source.onmessage = ({ data }) => {
      lines++;
      reception.take(data);
    };
    // The end, or a failure; and it must not ask again by itself, for the URL has another number then.
    source.onerror = over;
    return () => source.close();
  });
  if (lines === 0) throw new Error("the event stream brought nothing");
}

async function receiveScripts(reception: Reception): Promise<void> {
  const { requests, session, ack, signal } = reception;
  const url = requests.url({ action: "htmlfile", session, ack: String(ack) });
  const { origin } = new URL(url);
  if (!hasDocument()) throw new Error("there is no page");
  const page = platform as PageLike;
  let lines = 0;
  await untilOver(signal, (over) => {
    const frame = page.document.createElement("iframe");
    const onMessage = ({ data, origin: from, source }: PageMessage) => {
      if (source !== frame.contentWindow || from !== origin || typeof data !== "string") return;
      if (!data.startsWith(PREFIX)) return;
      lines++;
      reception.take(data.slice(PREFIX.length));
    };
    page.addEventListener("message", onMessage);
    frame.hidden = true;
    frame.src = url;
    frame.onload = () => setTimeout(over, 0); // what its last scripts have posted comes before
    page.document.body.appendChild(frame);
    return () => {
      page.removeEventListener("message", onMessage);
      frame.onload = null;
      frame.remove();
    };
  });
  if (lines === 0) throw new Error("the frame brought nothing");
}

/** What tells the scripts' messages from others of the page. */
const PREFIX = "fullduplex:";
