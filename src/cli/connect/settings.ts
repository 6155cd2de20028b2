/**
 * What the command line of `connect` comes to.
 * @module
 */

import type { ConnectOptions } from "../../adapters/client.ts";
import { numberOption, parseArguments, type ParsedArguments, UsageError } from "../arguments.ts";
import { readPem, readTextOption } from "../pem.ts";
import { count, oneLine } from "../text.ts";
import { parseHex } from "./hex.ts";
import { loadLegacy, loadProxy } from "./loading.ts";
import { CONNECT_OPTIONS } from "./options.ts";
import { basic, Target } from "./target.ts";

/** How lines become messages: text; bytes as they are; bytes in hexadecimal. */
export type LineForm = "text" | "binary" | "hex";

/** Everything that `connect` needs to know. */
export interface Settings {
  /** Where to connect, and how. */
  readonly target: Target;
  /** What is sent instead of the input. */
  readonly messages: readonly (string | Uint8Array)[];
  /** Files that are sent after it, each as a message. */
  readonly files: readonly string[];
  /** Whether to measure a round trip. */
  readonly pingOnce: boolean;
  /** Whether lines of the input are sent. */
  readonly readsInput: boolean;
  readonly form: LineForm;
  /** How many messages to wait for. Default: however many come. */
  readonly count: number | undefined;
  readonly waitMs: number;
  /** Where messages are written. */
  readonly output: string | undefined;
  readonly json: boolean;
  readonly hexdump: boolean;
  readonly history: string | undefined;
  /** Whether lines that begin with a slash are commands. Default: in a prompt. */
  readonly commands: boolean | undefined;
}

/**
 * Reads the arguments of `connect` and the files they name.
 *
 * @throws {UsageError} If an argument is wrong.
 * @throws {Error} If a file cannot be used.
 */
export async function readSettings(args: readonly string[]): Promise<Settings> {
  const parsed = parseArguments(args, CONNECT_OPTIONS);
  const { values, flags, positionals } = parsed;
  const one = (name: keyof typeof CONNECT_OPTIONS) => values.get(name)?.[0];
  if (positionals.length !== 1) {
    throw new UsageError(`connect takes one URL, got ${positionals.length}`);
  }
  if (flags.has("commands") && flags.has("no-commands")) {
    throw new UsageError("--commands and --no-commands exclude each other");
  }
  const form = flags.has("hex") ? "hex" : flags.has("binary") ? "binary" : "text";
  const messages = (values.get("message") ?? []).map((text) => toMessage(text, form, "--message"));
  const files = values.get("file") ?? [];
  const pingOnce = flags.has("ping-once");
  const counted = values.has("count")
    ? numberOption(parsed, "count", 1, { least: 1, most: Number.MAX_SAFE_INTEGER, whole: true })
    : undefined;
  const quiet = counted === undefined ? 0.3 : 10;
  return {
    target: await readTarget(parsed),
    messages,
    files,
    pingOnce,
    readsInput: messages.length === 0 && files.length === 0 && !pingOnce,
    form,
    count: counted,
    waitMs: milliseconds(parsed, "wait", quiet, 0),
    output: one("output"),
    json: flags.has("json"),
    hexdump: flags.has("hexdump"),
    history: one("history"),
    commands: flags.has("commands") ? true : flags.has("no-commands") ? false : undefined,
  };
}

/**
 * Makes a message of a line.
 *
 * @throws {UsageError} If it is not hexadecimal, and must be.
 */
export function toMessage(line: string, form: LineForm, where: string): string | Uint8Array {
  if (form === "text") return line;
  if (form === "binary") return new TextEncoder().encode(line);
  const bytes = parseHex(line);
  if (bytes !== null) return bytes;
  throw new UsageError(`${where} must be hexadecimal, two digits a byte, got "${oneLine(line)}"`);
}

/** A number of seconds, in milliseconds. */
function milliseconds(parsed: ParsedArguments, name: string, fallback: number, least = 0): number {
  const range = { least, most: 86_400, whole: false };
  return Math.round(1000 * numberOption(parsed, name, fallback, range));
}

