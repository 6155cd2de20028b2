import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { connect } from "../../src/adapters/client.ts";
import { shutdownOnSignals } from "../../src/server/mod.ts";
import { RawPeer } from "../adapters/support/raw.ts";
import { RUNTIME } from "../adapters/support/runtime.ts";
import { until, within } from "../adapters/support/waiting.ts";

interface Program {
  port: number;
  url: string;
  readonly output: string;
  /** Its exit status, or the signal that ended it. */
  ended: Promise<number | string | null>;
  signal(name: "SIGTERM" | "SIGINT"): void;
}

/** Runs a test with the program, which is gone afterwards whatever happens. */
async function withProgram(
  args: string[],
  run: (program: Program) => Promise<void>,
): Promise<void> {
  const ending = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const script = fileURLToPath(new URL(`./programs/shutdown.${ending}`, import.meta.url));
  const flags = RUNTIME === "deno" ? ["run", "-A", "--no-config", "--no-lock", "--no-check"] : [];
  const child: ChildProcess = spawn(process.execPath, [...flags, script, ...args]);
  let output = "";
  child.stdout!.on("data", (chunk) => output += chunk);
  child.stderr!.on("data", (chunk) => output += chunk);
  let over = false;
  const ended = new Promise<number | string | null>((resolve) => {
    child.on("close", (status, signal) => {
      over = true;
      resolve(status ?? signal);
    });
  });
  try {
    await until(() => over || /port \d+\n/.test(output), "port", 30_000);
    const [, port] = /port (\d+)/.exec(output) ?? [];
    if (port === undefined) throw new Error(`the program did not start: ${output}`);
    await run({
      port: Number(port),
      url: `ws://127.0.0.1:${port}`,
      get output() {
        return output;
      },
      ended,
      // On Deno 2.9 `child.kill()` hides the status of a child that handles the signal.
      signal: (name) => void process.kill(child.pid!, name),
    });
  } finally {
    if (!over) child.kill("SIGKILL");
  }
}

const WAYS = ["serve", "router", "http", ...(RUNTIME === "node" ? [] : [RUNTIME])];

for (const way of WAYS) {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    test(`${signal} closes the connections of ${way} with 1001, and then the process`, async () => {
      await withProgram([way, "10000"], async (program) => {
        const sockets = [await connect(program.url), await connect(program.url)];
        program.signal(signal);
        for (const socket of sockets) {
          assertEquals((await within(socket.closed, "end")).closeCode, 1001);
        }
        assertEquals(await within(program.ended, "exit", 15_000), 0);
        assertMatch(program.output, new RegExp(`got ${signal}`));
        if (way !== "serve") assertEquals(program.output.match(/closed/g)?.length, 2);
      });
    });
  }
}

test("a second signal ends the process at once, with the signal's status", async () => {
  await withProgram(["http", "20000"], async (program) => {
    const deaf = await RawPeer.open(program.port); // which never answers the close frame
    program.signal("SIGTERM");
    await until(() => program.output.includes("got SIGTERM"), "first signal");
    await until(() => deaf.size >= 4, "close frame");
    program.signal("SIGTERM");
    assertEquals(await within(program.ended, "exit"), 143);
    deaf.destroy();
  });
});

test("a shutdown that takes too long ends with status 1", async () => {
  await withProgram(["http", "300"], async (program) => {
    const deaf = await RawPeer.open(program.port);
    program.signal("SIGINT");
    assertEquals(await within(program.ended, "exit"), 1);
    deaf.destroy();
  });
});

test("the function that is returned leaves no listener behind", () => {
  const counts = () => ["SIGTERM", "SIGINT"].map((signal) => process.listenerCount(signal));
  const before = counts();
  const forget = shutdownOnSignals({ shutdown() {} });
  assertEquals(counts(), before.map((count) => count + 1));
  forget();
  forget();
  assertEquals(counts(), before);
});

test("what fails on the way is told, and the exit says so; listeners are gone", async () => {
  const before = process.listenerCount("SIGHUP");
  const errors: unknown[] = [];
  const exits: number[] = [];
  const done: string[] = [];
  shutdownOnSignals([
    { shutdown: () => Promise.reject(new Error("first failed")) },
    { close: () => void done.push("second") },
    { stop: () => void done.push("third") },
  ], {
    signals: ["SIGHUP"],
    onSignal: () => {
      throw new Error("onSignal failed");
    },
    exit: (status) => exits.push(status),
    onError: (error) => errors.push((error as Error).message),
  });
  process.kill(process.pid, "SIGHUP");
  await until(() => exits.length === 1, "exit");
  assertEquals(exits, [1]);
  assertEquals(errors, ["onSignal failed", "first failed"]);
  assertEquals(done, ["second", "third"]);
  assertEquals(process.listenerCount("SIGHUP"), before);
});

test("wrong targets and options are refused", () => {
  for (const target of [null, 1, {}, [{}]]) {
    assertThrows(() => shutdownOnSignals(target as never), TypeError, "Cannot shut down");
  }
  const good = { shutdown() {} };
  for (
    const options of [{ signals: ["SIGKILL"] }, { signals: "SIGTERM" }, { exit: 1 }, { time: 1 }]
  ) {
    assertThrows(() => shutdownOnSignals(good, options as never), TypeError, "Cannot use option");
  }
  assertThrows(() => shutdownOnSignals(good, { signals: ["toString"] as never }), TypeError);
  assertThrows(() => shutdownOnSignals(good, { timeoutMs: 0 }), RangeError);
});
