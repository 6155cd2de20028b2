/**
 * The command `start`: a server to try things on, with a console page.
 * @module
 */

import type { WebSocketConnection } from "../api/connection.ts";
import type { Message } from "../api/message_queue.ts";
import type { UpgradeRequest } from "../api/mod.ts";
import { serve, type ServeOptions, type ServerTlsOptions } from "../adapters/serve.ts";
import { numberOption, parseArguments, type ParsedArguments, UsageError } from "./arguments.ts";
import { answerPage } from "./console_page.ts";
import type { CliIo } from "./io.ts";
import { readPem } from "./pem.ts";
import { createRoutes, type Route } from "./routes.ts";
import { count, oneLine, showClose } from "./text.ts";
import { VERSION } from "./version.ts";

/** The help text of `start`. */
export const START_HELP = `Usage: fullduplex start [options]

Starts a WebSocket server to try things on, and prints a line per connection.

  /echo   sends back what it gets
  /chat   everyone hears everyone; /chat?name=ann puts a name before text. Who
          does not keep up misses messages, and is dropped after 5 seconds
  /time   tells the time each second
  /       a console page for the browser (plain HTTP)

Options:
  -p, --port NUMBER   port to listen on; 0 for any that is free. Default: 9001
      --host ADDRESS  address to listen on. Default: 127.0.0.1, this machine
                      only; 0.0.0.0 or :: lets other machines in
      --cert FILE     certificate chain in PEM, for wss: and https: (with --key)
      --key FILE      its private key, in PEM
  -h, --help          this text
  -V, --version       the version

Any page or program that can reach the port may connect: keep secrets out.
Ctrl-C closes every connection with 1001 and stops; a second one stops at once.
Exit status: 0 stopped by Ctrl-C, 1 could not start, 2 wrong usage.

Examples:
  fullduplex start
  fullduplex start --port 8080 --host 0.0.0.0
  fullduplex start --cert cert.pem --key key.pem
`;

const OPTIONS = {
  port: { type: "string", short: "p" },
  host: { type: "string" },
  cert: { type: "string" },
  key: { type: "string" },
} as const;

/**
 * Runs `start`.
 *
 * @param args The arguments after the command's name.
 * @param io Where it reads, writes and hears of Ctrl-C.
 * @returns The exit status, once the server was stopped.
 * @throws {UsageError} If the arguments are wrong.
 * @throws {Error} If it cannot listen.
 */
export async function start(args: readonly string[], io: CliIo): Promise<number> {
  const parsed = parseArguments(args, OPTIONS);
  if (parsed.positionals.length > 0) {
    throw new UsageError(`start takes no argument, got "${oneLine(parsed.positionals[0])}"`);
  }
  const port = numberOption(parsed, "port", 9001, { least: 0, most: 65535, whole: true });
  const hostname = parsed.values.get("host")?.[0] ?? "127.0.0.1";
  if (hostname === "") throw new UsageError("--host must not be empty");
  const tls = await readTls(parsed);
  const routes = createRoutes();
  const log = (text: string) => void io.write(`${new Date().toTimeString().slice(0, 8)} ${text}\n`);

  const options: ServeOptions = {
    port,
    hostname,
    // Whatever a client offers first is spoken here.
    protocols: (offered) => offered[0],
    verify: (request) => refuseUnknown(request, routes, log),
    fetch: (request) => answerPage(request, [...routes.keys()]),
    onError: (error) => io.writeError(`fullduplex: ${oneLine(String(error))}\n`),
    ...(tls === undefined ? {} : { tls }),
  };
  let connections = 0;
  const server = await serve(
    (socket) => serveConnection(socket, ++connections, routes, log),
    options,
  );

  let interrupts = 0;
  const forget = io.onInterrupt(() => {
    interrupts++;
    if (interrupts > 1) return io.exit(130);
    log(`stopping; ${count(server.connections.size, "connection")} to close`);
    server.close("the server stops");
  });
  await io.write(banner(server.hostname, server.port, tls !== undefined, routes));
  await server.closed;
  forget();
  log("stopped");
  return 0;
}

async function readTls(parsed: ParsedArguments): Promise<ServerTlsOptions | undefined> {
  const cert = parsed.values.get("cert")?.[0];
  const key = parsed.values.get("key")?.[0];
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined) {
    throw new UsageError("--cert and --key must be given together");
  }
  return {
    cert: await readPem("cert", cert, "CERTIFICATE"),
    key: await readPem("key", key, "PRIVATE KEY"),
  };
}

function pathOf(url: string): string {
  return new URL(url).pathname;
}

function refuseUnknown(
  request: UpgradeRequest,
  routes: ReadonlyMap<string, Route>,
  log: (text: string) => void,
): Response | undefined {
  const path = pathOf(request.url);
  if (routes.has(path)) return undefined;
  log(`refused ${oneLine(path)}: 404`);
  const known = [...routes.keys()].join(", ");
  return new Response(`There is no such address here; try ${known}\n`, {
    status: 404,
    headers: { "Content-Type": "text/plain; charset=utf-8" },
  });
}

async function serveConnection(
  socket: WebSocketConnection,
  number: number,
  routes: ReadonlyMap<string, Route>,
  log: (text: string) => void,
): Promise<void> {
  const path = pathOf(socket.url);
  const received = { messages: 0, bytes: 0 };
  const protocol = socket.protocol === "" ? "no protocol" : `protocol ${socket.protocol}`;
  log(`#${number} opened ${socket.remoteAddress} ${oneLine(path)}, ${protocol}`);
  socket.closed.then(({ closeCode, reason, wasClean, error }) => {
    const { messages, bytes } = received;
    log(
      `#${number} closed ${showClose(closeCode, reason)}, ${wasClean ? "clean" : "not clean"}, ` +
        `${count(messages, "message")} and ${count(bytes, "byte")} received` +
        (error === undefined ? "" : ` (${oneLine(error.message)})`),
    );
  });
  await routes.get(path)!.serve(socket, counting(socket, received));
}

/** Counts what passes; text in bytes of UTF-8. */
async function* counting(
  messages: AsyncIterable<Message>,
  counts: { messages: number; bytes: number },
): AsyncGenerator<Message> {
  const encoder = new TextEncoder();
  for await (const message of messages) {
    counts.messages++;
    counts.bytes += typeof message === "string" ? encoder.encode(message).length : message.length;
    yield message;
  }
}

function banner(
  hostname: string,
  port: number,
  secure: boolean,
  routes: ReadonlyMap<string, Route>,
): string {
  // An address that stands for all of them, or for this machine, is reached by this name here.
  const local = ["127.0.0.1", "0.0.0.0", "::", "::1"].includes(hostname);
  const name = local ? "localhost" : hostname.includes(":") ? `[${hostname}]` : hostname;
  const rows = [[`${secure ? "https" : "http"}://${name}:${port}/`, "console page"]];
  for (const [path, { about }] of routes) {
    rows.push([`${secure ? "wss" : "ws"}://${name}:${port}${path}`, about]);
  }
  const width = Math.max(...rows.map(([url]) => url.length));
  const lines = rows.map(([url, about]) => `  ${url.padEnd(width)}  ${about}\n`);
  return `fullduplex ${VERSION} listens on ${hostname}, port ${port}; Ctrl-C stops it\n` +
    lines.join("");
}
