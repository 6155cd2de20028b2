/**
 * Conditional and range requests for a file.
 * @see RFC 9110, sections 13 and 14
 * @module
 */

/** What identifies a version of a file. */
export interface Version {
  /** The entity tag, strong, with its quotes. */
  readonly etag: string;
  /** When it was modified, in whole seconds since 1970. */
  readonly modified: number;
}

/** A part of a file; both ends belong to it. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/** What a request for a file comes to. */
export type Outcome =
  | { readonly status: 200 | 304 | 412 | 416 }
  | { readonly status: 206; readonly range: ByteRange };

/**
 * Evaluates the preconditions of a GET or HEAD, in the order that RFC 9110, section 13.2.2 gives,
 * and then its range.
 *
 * @param headers The request's header fields.
 * @param version The file's version.
 * @param size The file's size in bytes.
 * @param ranges Whether the method may ask for a range: only GET.
 */
export function evaluate(
  headers: Headers,
  version: Version,
  size: number,
  ranges: boolean,
): Outcome {
  const ifMatch = headers.get("if-match");
  if (ifMatch !== null) {
    if (!names(ifMatch, version.etag, false)) return { status: 412 };
  } else {
    const unmodified = readDate(headers.get("if-unmodified-since"));
    if (unmodified !== undefined && version.modified > unmodified) return { status: 412 };
  }
  const ifNoneMatch = headers.get("if-none-match");
  if (ifNoneMatch !== null) {
    if (names(ifNoneMatch, version.etag, true)) return { status: 304 };
  } else {
    const since = readDate(headers.get("if-modified-since"));
    if (since !== undefined && version.modified <= since) return { status: 304 };
  }
  const range = headers.get("range");
  if (!ranges || range === null || !isSameVersion(headers.get("if-range"), version)) {
    return { status: 200 };
  }
  return readRange(range, size);
}

/** Tells whether a list of entity tags names one; `weak` compares without regard to `W/`. */
function names(list: string, etag: string, weak: boolean): boolean {
  if (list.trim() === "*") return true;
  for (const [, prefix, tag] of list.matchAll(/(W\/)?("[\x21\x23-\x7e\x80-\xff]*")/g)) {
    if (tag === etag && (weak || prefix === undefined)) return true;
  }
  return false;
}

/** RFC 9110 §13.1.5: only a strong match makes the range one of what the client has. */
function isSameVersion(ifRange: string | null, { etag, modified }: Version): boolean {
  if (ifRange === null) return true;
  if (/^(W\/)?"/.test(ifRange)) return ifRange.trim() === etag;
  return readDate(ifRange) === modified;
}

function readDate(text: string | null): number | undefined {
  // The preferred form only; a client may send nothing else (RFC 9110 §5.6.7).
  if (text === null || !/^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/.test(text)) {
    return undefined;
  }
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms / 1000;
}

/** Reads one range; several are answered with the whole file, which is allowed. */
function readRange(text: string, size: number): Outcome {
  const match = /^bytes\s*=\s*(\d{0,15})\s*-\s*(\d{0,15})$/i.exec(text.trim());
  if (match === null || match[1] + match[2] === "") return { status: 200 };
  const [first, last] = [match[1], match[2]].map((digits) => digits === "" ? NaN : Number(digits));
  if (Number.isNaN(first)) { // a suffix: the last so many bytes
    if (last === 0 || size === 0) return { status: 416 };
    return { status: 206, range: { first: Math.max(0, size - last), last: size - 1 } };
  }
  if (last < first) return { status: 200 }; // invalid, and thus no range
  if (first >= size) return { status: 416 };
  const end = Number.isNaN(last) ? size - 1 : Math.min(last, size - 1);
  return { status: 206, range: { first, last: end } };
}
