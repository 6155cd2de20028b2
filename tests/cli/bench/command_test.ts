import { test } from "node:test";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { serve, type Server } from "../../../src/adapters/serve.ts";
import type { Handler } from "../../../src/api/handler.ts";
import { BENCH_HELP } from "../../../src/cli/bench/command.ts";
import type { BenchReport } from "../../../src/cli/bench/report.ts";
import { until } from "../../adapters/support/waiting.ts";
import { runCli, startCli } from "../spawn.ts";

const ECHO: Handler = { message: (socket, data) => void socket.send(data) };

async function withServer(
  handler: Handler,
  use: (server: Server) => Promise<void>,
  options = {},
): Promise<void> {
  const server = await serve(handler, { port: 0, onError: () => {}, ...options });
  try {
    await use(server);
  } finally {
    await server.close();
  }
}

const SHORT = ["-t", "0.3", "--warm-up", "0.05"];

test("the report counts what came back, as a table and as JSON", async () => {
  await withServer(ECHO, async ({ url }) => {
    const table = await runCli(["bench", ...SHORT, "-c", "3", "-d", "4", "-s", "100", url]);
    assertEquals([table.status, table.stderr], [0, ""]);
    assertMatch(table.stdout, /^connections +3, 4 messages under way on each\n/);
    assertMatch(table.stdout, /\nmessages +[\d,]+ of 100 B binary\n/);
    assertMatch(table.stdout, /\nlatency p50 +[\d.]+ ms\n +p90 +[\d.]+ ms\n +p99 +[\d.]+ ms\n/);

    const json = await runCli(["bench", ...SHORT, "--json", "--text", "-s", "2000", url]);
    assertEquals(json.status, 0);
    const report: BenchReport = JSON.parse(json.stdout);
    assertEquals([report.connections, report.depth, report.sizeBytes], [10, 1, 2000]);
    assertEquals([report.type, report.lost, report.wrong], ["text", 0, 0]);
    assert(report.messages > 0 && report.durationMs >= 299 && report.durationMs < 5000);
    const perSecond = report.messages * 1000 / report.durationMs;
    assert(Math.abs(report.messagesPerSecond - perSecond) < 1, `${report.messagesPerSecond}`);
    const { p50, p90, p99, max } = report.latencyMs;
    assert(0 < p50 && p50 <= p90 && p90 <= p99 && p99 <= max, JSON.stringify(report.latencyMs));
  });
});

test("the number of messages under way is what was asked for", async () => {
  let most = 0;
  const waiting = new Map<object, number>();
  const handler: Handler = {
    message(socket, data) {
      const now = (waiting.get(socket) ?? 0) + 1;
      waiting.set(socket, now);
      most = Math.max(most, now);
      setTimeout(() => {
        waiting.set(socket, waiting.get(socket)! - 1);
        void socket.send(data);
      }, 5);
    },
  };
  await withServer(handler, async (server) => {
    const { status } = await runCli(["bench", ...SHORT, "-c", "2", "-d", "7", server.url]);
    assertEquals([status, most], [0, 7]);
    assertEquals(server.connections.size, 0); // all of them left in order
  });
});

test("compression is offered for every message, and header fields and subprotocols are sent", async () => {
  const seen: string[] = [];
  const handler: Handler = {
    open: ({ extensions, protocol, request }) =>
      void seen.push(`${extensions.slice(0, 18)} ${protocol} ${request!.headers.get("x-test")}`),
    message: (socket, data) => void socket.send(data),
  };
  await withServer(handler, async ({ url }) => {
    const more = ["--compress", "--protocol", "chat", "-H", "X-Test: yes", "-c", "1"];
    const { status, stdout } = await runCli(["bench", ...SHORT, ...more, "--text", url]);
    assertEquals([status, seen], [0, ["permessage-deflate chat yes"]], stdout);
  }, { compression: true, protocols: ["chat"] });
});

