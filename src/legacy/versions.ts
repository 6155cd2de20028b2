/**
 * The versions before RFC 6455, by name.
 * @module
 */

import { describe } from "../api/options.ts";

/**
 * A version before RFC 6455: `"hixie-75"`; `"hixie-76"`, which is hybi-00 as well; `"hybi-07"`,
 * which sends version 7; `"hybi-08"`, which stands for the drafts 08 to 12, all version 8.
 */
export type LegacyVersion = "hixie-75" | "hixie-76" | "hybi-07" | "hybi-08";

/** Every {@linkcode LegacyVersion}, the newest first. */
export const LEGACY_VERSIONS: readonly LegacyVersion[] = Object.freeze([
  "hybi-08",
  "hybi-07",
  "hixie-76",
  "hixie-75",
]);

/** The `Sec-WebSocket-Version` of the versions that send one. */
export const WIRE_VERSIONS = { "hybi-08": "8", "hybi-07": "7" } as const;

/**
 * Tells which version an opening request speaks, by its header fields alone: the rule of
 * `legacy()`, for handlers that want to know.
 *
 * @param request The request, or anything with its header fields.
 * @returns The version; `"hybi-13"` is RFC 6455; `undefined` when the request sends a version that
 * is none of these.
 *
 * @example
 * ```ts
 * import { protocolVersion } from "@fullduplex/ws/legacy";
 *
 * const headers = new Headers({ "Sec-WebSocket-Key1": "3 1", "Sec-WebSocket-Key2": "4 1" });
 * console.log(protocolVersion({ headers })); // "hixie-76"
 * ```
 */
export function protocolVersion(
  request: { readonly headers: { get(name: string): string | null } },
): LegacyVersion | "hybi-13" | undefined {
  const { headers } = request;
  const version = headers.get("sec-websocket-version");
  if (version === "8") return "hybi-08";
  if (version === "7") return "hybi-07";
  if (version !== null) return version === "13" ? "hybi-13" : undefined;
  if (headers.get("sec-websocket-key") !== null) return undefined;
  const has = (name: string) => headers.get(name) !== null;
  return has("sec-websocket-key1") || has("sec-websocket-key2") ? "hixie-76" : "hixie-75";
}

/** Checks the name of a version. */
export function checkVersion(value: unknown): LegacyVersion {
  if (LEGACY_VERSIONS.includes(value as LegacyVersion)) return value as LegacyVersion;
  const got = typeof value === "string" ? JSON.stringify(value) : describe(value);
  const allowed = LEGACY_VERSIONS.map((name) => JSON.stringify(name)).join(", ");
  throw new TypeError(`Cannot use version ${got}: allowed are ${allowed}`);
}
