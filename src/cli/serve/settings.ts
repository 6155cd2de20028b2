/**
 * What the command line and the configuration file of `serve` come to.
 * @module
 */

import { realpath, stat } from "node:fs/promises";
import { basename, resolve } from "node:path";
import process from "node:process";
import tls from "node:tls";
import type { ListenTarget } from "../../adapters/node/http_listener.ts";
import type { ServerTlsOptions } from "../../adapters/serve.ts";
import type { OriginPolicy } from "../../api/mod.ts";
import { setupServer } from "../../api/server_opening.ts";
import type { LimitOptions } from "../../server/limits.ts";
import { numberOption, parseArguments, type ParsedArguments, UsageError } from "../arguments.ts";
import { readPem, readTextOption } from "../pem.ts";
import { oneLine } from "../text.ts";
import { readAddress } from "./addresses.ts";
import { readAliases } from "./aliases.ts";
import { BasicAuth, readCredentials } from "./auth.ts";
import type { ProgramFolder } from "./cgi/programs.ts";
import { addConfig } from "./config_file.ts";
import { type Level, LEVELS } from "./log.ts";
import { SERVE_OPTIONS } from "./options.ts";
import { isInside } from "./static_files.ts";
import { splitTarget } from "./target.ts";

/** Everything that `serve` needs to know. */
export interface Settings {
  /** The folder of the handlers as it was given, and its real path. */
  readonly folderName: string;
  readonly folder: string;
  /** The part of it to look at. */
  readonly scan: string;
  readonly targets: readonly ListenTarget[];
  readonly hosts: readonly string[];
  readonly origins: OriginPolicy | undefined;
  readonly auth: BasicAuth | undefined;
  readonly tls: ServerTlsOptions | undefined;
  readonly watch: boolean;
  readonly aliases: ReadonlyMap<string, string>;
  /** The document root's real path. */
  readonly root: string | undefined;
  readonly maxAgeSeconds: number;
  readonly allowOutside: boolean;
  /** The programs (CGI) and their bounds; none when nobody asks for them. */
  readonly cgi: CgiSettings | undefined;
  readonly samples: boolean;
  readonly log: {
    file: string | undefined;
    maxBytes: number;
    count: number;
    level: Level;
    channels: string | undefined;
  };
  /** The most WebSockets, altogether and of one address. */
  readonly limits: LimitOptions;
  /** The path of the metrics. */
  readonly metrics: string | undefined;
  /** Whether versions before RFC 6455 are spoken too. */
  readonly legacy: boolean;
  /** Real paths of files that the document root must never show. */
  readonly secrets: ReadonlySet<string>;
}

/** The programs and their bounds. */
export interface CgiSettings {
  readonly folders: readonly ProgramFolder[];
  readonly timeoutMs: number;
  readonly maxPrograms: number;
}

/**
 * Reads the arguments of `serve` and the files they name.
 *
 * @throws {UsageError} If an argument is wrong.
 * @throws {Error} If a file or folder cannot be used.
 */
