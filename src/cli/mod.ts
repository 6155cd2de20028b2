/**
 * The command line: `deno task start`, `deno task connect`, and `npx fullduplex`.
 *
 * @module
 */

import { realpathSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { UsageError } from "./arguments.ts";
import { bench, BENCH_HELP } from "./bench/command.ts";
import { connect, CONNECT_HELP } from "./connect/command.ts";
import { inspect, INSPECT_HELP } from "./inspect/command.ts";
import { type CliIo, type CliTerminal, processIo } from "./io.ts";
import { serve, SERVE_HELP } from "./serve/command.ts";
import { start, START_HELP } from "./start.ts";
import { oneLine } from "./text.ts";
import { VERSION } from "./version.ts";

export type { CliIo, CliTerminal };

/** A subcommand. */
interface Command {
  readonly about: string;
  readonly help: string;
  run(args: readonly string[], io: CliIo): Promise<number>;
}

/** The subcommands, in the order in which the help shows them. */
const COMMANDS: ReadonlyMap<string, Command> = new Map([
  ["serve", {
    about: "a server of your handlers and files",
    help: SERVE_HELP,
    run: serve,
  }],
  ["start", {
    about: "a server to try things on, with a console page",
    help: START_HELP,
    run: start,
  }],
  ["connect", {
    about: "a client for the terminal and for pipes",
    help: CONNECT_HELP,
    run: connect,
  }],
  ["bench", {
    about: "a load on a server that echoes, with rates and latencies",
    help: BENCH_HELP,
    run: bench,
  }],
  ["inspect", {
    about: "a proxy that shows every frame, records and replays",
    help: INSPECT_HELP,
    run: inspect,
  }],
]);

/**
 * Runs the command line.
 *
 * @param args The arguments, without the runtime's and the script's names.
 * @param io Where it reads, writes and hears of Ctrl-C. Default: this process.
 * @returns The exit status: 0 for success, 1 for failure, 2 for wrong usage.
 *
 * @example
 * ```ts
 * import { main } from "@fullduplex/ws/cli";
 *
 * const status = await main(["--version"]);
 * console.log(status); // 0
 * ```
 */
export async function main(args: readonly string[], io: CliIo = processIo()): Promise<number> {
  const [name = "", ...rest] = args;
  const command = COMMANDS.get(name);
  const asked = command === undefined ? args.slice(0, 1) : beforeDashes(rest);
  if (asked.some((arg) => arg === "--help" || arg === "-h")) {
    await io.write(command?.help ?? help());
    return 0;
  }
  if (asked.some((arg) => arg === "--version" || arg === "-V")) {
    await io.write(`fullduplex ${VERSION}\n`);
    return 0;
  }
  if (command === undefined) {
    const wrong = name === "" ? "no command is given" : `there is no command "${oneLine(name)}"`;
    io.writeError(`fullduplex: ${wrong}; see fullduplex --help\n`);
    return 2;
  }
  try {
    return await command.run(rest, io);
  } catch (error) {
    const message = oneLine(error instanceof Error ? error.message : String(error));
    if (error instanceof UsageError) {
      io.writeError(`fullduplex ${name}: ${message}; see fullduplex ${name} --help\n`);
      return 2;
    }
    io.writeError(`fullduplex ${name}: ${message}\n`);
    return 1;
  }
}

/** What stands before `--`, which ends the options. */
function beforeDashes(args: readonly string[]): readonly string[] {
  const at = args.indexOf("--");
  return at < 0 ? args : args.slice(0, at);
}

function help(): string {
  const rows = Array.from(COMMANDS, ([name, { about }]) => `  ${name.padEnd(9)}${about}\n`);
  return `fullduplex ${VERSION}: WebSocket from the command line

Usage: fullduplex COMMAND [options]

Commands:
${rows.join("")}
  fullduplex COMMAND --help shows a command's options.

Examples:
  fullduplex serve --watch handlers
  fullduplex start
  fullduplex connect ws://localhost:9001/echo
  fullduplex bench ws://localhost:9001/echo
`;
}

/** Tells whether this module is the program; Node knows `import.meta.main` only since version 24. */
function isMain(): boolean {
  const { main } = import.meta as { main?: boolean };
  if (main !== undefined) return main;
  try {
    // npm starts a command through a symbolic link.
    return realpathSync(process.argv[1]) === realpathSync(fileURLToPath(import.meta.url));
  } catch {
    return false;
  }
}

if (isMain()) process.exitCode = await main(process.argv.slice(2));
