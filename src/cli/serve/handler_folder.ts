/**
 * The handlers of a folder, kept up to date.
 * @module
 */

import process from "node:process";
import type { ServerOptions } from "../../api/server_opening.ts";
import { type Entry, loadModule } from "./handler_module.ts";
import {
  type Candidate,
  hasDefaultExport,
  scanHandlers,
  type ScanOptions,
} from "./handler_scan.ts";
import { type Log, showError } from "./log.ts";

/** A module that was looked at. */
interface Loaded {
  signature: string;
  /** How often it was loaded. */
  version: number;
  /** What it serves; `undefined` when it could not be loaded, or is no handler. */
  entry: Entry | undefined;
  /** Whether it is a handler at all. */
  readonly isHandler: boolean;
}

/** What the handlers of a folder are made with. */
export interface FolderOptions extends Omit<ScanOptions, "preferTypeScript"> {
  /** Other names: alias to path. */
  readonly aliases: ReadonlyMap<string, string>;
  /** The options that a module does not export. */
  readonly defaults: ServerOptions;
}

/** How often a watched folder is looked at, in milliseconds. */
const LOOK_MS = 300;

/** Loads the handlers of a folder, and loads them again when they change. */
export class HandlerFolder {
  readonly #options: FolderOptions;
  readonly #log: Log;
  readonly #modules: Map<string, Loaded> = new Map();
  readonly #outside: Set<string> = new Set();
  /** What the last look saw: a file is loaded when it looks the same twice. */
  #seen: Map<string, string> = new Map();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;

  /**
   * @param options Which folder.
   * @param log Where failures go.
   */
  constructor(options: FolderOptions, log: Log) {
    this.#options = options;
    this.#log = log;
  }

  /**
   * Finds and loads all handlers; those that fail are logged.
   *
   * @throws {Error} If the folder cannot be read.
   */
  async load(): Promise<void> {
    const found = await this.#scan();
    for (const candidate of found.values()) await this.#update(candidate);
    for (const [alias, target] of this.#options.aliases) {
      if (this.find(target) === undefined && !target.startsWith("/_samples/")) {
        this.#log.warn(`the alias ${alias} leads nowhere: there is no handler ${target}`);
      }
    }
  }

  /** Looks for changes until {@linkcode stop}. */
  watch(): void {
    this.#timer = setTimeout(async () => {
      try {
        await this.#look();
      } catch (error) {
        this.#log.error(`cannot look for changes: ${showError(error, this.#log)}`);
      }
      if (!this.#stopped) this.watch();
    }, LOOK_MS);
  }

  /** Stops looking. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  /**
   * Finds what serves a path: the module of that name, `index` for a folder, or an alias.
   *
   * @returns The entry; `"broken"` for a module that could not be loaded; `undefined` for none.
   */
  find(path: string): Entry | "broken" | undefined {
    const real = this.#options.aliases.get(path) ?? path;
    const module = this.#modules.get(real.endsWith("/") ? `${real}index` : real);
    return module?.isHandler ? module.entry ?? "broken" : undefined;
  }

  /** The target of an alias; the path itself when it is none. */
  resolve(path: string): string {
    return this.#options.aliases.get(path) ?? path;
  }

  /** The paths that are served, aliases among them. */
  paths(): string[] {
    const own = [...this.#modules].filter(([, { isHandler }]) => isHandler).map(([path]) => path);
    return [...own, ...this.#options.aliases.keys()].sort();
  }

  async #look(): Promise<void> {
    const found = await this.#scan();
    const before = this.#seen;
    this.#seen = new Map(Array.from(found.values(), ({ path, signature }) => [path, signature]));
    for (const candidate of found.values()) {
      if (this.#stopped) return;
      const { path, signature } = candidate;
      if (this.#modules.get(path)?.signature === signature) continue;
      if (before.get(path) === signature) await this.#update(candidate);
    }
    for (const [path, { isHandler }] of this.#modules) {
      if (found.has(path) || before.has(path)) continue; // it may be about to be written anew
      this.#modules.delete(path);
      if (isHandler) this.#log.info(`${path} is gone`);
    }
  }

  #scan(): Promise<Map<string, Candidate>> {
    const preferTypeScript = knowsTypeScript();
    return scanHandlers({ ...this.#options, preferTypeScript }, (path) => {
      if (this.#outside.has(path)) return;
      this.#outside.add(path);
      this.#log.warn(`${path} leads out of the folder and is not followed; see --allow-outside`);
    });
  }

  async #update({ path, file, signature }: Candidate): Promise<void> {
    const old = this.#modules.get(path);
    const version = old === undefined ? 0 : old.version + 1;
    if (!await hasDefaultExport(file)) {
      if (old?.entry !== undefined) {
        this.#log.error(`${path} keeps its old handler: ${file} has no default export`);
        old.signature = signature;
      } else this.#modules.set(path, { signature, version, entry: undefined, isHandler: false });
      return;
    }
    let entry: Entry | undefined;
    try {
      const { defaults } = this.#options;
      const onError = (error: unknown) =>
        this.#log.error(`${path} failed: ${showError(error, this.#log)}`);
      entry = await loadModule(file, version, { ...defaults, onError });
      if (old !== undefined) this.#log.info(`${path} is loaded again`);
    } catch (error) {
      const kept = old?.entry === undefined ? "cannot be loaded" : "keeps its old handler";
      this.#log.error(`${path} ${kept}: ${file}: ${showError(error, this.#log)}`);
      entry = old?.entry;
    }
    this.#modules.set(path, { signature, version, entry, isHandler: true });
  }
}

/** Deno and Bun do, and Node where its features say so. */
function knowsTypeScript(): boolean {
  if ("Deno" in globalThis || "Bun" in globalThis) return true;
  return Boolean((process.features as { typescript?: unknown }).typescript);
}
