/**
 * The options of `connect` and their help.
 * @module
 */

import type { OptionSpec } from "../arguments.ts";

/** The help text of `connect`. */
export const CONNECT_HELP = `Usage: fullduplex connect [options] URL

Opens a WebSocket connection, sends each line of the input as a message, and
prints each message that comes. On a terminal it is a prompt with history and
commands (/help); in a pipe it closes with 1000 at the end of the input, once no
message has come for a while (--wait). URL: ws:, wss:, ws+unix:/a.sock:/path.

  -m, --message TEXT     send this instead of the input; may be repeated
      --file PATH        send a file as one binary message; may be repeated
      --count N          close after N messages have come; fewer are a failure
      --wait SECONDS     quiet time before closing. Default: 0.3; --count: 10
      --ping-once        print the round trip of a ping, in ms, and close
      --binary, --hex    send binary: lines as they are, or in hexadecimal
      --hexdump          show binary as offset, hex and ASCII, as on a terminal
  -o, --output FILE      write messages there, as they are, one after the other
      --json             an object a line: open, message, ping, pong, close, …
      --history FILE     keep the prompt's history there, at most 1000 lines
      --no-commands      send lines that begin with / too; --commands: in pipes,
                         too, they are commands
Connection:
      --protocol NAME    subprotocol to offer; may be repeated, the best first
  -H, --header 'N: V'    header field; --origin ORIGIN and --host HOST set two,
                         --auth USER:PASS or --auth-file FILE (basic) another
      --compress         offer permessage-deflate
      --timeout SECONDS  to open the connection. Default: 10
      --ping SECONDS     between pings, 0 for none. Default: 20
      --proxy URL        http:, https:, socks5:, or the word environment
      --unix PATH        go to this socket
      --max-redirects N  follow so many. Default: 0
      --protocol-version 13, 8, 7, hixie-76 or hixie-75. Default: 13
TLS:  --ca FILE, --cert FILE, --key FILE, --passphrase-file FILE,
      --servername NAME, -k, --insecure (accept any certificate)

Exit status: 0 clean close, whatever its code; 1 no connection, no clean close,
or too few messages; 2 wrong usage; 3 the server refused, its status is told;
124 not open in time; 130 a second Ctrl-C. (The first one closes with 1000.)

Examples:
  fullduplex connect ws://localhost:9001/echo
  printf 'one\\ntwo\\n' | fullduplex connect --json wss://example.com/chat
  fullduplex connect -m hello --count 1 -H 'Cookie: id=1' wss://example.com
`;

/** The options. */
export const CONNECT_OPTIONS = {
  "message": { type: "string", short: "m", multiple: true },
  "file": { type: "string", multiple: true },
  "count": { type: "string" },
  "wait": { type: "string" },
  "ping-once": { type: "boolean" },
  "binary": { type: "boolean" },
  "hex": { type: "boolean" },
  "hexdump": { type: "boolean" },
  "output": { type: "string", short: "o" },
  "json": { type: "boolean" },
  "history": { type: "string" },
  "commands": { type: "boolean" },
  "no-commands": { type: "boolean" },
  "protocol": { type: "string", multiple: true },
  "header": { type: "string", short: "H", multiple: true },
  "origin": { type: "string" },
  "host": { type: "string" },
  "auth": { type: "string" },
  "auth-file": { type: "string" },
  "compress": { type: "boolean" },
  "timeout": { type: "string" },
  "ping": { type: "string" },
  "proxy": { type: "string" },
  "unix": { type: "string" },
  "max-redirects": { type: "string" },
  "protocol-version": { type: "string" },
  "ca": { type: "string" },
  "cert": { type: "string" },
  "key": { type: "string" },
  "passphrase-file": { type: "string" },
  "servername": { type: "string" },
  "insecure": { type: "boolean", short: "k" },
} as const satisfies Record<string, OptionSpec>;
