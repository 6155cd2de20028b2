/**
 * The command `bench`: a load on a server that echoes.
 * @module
 */

import { writeFile } from "node:fs/promises";
import type { ConnectOptions } from "../../adapters/client.ts";
import { numberOption, parseArguments, type ParsedArguments, UsageError } from "../arguments.ts";
import type { CliIo } from "../io.ts";
import { oneLine } from "../text.ts";
import { drawChart } from "./chart.ts";
import { Load, type LoadPlan } from "./load.ts";
import { makeReport, showCount, showReport } from "./report.ts";

/** The help text of `bench`. */
export const BENCH_HELP = `Usage: fullduplex bench [options] URL

Puts a load on a server that echoes: every connection keeps a number of messages
under way and sends the next one when one comes back. Tells how many came back
and how long they took.

Options:
  -c, --connections N         connections. Default: 10
  -d, --depth N               messages under way on each. Default: 1
  -s, --size BYTES            size of a message. Default: 32
  -t, --duration SECONDS      how long it counts. Default: 5
      --warm-up SECONDS       how long it runs before that. Default: 0.5
      --text                  send text instead of binary
      --compress              offer permessage-deflate, for every message
      --json                  print JSON instead of a table
      --svg FILE              write a chart as well
      --protocol NAME         subprotocol to offer; may be repeated
  -H, --header 'Name: value'  header field to send; may be repeated
  -k, --insecure              accept any certificate
  -h, --help                  this text

Ctrl-C ends it early; what was counted is shown.
Exit status: 0 all well; 1 no connection, one was lost, or an answer was no
echo; 2 wrong usage.

Examples:
  fullduplex bench ws://localhost:9001/echo
  fullduplex bench -c 200 -d 16 -s 1024 --text --svg load.svg ws://localhost:9001/echo
  fullduplex bench --json -t 10 wss://example.com/echo > result.json
`;

const OPTIONS = {
  connections: { type: "string", short: "c" },
  depth: { type: "string", short: "d" },
  size: { type: "string", short: "s" },
  duration: { type: "string", short: "t" },
  "warm-up": { type: "string" },
  text: { type: "boolean" },
  compress: { type: "boolean" },
  json: { type: "boolean" },
  svg: { type: "string" },
  protocol: { type: "string", multiple: true },
  header: { type: "string", short: "H", multiple: true },
  insecure: { type: "boolean", short: "k" },
} as const;

/** How often the progress is shown, in milliseconds, and how wide its bar is. */
const PROGRESS_MS = 100;
const BAR_WIDTH = 30;

/**
 * Runs `bench`.
 *
 * @param args The arguments after the command's name.
 * @param io Where it writes and hears of Ctrl-C.
 * @returns The exit status.
 * @throws {UsageError} If the arguments are wrong.
 * @throws {HandshakeError} If there is no connection.
 */
export async function bench(args: readonly string[], io: CliIo): Promise<number> {
  const parsed = parseArguments(args, OPTIONS);
  const plan = readPlan(parsed);
  const load = new Load(plan);
  const progress = io.errorIsTerminal ? setInterval(() => show(load, io), PROGRESS_MS) : undefined;
  let interrupts = 0;
  const forget = io.onInterrupt(() => {
    if (++interrupts > 1) io.exit(130);
    else load.stop();
  });
  try {
    const report = makeReport(plan, await run(load));
    if (progress !== undefined) io.writeError("\r\x1b[K");
    const svg = parsed.values.get("svg")?.[0];
    if (svg !== undefined) await writeChart(svg, drawChart(report));
    await io.write(
      parsed.flags.has("json") ? `${JSON.stringify(report, null, 2)}\n` : showReport(report),
    );
    const well = report.messages > 0 && report.lost === 0 && report.wrong === 0;
    if (report.messages === 0) io.writeError("fullduplex bench: no message came back\n");
    return well ? 0 : 1;
  } finally {
    clearInterval(progress);
    forget();
    io.stopInput();
  }
}

async function run(load: Load): Promise<Awaited<ReturnType<Load["run"]>>> {
  try {
    return await load.run();
  } catch (error) {
    if (error instanceof TypeError) throw new UsageError(oneLine(error.message));
    throw error;
  }
}

function readPlan(parsed: ParsedArguments): LoadPlan {
  if (parsed.positionals.length !== 1) {
    throw new UsageError(`bench takes one URL, got ${parsed.positionals.length}`);
  }
  const whole = (name: string, standard: number, least: number, most: number) =>
    numberOption(parsed, name, standard, { least, most, whole: true });
  const seconds = (name: string, standard: number, least: number) =>
    1000 * numberOption(parsed, name, standard, { least, most: 86400, whole: false });
  return {
    url: parsed.positionals[0],
    options: readConnectOptions(parsed),
    connections: whole("connections", 10, 1, 100_000),
    depth: whole("depth", 1, 1, 10_000),
    size: whole("size", 32, 0, 64 * 2 ** 20),
    text: parsed.flags.has("text"),
    warmUpMs: seconds("warm-up", 0.5, 0),
    durationMs: seconds("duration", 5, 0.05),
  };
}

function readConnectOptions(parsed: ParsedArguments): ConnectOptions {
  const headers = (parsed.values.get("header") ?? []).map((field): [string, string] => {
    const at = field.indexOf(":");
    if (at < 1) throw new UsageError(`--header must be 'Name: value', got "${oneLine(field)}"`);
    return [field.slice(0, at), field.slice(at + 1).trim()];
  });
  return {
    headers,
    protocols: parsed.values.get("protocol") ?? [],
    compression: parsed.flags.has("compress") && { thresholdBytes: 0 },
    ...(parsed.flags.has("insecure") ? { tls: { rejectUnauthorized: false } } : {}),
  };
}

function show(load: Load, io: CliIo): void {
  const { share, messages } = load.progress;
  const full = Math.round(share * BAR_WIDTH);
  const bar = "█".repeat(full) + "░".repeat(BAR_WIDTH - full);
  io.writeError(
    `\r${bar} ${String(Math.round(share * 100)).padStart(3)} %  ${showCount(messages)} messages`,
  );
}

async function writeChart(path: string, svg: string): Promise<void> {
  try {
    await writeFile(path, svg);
  } catch (error) {
    throw new Error(`cannot write the chart: ${(error as Error).message}`, { cause: error });
  }
}
