/**
 * The options of `serve` and their help.
 * @module
 */

import type { OptionSpec } from "../arguments.ts";

/** The help text of `serve`. */
export const SERVE_HELP = `Usage: fullduplex serve [options] [DIR]

Serves each handler below DIR at its path: DIR/a/b.ts (.mts .js .mjs) at /a/b.
Its default export is a function of the connection, or callbacks; it may export
verify, protocols, origins, headers, compression too. Default DIR: this folder.

  -p, --port NUMBER         0 for any that is free. Default: 8080
      --hostname ADDRESS    where to listen. Default: 127.0.0.1
      --listen ADDRESS      HOST:PORT or unix:/PATH; all three may be repeated
      --host NAME           answer to this Host field only; may be repeated
      --origin ORIGIN       let its pages in, '*' for all. Default: same-origin
      --basic-auth U:P      ask for a user and password; --basic-auth-file FILE
      --cert FILE           serve TLS, with --key FILE; --client-ca FILE and
                            --client-cert required|optional check clients
  -q, --backlog N           how many may wait to be accepted
      --max-connections N   and --max-connections-per-address N, for WebSockets
  -w, --watch               load handlers again when they change
  -m, --map FILE            other names for handlers: lines "alias target"
  -s, --scan DIR            find handlers only below this folder of DIR
  -d, --root DIR            serve the files below; --max-age SECONDS
      --cgi DIR             run its programs: those of x/cgi-bin at /cgi-bin/;
                            --cgi-timeout SECONDS (30), --cgi-max N (16) at once
      --allow-outside       follow links that lead out of these folders
      --no-samples          nothing under /_samples/ (console, echo, …)
  -l, --log FILE            log here, up to --log-max BYTES; keep --log-count N
      --log-level LEVEL     error, warn, info or debug. Default: info
      --log-channels LIST   log these too: connect,frameHeader,… or all
      --metrics PATH        tell Prometheus there
      --config FILE         these options as JSON; --legacy: old versions too

Example: fullduplex serve --watch --root public handlers
`;

/** The options. */
export const SERVE_OPTIONS = {
  "port": { type: "string", short: "p", multiple: true },
  "hostname": { type: "string", multiple: true },
  "listen": { type: "string", multiple: true },
  "backlog": { type: "string", short: "q" },
  "max-connections": { type: "string" },
  "max-connections-per-address": { type: "string" },
  "host": { type: "string", multiple: true },
  "origin": { type: "string", multiple: true },
  "basic-auth": { type: "string", multiple: true },
  "basic-auth-file": { type: "string" },
  "cert": { type: "string" },
  "key": { type: "string" },
  "client-ca": { type: "string" },
  "client-cert": { type: "string" },
  "watch": { type: "boolean", short: "w" },
  "map": { type: "string", short: "m" },
  "scan": { type: "string", short: "s" },
  "root": { type: "string", short: "d" },
  "max-age": { type: "string" },
  "cgi": { type: "string", multiple: true },
  "cgi-timeout": { type: "string" },
  "cgi-max": { type: "string" },
  "allow-outside": { type: "boolean" },
  "no-samples": { type: "boolean" },
  "log": { type: "string", short: "l" },
  "log-max": { type: "string" },
  "log-count": { type: "string" },
  "log-level": { type: "string" },
  "log-channels": { type: "string" },
  "metrics": { type: "string" },
  "legacy": { type: "boolean" },
  "config": { type: "string" },
} as const satisfies Record<string, OptionSpec>;

/** Those that are paths: in a configuration file they are relative to it. */
export const PATH_OPTIONS: ReadonlySet<string> = new Set([
  "basic-auth-file",
  "cert",
  "key",
  "client-ca",
  "map",
  "scan",
  "root",
  "cgi",
  "log",
]);
