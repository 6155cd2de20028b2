/**
 * Request targets, taken apart and refused when they try to be clever.
 * @module
 */

/** A request target that is harmless. */
export interface Target {
  /** The decoded parts of the path; none is empty, `.` or `..`, or has a separator in it. */
  readonly segments: readonly string[];
  /** Whether the path ends with a slash. */
  readonly isFolder: boolean;
  /** The decoded path, as handlers are looked up: `/`, `/a/b`, `/a/`. */
  readonly path: string;
  /** The query with its question mark; `""` for none. */
  readonly query: string;
  /** The host and port of an absolute target, which stands above the Host field. */
  readonly authority: string | undefined;
}

/**
 * Takes a request target apart, before anything normalizes it.
 *
 * @param target As it stands in the request line.
 * @returns `undefined` for a target that is malformed, climbs (`..`), has an empty part, or hides a
 * slash, a backslash or a control character behind an escape.
 * @see RFC 9112, section 3.2
 */
export function splitTarget(target: string): Target | undefined {
  const match = /^(?:https?:\/\/([^/?#]+))?(\/[^?#]*)(\?[^#]*)?$/i.exec(target);
  if (match === null) return undefined;
  const [, authority, path, query = ""] = match;
  const parts = path.split("/").slice(1);
  const isFolder = parts.at(-1) === "";
  if (isFolder) parts.pop();
  const segments: string[] = [];
  for (const part of parts) {
    const segment = decode(part);
    if (segment === undefined || segment === "" || segment === "." || segment === "..") {
      return undefined;
    }
    segments.push(segment);
  }
  const decoded = `/${segments.join("/")}`;
  return {
    segments,
    isFolder,
    path: isFolder && segments.length > 0 ? `${decoded}/` : decoded,
    query,
    authority,
  };
}

function decode(part: string): string | undefined {
  try {
    const text = decodeURIComponent(part);
    // deno-lint-ignore no-control-regex -- control characters are the point
    return /[/\\\0-\x1f\x7f]/.test(text) ? undefined : text;
  } catch {
    return undefined; // an escape that is no UTF-8
  }
}