export async function readSettings(args: readonly string[]): Promise<Settings> {
  const given = parseArguments(args, SERVE_OPTIONS);
  const config = given.values.get("config")?.[0];
  const parsed = config === undefined
    ? given
    : addConfig(await readTextOption("config", config), config, given, SERVE_OPTIONS);
  const one = (name: keyof typeof SERVE_OPTIONS) => parsed.values.get(name)?.[0];
  const all = (name: keyof typeof SERVE_OPTIONS) => parsed.values.get(name) ?? [];

  if (parsed.positionals.length > 1) {
    throw new UsageError(`serve takes one folder, got "${oneLine(parsed.positionals[1])}" too`);
  }
  const folderName = parsed.positionals[0] ?? ".";
  const targets = readTargets(parsed);
  const origins = readOrigins(all("origin"));
  const hosts = all("host").map(readHost);
  const whole = (name: string, fallback: number, least: number, most: number) =>
    numberOption(parsed, name, fallback, { least, most, whole: true });
  const level = one("log-level") ?? "info";
  if (!(LEVELS as readonly string[]).includes(level)) {
    throw new UsageError(`--log-level must be ${LEVELS.join(", ")}, got "${oneLine(level)}"`);
  }
  const log = {
    file: one("log"),
    maxBytes: whole("log-max", 262_144, 1024, 2 ** 40),
    count: whole("log-count", 5, 0, 1000),
    level: level as Level,
    channels: one("log-channels"),
  };
  const metrics = one("metrics");
  if (metrics !== undefined && splitTarget(metrics)?.path !== metrics) {
    throw new UsageError(`--metrics must be a path such as /metrics, got "${oneLine(metrics)}"`);
  }
  const maxAgeSeconds = whole("max-age", 0, 0, 2 ** 31);

  const folder = await readFolder(`Cannot serve ${folderName}`, folderName);
  const scanName = one("scan");
  const scan = scanName === undefined
    ? folder
    : await readFolder(`Cannot use --scan ${scanName}`, resolve(folder, scanName));
  if (scan !== folder && !isInside(scan, folder)) {
    throw new UsageError(`--scan ${scanName} must be in ${folderName}`);
  }
  const rootName = one("root");
  const root = rootName === undefined
    ? undefined
    : await readFolder(`Cannot use --root ${rootName}`, rootName);
  const cgi = await readCgi(parsed, root, metrics);
  const limits: LimitOptions = {};
  for (
    const [name, option] of [
      ["max-connections", "maxConnections"],
      ["max-connections-per-address", "maxConnectionsPerAddress"],
    ] as const
  ) if (parsed.values.has(name)) limits[option] = whole(name, 1, 1, 2 ** 31);
  const auth = await readAuth(all("basic-auth"), one("basic-auth-file"));
  const secretNames = [config, one("key"), one("basic-auth-file"), log.file];
  const secrets = await Promise.all(
    secretNames.filter((name) => name !== undefined).map(async (name) => {
      return await realpath(name).catch(() => resolve(name));
    }),
  );
  return {
    folderName,
    folder,
    scan,
    targets,
    hosts,
    origins,
    auth,
    tls: await readTls(parsed),
    watch: parsed.flags.has("watch"),
    aliases: await readMap(one("map")),
    root,
    maxAgeSeconds,
    allowOutside: parsed.flags.has("allow-outside"),
    cgi,
    limits,
    samples: !parsed.flags.has("no-samples"),
    log,
    metrics,
    legacy: parsed.flags.has("legacy"),
    secrets: new Set(secrets),
  };
}

/** Every host with every port, and what `--listen` says. */
function readTargets(parsed: ParsedArguments): ListenTarget[] {
  const backlog = parsed.values.has("backlog")
    ? numberOption(parsed, "backlog", 511, { least: 1, most: 65535, whole: true })
    : undefined;
  const listens = (parsed.values.get("listen") ?? []).map(readAddress);
  const ports = parsed.values.get("port");
  const hostnames = parsed.values.get("hostname");
  const pairs: ListenTarget[] = [];
  if (listens.length === 0 || ports !== undefined || hostnames !== undefined) {
    for (const hostname of hostnames ?? ["127.0.0.1"]) {
      if (hostname === "") throw new UsageError("--hostname must not be empty");
      for (const port of ports ?? ["8080"]) pairs.push({ hostname, port: readPort(port) });
    }
  }
  return [...pairs, ...listens].map((target) => ({ ...target, backlog }));
}

function readPort(text: string): number {
  const values = new Map([["port", [text]]]);
  const range = { least: 0, most: 65535, whole: true };
  return numberOption({ values, flags: new Set(), positionals: [] }, "port", 8080, range);
}

function readHost(name: string): string {
  if (/^(\[[0-9a-f:.]+\]|[^\s/:@[\]]+)(:\d{1,5})?$/i.test(name)) return name;
  throw new UsageError(`--host must be a name as in the Host field, got "${oneLine(name)}"`);
}

function readOrigins(given: readonly string[]): OriginPolicy | undefined {
  if (given.includes("*")) return undefined;
  const origins = given.length === 0 || given.includes("same-origin") ? "same-origin" : [...given];
  if (origins === "same-origin" && given.length > 1) {
    throw new UsageError("--origin same-origin goes with no other");
  }
  try {
    setupServer({ origins });
  } catch (error) {
    throw new UsageError(`--origin: ${oneLine((error as Error).message)}`);
  }
  return origins;
}

