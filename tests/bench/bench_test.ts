/**
 * That the benches still work: every server of this runtime answers every kind of load for a moment.
 * No time is judged.
 */
import { test } from "node:test";
import { assert, assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import net from "node:net";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { RUNTIME } from "../adapters/support/runtime.ts";
import { until } from "../adapters/support/waiting.ts";
import { clientFrame } from "./load/frames.ts";
import type { LoadConfig } from "./load/load.ts";
import type { LoadResult, Round } from "./load/rounds.ts";
import { readOptions } from "./options.ts";
import { type Program, runLoad, startLoad, startServer } from "./processes.ts";
import { page } from "./report/page.ts";
import { tableText } from "./report/text.ts";
import type { Results } from "./results.ts";
import { isThere, serverProgram } from "./server_program.ts";
import { programArgs, subjects, takesPart } from "./servers.ts";
import type { Setup } from "./setup.ts";
import { median, ratio } from "./statistics.ts";
import { type Workload, WORKLOADS } from "./workloads.ts";

/** A program of this folder on the runtime of the tests. */
function program(file: string, args: string[] = []): Program {
  const ending = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const path = fileURLToPath(new URL(`${file}.${ending}`, import.meta.url));
  const flags = RUNTIME === "deno" ? ["run", "-A", "--no-config", "--no-lock", "--no-check"] : [];
  if (RUNTIME === "bun") {
    flags.push(
      `--preload=${fileURLToPath(new URL("../../scripts/bun_preload.ts", import.meta.url))}`,
    );
  }
  return { command: [process.execPath, ...flags, path, ...args] };
}

function config(workload: Workload, port: number): LoadConfig {
  return {
    task: workload.task ?? "messages",
    port,
    workload: { ...workload, connections: Math.min(8, workload.connections) },
  };
}

/** A moment, or as long as the first reply takes on a busy machine. */
const ROUND: Round = { warmUpMs: 20, measureMs: 100, leastCount: 1 };

/** Runs two rounds, for a load goes on with the connections that it has. */
async function runTwice(program: Program, config: LoadConfig): Promise<void> {
  const load = await startLoad(program, config);
  const results: LoadResult[] = [];
  try {
    results.push(await load.run(ROUND), await load.run(ROUND));
  } finally {
    await load.stop();
  }
  for (const { count } of results) assert(count > 0, `${config.workload.name}: no replies`);
}

/** Small and large, one after the other and many at once, in pieces, to all, and no messages. */
const NAMES = ["b", "c", "e", "f", "fragments-100", "broadcast", "handshakes"];

for (const subject of subjects([RUNTIME]).filter(({ kind }) => kind !== "uwebsockets")) {
  const workloads = WORKLOADS.filter((workload) =>
    NAMES.includes(workload.name) && takesPart(subject, workload)
  );
  test(`${subject.name} answers the load`, async () => {
    for (const workload of workloads) {
      const args = programArgs(subject, workload);
      const server = await startServer({
        ...program(`programs/${subject.program}`, args),
        env: subject.env,
      });
      try {
        await runTwice(program("load/load"), config(workload, server.port));
        assert((await server.memory()).heapUsed > 0);
      } finally {
        await server.stop();
      }
    }
  });
}

for (const client of RUNTIME === "node" ? ["fullduplex", "ws"] : ["fullduplex", "standard"]) {
  test(`the client "${client}" keeps its messages in flight`, async () => {
    const server = await startServer(program("programs/fullduplex"));
    try {
      for (const workload of WORKLOADS.filter(({ name }) => ["b", "c"].includes(name))) {
        await runTwice(program(`clients/${client}`), config(workload, server.port));
      }
    } finally {
      await server.stop();
    }
  });
}

test("the load's frames are the RFC's", () => {
  // RFC 6455 §5.7: "A single-frame masked text message", with the same masking key
  const hello = new TextEncoder().encode("Hello");
  assertEquals(clientFrame(0x81, hello).toString("hex"), "818537fa213d7f9f4d5158");
});

test("a server that sends something else than the message is found out", async () => {
  const server = net.createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => {
      socket.write("HTTP/1.1 101 Switching Protocols\r\n\r\n");
      socket.on("data", (bytes) => socket.write(bytes)); // still masked, as it came
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as net.AddressInfo;
  const workload = WORKLOADS.find(({ name }) => name === "a")!;
  try {
    await assertRejects(
      () => runLoad(program("load/load"), config(workload, port), ROUND),
      Error,
      "the reply begins with 82a0, not 8220",
    );
  } finally {
    server.close();
  }
});

test("pings that come while a load rests or only receives are answered", async () => {
  const pongs: string[] = [];
  const server = net.createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => {
      socket.write("HTTP/1.1 101 Switching Protocols\r\n\r\n");
      setTimeout(() => socket.write(Uint8Array.of(0x89, 2, 104, 105)), 50);
      socket.on("data", (bytes) => {
        pongs.push(bytes.subarray(0, 8).toString("hex"));
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as net.AddressInfo;
  try {
    for (const name of ["a", "broadcast"]) {
      const workload = { ...WORKLOADS.find((one) => one.name === name)!, connections: 1 };
      const load = await startLoad(program("load/load"), { task: "messages", port, workload });
      try {
        await until(() => pongs.length > 0, "a pong");
      } finally {
        await load.stop();
      }
      // RFC 6455, section 5.5.3: with the ping's application data
      assertEquals(pongs, ["8a8237fa213d5f93"]);
      pongs.length = 0;
    }
  } finally {
    server.close();
  }
});

test("medians and ratios are of the same rounds", () => {
  assertEquals(median([3, NaN, 1, 2]), 2);
  assertEquals(median([4, 1]), 2.5);
  assert(Number.isNaN(median([])));
  const { median: middle, low, high } = ratio([2, 9, 4], [1, 3, 4])!;
  assertAlmostEquals(middle, 2);
  assertEquals([low, high], [1.5, 2.5]);
  assertEquals(ratio([1], []), undefined);
});

test("the command line refuses what does not exist", () => {
  assertThrows(() => readOptions(["--servers", "nginx"]), TypeError, "expected some of ws,");
  assertThrows(() => readOptions(["--rounds", "0"]), TypeError, "above 0");
  assertThrows(() => readOptions(["--quik"]), TypeError);
  const options = readOptions(["--quick", "--workloads", "b,d"]);
  if (options === "help") throw new Error("there was no --help");
  assertEquals([options.workloads, options.rounds], [["b", "d"], 5]);
});

test("uWebSockets is an addon on every Node, or one program", () => {
  const uws = subjects(["node", "node-newest"]).filter(({ kind }) => kind === "uwebsockets");
  const workload = WORKLOADS.find(({ name }) => name === "broadcast")!;
  const setup = { program: () => ({ command: ["a runtime"] }) } as Partial<Setup> as Setup;
  const commands = (path?: string) => {
    const options = readOptions(path === undefined ? [] : ["--uws", path]);
    if (options === "help") throw new Error("there was no --help");
    return uws.filter((server) => isThere(server, options))
      .map((server) => serverProgram(server, workload, options, setup).command);
  };
  assertEquals(commands(), []);
  assertEquals(commands(process.execPath), [[process.execPath, "broadcast"]]);
  assertEquals(commands(fileURLToPath(new URL(".", import.meta.url))), [
    ["a runtime"],
    ["a runtime"],
  ]);
});

test("the reports show every row, escaped, and need no network", () => {
  const results: Results = {
    date: "2026-01-02T03:04:05Z",
    command: "deno task bench",
    machine: { cpu: "a <b>", cores: 2, os: "x", pinned: true, versions: { node: "20.0.0" } },
    rounds: 2,
    seconds: 1,
    tables: [{
      name: "a",
      title: "a & b",
      unit: "messages/s",
      more: true,
      rows: [
        { name: "ws@node", runtime: "node", median: 100, rounds: [90, 110], peer: "ws@node" },
        {
          name: "fullduplex@node",
          runtime: "node",
          median: 250,
          rounds: [240, 260],
          ratio: { median: 2.5, low: 2.4, high: 2.6 },
          peer: "ws@node",
        },
        { name: "x@node", runtime: "node", median: NaN, rounds: [], peer: "ws@node", error: "no" },
      ],
    }],
  };
  const html = page(results);
  assert(html.includes("2.50 [2.40–2.60]") && html.includes("a &#60;b&#62;"));
  assert(!/(src|href)="(?!#)|@import|url\(/.test(html), "the page loads something");
  const text = tableText(results.tables[0]);
  assert(/fullduplex@node +250 +2\.50 \[2\.40–2\.60\]/.test(text), text);
  assert(/x@node +failed/.test(text), text);
});
