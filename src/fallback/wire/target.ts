/**
 * What a request says in its URL: one parameter of the query, beside those of the application.
 *
 * `fullduplex=long-poll.<session>.<ack>.<n>`, where `n` only makes URLs differ.
 *
 * @module
 */

import { FALLBACK_MODES, type FallbackMode } from "./modes.ts";

/** What a request can be for. */
export type Action = "open" | "send" | FallbackMode;

/** What a request says in its URL. */
export interface Target {
  readonly action: Action;
  /** The session's id. Default: `""`. */
  readonly session?: string;
  /** The number of the last record that has come, as it was given. Default: `"0"`. */
  readonly ack?: string;
  /** Makes the URL another one, for caches that keep what they must not. Default: `""`. */
  readonly n?: string;
  /** The function of the page that the scripts of a frame call. Default: `""`, none. */
  readonly callback?: string;
}

const NAME = "fullduplex";
const ACTIONS: ReadonlySet<string> = new Set(["open", "send", ...FALLBACK_MODES]);
const PARAMETER = new RegExp(`[?&]${NAME}=([A-Za-z0-9._-]{1,160})(?:[&#]|$)`);

/** Reads a URL, absolute or not; `undefined` for one that is no target. */
export function parseTarget(url: string): Required<Target> | undefined {
  const value = PARAMETER.exec(url)?.[1];
  if (value === undefined) return undefined;
  const [action, session = "", ack = "0", n = "", callback = ""] = value.split(".");
  return ACTIONS.has(action) ? { action: action as Action, session, ack, n, callback } : undefined;
}

/** Adds a target to a URL without a fragment. */
export function withTarget(url: string, target: Target): string {
  const { action, session = "", ack = "0", n = "", callback = "" } = target;
  const parts = [action, session, ack, n, callback];
  while (parts.length > 1 && (parts.at(-1) === "" || parts.at(-1) === "0")) parts.pop();
  return `${url}${url.includes("?") ? "&" : "?"}${NAME}=${parts.join(".")}`;
}

/** Takes the target out of a URL: what is left is what the application asked for. */
export function withoutTarget(url: string): string {
  const at = url.indexOf("?");
  if (at < 0) return url;
  const kept = url.slice(at + 1).split("&").filter((part) => !part.startsWith(`${NAME}=`));
  return url.slice(0, at) + (kept.length > 0 ? `?${kept.join("&")}` : "");
}
