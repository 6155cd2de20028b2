/**
 * What a program is told of its request: the meta-variables of CGI.
 * @see RFC 3875, section 4.1
 * @module
 */

import { join } from "node:path";
import process from "node:process";
import { VERSION } from "../../version.ts";
import type { Program } from "./programs.ts";

/** A request as a program sees it. */
export interface ProgramRequest {
  readonly method: string;
  /** The query without its question mark, as it came. */
  readonly query: string;
  /** The version of HTTP, such as `1.1`. */
  readonly httpVersion: string;
  /** Names and values in turn, as they came. */
  readonly rawHeaders: readonly string[];
  /** The peer's address; `undefined` over a Unix socket. */
  readonly remoteAddress: string | undefined;
  /** The name and port that the client asked for. */
  readonly host: string;
  /** The port that it came to; `undefined` for a Unix socket. */
  readonly port: number | undefined;
  readonly secure: boolean;
  /** Who it is, where a password was asked for. */
  readonly user: string | undefined;
  /** Whether a body belongs to it. */
  readonly hasBody: boolean;
}

/** Fields that have variables of their own, or are between the client and this server. */
const WITHHELD: ReadonlySet<string> = new Set([
  "authorization", // RFC 3875 §4.1.18: what was used to authenticate is not passed on
  "proxy-authorization",
  "proxy", // would be HTTP_PROXY, which libraries take for a setting (httpoxy, CVE-2016-5385)
  "content-length",
  "content-type",
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

const FALLBACK_PATH = "/usr/local/bin:/usr/bin:/bin";

/**
 * Makes a program's environment: nothing of this process's own goes into it but `PATH`.
 *
 * @param program The program.
 * @param request The request.
 * @param root The document root, for `PATH_TRANSLATED`; `undefined` for none.
 */
export function makeEnvironment(
  { scriptName, pathInfo }: Program,
  request: ProgramRequest,
  root: string | undefined,
): Record<string, string> {
  const { method, query, httpVersion, rawHeaders, user, secure } = request;
  const { name, port } = readHost(request);
  const fields = collectFields(rawHeaders);
  const address = (request.remoteAddress ?? "127.0.0.1").replace(/^::ffff:(?=[\d.]+$)/i, "");
  const variables: [name: string, value: string | undefined][] = [
    ["GATEWAY_INTERFACE", "CGI/1.1"],
    ["SERVER_SOFTWARE", `fullduplex/${VERSION}`],
    ["SERVER_PROTOCOL", `HTTP/${httpVersion}`],
    ["SERVER_NAME", name],
    ["SERVER_PORT", port],
    ["HTTPS", secure ? "on" : undefined], // §4.1.18 asks for what belongs to the scheme
    ["REQUEST_METHOD", method],
    ["SCRIPT_NAME", scriptName],
    ["PATH_INFO", pathInfo === "" ? undefined : pathInfo],
    ["PATH_TRANSLATED", root === undefined || pathInfo === "" ? undefined : join(root, pathInfo)],
    ["QUERY_STRING", asBytes(query)],
    ["REMOTE_ADDR", address],
    ["REMOTE_HOST", address], // §4.1.9: the address stands for a name that nobody looked up
    ["AUTH_TYPE", user === undefined ? undefined : "Basic"],
    ["REMOTE_USER", user],
    ["CONTENT_LENGTH", request.hasBody ? fields.get("content-length") : undefined],
    ["CONTENT_TYPE", request.hasBody ? fields.get("content-type") : undefined],
  ];
  const environment: Record<string, string> = Object.create(null);
  for (const [field, value] of fields) {
    if (WITHHELD.has(field)) continue;
    environment[`HTTP_${field.toUpperCase().replaceAll("-", "_")}`] = value;
  }
  for (const [variable, value] of variables) {
    if (value !== undefined) environment[variable] = value;
  }
  environment.PATH = process.env.PATH ?? FALLBACK_PATH;
  return environment;
}

/** The fields by their names in small letters; several of a name are one, as RFC 9110 §5.2 says. */
function collectFields(rawHeaders: readonly string[]): Map<string, string> {
  const fields = new Map<string, string>();
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i].toLowerCase();
    // "X_A" would be the variable of "X-A", and say what a proxy has taken out of that.
    if (!/^[a-z0-9-]+$/.test(name)) continue;
    const value = asBytes(rawHeaders[i + 1]);
    const before = fields.get(name);
    const between = name === "cookie" ? "; " : ", ";
    fields.set(name, before === undefined ? value : `${before}${between}${value}`);
  }
  return fields;
}

/** The server's name is what the client called it, when that is a name; the port is the real one. */
function readHost({ host, port, secure }: ProgramRequest): { name: string; port: string } {
  const [, name, asked] = /^([\w.-]+|\[[0-9a-f:.]+\])(?::(\d{1,5}))?$/i.exec(host) ?? [];
  return { name: name ?? "localhost", port: String(port ?? asked ?? (secure ? 443 : 80)) };
}

/**
 * `node:http` gives bytes as Latin-1, and an environment is written as UTF-8: text that came as
 * UTF-8 must not be encoded twice.
 */
function asBytes(text: string): string {
  if (/^[\0-\x7f]*$/.test(text)) return text;
  try {
    const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return text;
  }
}
