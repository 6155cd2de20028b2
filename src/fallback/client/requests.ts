/**
 * The client's requests: bounded answers, and what their failures mean.
 * @module
 */

import { concatBytes } from "../../bytes.ts";
import { MAX_LINE_BYTES } from "../wire/records.ts";
import { type Target, withTarget } from "../wire/target.ts";
import type { ClientSetup } from "./options.ts";

/** The server does not know the session, or does not want to: there is no use in trying again. */
export class Refused extends Error {
  readonly status: number;

  constructor(status: number) {
    super(`the server answered ${status}`);
    this.status = status;
  }
}

/** Makes requests to one server. */
export class Requests {
  readonly #base: string;
  readonly #setup: ClientSetup;
  #count = 0;

  /** @param base The http: or https: URL, without a fragment. */
  constructor(base: string, setup: ClientSetup) {
    this.#base = base;
    this.#setup = setup;
  }

  /** The URL of a request, another one each time. */
  url(target: Target): string {
    return withTarget(this.#base, { ...target, n: String(++this.#count) });
  }

  /** Makes a request. */
  fetch(url: string, signal: AbortSignal, body?: string): Promise<Response> {
    const { credentials, headers, fetch } = this.#setup;
    const init: RequestInit = {
      headers,
      credentials,
      signal,
      cache: "no-store",
      redirect: "error",
    };
    // Of this type, so that a browser need not ask first whether it may.
    const text = new Headers(headers);
    text.set("content-type", "text/plain; charset=utf-8");
    return body === undefined
      ? fetch(url, init)
      : fetch(url, { ...init, method: "POST", headers: text, body });
  }

  /**
   * Posts something of a session.
   *
   * @param timeoutMs The deadline of the answer.
   * @param over Aborted when no answer is wanted any more.
   * @returns The start of the answer.
   */
  async post(url: string, body: string, timeoutMs: number, over: AbortSignal): Promise<string> {
    const controller = new AbortController();
    const abort = () => controller.abort(over.reason);
    over.addEventListener("abort", abort, { once: true });
    const timer = setTimeout(
      () => controller.abort(new Error(`no answer within ${timeoutMs} ms`)),
      timeoutMs,
    );
    try {
      const response = await this.fetch(url, controller.signal, body);
      checkStatus(response);
      return await readStart(response, 64);
    } finally {
      clearTimeout(timer);
      over.removeEventListener("abort", abort);
    }
  }
}

/**
 * What will not be any different the next time. Others may: a proxy or a server is busy or restarts, or
 * a request came in pieces, which some call a bad one.
 */
const FINAL: ReadonlySet<number> = new Set([401, 403, 404, 405, 410, 413]);

/** Checks the status of a response of a session. */
export function checkStatus({ status }: Response): void {
  if (status === 200) return;
  if (FINAL.has(status)) throw new Refused(status);
  throw new Error(`the server answered ${status}`);
}

/**
 * Reads the start of a response.
 *
 * @param maxBytes What is above is dropped.
 */
export async function readStart(response: Response, maxBytes: number): Promise<string> {
  const reader = response.body?.getReader();
  const chunks: Uint8Array[] = [];
  for (let size = 0; reader !== undefined && size < maxBytes;) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value.subarray(0, maxBytes - size));
    size += value.length;
  }
  reader?.cancel().catch(() => {});
  return new TextDecoder().decode(concatBytes(chunks));
}

/**
 * Reads a response line by line, as it comes.
 *
 * @param take Takes each line.
 * @param ready Waits until more is wanted.
 * @throws {Error} If a line is longer than any is.
 */
export async function readLines(
  response: Response,
  take: (line: string) => void,
  ready: () => Promise<void> | undefined,
): Promise<void> {
  if (response.body === null) return;
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      const text = rest + (done ? decoder.decode() : decoder.decode(value, { stream: true }));
      const lines = text.split("\n");
      rest = lines.pop()!;
      for (const line of lines) take(line);
      if (rest.length > MAX_LINE_BYTES) throw new Error("a line is too long");
      if (done) return;
      await ready();
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