test("a chart is written to a file", async () => {
  const folder = await mkdtemp(`${tmpdir()}/fullduplex-bench-`);
  try {
    await withServer(ECHO, async ({ url }) => {
      const path = `${folder}/load.svg`;
      const { status } = await runCli(["bench", ...SHORT, "--svg", path, url]);
      assertEquals(status, 0);
      assertMatch(await readFile(path, "utf8"), /^<svg [^]*messages per second[^]*<\/svg>\n$/);
      const nowhere = await runCli(["bench", ...SHORT, "--svg", `${folder}/no/load.svg`, url]);
      assertEquals(nowhere.status, 1);
      assertMatch(nowhere.stderr, /^fullduplex bench: cannot write the chart: .*ENOENT.*\n$/);
    });
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("Ctrl-C ends it early and shows what was counted", async () => {
  let came = 0;
  const handler: Handler = {
    message(socket, data) {
      came++;
      void socket.send(data);
    },
  };
  await withServer(handler, async (server) => {
    const run = startCli("bench", "-t", "60", "--warm-up", "0", "--json", server.url);
    await until(() => came >= 500, "five hundred messages");
    run.signal("SIGINT");
    const { status, stdout } = await run.ended;
    const report: BenchReport = JSON.parse(stdout);
    assert(report.messages > 0 && report.durationMs < 50_000);
    assertEquals(status, 0);
  });
});

test("a server that is no echo, closes, or is not there is told by the exit status", async () => {
  const short: Handler = { message: (socket) => void socket.send("short") };
  await withServer(short, async ({ url }) => {
    const { status, stdout } = await runCli(["bench", ...SHORT, "-s", "9", url]);
    assertEquals(status, 1);
    assertMatch(stdout, /\nwrong +[\d,]+ answers were no echo\n/);
  });
  await withServer({ message: (socket) => void socket.close(1001) }, async ({ url }) => {
    const { status, stdout, stderr } = await runCli(["bench", "-t", "30", url]);
    assertEquals([status, stderr], [1, "fullduplex bench: no message came back\n"]);
    assertMatch(stdout, /\nlost +\d+ connections\n/);
  });
  await withServer({ message: () => {} }, async ({ url }) => {
    const { status, stderr } = await runCli(["bench", ...SHORT, url]);
    assertEquals([status, stderr], [1, "fullduplex bench: no message came back\n"]);
  });
  const { status, stderr } = await runCli(["bench", "ws://127.0.0.1:1/"]);
  assertEquals(status, 1);
  assertMatch(stderr, /^fullduplex bench: Cannot connect to 127\.0\.0\.1:1: [^\n]*\n$/);
});

test("wrong usage is one line and status 2", async () => {
  const url = "ws://127.0.0.1:1/";
  const wrong: [string[], RegExp][] = [
    [[], /takes one URL, got 0/],
    [[url, url], /takes one URL, got 2/],
    [["-c", "0", url], /--connections must be a whole number from 1 to 100000, got "0"/],
    [["-d", "1.5", url], /--depth must be a whole number/],
    [["-s", "-1", url], /--size must be a whole number from 0|-s needs a value/],
    [["-t", "soon", url], /--duration must be a number/],
    [["-H", "nonsense", url], /--header must be 'Name: value'/],
    [["--fast", url], /there is no option --fast/],
    [["ftp://example.com/"], /scheme/],
  ];
  for (const [args, message] of wrong) {
    const { status, stdout, stderr } = await runCli(["bench", ...args]);
    assertEquals([status, stdout], [2, ""], `${args}: ${stderr}`);
    assertMatch(stderr, message);
    assertEquals(stderr.split("\n").length, 2, stderr);
  }
});

test("the help fits one screen and has examples", async () => {
  const { status, stdout } = await runCli(["bench", "--help"]);
  assertEquals([status, stdout], [0, BENCH_HELP]);
  const lines = stdout.split("\n");
  assert(lines.length <= 40, `${lines.length} lines`);
  for (const line of lines) assert(line.length <= 88, line);
  assertMatch(stdout, /\nExamples:\n {2}fullduplex bench /);
});
