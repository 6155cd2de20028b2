/**
 * The opening request as Node gives it, seen without building what nobody asks for.
 * @module
 */

import {
  equalsIgnoreCase,
  type HeaderReader,
  toUpgradeRequest,
  type UpgradeRequest,
} from "../../handshake/mod.ts";
import type { NodeRequest } from "./node_types.ts";

/**
 * Looks fields up in Node's raw list. Its `headers` object will not do: that drops some repeated
 * fields, and a repeated field must be seen to be refused.
 */
export class RawFields implements HeaderReader {
  readonly #raw: readonly string[];

  /** @param raw Names and values in turn. */
  constructor(raw: readonly string[]) {
    this.#raw = raw;
  }

  get(name: string): string | null {
    const raw = this.#raw;
    let value: string | null = null;
    for (let i = 0; i < raw.length; i += 2) {
      if (raw[i].length !== name.length || !equalsIgnoreCase(raw[i], name)) continue;
      value = value === null ? raw[i + 1] : `${value}, ${raw[i + 1]}`;
    }
    return value;
  }
}

/** Makes the portable view of the request. */
export function toOpeningRequest(
  request: NodeRequest,
  fields: RawFields,
  secure: boolean,
): UpgradeRequest {
  const { method = "", url: target = "", rawHeaders } = request;
  if (!target.startsWith("/")) { // absolute-form is rare, and changes the Host field
    return toUpgradeRequest({ method, target, headers: toHeaders(rawHeaders) }, secure);
  }
  const url = `${secure ? "https" : "http"}://${fields.get("host") ?? ""}${target}`;
  return new OpeningRequest(method, url, rawHeaders);
}

/** A request that lives as long as its connection: one string until somebody reads the headers. */
class OpeningRequest implements UpgradeRequest {
  readonly method: string;
  /** The URL, then names and values in turn; none of them has a line break in it. */
  readonly #lines: string;
  #headers: Headers | undefined;

  constructor(method: string, url: string, raw: readonly string[]) {
    this.method = method;
    this.#lines = [url, ...raw].join("\n");
  }

  get url(): string {
    const lines = this.#lines;
    const end = lines.indexOf("\n");
    return end < 0 ? lines : lines.slice(0, end);
  }

  get headers(): Headers {
    return this.#headers ??= toHeaders(this.#lines.split("\n").slice(1));
  }
}

function toHeaders(raw: readonly string[]): Headers {
  const headers = new Headers();
  for (let i = 0; i + 1 < raw.length; i += 2) {
    try {
      headers.append(raw[i], raw[i + 1]);
    } catch {
      // Node's parser lets a few values through that a Headers refuses: they are left out.
    }
  }
  return headers;
}
