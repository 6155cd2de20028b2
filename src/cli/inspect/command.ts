/**
 * The command `inspect`: a proxy that shows every frame of both directions.
 * @module
 */

import type { CliIo } from "../io.ts";
import { numberOption, parseArguments, type ParsedArguments, UsageError } from "../arguments.ts";
import { readPem } from "../pem.ts";
import { escapeControls, oneLine } from "../text.ts";
import { firstLine } from "./heads.ts";
import { Proxy } from "./proxy.ts";
import { Recorder } from "./recorder.ts";
import { replay } from "./replay.ts";
import type { SessionEvents, SessionSetup } from "./session.ts";
import { frameRecord, showFrame } from "./show.ts";
import type { Target } from "./target.ts";

/** The help text of `inspect`. */
export const INSPECT_HELP = `Usage: fullduplex inspect [options] URL

Listens, joins every client with the server at URL, and shows each frame that
passes, in both directions: opcode, flags, length, the start of the payload, what
a compressed message inflates to, what a close code means, and which rules it
breaks (after "!"). The bytes go on as they came; of the request only Host, a
path of "/" and an Origin that is the proxy's own become the server's.

Options:
      --port N          port to listen on; 0 for any. Default: 9002
      --hostname HOST   address to listen on. Default: 127.0.0.1
      --payload BYTES   how much of a payload is shown. Default: 64
      --heads           show the HTTP heads whole
      --json            print a JSON object for each event
      --record FILE     write what passes to a file
      --replay FILE     do not listen: send a record's client frames to URL
      --speed N         of a replay: 2 is twice as fast, 0 without pauses. Default: 1
      --wait SECONDS    of a replay: how long to wait for answers. Default: 1
      --ca FILE         certificates to trust, in PEM
  -k, --insecure        accept any certificate
  -h, --help            this text

Ctrl-C ends it. Exit status: 0 all well; 1 it cannot listen, or a replayed
connection was not accepted; 2 wrong usage.

Examples:
  fullduplex inspect ws://localhost:9001/echo
  fullduplex inspect --record chat.jsonl wss://example.com/chat
  fullduplex inspect --replay chat.jsonl --speed 0 ws://localhost:9001/chat
`;

const OPTIONS = {
  port: { type: "string" },
  hostname: { type: "string" },
  payload: { type: "string" },
  heads: { type: "boolean" },
  json: { type: "boolean" },
  record: { type: "string" },
  replay: { type: "string" },
  speed: { type: "string" },
  wait: { type: "string" },
  ca: { type: "string" },
  insecure: { type: "boolean", short: "k" },
} as const;

/**
 * Runs `inspect`.
 *
 * @param args The arguments after the command's name.
 * @param io Where it writes and hears of Ctrl-C.
 * @returns The exit status, once it is stopped or the record is over.
 * @throws {UsageError} If the arguments are wrong.
 * @throws {Error} If it cannot listen, or a file cannot be read.
 */
export async function inspect(args: readonly string[], io: CliIo): Promise<number> {
  const parsed = parseArguments(args, OPTIONS);
  const target = await readTarget(parsed);
  const whole = (name: string, standard: number, most: number) =>
    numberOption(parsed, name, standard, { least: 0, most, whole: true });
  const port = whole("port", 9002, 65535);
  const headBytes = whole("payload", 64, 1 << 20);
  const speed = numberOption(parsed, "speed", 1, { least: 0, most: 1e6, whole: false });
  const waitMs = 1000 * numberOption(parsed, "wait", 1, { least: 0, most: 86400, whole: false });
  const [path] = parsed.values.get("replay") ?? [];
  const [record] = parsed.values.get("record") ?? [];

  const stop = new AbortController();
  let interrupts = 0;
  const forget = io.onInterrupt(() => {
    if (++interrupts > 1) io.exit(130);
    else stop.abort();
  });
  const recorder = record === undefined
    ? undefined
    : new Recorder(record, target.url.href, (error) => {
      io.writeError(`fullduplex inspect: cannot record: ${oneLine(error.message)}\n`);
    });
  const setup: SessionSetup = { events: printer(parsed, io, stop), recorder, headBytes };
  try {
    if (path !== undefined) {
      return await replay({ path, target, speed, waitMs, signal: stop.signal }, setup) ? 0 : 1;
    }
    const proxy = new Proxy(target, setup);
    await proxy.listen(port, parsed.values.get("hostname")?.[0] ?? "127.0.0.1");
    io.writeError(`listening on ${proxy.url} for ${target.url.href}\n`);
    if (!stop.signal.aborted) {
      await new Promise((resolve) => stop.signal.addEventListener("abort", resolve));
    }
    await proxy.close();
    return 0;
  } finally {
    forget();
    io.stopInput();
    await recorder?.close();
  }
}

async function readTarget(parsed: ParsedArguments): Promise<Target> {
  const { positionals } = parsed;
  if (positionals.length !== 1) {
    throw new UsageError(`inspect takes one URL, got ${positionals.length}`);
  }
  if (!URL.canParse(positionals[0])) throw new UsageError("the URL is not an absolute URL");
  const url = new URL(positionals[0].replace(/^http/, "ws"));
  if (url.protocol !== "ws:" && url.protocol !== "wss:") {
    throw new UsageError(`the URL must have the scheme ws or wss, not ${oneLine(url.protocol)}`);
  }
  const [ca] = parsed.values.get("ca") ?? [];
  return {
    url,
    ca: ca === undefined ? undefined : await readPem("ca", ca, "CERTIFICATE"),
    insecure: parsed.flags.has("insecure"),
  };
}

/** Prints what happens; a reader that is gone stops it. */
function printer(parsed: ParsedArguments, io: CliIo, stop: AbortController): SessionEvents {
  const start = performance.now();
  const json = parsed.flags.has("json");
  const print = (connection: number, words: string, event: Record<string, unknown>) => {
    const ms = Math.round(performance.now() - start);
    const line = json
      ? JSON.stringify({ ms, connection, ...event })
      : `${(ms / 1000).toFixed(3).padStart(9)}  #${connection} ${words}`;
    io.write(`${line}\n`).then((read) => {
      if (!read) stop.abort();
    });
  };
  const head = (arrow: string, head: string) => {
    const shown = parsed.flags.has("heads") ? head.trimEnd().split("\r\n") : [firstLine(head)];
    const lines = shown.map((line) => escapeControls(line.slice(0, 2000)));
    return `${arrow} ${lines.join("\n             ")}`;
  };
  return {
    onRequest: (c, text) => print(c, head("→", text), { event: "request", head: text }),
    onResponse: (c, text) => print(c, head("←", text), { event: "response", head: text }),
    onFrame: (c, frame, compressed) =>
      print(c, showFrame(frame, compressed), frameRecord(frame, compressed)),
    onEnd: (c, why) =>
      print(c, `over${why === undefined ? "" : `: ${oneLine(why)}`}`, {
        event: "end",
        ...(why === undefined ? {} : { why }),
      }),
  };
}
