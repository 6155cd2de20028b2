/**
 * The ways from the server to the client, and what both sides agree on.
 * @module
 */

/**
 * How the server's messages travel; the client's are posted in all of them.
 *
 * - `"event-source"`: as events of an `EventSource`, which never ends.
 * - `"xhr-stream"`: as lines of a response that is read while it comes.
 * - `"htmlfile"`: as scripts of a document in a hidden frame.
 * - `"long-poll"`: in a response that waits until there is something.
 * - `"poll"`: in a response that is given at once, be it empty.
 */
export type FallbackMode = "event-source" | "xhr-stream" | "htmlfile" | "long-poll" | "poll";

/** Every {@linkcode FallbackMode}. */
export const FALLBACK_MODES: readonly FallbackMode[] = Object.freeze([
  "event-source",
  "xhr-stream",
  "htmlfile",
  "long-poll",
  "poll",
]);

/** What the server answers to `open`. */
export interface OpenAnswer {
  readonly version: number;
  /** The session's id, which nobody can guess. */
  readonly session: string;
  /** The subprotocol; `""` for none. */
  readonly protocol: string;
  /** The ways that this server offers. */
  readonly modes: readonly FallbackMode[];
  /** How long a response waits, and how often the client shows that it is there, in milliseconds. */
  readonly pollTimeoutMs: number;
  /** How long the client may ask nothing, in milliseconds. */
  readonly sessionTimeoutMs: number;
  /** The most bytes of one request's body. */
  readonly maxRequestBytes: number;
}
