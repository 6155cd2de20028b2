/**
 * The command `connect`: a WebSocket client for the terminal and for pipes.
 * @module
 */

import { connect as open, HandshakeError } from "../adapters/client.ts";
import type { WebSocketConnection } from "../api/connection.ts";
import { toHex } from "../bytes.ts";
import { numberOption, parseArguments, type ParsedArguments, UsageError } from "./arguments.ts";
import type { CliIo } from "./io.ts";
import { escapeControls, oneLine, showClose } from "./text.ts";

/** The help text of `connect`. */
export const CONNECT_HELP = `Usage: fullduplex connect [options] URL

Opens a WebSocket connection. Each line typed or piped in is sent as text. Each
message that comes is printed on a line: text as it is (on a terminal, control
characters are escaped), binary in hexadecimal. How the connection opened and
closed is told on standard error.

At the end of the input, the connection is closed with 1000 once everything was
sent and no message has come for a while (--wait).

Options:
      --protocol NAME         subprotocol to offer; repeat it, the best first
  -H, --header 'Name: value'  header field to send; may be repeated
      --wait SECONDS          quiet time at the end of input. Default: 0.3
  -k, --insecure              accept any certificate
  -h, --help                  this text
  -V, --version               the version

Ctrl-C closes with 1000; a second one ends at once.
Exit status: 0 clean close, whatever its code; 1 no connection, or it did not
end with a clean close; 2 wrong usage.

Examples:
  fullduplex connect ws://localhost:9001/echo
  printf 'one\\ntwo\\n' | fullduplex connect ws://localhost:9001/echo
  fullduplex connect -H 'Authorization: Bearer abc' wss://example.com/chat
`;

const OPTIONS = {
  protocol: { type: "string", multiple: true },
  header: { type: "string", short: "H", multiple: true },
  wait: { type: "string" },
  insecure: { type: "boolean", short: "k" },
} as const;

/**
 * Runs `connect`.
 *
 * @param args The arguments after the command's name.
 * @param io Where it reads, writes and hears of Ctrl-C.
 * @returns The exit status, once the connection is over.
 * @throws {UsageError} If the arguments are wrong.
 * @throws {HandshakeError} If there is no connection.
 */
export async function connect(args: readonly string[], io: CliIo): Promise<number> {
  const parsed = parseArguments(args, OPTIONS);
  if (parsed.positionals.length !== 1) {
    throw new UsageError(`connect takes one URL, got ${parsed.positionals.length}`);
  }
  const waitMs = 1000 * numberOption(parsed, "wait", 0.3, { least: 0, most: 86400, whole: false });
  const dialling = new AbortController();
  let socket: WebSocketConnection | undefined;
  let interrupts = 0;
  const forget = io.onInterrupt(() => {
    interrupts++;
    if (interrupts > 1) return io.exit(130);
    if (socket === undefined) dialling.abort();
    else socket.close(1000);
  });
  try {
    socket = await dial(parsed, dialling.signal);
    io.writeError(
      `connected to ${socket.url}${socket.protocol && `, protocol ${socket.protocol}`}\n`,
    );
    const activity = { lastMs: performance.now() };
    sendInput(socket, io, waitMs, activity);
    await printMessages(socket, io, activity);
    const { closeCode, reason, wasClean, error } = await socket.closed;
    const clean = wasClean && error === undefined;
    io.writeError(
      `closed: ${showClose(closeCode, reason)}, ${clean ? "clean" : "not clean"}` +
        `${error === undefined ? "" : ` (${oneLine(error.message)})`}\n`,
    );
    return clean ? 0 : 1;
  } finally {
    forget();
    io.stopInput();
  }
}

/** Opens the connection; what the user got wrong is a UsageError. */
async function dial(parsed: ParsedArguments, signal: AbortSignal): Promise<WebSocketConnection> {
  const headers: [string, string][] = (parsed.values.get("header") ?? []).map((field) => {
    const at = field.indexOf(":");
    if (at < 1) throw new UsageError(`--header must be 'Name: value', got "${oneLine(field)}"`);
    return [field.slice(0, at), field.slice(at + 1).trim()];
  });
  try {
    return await open(parsed.positionals[0], {
      headers,
      protocols: parsed.values.get("protocol") ?? [],
      signal,
      ...(parsed.flags.has("insecure") ? { tls: { rejectUnauthorized: false } } : {}),
    });
  } catch (error) {
    if (error instanceof TypeError) throw new UsageError(oneLine(error.message));
    if (!(error instanceof HandshakeError) || error.body.trim() === "") throw error;
    throw new Error(`${error.message}: ${oneLine(error.body)}`, { cause: error });
  }
}

/** Prints every message until the connection ends; a reader of ours that is gone ends it. */
async function printMessages(
  socket: WebSocketConnection,
  io: CliIo,
  activity: { lastMs: number },
): Promise<void> {
  try {
    for await (const message of socket) {
      activity.lastMs = performance.now();
      const line = typeof message !== "string"
        ? toHex(message)
        : io.outputIsTerminal
        ? escapeControls(message, "\n\t")
        : message;
      if (await io.write(`${line}\n`)) continue;
      socket.close(1000);
      break;
    }
  } catch {
    // `closed` tells how it ended.
  }
}

/** Sends every line of the input, and closes when there is no more and the peer is quiet. */
async function sendInput(
  socket: WebSocketConnection,
  io: CliIo,
  waitMs: number,
  activity: { lastMs: number },
): Promise<void> {
  try {
    for await (const line of lines(io.input)) {
      if (socket.readyState !== 1) return;
      await socket.send(line);
    }
  } catch (error) {
    if (socket.readyState !== 1) return;
    io.writeError(`fullduplex connect: cannot read the input: ${oneLine(String(error))}\n`);
  }
  // The pong comes when the peer has read everything that was sent before the ping.
  await socket.ping().catch(() => {});
  const endMs = performance.now();
  while (socket.readyState === 1) {
    const leftMs = Math.max(activity.lastMs, endMs) + waitMs - performance.now();
    if (leftMs <= 0) break;
    await new Promise((resolve) => setTimeout(resolve, leftMs));
  }
  socket.close(1000);
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
