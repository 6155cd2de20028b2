/**
 * What `connect` sends when there is no prompt: what the command line says, or the lines piped in.
 * @module
 */

import { UsageError } from "../arguments.ts";
import type { CliIo } from "../io.ts";
import { oneLine } from "../text.ts";
import { type Client, STATUS } from "./client.ts";
import { isCommand, runCommand, withoutEscape } from "./commands.ts";
import { type Settings, toMessage } from "./settings.ts";
import type { View } from "./view.ts";

/** Sends everything, and closes when there is no more and the server is quiet. */
export async function sendAll(
  client: Client,
  settings: Settings,
  view: View,
  io: CliIo,
): Promise<void> {
  if (settings.readsInput) await sendInput(client, settings, view, io);
  else if (!await sendGiven(client, settings, view)) return client.fail(STATUS.failed);
  await settle(client, settings.waitMs);
  client.quit();
}

/** Waits until the server has read everything and has been quiet for a while. */
async function settle(client: Client, waitMs: number): Promise<void> {
  // The pong comes when the peer has read everything that was sent before the ping.
  await client.socket?.ping().catch(() => {});
  const endMs = performance.now();
  while (client.isOpen) {
    const leftMs = Math.max(client.lastMs, endMs) + waitMs - performance.now();
    if (leftMs <= 0) break;
    await sleep(leftMs, client);
  }
}

/** Waits, but not beyond the connection's end. */
async function sleep(ms: number, client: Client): Promise<void> {
  let timer: ReturnType<typeof setTimeout>;
  const timeout = new Promise<void>((resolve) => timer = setTimeout(resolve, ms));
  await Promise.race([timeout, client.ended]);
  clearTimeout(timer!);
}

/** Sends what the command line says; `false` when that failed. */
async function sendGiven(client: Client, settings: Settings, view: View): Promise<boolean> {
  try {
    if (settings.pingOnce) view.latency(await client.socket!.ping(), true);
    for (const message of settings.messages) await client.socket?.send(message);
  } catch (error) {
    if (client.isOpen) view.failed(error);
    return false;
  }
  for (const path of settings.files) if (!await client.sendFile(path)) return false;
  return true;
}

/** Sends every line of the input. */
async function sendInput(
  client: Client,
  settings: Settings,
  view: View,
  io: CliIo,
): Promise<void> {
  let number = 0;
  try {
    for await (const line of lines(io.input)) {
      number++;
      if (settings.commands === true && isCommand(line)) {
        // What was sent before may still be answered, as at the end of the input.
        if (/^\/(close|connect|quit)\b/.test(line)) await settle(client, settings.waitMs);
        await runCommand(line, client, view);
        continue;
      }
      if (!client.isOpen) {
        if (settings.commands === true) view.failed(new Error("the connection is not open"));
        return;
      }
      const text = settings.commands === true ? withoutEscape(line) : line;
      await client.socket!.send(toMessage(text, settings.form, `line ${number}`));
    }
  } catch (error) {
    if (error instanceof UsageError) {
      view.failed(error);
      return client.fail(STATUS.usage);
    }
    if (!client.isOpen) return;
    view.failed(new Error(`cannot read the input: ${oneLine(String(error))}`));
  }
}

/** Cuts chunks of UTF-8 into lines; the last one needs no line break. */
async function* lines(chunks: AsyncIterable<Uint8Array | string>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let begun: string[] = []; // the pieces of a line whose end has not come
  for await (const chunk of chunks) {
    const text = typeof chunk === "string" ? chunk : decoder.decode(chunk, { stream: true });
    const parts = text.split("\n");
    const rest = parts.pop()!;
    for (const part of parts) {
      const line = begun.join("") + part;
      begun = [];
      yield line.endsWith("\r") ? line.slice(0, -1) : line;
    }
    begun.push(rest);
  }
  const last = begun.join("") + decoder.decode();
  if (last !== "") yield last;
}