async function readTarget(parsed: ParsedArguments): Promise<Target> {
  const { values, flags, positionals } = parsed;
  const one = (name: keyof typeof CONNECT_OPTIONS) => values.get(name)?.[0];
  const proxy = one("proxy");
  const version = one("protocol-version");
  const range = { least: 0, most: 20, whole: true };
  const options: ConnectOptions = {
    protocols: values.get("protocol") ?? [],
    compression: flags.has("compress"),
    handshakeTimeoutMs: milliseconds(parsed, "timeout", 10, 0.001),
    pingIntervalMs: milliseconds(parsed, "ping", 20),
    maxRedirects: numberOption(parsed, "max-redirects", 0, range),
    ...(proxy === undefined ? {} : await loadProxy(proxy)),
    ...(version === undefined ? {} : await loadLegacy(version)),
  };
  const fields = await readFields(parsed);
  return new Target(positionals[0], options, fields, await readTls(parsed), one("unix"));
}

/** The header fields: `--header`, and what is short for one. */
async function readFields(parsed: ParsedArguments): Promise<[string, string][]> {
  const { values } = parsed;
  const fields: [string, string][] = (values.get("header") ?? []).map((field) => {
    const at = field.indexOf(":");
    if (at < 1) throw new UsageError(`--header must be 'Name: value', got "${oneLine(field)}"`);
    return [field.slice(0, at), field.slice(at + 1).trim()];
  });
  const given = new Set(fields.map(([name]) => name.toLowerCase()));
  const add = (option: string, name: string, value: string | undefined) => {
    if (value === undefined) return;
    if (given.has(name.toLowerCase())) {
      throw new UsageError(`--${option} and a --header ${name} exclude each other`);
    }
    fields.push([name, value]);
  };
  for (const option of ["origin", "host"] as const) {
    const value = values.get(option)?.[0];
    if (value === "") throw new UsageError(`--${option} must not be empty`);
    add(option, option === "origin" ? "Origin" : "Host", value);
  }
  const auth = values.get("auth")?.[0];
  const file = values.get("auth-file")?.[0];
  if (auth !== undefined && file !== undefined) {
    throw new UsageError("--auth and --auth-file exclude each other");
  }
  if (auth !== undefined) add("auth", "Authorization", authorization("--auth", auth));
  if (file !== undefined) {
    const [line] = (await readTextOption("auth-file", file)).split(/\r?\n/, 1);
    add("auth-file", "Authorization", authorization(`--auth-file ${file}`, line));
  }
  return fields;
}

/** Checks credentials; what is wrong with them is told without them. */
function authorization(where: string, credentials: string): string {
  if (credentials.indexOf(":") < 1) {
    throw new UsageError(
      `${where} must be USER:PASSWORD, got ${count(credentials.length, "character")}`,
    );
  }
  return basic(credentials);
}

async function readTls({ values, flags }: ParsedArguments): Promise<ConnectOptions["tls"]> {
  const one = (name: keyof typeof CONNECT_OPTIONS) => values.get(name)?.[0];
  const [cert, key, ca] = [one("cert"), one("key"), one("ca")];
  const [passphrase, servername] = [one("passphrase-file"), one("servername")];
  if ((cert === undefined) !== (key === undefined)) {
    throw new UsageError("--cert and --key go together");
  }
  if (passphrase !== undefined && key === undefined) {
    throw new UsageError("--passphrase-file is for a --key");
  }
  const pem = key === undefined ? undefined : await readPem("key", key, "PRIVATE KEY");
  // Deno 2.9 would say no more than that there is no connection.
  if (passphrase === undefined && /BEGIN ENCRYPTED|,ENCRYPTED/.test(pem ?? "")) {
    throw new UsageError(`--key ${key} needs a --passphrase-file`);
  }
  return {
    ...(ca === undefined ? {} : { ca: await readPem("ca", ca, "CERTIFICATE") }),
    ...(cert === undefined ? {} : { cert: await readPem("cert", cert, "CERTIFICATE") }),
    ...(pem === undefined ? {} : { key: pem }),
    ...(passphrase === undefined ? {} : {
      passphrase: (await readTextOption("passphrase-file", passphrase)).replace(/\r?\n$/, ""),
    }),
    ...(servername === undefined ? {} : { servername }),
    ...(flags.has("insecure") ? { rejectUnauthorized: false } : {}),
  };
}
