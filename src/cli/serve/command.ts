/**
 * The command `serve`: a server of handler modules, sample handlers, pages and files.
 * @module
 */

import type { ServerOptions } from "../../api/server_opening.ts";
import type { CliIo } from "../io.ts";
import { count } from "../text.ts";
import { VERSION } from "../version.ts";
import { showAddress } from "./addresses.ts";
import { HandlerFolder } from "./handler_folder.ts";
import type { Entry } from "./handler_module.ts";
import { isLoopback } from "./hosts.ts";
import { Log, RotatingFile, showError } from "./log.ts";
import { answerSamplePage } from "./pages.ts";
import { makeSamples } from "./samples.ts";
import { readSettings, type Settings } from "./settings.ts";
import { Site } from "./site.ts";
import { isInside, StaticFiles } from "./static_files.ts";
import { loadExtras } from "./watching.ts";

export { SERVE_HELP } from "./options.ts";

/** How many handlers the banner names. */
const SHOWN_HANDLERS = 12;

/**
 * Runs `serve`.
 *
 * @param args The arguments after the command's name.
 * @param io Where it reads, writes and hears of Ctrl-C.
 * @returns The exit status, once the server was stopped.
 * @throws {UsageError} If the arguments are wrong.
 * @throws {Error} If a file or folder cannot be used, or it cannot listen.
 */
export async function serve(args: readonly string[], io: CliIo): Promise<number> {
  const settings = await readSettings(args);
  const file = openLogFile(settings, io);
  const write = file === undefined
    ? (line: string) => io.writeError(line)
    : (line: string) => file.write(line);
  const log = new Log(write, settings.log.level);
  const { origins, samples: withSamples, root } = settings;
  const extras = await loadExtras(settings, write);
  const defaults: ServerOptions = {
    ...extras.options,
    ...(origins === undefined ? {} : { origins }),
  };
  const { folder, scan: start, allowOutside, aliases } = settings;
  const handlers = new HandlerFolder({ folder, start, allowOutside, aliases, defaults }, log);
  const { cgi } = settings;
  const gateway = cgi &&
    new (await import("./cgi/gateway.ts")).Gateway({ ...settings, ...cgi }, log);
  try {
    await handlers.load();
    const samples = withSamples
      ? makeSamples(
        defaults,
        (path, error) => log.error(`${path} failed: ${showError(error, log)}`),
      )
      : new Map<string, Entry>();
    const files = root === undefined ? undefined : new StaticFiles({
      ...settings,
      root,
      hidden: cgi?.folders.map(({ folder }) => folder) ?? [],
    });
    const site = new Site({
      ...settings,
      defaults,
      gateway,
      find: (path) => samples.get(handlers.resolve(path)) ?? handlers.find(path),
      answer: async (request, target) =>
        (target.path === settings.metrics ? extras.metrics?.(request) : undefined) ??
          await files?.answer(request, target) ??
          (withSamples ? await answerSamplePage(target, handlers.paths(), samples) : undefined),
    }, log);
    warn(settings, log);
    await run(site, handlers, settings, log, io);
  } finally {
    handlers.stop();
    gateway?.stop();
    file?.close();
  }
  return 0;
}

/** Serves until somebody stops it. */
async function run(
  site: Site,
  handlers: HandlerFolder,
  settings: Settings,
  log: Log,
  io: CliIo,
): Promise<void> {
  let interrupts = 0;
  const forget = io.onInterrupt(() => {
    interrupts++;
    if (interrupts > 1) return io.exit(130);
    log.info(`stopping; ${count(site.connections.size, "connection")} to close`);
    site.close("the server stops");
  });
  try {
    await site.open();
    if (settings.watch) handlers.watch();
    await io.write(banner(site, handlers.paths(), settings));
    await site.closed;
    log.info("stopped");
  } finally {
    forget();
  }
}

function openLogFile({ log }: Settings, io: CliIo): RotatingFile | undefined {
  if (log.file === undefined) return undefined;
  const onError = (error: unknown) =>
    io.writeError(`fullduplex serve: cannot write the log: ${(error as Error).message}\n`);
  try {
    return new RotatingFile(log.file, log.maxBytes, log.count, onError);
  } catch (cause) {
    const { message } = cause as Error;
    throw new Error(`Cannot write --log ${log.file}: ${message}`, { cause });
  }
}

/** Says what is allowed, but may not be meant. */
function warn({ auth, tls, targets, root, folder }: Settings, log: Log): void {
  if (root !== undefined && (root === folder || isInside(folder, root))) {
    log.warn(`the sources of the handlers are files of --root, and served`);
  }
  if (auth === undefined || tls !== undefined) return;
  const open = targets.find((target) => "hostname" in target && !isLoopback(target.hostname));
  if (open !== undefined) {
    log.warn(`passwords come to ${showAddress(open)} unencrypted; see --cert`);
  }
}

function banner(site: Site, handlers: readonly string[], settings: Settings): string {
  const { folderName, samples, root, cgi, tls } = settings;
  const urls = site.addresses.map(({ target, secure }) =>
    "path" in target ? showAddress(target) : `${secure ? "https" : "http"}://${showAddress(target)}`
  );
  const shown = handlers.slice(0, SHOWN_HANDLERS).join(" ");
  const more = handlers.length - SHOWN_HANDLERS;
  const rows = [
    ["listening", urls.join(" ")],
    ["handlers", handlers.length === 0 ? "none" : more > 0 ? `${shown} and ${more} more` : shown],
    ...(root === undefined ? [] : [["files", root]]),
    ...(cgi === undefined
      ? []
      : [["programs", cgi.folders.map(({ name }) => `/${name}/`).join(" ")]]),
    ...(samples ? [["pages", "/_samples/console /_samples/benchmark"]] : []),
  ];
  const secured = tls === undefined ? "" : tls.requestCert ? " with client certificates" : "";
  return `fullduplex ${VERSION} serves ${folderName}${secured}; Ctrl-C stops it\n` +
    rows.map(([name, value]) => `  ${name.padEnd(10)} ${value}\n`).join("");
}
