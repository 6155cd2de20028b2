/**
 * A module as a handler: its default export and its options, checked and ready for connections.
 * @module
 */

import { realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { checkHandler, type Handler } from "../../api/handler.ts";
import {
  SERVER_OPTION_NAMES,
  type ServerOptions,
  type ServerSetup,
  setupServer,
} from "../../api/server_opening.ts";
import { zlibCodec } from "../../adapters/zlib/codec.ts";

/** What is served at a path. */
export interface Entry {
  /** What it does, in a few words; `""` when nobody says. */
  readonly about: string;
  /** The handler. */
  readonly handler: Handler;
  /** How connections are opened. */
  readonly setup: ServerSetup;
}

/** Named exports that are options; what belongs to the server as a whole is not among them. */
const OPTION_EXPORTS = SERVER_OPTION_NAMES.filter((name) =>
  !["signal", "onError", "observer", "legacy"].includes(name)
);

/** How long a module may take to load, in milliseconds. */
const LOAD_MS = 10_000;

/**
 * Makes an entry.
 *
 * @param handler What to do with each connection.
 * @param options How connections are opened.
 * @param about What it does. Default: `""`.
 * @throws {TypeError} If the handler or an option is wrong.
 * @throws {RangeError} If a number is out of range.
 */
export function makeEntry(handler: unknown, options: ServerOptions, about = ""): Entry {
  checkHandler(handler);
  return { about, handler: handler as Handler, setup: setupServer(options, [], zlibCodec) };
}

/**
 * Loads a module.
 *
 * @param file The module's real path.
 * @param version Which version of the file it is, counted from 0; each is loaded once.
 * @param defaults The options that the module does not export.
 * @returns What it serves.
 * @throws {Error} If it cannot be loaded in time, or exports something else than a handler.
 */
export async function loadModule(
  file: string,
  version: number,
  defaults: ServerOptions,
): Promise<Entry> {
  const exports = await inTime(importVersion(file, version));
  if (!Object.hasOwn(exports, "default")) throw new TypeError("it has no default export");
  const options: Record<string, unknown> = { ...defaults };
  for (const name of OPTION_EXPORTS) {
    if (Object.hasOwn(exports, name)) options[name] = exports[name];
  }
  return makeEntry(exports.default, options as ServerOptions);
}

async function importVersion(file: string, version: number): Promise<Record<string, unknown>> {
  // Bun 1.4 does not look at the query, but forgets what is taken out of the cache of `require`.
  if ("Bun" in globalThis && version > 0) delete createRequire(import.meta.url).cache[file];
  const url = pathToFileURL(file);
  if (version > 0) url.searchParams.set("version", String(version));
  try {
    return await import(url.href);
  } catch (error) {
    if ((error as { code?: string }).code !== "ERR_UNKNOWN_FILE_EXTENSION") throw error;
    throw new Error(
      "this Node cannot load TypeScript; take Node 22.18 or newer, Deno, Bun, or JavaScript",
      { cause: error },
    );
  }
}

function inTime<T>(loading: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = () => reject(new Error(`it did not load within ${LOAD_MS} ms`));
    const timer = setTimeout(late, LOAD_MS);
    loading.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** Returns the real path of a file or folder; `undefined` when there is none. */
export function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
