/**
 * The head of what a program answers with.
 * @see RFC 3875, section 6
 * @module
 */

/** The most bytes of a head. */
export const HEAD_BYTES = 16 * 1024;

/** The most fields in it. */
const MAX_FIELDS = 100;

/** A program's head, checked. */
export interface ProgramHead {
  readonly status: number;
  /** The words after the status; `""` for the usual ones. */
  readonly reason: string;
  /** The fields for the client, by their names; some come several times. */
  readonly fields: ReadonlyMap<string, readonly string[]>;
  /** The target to answer with instead, for a local redirect. */
  readonly redirect: string | undefined;
  /** The length that the program promises; `undefined` when it does not say. */
  readonly contentLength: number | undefined;
  /** Whether it says what its body is. */
  readonly hasType: boolean;
}

/** Fields that only the server may decide on, and that are left out. */
const CONNECTION_FIELDS: ReadonlySet<string> = new Set([
  ...["connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade"],
]);

/** Gathers bytes until a head is whole. */
export class HeadCollector {
  readonly #bytes = new Uint8Array(HEAD_BYTES);
  #length = 0;

  /**
   * Takes a chunk.
   *
   * @param chunk What came.
   * @returns The head as Latin-1 and the bytes after it; `undefined` while it is not whole.
   * @throws {Error} If it is too long.
   */
  push(chunk: Uint8Array): { head: string; rest: Uint8Array } | undefined {
    const before = this.#length;
    const taken = chunk.subarray(0, HEAD_BYTES - before);
    this.#bytes.set(taken, before);
    this.#length += taken.length;
    const end = this.#findEnd(before);
    if (end < 0) {
      if (this.#length < HEAD_BYTES) return undefined;
      throw new Error(`its head is longer than ${HEAD_BYTES} bytes`);
    }
    const head = new TextDecoder("latin1").decode(this.#bytes.subarray(0, end));
    return { head, rest: chunk.subarray(end - before) };
  }

  /** Where the empty line ends; -1 while there is none. Each byte is looked at once. */
  #findEnd(from: number): number {
    const bytes = this.#bytes;
    for (let i = from; i < this.#length; i++) {
      if (bytes[i] !== 0x0a) continue;
      const before = i > 0 && bytes[i - 1] === 0x0d ? i - 2 : i - 1;
      if (before < 0 || bytes[before] === 0x0a) return i + 1;
    }
    return -1;
  }
}

/**
 * Reads a head.
 *
 * @param text The head with its empty line, as Latin-1. Lines end with LF or CR LF.
 * @throws {Error} If it is malformed, or says what a program must not say.
 */
export function parseHead(text: string): ProgramHead {
  const lines = text.split(/\r?\n/);
  lines.splice(-2); // the empty line, and what is behind it: nothing
  if (lines.length > MAX_FIELDS) throw new Error(`it sends more than ${MAX_FIELDS} fields`);
  const own = new Map<string, string>();
  const fields = new Map<string, string[]>();
  for (const line of lines) {
    // A CR that is left, a NUL or another control character would be a field more to somebody.
    const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)$/.exec(line);
    if (match === null) throw new Error("it sends a line that is no header field");
    const [, name, value] = match;
    const key = name.toLowerCase();
    if (CONNECTION_FIELDS.has(key)) continue;
    if (key === "transfer-encoding") throw new Error("it sends Transfer-Encoding");
    if (["status", "location", "content-type", "content-length"].includes(key)) {
      // RFC 3875 §6.3: no more than one of each.
      if (own.has(key)) throw new Error(`it sends ${name} twice`);
      own.set(key, value.trimEnd());
      if (key === "status") continue;
    }
    const values = fields.get(key);
    if (values === undefined) fields.set(key, [value.trimEnd()]);
    else values.push(value.trimEnd());
  }
  const location = own.get("location");
  const hasType = own.has("content-type");
  if (!hasType && location === undefined && !own.has("status")) {
    throw new Error("it sends neither Content-Type nor Location nor Status");
  }
  if (own.get("content-type") === "") throw new Error("its Content-Type is empty");
  if (location === "") throw new Error("its Location is empty");
  const redirect = location?.startsWith("/") && !own.has("status") ? location : undefined;
  const length = own.get("content-length");
  if (length !== undefined && !/^\d{1,15}$/.test(length)) {
    throw new Error("its Content-Length is no number");
  }
  return {
    ...readStatus(own.get("status"), location === undefined ? 200 : 302),
    fields,
    redirect,
    contentLength: length === undefined ? undefined : Number(length),
    hasType,
  };
}

function readStatus(text: string | undefined, usual: number): { status: number; reason: string } {
  if (text === undefined) return { status: usual, reason: "" };
  // RFC 3875 §6.3.3: a final status, since the program does not speak for the connection.
  const match = /^([2-5]\d\d)(?: +(.*))?$/.exec(text);
  if (match === null) throw new Error("its Status is no final status");
  return { status: Number(match[1]), reason: match[2] ?? "" };
}
