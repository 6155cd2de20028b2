/**
 * The command `connect`: a WebSocket client for the terminal and for pipes.
 * @module
 */

import type { CliIo, CliTerminal } from "../io.ts";
import { Client, STATUS } from "./client.ts";
import { COMMAND_NAMES, isCommand, runCommand, withoutEscape } from "./commands.ts";
import { History, OutputFile } from "./files.ts";
import { sendAll } from "./input.ts";
import { Prompt } from "./prompt.ts";
import { paint, PromptView } from "./prompt_view.ts";
import { readSettings, type Settings, toMessage } from "./settings.ts";
import { JsonView, LinesView, type View } from "./view.ts";

export { CONNECT_HELP } from "./options.ts";

/**
 * Runs `connect`.
 *
 * @param args The arguments after the command's name.
 * @param io Where it reads, writes and hears of Ctrl-C.
 * @returns The exit status, once the last connection is over.
 * @throws {UsageError} If the arguments are wrong.
 * @throws {Error} If a file cannot be used.
 */
export async function connect(args: readonly string[], io: CliIo): Promise<number> {
  const settings = await readSettings(args);
  const { output: path, readsInput, json } = settings;
  const history = new History(settings.history);
  const output = path === undefined ? undefined : await OutputFile.open(path);
  try {
    return readsInput && !json && io.terminal !== undefined
      ? await converse(settings, io, io.terminal, output, history)
      : await run(settings, io, output);
  } finally {
    await output?.close();
  }
}

/** Without a prompt: for pipes, and with what the command line says. */
async function run(
  settings: Settings,
  io: CliIo,
  output: OutputFile | undefined,
): Promise<number> {
  const view: View = settings.json ? new JsonView(io) : new LinesView(io, settings.hexdump);
  const client = new Client(settings.target, view, { count: settings.count, output });
  const forget = io.onInterrupt(interrupts(client, io));
  try {
    await client.start();
    if (client.socket !== undefined) sendAll(client, settings, view, io);
    return await client.ended;
  } finally {
    forget();
    io.stopInput();
  }
}

/** With a prompt. */
async function converse(
  settings: Settings,
  io: CliIo,
  terminal: CliTerminal,
  output: OutputFile | undefined,
  history: History,
): Promise<number> {
  const commands = settings.commands ?? true;
  const view = new PromptView(terminal.colours);
  const client = new Client(settings.target, view, { count: settings.count, output });
  const onLine = (line: string): void => {
    history.add(line);
    if (commands && isCommand(line)) return void runCommand(line, client, view);
    if (!client.isOpen) return view.failed(new Error("the connection is not open"));
    try {
      // Typed lines keep their order by themselves, and a command is never held up by them.
      const text = commands ? withoutEscape(line) : line;
      client.socket!.send(toMessage(text, settings.form, "a line"));
    } catch (error) {
      view.failed(error);
    }
  };
  const leave = (): void => {
    view.prompt?.close();
    try {
      history.save();
    } catch (error) {
      view.failed(error);
    }
  };
  const onInterrupt = interrupts(client, io, leave);
  const forget = io.onInterrupt(onInterrupt);
  view.prompt = new Prompt(terminal, {
    prompt: `${paint(">", "prompt", terminal.colours)} `,
    history: history.newestFirst,
    words: commands ? COMMAND_NAMES : [],
    onLine,
    onInterrupt,
    onEnd: () => client.quit(),
  });
  try {
    await client.start();
    return await client.ended;
  } finally {
    leave();
    forget();
    io.stopInput();
  }
}

/** The first Ctrl-C ends the run in order, the second at once. */
function interrupts(client: Client, io: CliIo, leave: () => void = () => {}): () => void {
  let times = 0;
  return () => {
    times++;
    if (times === 1) return client.quit();
    leave();
    io.exit(STATUS.interrupted);
  };
}
