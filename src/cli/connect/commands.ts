/**
 * The commands that can be typed: lines that begin with a slash.
 * @module
 */

import { oneLine } from "../text.ts";
import type { Client } from "./client.ts";
import { parseHex } from "./hex.ts";
import type { View } from "./view.ts";

/** The commands, with what they take and do. */
const COMMANDS: ReadonlyMap<string, readonly [takes: string, about: string]> = new Map([
  ["/ping", ["[TEXT]", "send a ping and show the round trip"]],
  ["/binary", ["HEX", "send bytes"]],
  ["/file", ["PATH", "send a file as a binary message"]],
  ["/close", ["[CODE [REASON]]", "close the connection, and stay here"]],
  ["/connect", ["[URL]", "close it and open another, or the same again"]],
  ["/show", ["", "show the state, the latency and what went over the connection"]],
  ["/pause", ["", "stop reading, so that the server is held back"]],
  ["/resume", ["", "go on reading"]],
  ["/quit", ["", "close the connection and end"]],
  ["/help", ["", "this; a line that begins with // is sent with one /"]],
]);

/** The names of all commands. */
export const COMMAND_NAMES: readonly string[] = [...COMMANDS.keys()];

/** Tells whether a line is a command. */
export function isCommand(line: string): boolean {
  return line.startsWith("/") && !line.startsWith("//");
}

/** What is sent for a line that is no command: the first of two slashes is left out. */
export function withoutEscape(line: string): string {
  return line.startsWith("//") ? line.slice(1) : line;
}

/**
 * Runs a command. Whatever is wrong with it is shown.
 *
 * @param line The line.
 * @param client What it is about.
 * @param view Where it shows what it has to say.
 * @returns A promise for the moment when it is done; what it sends stands in line at once.
 */
export async function runCommand(line: string, client: Client, view: View): Promise<void> {
  const [, name, rest] = /^(\S+)\s*(.*)$/.exec(line)!;
  const command = COMMANDS.get(name);
  const fail = (what: string) => view.failed(new Error(what));
  if (command === undefined) {
    return fail(`there is no command ${oneLine(name)}; /help shows all, and // sends one slash`);
  }
  if (command[0] === "" && rest !== "") return fail(`${name} takes nothing`);
  if (/^[A-Z]/.test(command[0]) && rest === "") return fail(`${name} takes a ${command[0]}`);
  switch (name) {
    case "/help":
      return view.notice(help());
    case "/show":
      return view.notice(state(client));
    case "/quit":
      return client.quit();
    case "/connect":
      return await client.connect(rest === "" ? undefined : rest);
  }
  const { socket } = client;
  if (socket === undefined || !client.isOpen) {
    return fail("the connection is not open; see /connect");
  }
  try {
    switch (name) {
      case "/ping":
        return view.latency(await (rest === "" ? socket.ping() : socket.ping(rest)), false);
      case "/pause":
      case "/resume":
        return client.pause(name === "/pause");
      case "/file":
        return void await client.sendFile(rest);
      case "/binary": {
        const bytes = parseHex(rest);
        if (bytes === null) return fail("/binary must be hexadecimal, two digits a byte");
        return await socket.send(bytes);
      }
      case "/close": {
        const [, code, reason] = /^(\S*)\s*(.*)$/.exec(rest)!;
        if (code !== "" && !/^[0-9]{1,5}$/.test(code)) return fail("/close takes a number first");
        return await client.close(code === "" ? 1000 : Number(code), reason);
      }
    }
  } catch (error) {
    view.failed(error);
  }
}

function help(): string {
  const rows = Array.from(
    COMMANDS,
    ([name, [takes, about]]) => `  ${`${name} ${takes}`.padEnd(25)}${about}`,
  );
  return rows.join("\n");
}

/** What there is to say about the connection. */
function state(client: Client): string {
  const { socket, arrivals } = client;
  const names = ["connecting", "open", "closing", "closed"];
  const row = (name: string, value: string) => `  ${name.padEnd(12)}${value}`;
  if (socket === undefined) return row("state", "not connected");
  const { latencyMs, bufferedAmount, remoteAddress } = socket;
  return [
    row("url", oneLine(socket.url)),
    row("state", names[socket.readyState] + (client.paused ? ", reading is paused" : "")),
    row("protocol", socket.protocol || "none"),
    row("extensions", oneLine(socket.extensions) || "none"),
    row("engine", `${socket.capabilities.engine}, to ${remoteAddress ?? "an unknown address"}`),
    row("latency", latencyMs === undefined ? "not known" : `${latencyMs.toFixed(2)} ms`),
    row("in", `${arrivals.messagesIn} messages, ${arrivals.bytesIn} bytes`),
    row("out", `${arrivals.messagesOut} messages, ${arrivals.bytesOut} bytes`),
    row("waiting", `${bufferedAmount} bytes`),
  ].join("\n");
}