async function readAuth(
  credentials: readonly string[],
  path: string | undefined,
): Promise<BasicAuth | undefined> {
  const listed = path === undefined
    ? []
    : readCredentials(await readTextOption("basic-auth-file", path));
  if (credentials.length === 0 && path === undefined) return undefined;
  try {
    return new BasicAuth([...credentials, ...listed]);
  } catch (error) {
    const { message } = error as Error;
    if (path === undefined) throw new UsageError(`--basic-auth: ${message}`);
    throw new Error(`Cannot use --basic-auth-file ${path}: ${message}`);
  }
}

async function readCgi(
  parsed: ParsedArguments,
  root: string | undefined,
  metrics: string | undefined,
): Promise<CgiSettings | undefined> {
  const names = parsed.values.get("cgi");
  const range = { least: 0.1, most: 86_400, whole: false };
  const timeoutMs = 1000 * numberOption(parsed, "cgi-timeout", 30, range);
  const maxPrograms = numberOption(parsed, "cgi-max", 16, { least: 1, most: 10_000, whole: true });
  if (names === undefined) {
    if (!parsed.values.has("cgi-timeout") && !parsed.values.has("cgi-max")) return undefined;
    throw new UsageError("--cgi-timeout and --cgi-max need --cgi");
  }
  if (process.platform === "win32") throw new Error("Cannot use --cgi: not on Windows");
  const folders: ProgramFolder[] = [];
  for (const given of names) {
    const name = basename(resolve(given));
    if (!/^[A-Za-z0-9-][\w.-]*$/.test(name)) {
      throw new UsageError(`--cgi: a folder called "${oneLine(name)}" makes no path`);
    }
    if (folders.some((other) => other.name === name)) {
      throw new UsageError(`--cgi: two folders are called "${name}"`);
    }
    if (metrics?.startsWith(`/${name}/`)) {
      throw new UsageError(`--metrics must not be in /${name}/`);
    }
    const folder = await readFolder(`Cannot use --cgi ${given}`, given);
    if (root !== undefined && (root === folder || isInside(root, folder))) {
      throw new UsageError(`--root must not be in --cgi ${given}`);
    }
    folders.push({ name, folder });
  }
  return { folders, timeoutMs, maxPrograms };
}

async function readTls(parsed: ParsedArguments): Promise<ServerTlsOptions | undefined> {
  const [cert, key, ca, clients] = ["cert", "key", "client-ca", "client-cert"].map((name) =>
    parsed.values.get(name)?.[0]
  );
  if ((cert === undefined) !== (key === undefined)) {
    throw new UsageError("--cert and --key must be given together");
  }
  if (cert === undefined || key === undefined) {
    if (ca === undefined && clients === undefined) return undefined;
    throw new UsageError("--client-ca and --client-cert need --cert and --key");
  }
  if ((ca === undefined) && clients !== undefined) {
    throw new UsageError("--client-cert needs --client-ca");
  }
  if (clients !== undefined && clients !== "required" && clients !== "optional") {
    throw new UsageError(`--client-cert must be required or optional, got "${oneLine(clients)}"`);
  }
  const options: ServerTlsOptions = {
    cert: await readPem("cert", cert, "CERTIFICATE"),
    key: await readPem("key", key, "PRIVATE KEY"),
  };
  if (ca !== undefined) {
    options.ca = await readPem("client-ca", ca, "CERTIFICATE");
    options.requestCert = true;
    options.rejectUnauthorized = clients !== "optional";
  }
  try {
    tls.createSecureContext(options as tls.SecureContextOptions);
  } catch (error) {
    const { message } = error as Error;
    throw new Error(`Cannot use --cert ${cert} with --key ${key}: ${message}`, { cause: error });
  }
  return options;
}

async function readMap(path: string | undefined): Promise<ReadonlyMap<string, string>> {
  if (path === undefined) return new Map();
  const text = await readTextOption("map", path);
  try {
    return readAliases(text);
  } catch (error) {
    throw new Error(`Cannot use --map ${path}: ${(error as Error).message}`);
  }
}

async function readFolder(problem: string, path: string): Promise<string> {
  const info = await stat(path).catch(() => undefined);
  if (info === undefined) throw new Error(`${problem}: there is no such folder`);
  if (!info.isDirectory()) throw new Error(`${problem}: it is no folder`);
  return await realpath(path);
}
